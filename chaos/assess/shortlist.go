package assess

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// thrift says how much of a large loss is looked at anew for each of many pods that are
// alike: a zone would take hours otherwise.
type thrift struct {
	// from is how many pods go at once in a large loss.
	from int
	// best is how many nodes stay in sight after a look at all of them, and times how many
	// pods that are alike have only those to choose from before the next such look. As long as
	// best is several times as much, the best node is among them, unless others have filled
	// up nodes that a scheduler likes full.
	best, times int
}

var usualThrift = thrift{from: 1000, best: 64, times: 16}

// shortlist is what a look at all nodes has found for a pod.
type shortlist struct {
	pod *corev1.Pod
	// nodes are the best, and possible what the decision said; no nodes stand for a pod
	// that found none.
	nodes    []string
	decision simulation.Decision
	left     int
}

// decide returns where the replacement would go. Where one of several pods that are alike has
// found no node, the others find none either. In a large loss it looks at all nodes for the
// first of them, and at the best of those for the rest: each node
// that takes a pod is one that the scheduler's filters let it have. Pods whose place
// depends on that of each other are always looked at in full.
func (r *run) decide(ctx context.Context, replacement *corev1.Pod, lot types.UID) (simulation.Decision, error) {
	question := simulation.Question{Lot: lot, Few: mostPossible}
	if dependsOnOthers(replacement) {
		return r.world.sim.Ask(ctx, replacement, question)
	}
	key := disruption.Controller(replacement)
	if list := r.shortlists[key]; list != nil && list.left > 0 && alike(list.pod, replacement) {
		list.left--
		if len(list.nodes) == 0 {
			return list.decision, nil // no room has come free since
		}
		decision, err := r.world.sim.Ask(ctx, replacement, simulation.Question{Among: list.nodes, Like: list.pod, Lot: lot, Few: 1})
		if err != nil {
			return decision, err
		}
		if decision.Node != "" {
			decision.Possible, decision.Choices = list.decision.Possible, list.decision.Choices
			return decision, nil
		}
	}
	if r.large {
		question.Scores = r.world.thrift.best + 1 // one more says that there are others
	}
	decision, err := r.world.sim.Ask(ctx, replacement, question)
	if err != nil {
		return decision, err
	}
	r.remember(key, replacement, decision)
	return decision, nil
}

func (r *run) remember(key types.UID, replacement *corev1.Pod, decision simulation.Decision) {
	delete(r.shortlists, key)
	best := r.world.thrift.best
	if decision.Node != "" && (!r.large || len(decision.Scores) <= best) {
		return // there is nothing to be saved
	}
	list := &shortlist{pod: replacement, left: r.world.thrift.times - 1}
	for _, score := range decision.Scores[:min(best, len(decision.Scores))] {
		list.nodes = append(list.nodes, score.Name)
	}
	list.decision = simulation.Decision{Possible: decision.Possible, Choices: decision.Choices, Reasons: decision.Reasons}
	r.shortlists[key] = list
}

// alike says whether schedulers cannot tell the pods apart.
func alike(a, b *corev1.Pod) bool {
	return apiequality.Semantic.DeepEqual(a.Labels, b.Labels) && apiequality.Semantic.DeepEqual(a.Annotations, b.Annotations) &&
		apiequality.Semantic.DeepEqual(a.Spec, b.Spec)
}

// dependsOnOthers says whether a pod that is placed can make room for another of its sort,
// or counts nodes that a shortlist leaves out.
func dependsOnOthers(pod *corev1.Pod) bool {
	affinity := pod.Spec.Affinity
	return len(pod.Spec.TopologySpreadConstraints) > 0 ||
		affinity != nil && affinity.PodAffinity != nil && len(affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution) > 0
}
