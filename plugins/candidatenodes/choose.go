package candidatenodes

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/changes"
	"github.com/stowage-k8s/stowage/plugins/internal/nodetable"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// Results of an attempt to choose a node.
const (
	resultChosen = "chosen"
	resultNone   = "none"
	resultLeft   = "left"
)

// attempts limits how often a search is repeated if the table was behind the snapshot.
const attempts = 3

// search is the state of choosing a node for one pod.
type search struct {
	*CandidateNodes
	ctx   context.Context
	state fwk.CycleState
	pod   *corev1.Pod
	needs *needs
	parts []scan.Part
	// scorers are the score plugins that apply to the pod.
	scorers []weightedScorer
	known   *known
	groups  []scan.Group
	items   []item
	// nominated are the slots of nodes that pods are nominated for.
	nominated []int
	// failed reports that a plugin of the engine failed, which the engine must report.
	// stale reports that the table was behind the snapshot.
	failed, stale atomic.Bool
}

// item is a set of nodes that fit the pod and get the same score.
type item struct {
	state *nodetable.State
	group int
	// slot is that of a node that is an exception, -1 for all others in the state.
	slot  int
	total int64
}

// weightedScorer is a score plugin by its place in the profile.
type weightedScorer struct {
	scan.Scorer
	place  int
	weight int64
}

// choose returns the best node for the pod, or why there is none: then the search is returned, too.
func (pl *CandidateNodes) choose(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) (string, string, *search) {
	if pl.profile == nil {
		pl.profile = newProfile(ctx, pl.framework, pod, nodes)
	}
	if pl.distrusted.Has(pod.UID) {
		pl.distrusted.Delete(pod.UID)
		return "", resultLeft, nil
	}
	if pl.profile == nil || !pl.profile.modelled || !pl.modelled(pod) {
		return "", resultLeft, nil
	}
	needs, known := pl.needsOf(pod)
	if !known {
		return "", resultLeft, nil
	}
	s := &search{CandidateNodes: pl, ctx: ctx, state: state, pod: pod, needs: needs}
	if !s.gather() {
		return "", resultLeft, nil
	}
	labels := [][]string{labelsOf(pod), needs.labels}
	for _, part := range s.parts {
		labels = append(labels, part.Labels)
	}
	if len(needs.ofNode) > 0 {
		pl.individual = changes.Shared(pl.Feed, pl.framework.ProfileName(), newIndividual)
	}
	for range attempts {
		if !pl.table.Update(nodes, labels...) {
			return "", resultLeft, nil
		}
		if s.known = s.memory.of(s, nodes); s.known == nil {
			return "", resultLeft, nil
		}
		s.items, s.groups = pl.items[:0], pl.groups[:0]
		node, result := s.best()
		pl.items, pl.groups = s.items, s.groups
		switch {
		case s.failed.Load():
			pl.memory = memory{} // nothing must be remembered after a failure
			return "", resultLeft, nil
		case !s.stale.Load():
			return node, result, s
		}
		s.stale.Store(false)
		pl.Feed.Distrust()
	}
	return "", resultLeft, nil
}

