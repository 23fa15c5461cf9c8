package assess

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// mayPreempt says whether there are less urgent pods that the pod could push out.
func (r *run) mayPreempt(pod *corev1.Pod) bool {
	return cluster.MayPreempt(pod, r.lowest)
}

// preempt makes room for a replacement that no node takes, as the scheduler does: at the cost
// of less urgent pods, whose own replacements come into the queue. It says whether that
// decides about the replacement.
func (r *run) preempt(ctx context.Context, v *victim) (bool, error) {
	if v.waits || !r.mayPreempt(v.replacement) {
		return false, nil // what has waited longer has tried
	}
	made, err := r.world.sim.Preempt(ctx, v.replacement)
	if err != nil || made.Node == "" {
		return false, err
	}
	for _, pod := range made.Victims {
		if r.world.pods[pod.UID] == nil || r.involved[pod.UID] {
			v.Fate, v.Reason = Unknown, "it would preempt pods that the loss has moved or may still remove"
			return true, nil
		}
	}
	for _, pod := range made.Victims {
		if err := r.pushOut(r.world.pods[pod.UID].Pod, v); err != nil {
			return false, err
		}
	}
	v.Preempts = len(made.Victims)
	r.fit(v, made.Node)
	return true, r.world.place(v.replacement, made.Node)
}

// pushOut takes a pod away for the sake of a more urgent one.
func (r *run) pushOut(pod *corev1.Pod, by *victim) error {
	owner := r.picture.Owners.Of(pod)
	out := &victim{pod: pod, PodFate: PodFate{
		Namespace: pod.Namespace, Pod: pod.Name, UID: pod.UID, Workload: target.WorkloadKey(owner, pod), From: pod.Spec.NodeName,
		Wave: by.Wave, PreemptedBy: by.Namespace + "/" + by.Pod,
	}}
	r.victims = append(r.victims, out)
	r.involved[pod.UID] = true
	t := r.tallyOf(owner, pod)
	t.hit = true
	if available(pod) {
		if owner == nil {
			t.Ready, t.Floor, t.now = 1, 1, 1
		}
		t.change(-1)
	}
	if alive(pod) {
		r.live[disruption.Controller(pod)]--
	}
	r.settle()
	for _, name := range r.ledger.Covering(pod) {
		if r.budgets[name] == nil {
			r.budgets[name] = &BudgetFate{Namespace: name.Namespace, Budget: name.Name, Allowed: r.ledger.Allowed(name)}
		}
	}
	r.againstBudgets([]*victim{out})
	if err := r.leave([]*victim{out}); err != nil {
		return err
	}
	if out.replacement != nil {
		r.pushed = append(r.pushed, out)
	}
	return r.world.remove(out.leaving)
}
