package standin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/persist"
)

// Restored is a move that Restore has ended.
type Restored struct {
	Namespace, Pod, StandIn string
	// Run is the run that had begun it, if that is known.
	Run string
	Result
}

// restoredAtOnce is how many moves are restored in parallel.
const restoredAtOnce = 10

// Restore ends the moves that runs have left behind, see Options.Mine. What is handed over is
// finished, everything else is undone. It returns those that it has ended, and errors about those
// that it could not end.
func (m *Mover) Restore(ctx context.Context, namespace string) ([]Restored, error) {
	var list *corev1.PodList
	err := persist.Do(ctx, func() (err error) {
		list, err = m.Client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: cluster.StandInLabel})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("looking for stand-ins that were left behind: %w", err)
	}
	var moves []*Move
	var errs []error
	awaited, handedOver := map[types.UID]bool{}, map[types.UID]int{}
	marked := map[types.UID]bool{}
	for i := range list.Items {
		marked[list.Items[i].UID] = cluster.BeingReplaced(&list.Items[i])
	}
	for i := range list.Items {
		pod := &list.Items[i]
		if !cluster.IsStandIn(pod) {
			continue
		}
		n, err := noteOn(pod)
		if err != nil && m.Mine != nil {
			continue // nobody knows whose it is
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if !m.mine(n) {
			awaited[n.UID] = true
			continue
		}
		if cluster.Leaving(pod) && !marked[n.UID] {
			continue // it was removed, and its pod is as it was
		}
		mv := &Move{note: n, Namespace: pod.Namespace, StandIn: pod.Name, StandInUID: pod.UID}
		m.Abandon(mv)
		if pod.Labels[tie] != "" {
			handedOver[pod.UID] = 1
		}
		moves = append(moves, mv)
	}
	// What is not handed over comes first: its end leaves everything as it was, if time runs out.
	slices.SortStableFunc(moves, func(a, b *Move) int { return cmp.Compare(handedOver[a.StandInUID], handedOver[b.StandInUID]) })
	ends := make([]Result, len(moves))
	failed := make([]error, len(moves))
	workqueue.ParallelizeUntil(context.WithoutCancel(ctx), restoredAtOnce, len(moves), func(i int) { ends[i], failed[i] = m.Finish(ctx, moves[i]) })
	var all []Restored
	for i, mv := range moves {
		// A stand-in that is handed over, and may be left so, needs its pod marked.
		awaited[mv.UID] = failed[i] != nil || ends[i].Outcome == Left
		switch {
		case failed[i] != nil:
			errs = append(errs, failed[i])
		case ends[i].Outcome == Left:
			errs = append(errs, fmt.Errorf("moving pod %s/%s: %s", mv.Namespace, mv.Pod, ends[i].Reason))
		default:
			all = append(all, Restored{mv.Namespace, mv.Pod, mv.StandIn, mv.Run, ends[i]})
		}
	}
	for i := range list.Items {
		pod := &list.Items[i]
		if !cluster.BeingReplaced(pod) || awaited[pod.UID] || cluster.Leaving(pod) || m.Mine != nil && !m.Mine(pod.Annotations[cluster.ReplacedByAnnotation]) {
			continue
		}
		r, err := m.unmarkAlone(ctx, pod)
		if err != nil {
			errs = append(errs, err)
		} else if r != nil {
			all = append(all, *r)
		}
	}
	return all, errors.Join(errs...)
}

// mine reports whether Restore ends the move.
func (m *Mover) mine(n note) bool {
	if m.Mine != nil {
		return m.Mine(n.Run)
	}
	return n.Run == m.Run || !m.Clock.Now().Before(n.Until.Time)
}

// unmarkAlone unmarks a pod whose stand-in is gone. It does nothing if that was done meanwhile.
func (m *Mover) unmarkAlone(ctx context.Context, pod *corev1.Pod) (*Restored, error) {
	done := false
	err := persist.Do(ctx, func() error {
		now, err := found(m.Client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{}))
		if err != nil || now == nil || now.UID != pod.UID || !cluster.BeingReplaced(now) {
			return err
		}
		_, err = m.patch(ctx, now, labelled(nil), costBefore(now))
		done = err == nil
		return err
	})
	switch {
	case err == nil && !done:
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("restoring the deletion cost of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return &Restored{Namespace: pod.Namespace, Pod: pod.Name, Result: Result{Outcome: NotMoved, Reason: "its stand-in is gone"}}, nil
}
