package candidatenodes

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/nodetable"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// What came of an attempt to choose a node.
const (
	resultChosen = "chosen"
	resultNone   = "none"
	resultLeft   = "left"
)

// attempts is how often to start over where the table was behind the snapshot.
const attempts = 3

// search is what it takes to choose a node for one pod.
type search struct {
	*CandidateNodes
	ctx   context.Context
	pod   *corev1.Pod
	parts []scan.Part
	// scorers are the score plugins that matter to the pod.
	scorers []weightedScorer
	known   *known
}

// weightedScorer is a score plugin by its place in the profile.
type weightedScorer struct {
	scan.Scorer
	place  int
	weight int64
}

// choose returns the best node for the pod, or why there is none.
func (pl *CandidateNodes) choose(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) (string, string) {
	if pl.profile == nil {
		pl.profile = newProfile(ctx, pl.framework, pod, nodes)
	}
	if pl.distrusted.Has(pod.UID) {
		pl.distrusted.Delete(pod.UID)
		return "", resultLeft
	}
	if pl.profile == nil || !pl.profile.modelled || !pl.modelled(pod) {
		return "", resultLeft
	}
	s := &search{CandidateNodes: pl, ctx: ctx, pod: pod}
	if !s.gather(state) {
		return "", resultLeft
	}
	labels := [][]string{labelsOf(pod)}
	for _, part := range s.parts {
		labels = append(labels, part.Labels)
	}
	for range attempts {
		pl.table.Update(nodes, labels...)
		if s.known = s.memory.of(s, nodes); s.known == nil {
			return "", resultLeft
		}
		node, result := s.best()
		if result != resultChosen || pl.Feed.Recheck(node) {
			return node, result
		}
	}
	return "", resultLeft
}

// gather reads what the plugins of the profile have to say. It returns false if one
// has left nothing.
func (s *search) gather(state fwk.CycleState) bool {
	for _, name := range s.profile.parts {
		part, found := scan.Read(state, name)
		if !found {
			return false
		}
		s.parts = append(s.parts, part)
		if place := s.profile.place(name); place >= 0 && part.Scorer != nil {
			s.scorers = append(s.scorers, weightedScorer{part.Scorer, place, s.profile.scores[place].weight})
		}
	}
	for place, score := range s.profile.scores {
		if !score.ours {
			if scorer := s.engineScorer(score.name); scorer != nil {
				s.scorers = append(s.scorers, weightedScorer{scorer, place, score.weight})
			}
		}
	}
	return true
}

// best returns the first, by name, of the nodes with the best score.
func (s *search) best() (string, string) {
	groups, ok := s.groups()
	if !ok {
		return "", resultLeft
	}
	if len(groups) == 0 {
		return "", resultNone
	}
	totals := s.totals(groups)
	best := 0
	for i := range groups {
		if totals[i] > totals[best] || totals[i] == totals[best] && groups[i].Info.Node().Name < groups[best].Info.Node().Name {
			best = i
		}
	}
	node := groups[best].Info.Node().Name
	if s.nominations.yields(s.pod, node) {
		return "", resultLeft
	}
	return node, resultChosen
}

// groups returns the nodes that take the pod, those that are alike together, each by
// the first by name. It returns false if pods nominated for a node matter.
func (s *search) groups() ([]scan.Group, bool) {
	s.marks.reset()
	for _, part := range s.parts {
		if part.Exceptions != nil {
			part.Exceptions(func(slot int) { s.marks.mark(slot, s.table.StateOf(slot)) })
		}
	}
	for _, name := range s.nominations.against(s.pod, s.Feed) {
		slot, known := s.Feed.Slot(name)
		if known && s.takes(s.table.StateOf(slot), s.table.Node(slot)) {
			return nil, false
		}
	}
	var groups []scan.Group
	for _, state := range s.table.States() {
		count := len(state.Slots) - s.marks.in(state)
		if count == 0 {
			continue
		}
		first := slices.IndexFunc(state.Slots, func(slot int32) bool { return !s.marks.has(int(slot)) })
		if node := s.table.Node(int(state.Slots[first])); s.takes(state, node) {
			groups = append(groups, scan.Group{Node: node, Count: count})
		}
	}
	for _, slot := range s.marks.slots {
		if node := s.table.Node(slot); s.takes(s.table.StateOf(slot), node) {
			groups = append(groups, scan.Group{Node: node, Count: 1})
		}
	}
	return groups, true
}

// takes says whether the node, which is in the state, takes the pod.
func (s *search) takes(state *nodetable.State, node scan.Node) bool {
	if !s.known.takes(s, state, node) {
		return false
	}
	for _, part := range s.parts {
		if part.Admits != nil && !part.Admits(node) {
			return false
		}
	}
	return true
}

// totals returns the weighted sum of the scores of each group.
func (s *search) totals(groups []scan.Group) []int64 {
	totals := make([]int64, len(groups))
	if len(groups) == 1 {
		return totals
	}
	scores := make([]int64, len(groups))
	for _, scorer := range s.scorers {
		scorer.Prepare(groups)
		if remembered, ok := scorer.Scorer.(scan.Remembered); ok {
			column := s.known.column(scorer.place, remembered.Version())
			for i, group := range groups {
				scores[i] = column.score(s.table.StateOf(group.Slot), func() int64 { return scorer.Score(group.Node) })
			}
		} else {
			for i, group := range groups {
				scores[i] = scorer.Score(group.Node)
			}
		}
		scorer.Normalize(groups, scores)
		for i := range groups {
			totals[i] += scorer.weight * scores[i]
		}
	}
	return totals
}

// marks are nodes that are asked about by themselves. Those of one search are told
// from those of the last by a number, so that nothing has to be cleared.
type marks struct {
	number uint32
	nodes  []uint32 // by slot
	states []stateMarks
	slots  []int
}

type stateMarks struct {
	number uint32
	count  int
}

func (m *marks) reset() {
	m.number++
	m.slots = m.slots[:0]
}

func (m *marks) mark(slot int, state *nodetable.State) {
	if state == nil || m.has(slot) {
		return
	}
	for slot >= len(m.nodes) {
		m.nodes = append(m.nodes, 0)
	}
	for state.ID >= len(m.states) {
		m.states = append(m.states, stateMarks{})
	}
	m.nodes[slot] = m.number
	m.slots = append(m.slots, slot)
	if in := &m.states[state.ID]; in.number == m.number {
		in.count++
	} else {
		*in = stateMarks{m.number, 1}
	}
}

func (m *marks) has(slot int) bool {
	return slot < len(m.nodes) && m.nodes[slot] == m.number
}

// in returns how many nodes in the state are marked.
func (m *marks) in(state *nodetable.State) int {
	if state.ID < len(m.states) && m.states[state.ID].number == m.number {
		return m.states[state.ID].count
	}
	return 0
}
