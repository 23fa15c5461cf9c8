package assess

import (
	"context"
	"slices"

	"github.com/stowage-k8s/stowage/chaos/target"
)

// findWaiting finds the pods that have waited for a node since before the loss, in the
// order of their age. They are not lost, but take room that replacements could have.
func (r *run) findWaiting() {
	for _, pod := range r.view.waiting {
		if !r.involved[pod.UID] {
			r.waiting = append(r.waiting, &victim{pod: pod, replacement: pod, waits: true, PodFate: PodFate{
				UID: pod.UID, Workload: target.WorkloadKey(r.picture.Owners.Of(pod), pod), Fate: Pending,
			}})
		}
	}
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
