package planner

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// world is the cluster after the moves planned so far, for strategies (state) and for the
// schedulers (sim). Both are kept in sync.
type world struct {
	state *strategy.State
	sim   *simulation.Simulation
	moved map[types.UID]bool
	// lowest is the lowest priority of a pod on a node.
	lowest int32
	// placed are the replacements by the UID of the pods that they stand for.
	placed map[types.UID]*corev1.Pod
}

func newWorld(ctx context.Context, picture *cluster.Snapshot, p *Planner) (*world, error) {
	sim, err := simulation.New(ctx, simulation.Options{Profiles: p.opts.Profiles, Registry: p.opts.Registry})
	if err != nil {
		return nil, err
	}
	if err := sim.Load(picture); err != nil {
		return nil, fmt.Errorf("simulating the cluster: %w", err)
	}
	w := &world{state: strategy.NewState(picture, p.selector), sim: sim, moved: map[types.UID]bool{}, placed: map[types.UID]*corev1.Pod{}}
	w.lowest = cluster.LowestPriority(picture.Pods)
	return w, nil
}

// preempts says whether the scheduler might preempt other pods for the pod if it fits on no
// node. Preemption ignores budgets if it must.
func (w *world) preempts(pod *corev1.Pod) bool {
	return cluster.MayPreempt(pod, w.lowest)
}

// leave removes the pod from its node, and returns a function that puts it back.
func (w *world) leave(pod *corev1.Pod) (back func() error, err error) {
	w.moved[pod.UID] = true
	onNode := pod.Spec.NodeName != "" && cluster.Holds(pod)
	if onNode {
		w.state.Remove(pod)
		if err := w.sim.RemovePod(pod); err != nil {
			return nil, err
		}
	}
	return func() error {
		delete(w.moved, pod.UID)
		if !onNode {
			return nil
		}
		w.state.Add(pod)
		return w.sim.AddPod(pod)
	}, nil
}

// arrive puts the replacement of a pod on a node, and returns a function that removes it.
func (w *world) arrive(replacement, origin *corev1.Pod, node string) (back func() error, err error) {
	placed, err := w.sim.Place(replacement, node)
	if err != nil {
		return nil, err
	}
	w.state.AddReplacement(placed, origin)
	w.placed[origin.UID] = placed
	return func() error {
		delete(w.placed, origin.UID)
		w.state.RemoveReplacement(placed)
		return w.sim.RemovePod(placed)
	}, nil
}

// whileTerminating returns where each replacement would go while the pods terminate and still
// occupy their nodes. Replacements that are created only when their pod is gone are left out.
func (w *world) whileTerminating(ctx context.Context, pods, replacements []*corev1.Pod) ([]simulation.Decision, error) {
	leaving := make([]*corev1.Pod, len(pods))
	decisions := make([]simulation.Decision, len(pods))
	for i, pod := range pods {
		leaving[i] = terminating(pod)
		if err := w.sim.Terminate(pod, leaving[i]); err != nil {
			return nil, err
		}
	}
	var failed error
	for i, replacement := range replacements {
		if failed == nil && !w.state.Owners().ReplacedWhenGone(pods[i]) {
			decisions[i], failed = w.sim.Ask(ctx, replacement, simulation.Question{})
		}
	}
	for i, pod := range pods {
		if err := w.sim.Revive(leaving[i], pod); failed == nil {
			failed = err
		}
	}
	return decisions, failed
}

// terminating returns a terminating copy of the pod.
func terminating(pod *corev1.Pod) *corev1.Pod {
	leaving := *pod
	leaving.DeletionTimestamp = &metav1.Time{Time: pod.CreationTimestamp.Time}
	return &leaving
}