// gather collects the parts of the profile's plugins. It returns false if one is missing.
func (s *search) gather() bool {
	for _, name := range s.profile.parts {
		part, found := scan.Read(s.state, name)
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

// best returns the first node by name among those with the best score.
func (s *search) best() (string, string) {
	s.mark()
	s.known.askAll(s)
	s.collect()
	if len(s.items) == 0 {
		return "", resultNone
	}
	if s.mayBeKept() {
		return "", resultLeft
	}
	s.score()
	most := slices.MaxFunc(s.items, func(a, b item) int { return cmp.Compare(a.total, b.total) }).total
	node, chosen := "", scan.Node{}
	for i := range s.items {
		if s.items[i].total < most {
			continue
		}
		candidate := s.node(&s.items[i])
		if name := candidate.Info.Node().Name; node == "" || name < node {
			node, chosen = name, candidate
		}
	}
	s.check(chosen)
	if s.nominations.yields(s.pod, node) {
		return "", resultLeft
	}
	return node, resultChosen
}

// mark marks the nodes that plugins must evaluate individually, those that pods are nominated
// for, and those that do not have what the pod needs.
func (s *search) mark() {
	s.marks.reset()
	s.nominated = s.nominated[:0]
	for _, name := range s.nominations.nodes(s.Feed) {
		if slot, known := s.Feed.Slot(name); known { // others are evaluated later
			s.nominated = append(s.nominated, slot)
			s.marks.mark(slot, s.table.StateOf(slot))
		}
	}
	if len(s.needs.ofNode) > 0 {
		s.askEach()
	}
	for _, part := range s.parts {
		if part.Exceptions != nil {
			part.Exceptions(func(slot int) { s.marks.mark(slot, s.table.StateOf(slot)) })
		}
	}
}

// mayBeKept reports whether a node on which room is reserved for nominated pods would fit the
// pod.
func (s *search) mayBeKept() bool {
	for _, slot := range s.nominated {
		node := s.table.Node(slot)
		if !s.marks.bans(slot) && s.known.takes(s, s.table.StateOf(slot), node) && s.admits(node) && s.nominations.yields(s.pod, node.Info.Node().Name) {
			return true
		}
	}
	return false
}

// admits reports whether our plugins admit the pod to the node, and what it needs can be reached from there.
func (s *search) admits(node scan.Node) bool {
	for _, part := range s.parts {
		if part.Admits != nil && !part.Admits(node) {
			return false
		}
	}
	return s.reaches(node)
}

// collect finds the nodes that fit the pod. Nodes in the same state are one item, and each
// exception is its own item. Items whose nodes have the same taints and labels are one group
// for plugins that depend only on these; each exception is its own group.
func (s *search) collect() {
	s.statics.reset()
	for _, state := range s.table.States() {
		count := len(state.Slots) - s.marks.in(state)
		if count == 0 || s.statics.refuses(state.Static) {
			continue
		}
		node := s.table.Node(s.first(state))
		if !s.known.takes(s, state, node) {
			continue
		}
		group, isNew := s.statics.group(state.Static, len(s.groups))
		if isNew {
			s.check(node)
			if !s.admits(node) {
				s.statics.refuse(state.Static)
				continue
			}
			s.groups = append(s.groups, scan.Group{Node: node})
		}
		s.groups[group].Count += count
		s.items = append(s.items, item{state: state, group: group, slot: -1})
	}
	for _, slot := range s.marks.slots {
		state, node := s.table.StateOf(slot), s.table.Node(slot)
		s.check(node)
		if !s.marks.bans(slot) && s.known.takes(s, state, node) && s.admits(node) {
			s.items = append(s.items, item{state: state, group: len(s.groups), slot: slot})
			s.groups = append(s.groups, scan.Group{Node: node, Count: 1})
		}
	}
}

// check notes whether the node differs from the table.
func (s *search) check(node scan.Node) {
	if !s.table.Current(node.Slot) {
		s.stale.Store(true)
	}
}

// first returns the slot of the first node in the state, by name, that is not an exception.
func (s *search) first(state *nodetable.State) int {
	if s.marks.in(state) == 0 {
		return int(state.Slots[0])
	}
	return int(state.Slots[slices.IndexFunc(state.Slots, func(slot int32) bool { return !s.marks.has(int(slot)) })])
}

// node returns the item's node, the first of several by name.
func (s *search) node(item *item) scan.Node {
	slot := item.slot
	if slot < 0 {
		slot = s.first(item.state)
	}
	return s.table.Node(slot)
}

// score computes the weighted sums of the scores of all items.
func (s *search) score() {
	if len(s.items) == 1 {
		return
	}
	ofGroups := make([]int64, len(s.groups))
	scores := make([]int64, max(len(s.items), len(s.groups)))
	for _, scorer := range s.scorers {
		remembered, ok := scorer.Scorer.(scan.Remembered)
		if ok {
			s.scoreItems(scorer, remembered, scores[:len(s.items)])
			continue
		}
		scorer.Prepare(s.groups)
		scores := scores[:len(s.groups)]
		for i, group := range s.groups {
			scores[i] = scorer.Score(group.Node)
		}
		scorer.Normalize(s.groups, scores)
		for i := range s.groups {
			ofGroups[i] += scorer.weight * scores[i]
		}
	}
	for i := range s.items {
		s.items[i].total += ofGroups[s.items[i].group]
	}
}

// scoreItems adds the scores of a plugin that depends on the whole state.
func (s *search) scoreItems(scorer weightedScorer, remembered scan.Remembered, scores []int64) {
	column := s.known.column(scorer.place, remembered.Version())
	s.askScores(column, remembered)
	for i := range s.items {
		scores[i], _ = column.score(s.items[i].state)
	}
	scorer.Normalize(nil, scores)
	for i := range s.items {
		s.items[i].total += scorer.weight * scores[i]
	}
}

// askScores fills the column with the scores of all items.
func (s *search) askScores(column *column, scorer scan.Remembered) {
	var states []*nodetable.State
	var infos []fwk.NodeInfo
	many, atOnce := scorer.(manyScorer)
	for i := range s.items {
		state := s.items[i].state
		if _, known := column.score(state); known {
			continue
		}
		node := s.table.Node(int(state.Slots[0]))
		if s.check(node); s.stale.Load() {
			return
		}
		if atOnce {
			states, infos = append(states, state), append(infos, node.Info)
		} else {
			column.remember(state, scorer.Score(node))
		}
	}
	if len(infos) == 0 {
		return
	}
	for i, score := range many.scoreMany(infos) {
		column.remember(states[i], score)
	}
}
