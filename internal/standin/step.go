package standin

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	podutil "k8s.io/kubernetes/pkg/api/v1/pod"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/persist"
)

// lowestCost makes a pod the first that its ReplicaSet deletes of those that are ready.
const lowestCost = "-2147483648"

// lingers is how long after its time a move may take to end.
const lingers = 30 * time.Second

// Step looks at a move, and does what can be done now without waiting.
func (m *Mover) Step(ctx context.Context, mv *Move) (Result, error) {
	mv.looked = m.Clock.Now()
	result, err := m.step(ctx, mv)
	if err != nil {
		return Result{}, fmt.Errorf("moving pod %s/%s: %w", mv.Namespace, mv.Pod, err)
	}
	over := m.Clock.Now().After(mv.Until.Add(lingers))
	if result.Outcome == UnderWay && (over || mv.abandoned && result.refused) {
		result = Result{Outcome: Left, Reason: fmt.Sprintf("stand-in %s is left for the next run, because this one waited in vain for %s", mv.StandIn, result.Reason)}
	}
	if result.Outcome != UnderWay {
		klog.FromContext(ctx).V(2).Info("A move has ended", "pod", klog.KRef(mv.Namespace, mv.Pod), "standIn", mv.StandIn, "outcome", result.Outcome, "reason", result.Reason)
	}
	return result, nil
}

func (m *Mover) step(ctx context.Context, mv *Move) (Result, error) {
	v, err := m.look(ctx, mv)
	if err != nil {
		return Result{}, err
	}
	defer func() { mv.why, mv.inVain, mv.lost = v.why, v.inVain, v.lost }()
	for {
		next, result := v.next(m.Clock.Now())
		if next != count {
			v.counted = nil // each request is decided on by a fresh count
		}
		switch next {
		case wait, end:
			return result, nil
		case count:
			v.counted, err = m.countPods(ctx, v)
		case mark:
			v.old, err = m.patch(ctx, v.old, labelled(cluster.OfReplaced), map[string]any{
				corev1.PodDeletionCost: lowestCost, cluster.DeletionCostWasAnnotation: v.old.Annotations[corev1.PodDeletionCost], cluster.ReplacedByAnnotation: v.Run,
			})
		case unmark:
			v.old, err = m.patch(ctx, v.old, labelled(nil), costBefore(v.old))
		case handOver:
			mv.tied = m.Clock.Now()
			v.standIn, err = m.patch(ctx, v.standIn, map[string]any{tie: v.Tie}, nil)
		case release:
			v.standIn, err = m.patch(ctx, v.standIn, labelled(nil), nil)
		case remove:
			var waiting string
			if v.standIn, waiting, err = m.remove(ctx, v); waiting != "" {
				return Result{Reason: waiting, refused: true}, nil
			}
		}
		// Somebody else has changed or deleted the pod, which may change what is to be done.
		if mv.outdated = apierrors.IsConflict(err) || apierrors.IsNotFound(err); mv.outdated {
			return Result{Reason: "another look, because it has changed"}, nil
		}
		if err != nil {
			return Result{}, err
		}
	}
}

// look reads the objects of a move.
func (m *Mover) look(ctx context.Context, mv *Move) (*view, error) {
	v := &view{note: mv.note, minReady: mv.minReady, unbound: mv.unbound, why: mv.why, inVain: mv.inVain, lost: mv.lost}
	// A picture is good enough for pods: what is older than the pod is refused as a conflict.
	if both := mv.pictured; both != nil {
		v.standIn, v.old, mv.pictured = both.standIn, both.old, nil
	} else {
		pod := func(name string, uid types.UID) (*corev1.Pod, error) {
			pod, err := found(m.Client.CoreV1().Pods(mv.Namespace).Get(ctx, name, metav1.GetOptions{}))
			if err != nil || pod == nil || pod.UID != uid {
				return nil, err // another pod has the name now
			}
			return pod, nil
		}
		var err error
		if v.standIn, err = pod(mv.StandIn, mv.StandInUID); err != nil {
			return nil, err
		}
		if v.old, err = pod(mv.Pod, mv.UID); err != nil {
			return nil, err
		}
	}
	if v.replaced() {
		return v, nil
	}
	var err error
	v.set, v.deployment, err = m.controllers(ctx, mv.Namespace, mv.ReplicaSet)
	return v, err
}

// countPods counts the pods of the ReplicaSet that are to stay.
func (m *Mover) countPods(ctx context.Context, v *view) (*counted, error) {
	if v.set == nil {
		return nil, apierrors.NewNotFound(corev1.Resource("replicasets"), v.ReplicaSet)
	}
	list, err := m.Client.CoreV1().Pods(v.set.Namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(v.set.Spec.Selector)})
	if err != nil {
		return nil, err
	}
	n := &counted{}
	for i := range list.Items {
		pod := &list.Items[i]
		if !metav1.IsControlledBy(pod, v.set) || !cluster.Holds(pod) || pod.DeletionTimestamp != nil {
			continue
		}
		n.pods++
		if disruption.Ready(pod) {
			n.ready++
		} else if pod.UID != v.UID {
			n.unready = pod.Name
		}
	}
	return n, nil
}

