package strategies

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// spreadBook has the tallies of a state, and records the moves of the strategy.
type spreadBook struct {
	state   *strategy.State
	tallies map[*spreadConstraint]*spreadTally
	// byNamespace are the constraints that matter, by what they are.
	byNamespace map[string][]*spreadConstraint
}

// domainOf returns the domain of a node for the constraint.
func domainOf(c *spreadConstraint, node *strategy.Node) string {
	if node != nil {
		if domain, counts := c.domains.of(node.Node); counts {
			return domain
		}
	}
	return spreadOutside
}

// selecting returns the constraints that count the pod.
func (b *spreadBook) selecting(pod *corev1.Pod) []*spreadConstraint {
	var selecting []*spreadConstraint
	for _, c := range b.byNamespace[pod.Namespace] {
		if c.counts(pod) {
			selecting = append(selecting, c)
		}
	}
	return selecting
}

// move records a move.
func (b *spreadBook) move(pod *corev1.Pod, constraints []*spreadConstraint, to *strategy.Node) {
	for _, c := range constraints {
		t := b.tallies[c]
		if from := domainOf(c, b.state.Node(pod.Spec.NodeName)); from != spreadOutside {
			t.add(from, -1)
		}
		if there := domainOf(c, to); there != spreadOutside {
			t.add(there, 1)
		}
	}
}

// tally returns the constraint's tally of a state, with the pod where it is. Only the
// state that the book is of needs no counting.
func (b *spreadBook) tally(c *spreadConstraint, state *strategy.State, pod *corev1.Pod) *spreadTally {
	if b.state == state {
		return b.tallies[c]
	}
	t := newSpreadTally(c, state)
	if from := domainOf(c, state.Node(pod.Spec.NodeName)); from != spreadOutside {
		t.add(from, 1)
	}
	return t
}

// close makes objectives count for themselves from now on, because the state will change without
// the book.
func (b *spreadBook) close() { b.state = nil }

// lessSkew is the objective of having fewer pods above a constraint's maxSkew.
type lessSkew struct {
	book       *spreadBook
	constraint *spreadConstraint
	// others are the constraints that must not get worse.
	others []*spreadConstraint
}

// Gain implements strategy.Objective: how many pods fewer are beyond the skew of the
// constraint. A node outside its domains is no gain, nor is one that another constraint
// is worse off with.
func (o lessSkew) Gain(state *strategy.State, pod *corev1.Pod, to string) float64 {
	from, there := state.Node(pod.Spec.NodeName), state.Node(to)
	if domainOf(o.constraint, there) == spreadOutside {
		return 0
	}
	gain := o.gain(o.constraint, state, pod, from, there)
	if gain <= 0 {
		return gain
	}
	for _, c := range o.others {
		if o.gain(c, state, pod, from, there) < 0 {
			return 0
		}
	}
	return gain
}

func (o lessSkew) gain(c *spreadConstraint, state *strategy.State, pod *corev1.Pod, from, to *strategy.Node) float64 {
	before, after := domainOf(c, from), domainOf(c, to)
	if before == after {
		return 0
	}
	t := o.book.tally(c, state, pod)
	return float64(t.violation(spreadOutside, spreadOutside) - t.violation(before, after))
}

// Describe implements strategy.Objective.
func (o lessSkew) Describe(gain float64) string {
	return fmt.Sprintf("%s above maxSkew %d across %s", fewer(gain, "pod"), o.constraint.maxSkew, o.constraint.key)
}
