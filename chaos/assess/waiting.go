package assess

import (
	"cmp"
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// findWaiting finds the pods that have waited for a node since before the loss, in the
// order of their age. They are not lost, but take room that replacements could have.
func (r *run) findWaiting() {
	victims := map[types.UID]bool{}
	for _, v := range r.victims {
		victims[v.UID] = true
	}
	for _, pod := range r.picture.Pods {
		waits := pod.Spec.NodeName == "" && cluster.Holds(pod) && pod.DeletionTimestamp == nil && len(pod.Spec.SchedulingGates) == 0
		if waits && !victims[pod.UID] {
			r.waiting = append(r.waiting, &victim{pod: pod, replacement: pod, waits: true, PodFate: PodFate{
				UID: pod.UID, Workload: target.WorkloadKey(r.picture.Owners.Of(pod), pod), Fate: Pending,
			}})
		}
	}
	slices.SortStableFunc(r.waiting, func(a, b *victim) int {
		return cmp.Compare(a.pod.CreationTimestamp.UnixNano(), b.pod.CreationTimestamp.UnixNano())
	})
	r.waited = len(r.waiting)
}

// admit puts a pod that has waited longer than the loss on a node, if one takes it now.
func (r *run) admit(ctx context.Context, v *victim) error {
	if err := r.place(ctx, v); err != nil {
		return err
	}
	if v.Fate == Fits {
		r.waiting = slices.DeleteFunc(r.waiting, func(other *victim) bool { return other == v })
	}
	return nil
}
