package assess

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	v1helper "k8s.io/component-helpers/scheduling/corev1"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// lose takes the victims away at once, as a wave of that number, and places their
// replacements.
func (r *run) lose(ctx context.Context, wave []*victim, number int) error {
	if len(wave) == 0 {
		r.settle()
		return nil
	}
	r.waves = number
	for _, v := range wave {
		v.Wave = number
		if available(v.pod) {
			r.workloads[v.Workload].change(-1)
		}
		if alive(v.pod) {
			r.live[disruption.Controller(v.pod)]--
		}
	}
	r.settle()
	if err := r.leave(wave); err != nil {
		return err
	}
	waiting, err := r.placeAll(ctx, wave, func(v *victim) bool { return r.picture.Owners.ReplacedWhenGone(v.pod) })
	if err != nil {
		return err
	}
	if r.loss.How == Down && r.loss.Dead {
		return nil // a dead node's pods are on their way out until it is back
	}
	for _, v := range wave {
		if err := r.world.remove(v.leaving); err != nil {
			return err
		}
	}
	if err := r.end(); err != nil {
		return err
	}
	_, err = r.placeAll(ctx, waiting, func(*victim) bool { return false })
	return err
}

// end takes away the pods that were on their way out before the loss: by the time that those of
// a wave have gone, they have too. Where nobody is heard of the node, they stay.
func (r *run) end() error {
	if r.ended {
		return nil
	}
	r.ended = true
	gone := map[types.UID]bool{}
	for _, v := range r.victims {
		gone[v.UID] = v.leaving != nil // such as one that was pushed out
	}
	for _, pod := range r.view.leaving {
		node := r.world.nodes[pod.Spec.NodeName]
		if gone[pod.UID] || !onNode(pod) || node == nil || !cluster.NodeReady(node) {
			continue
		}
		if err := r.world.remove(pod); err != nil {
			return err
		}
	}
	return nil
}

// settle lowers the floors of workloads to what is ready now.
func (r *run) settle() {
	for _, t := range r.workloads {
		t.Floor = min(t.Floor, t.now)
	}
}

// leave has the victims on their way out, and their controllers make replacements.
func (r *run) leave(wave []*victim) error {
	ends := r.endJobs(wave)
	for _, v := range wave {
		var err error
		if v.leaving, err = r.world.terminate(v.pod); err != nil {
			return err
		}
		replaced, why := r.replaces(v.pod)
		if reason := ends[v]; reason != "" {
			replaced, why = false, reason
		}
		if !replaced {
			v.Fate, v.Reason = Unreplaced, why
			continue
		}
		replacement, guessed := r.picture.Owners.Replacement(v.pod)
		v.replacement, v.Note = replacement, cluster.Notes(v.Note, guessed)
		r.live[disruption.Controller(v.pod)]++
	}
	return nil
}

// placeAll places the replacements, and what has waited longer, in the order of the
// scheduler's queue: the most urgent first. It returns the victims whose replacements have
// found no node, or come later.
func (r *run) placeAll(ctx context.Context, wave []*victim, later func(*victim) bool) ([]*victim, error) {
	queue := slices.Clone(r.waiting) // what has waited longer goes before others as urgent
	for _, v := range wave {
		if v.replacement != nil {
			queue = append(queue, v)
		}
	}
	urgency := func(a, b *victim) int {
		return cmp.Compare(v1helper.PodPriority(b.replacement), v1helper.PodPriority(a.replacement))
	}
	slices.SortStableFunc(queue, urgency)
	r.large, r.shortlists = len(queue) >= r.world.thrift.from, map[types.UID]*shortlist{}
	var waiting []*victim
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		if v.waits {
			if err := r.admit(ctx, v); err != nil {
				return nil, err
			}
			continue
		}
		if v.PreemptedBy == "" && later(v) {
			v.Fate, v.Late, v.Reason = Pending, true, "its replacement waits until the node is back or its pods are force-deleted"
			waiting = append(waiting, v)
			continue
		}
		v.Late = false
		if err := r.place(ctx, v); err != nil {
			return nil, err
		}
		if v.Fate == Pending {
			waiting = append(waiting, v)
		}
		if len(r.pushed) > 0 {
			queue = append(queue, r.pushed...)
			slices.SortStableFunc(queue, urgency)
			r.pushed = nil
			clear(r.shortlists) // room has come free
		}
	}
	return waiting, nil
}

// place puts the replacement where the scheduler would.
func (r *run) place(ctx context.Context, v *victim) error {
	if cluster.BelongsToNode(v.pod) && v.From != "" && v.PreemptedBy == "" {
		// It is for this node only, and what it leaves there is for nobody else.
		r.fit(v, v.From)
		return r.world.place(v.replacement, v.From)
	}
	if refused := r.picture.Owners.Refused(v.replacement); refused != "" {
		v.Fate, v.Reason = Pending, refused // its controller goes on trying
		return nil
	}
	if gates := cluster.Gates(v.replacement); gates != "" {
		v.Fate, v.Reason = Pending, "its replacement waits for the scheduling gates of its template: "+gates
		return nil
	}
	decision, err := r.decide(ctx, v.replacement, v.UID)
	if errors.Is(err, simulation.ErrUnknownScheduler) {
		v.Fate, v.Reason = Pending, fmt.Sprintf("scheduler %s is not simulated: its configuration is missing", v.replacement.Spec.SchedulerName)
		return nil
	}
	if errors.Is(err, simulation.ErrIncomplete) {
		v.Fate, v.Reason = Unknown, err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	if decision.Node == "" {
		if decided, err := r.preempt(ctx, v); decided || err != nil {
			return err
		}
		v.Fate, v.Reason = Pending, fmt.Sprintf("0/%d nodes are available for its replacement: %s", len(r.world.nodes), decision.Refusals())
		return nil
	}
	node := decision.Node
	v.Note = cluster.Notes(v.Note, decision.Assumed)
	if err := r.world.place(v.replacement, node); err != nil {
		return err
	}
	r.fit(v, node)
	v.Choices, v.Possible = decision.Choices, decision.Possible
	return nil
}

// mostPossible is how many possible nodes a fate names.
const mostPossible = 20

// fit notes where the replacement goes. What becomes of a node that is on its way out is not looked
// at.
func (r *run) fit(v *victim, node string) {
	v.Fate, v.Node, v.Reason = Fits, node, ""
	if is := r.world.nodes[node]; is != nil && !cluster.BelongsToNode(v.pod) {
		if why := cluster.NodeLeaving(is); why != "" {
			v.Note = cluster.Notes(v.Note, fmt.Sprintf("assumes that node %s stays, although it %s", node, why))
		}
	}
	if t := r.workloads[v.Workload]; t != nil {
		t.change(1)
	}
}