func labelled(value any) map[string]any { return map[string]any{cluster.StandInLabel: value} }

// costBefore are the annotations that restore the deletion cost of a pod. A cost that somebody
// else has set meanwhile stays.
func costBefore(pod *corev1.Pod) map[string]any {
	annotations := map[string]any{cluster.DeletionCostWasAnnotation: nil, cluster.ReplacedByAnnotation: nil}
	if was := pod.Annotations[cluster.DeletionCostWasAnnotation]; pod.Annotations[corev1.PodDeletionCost] == lowestCost {
		annotations[corev1.PodDeletionCost] = was
		if was == "" {
			annotations[corev1.PodDeletionCost] = nil
		}
	}
	return annotations
}

// patch changes labels and annotations of exactly this pod in this state, and returns it as it is
// then.
func (m *Mover) patch(ctx context.Context, pod *corev1.Pod, labels, annotations map[string]any) (*corev1.Pod, error) {
	metadata := map[string]any{"uid": pod.UID, "resourceVersion": pod.ResourceVersion, "labels": labels}
	if annotations != nil {
		metadata["annotations"] = annotations
	}
	data, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return pod, err
	}
	var patched *corev1.Pod
	err = write(ctx, func(ctx context.Context) error {
		patched, err = m.Client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.MergePatchType, data, metav1.PatchOptions{})
		return err
	})
	if err != nil {
		return pod, err
	}
	return patched, nil
}

// remove removes a stand-in that is not needed. It returns nil for one that is gone, or who refuses
// it for now.
func (m *Mover) remove(ctx context.Context, v *view) (left *corev1.Pod, waiting string, err error) {
	pod := v.standIn
	target := disruption.TargetOf(pod)
	target.ResourceVersion = pod.ResourceVersion // it may be about to become ready
	by := m.deleter
	if disruption.Ready(pod) && !v.workloadEnds() { // a budget would keep the last pod of its workload for good
		by = m.evictor
	}
	var result disruption.Result
	if err := write(ctx, func(ctx context.Context) error {
		result = by.Evict(ctx, target)
		return nil
	}); err != nil {
		return pod, "", err
	}
	switch result.Outcome {
	case disruption.Evicted, disruption.Deleted, disruption.Gone, disruption.Replaced:
		return nil, "", nil
	case disruption.Changed:
		return pod, "", apierrors.NewConflict(corev1.Resource("pods"), pod.Name, result.Err)
	case disruption.RefusedByBudget, disruption.TooManyRequests, disruption.Deferred, disruption.Denied:
		return pod, fmt.Sprintf("the removal of its stand-in: %v", result.Err), nil
	default:
		return pod, "", result.Err
	}
}

// settles is how long a ReplicaSet usually takes at most to delete a pod that it has too many.
const settles = 2 * time.Second

// Due reports whether a step may find something to do, by the two pods as a picture has them.
// Those that it does not have are nil. The step goes by the picture as well.
func (m *Mover) Due(mv *Move, standIn, old *corev1.Pod) bool {
	mv.seen = mv.seen || standIn != nil
	mv.pictured = nil
	if !m.due(mv, standIn, old) {
		return false
	}
	if standIn != nil && !mv.outdated {
		mv.pictured = &pods{standIn, old}
	}
	return true
}

func (m *Mover) due(mv *Move, standIn, old *corev1.Pod) bool {
	now := m.Clock.Now()
	switch {
	case now.After(mv.Until.Time): // it ends, or waits for something that the pods do not show
		return now.Sub(mv.looked) >= settles
	case standIn == nil: // the picture may be from before its creation
		return mv.seen
	case cluster.Leaving(standIn) || !cluster.Holds(standIn) || old == nil || cluster.Leaving(old):
		return true
	case !mv.tied.IsZero():
		return now.Sub(mv.tied) > settles
	}
	return podutil.IsPodAvailable(standIn, mv.minReady, metav1.NewTime(now))
}

// Abandon has the next step end the move, whether the stand-in is ready or not. A stand-in that
// the ReplicaSet may have adopted stays, and so does one whose removal is refused.
func (m *Mover) Abandon(mv *Move) {
	mv.Until, mv.abandoned = metav1.NewTime(m.Clock.Now().Add(-time.Nanosecond)), true
}

// lookEvery is the time between two looks of Finish.
const lookEvery = 200 * time.Millisecond

// Finish goes on with a move until it ends or is left.
func (m *Mover) Finish(ctx context.Context, mv *Move) (Result, error) {
	for {
		var result Result
		err := persist.Do(ctx, func() (err error) {
			result, err = m.Step(ctx, mv)
			return err
		})
		if err != nil || result.Outcome != UnderWay {
			return result, err
		}
		select {
		case <-m.Clock.After(lookEvery):
		case <-ctx.Done():
			return result, fmt.Errorf("moving pod %s/%s was interrupted while waiting for %s: %w", mv.Namespace, mv.Pod, result.Reason, context.Cause(ctx))
		}
	}
}
