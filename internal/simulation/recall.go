package simulation

import (
	"cmp"
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerframework "k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/helper"
)

// scratch is what one decision needs, and the next can use again.
type scratch struct {
	// ask and fit are places: of nodes to ask about, and of nodes that fit.
	ask, fit []int32
	// totals are the scores, and marked are nodes, by place. Fitting are the totals of those that
	// fit.
	totals, fitting []int64
	marked          []bool
	// best are the places of the best nodes, and possible those of nodes that can be chosen.
	best, possible []int32
	runs           runs
}

// recall is one decision from memory.
type recall struct {
	*memory
	*sort
	Question
	ctx       context.Context
	framework schedulerframework.Framework
	pod       *corev1.Pod
	// among are the places of the nodes that the question is restricted to.
	among []int32

	// even are the weighted scores of plugins that give all nodes the same, and scaled those of
	// others that scale them, by place. Images and spread are those of the other plugins; nil for
	// none.
	even   []int64
	scaled []map[int32]int64
	images []int32
	spread *spreadScores
}

// recall decides by what the engine has said before. It reports false if that does not decide.
func (s *Simulation) recall(ctx context.Context, framework schedulerframework.Framework, pod *corev1.Pod, q Question) (Decision, bool) {
	m, err := s.remember()
	if err != nil || m == nil {
		return Decision{}, false
	}
	of := m.sortOf(ctx, framework, pod, q.Like)
	if of == nil {
		return Decision{}, false
	}
	if !m.catchUp(ctx, framework, of.shape) {
		s.memory = nil // the engine reports the error when it is asked about all nodes
		return Decision{}, false
	}
	r := &recall{memory: m, sort: of, Question: q, ctx: ctx, framework: framework, pod: pod}
	m.recalled++
	return r.decide()
}

// decide does what the engine does once its plugins have looked at the nodes.
func (r *recall) decide() (Decision, bool) {
	filtered, d := r.filter()
	switch len(r.fit) {
	case 0:
		return d, true
	case 1:
		d.Node = r.names[r.fit[0]]
		d.Best, d.Possible, d.Choices = []string{d.Node}, []string{d.Node}, 1
		return d, true
	}
	if !r.score() {
		return d, false
	}
	sample := SampleSize(r.framework.PercentageOfNodesToScore(), filtered)
	if sample < len(r.fit) {
		sample -= sample / 8
	}
	r.fitting, r.best, r.possible = r.fitting[:0], r.best[:0], r.possible[:0]
	for _, place := range r.fit {
		r.fitting = append(r.fitting, r.totals[place])
	}
	highest := slices.Max(r.fitting)
	for i, total := range r.fitting {
		if total == highest {
			r.best = append(r.best, r.fit[i])
		}
	}
	for _, i := range r.runs.bestOfRuns(r.fitting, sample) {
		r.possible = append(r.possible, r.fit[i])
	}
	d.Choices = len(r.possible)
	most := len(r.possible)
	if r.Few > 0 {
		most = min(most, r.Few)
	}
	d.Possible = r.sortedNames(r.possible, 0, most)
	if r.Lot == "" {
		d.Best = r.sortedNames(r.best, 0, len(r.best))
	} else {
		at := drawn(r.Lot, len(r.best))
		d.Best = r.sortedNames(r.best, at, at+1)
	}
	d.Node = d.Best[0]
	for _, place := range r.top() {
		d.Scores = append(d.Scores, r.scoresOf(place))
	}
	return d, true
}

// filter finds the nodes that fit. It returns how many were looked at, and why others do not.
func (r *recall) filter() (int, Decision) {
	r.fit = r.fit[:0]
	if r.Among == nil {
		for place, status := range r.statuses {
			if status == nil {
				r.fit = append(r.fit, int32(place))
			}
		}
		return len(r.nodes), Decision{Reasons: maps.Clone(r.reasons)}
	}
	for _, name := range r.Among {
		if place, known := r.places[name]; known {
			r.among = append(r.among, place)
		}
	}
	slices.Sort(r.among)
	r.among = slices.Compact(r.among)
	for _, place := range r.among {
		if r.statuses[place] == nil {
			r.fit = append(r.fit, place)
		}
	}
	return len(r.among), Decision{}
}

// sortedNames returns a part of the sorted names of the nodes in the places.
func (m *memory) sortedNames(places []int32, from, to int) []string {
	names := make([]string, 0, to-from)
	if len(places) < len(m.nodes)/16 {
		slices.SortFunc(places, func(a, b int32) int { return cmp.Compare(m.ranks[a], m.ranks[b]) })
		for _, place := range places[from:to] {
			names = append(names, m.names[place])
		}
		return names
	}
	for _, place := range places {
		m.marked[place] = true
	}
	at := 0
	for _, place := range m.ordered {
		if at == to {
			break
		}
		if m.marked[place] {
			if at >= from {
				names = append(names, m.names[place])
			}
			at++
		}
	}
	for _, place := range places {
		m.marked[place] = false
	}
	return names
}

// top returns the places of the nodes whose scores are asked for, the best first.
func (r *recall) top() []int32 {
	better := func(a, b int32) int {
		return cmp.Or(cmp.Compare(r.totals[b], r.totals[a]), cmp.Compare(r.ranks[a], r.ranks[b]))
	}
	var top []int32
	if r.Scores >= len(r.fit)/4 {
		top = slices.SortedFunc(slices.Values(r.fit), better)
		top = top[:min(len(top), r.Scores)]
	} else if r.Scores > 0 {
		for _, place := range r.fit {
			if len(top) == r.Scores && better(place, top[len(top)-1]) > 0 {
				continue
			}
			at, _ := slices.BinarySearchFunc(top, place, better)
			top = slices.Insert(top, at, place)
			top = top[:min(len(top), r.Scores)]
		}
	}
	if place, known := r.places[r.Of]; known && slices.Contains(r.fit, place) && !slices.Contains(top, place) {
		top = append(top, place)
	}
	return top
}

// score computes the totals of the nodes that fit. It reports false if a plugin failed.
func (r *recall) score() bool {
	scorers, same := r.profile.scorers, int64(0)
	r.even, r.scaled = make([]int64, len(scorers)), make([]map[int32]int64, len(scorers))
	for _, place := range r.fit {
		r.totals[place] = r.base[place]
	}
	for i, scorer := range scorers {
		switch {
		case scorer.how == byNode && scorer.normalize && r.scores[i] != nil:
			if r.uneven[i] > 0 {
				r.scaled[i] = r.scale(scorer, r.scores[i])
			} else if scorer.reverse {
				r.even[i] = scorer.weight * fwk.MaxScore
				same += r.even[i]
			}
		case scorer.how == byImage && r.imaged:
			images, answered := r.imageScores(scorer.name)
			if !answered {
				return false
			}
			r.images = images
			for _, place := range r.fit {
				r.totals[place] += scorer.weight * int64(images[place])
			}
		case scorer.how == bySpread && r.selector != nil:
			r.spread = r.newSpreadScores(scorer.weight)
			r.spread.add()
		}
	}
	if same != 0 {
		for _, place := range r.fit {
			r.totals[place] += same
		}
	}
	return true
}

// scale adds the scores of a plugin that scales them to the highest, and returns them.
func (r *recall) scale(scorer scorer, raw []int32) map[int32]int64 {
	list := make(fwk.NodeScoreList, len(r.fit))
	for i, place := range r.fit {
		list[i].Score = int64(raw[place])
	}
	_ = helper.DefaultNormalizeScore(fwk.MaxScore, scorer.reverse, list) // never fails
	scaled := make(map[int32]int64, len(list))
	for i, place := range r.fit {
		scaled[place] = scorer.weight * list[i].Score
		r.totals[place] += scaled[place]
	}
	return scaled
}

// scoresOf returns the scores of the node in the place, plugin by plugin.
func (r *recall) scoresOf(place int32) fwk.NodePluginScores {
	node := fwk.NodePluginScores{Name: r.names[place], TotalScore: r.totals[place]}
	for i, scorer := range r.profile.scorers {
		score, part := int64(0), true
		switch {
		case scorer.how == byImage:
			if r.images != nil {
				score = scorer.weight * int64(r.images[place])
			}
		case scorer.how == bySpread:
			if part = r.spread != nil; part {
				score = r.spread.of(place)
			}
		case r.scores[i] == nil:
			part = false
		case r.scaled[i] != nil:
			score = r.scaled[i][place]
		case scorer.normalize:
			score = r.even[i]
		default:
			score = scorer.weight * int64(r.scores[i][place])
		}
		if part {
			node.Scores = append(node.Scores, fwk.PluginScore{Name: scorer.name, Score: score})
		}
	}
	return node
}

// imageScores returns the scores by the images of the pod, by place.
func (r *recall) imageScores(plugin string) ([]int32, bool) {
	r.key = appendImages(r.key[:0], r.pod)
	if known := r.memory.images[string(r.key)]; known != nil {
		return known, true
	}
	if len(r.memory.images) >= maxShapes {
		clear(r.memory.images)
	}
	state := schedulerframework.NewCycleState()
	others := r.profile.allScorers.Clone()
	state.SetSkipScorePlugins(others.Delete(plugin))
	scores := make([]int32, len(r.nodes))
	for place, node := range r.nodes {
		said, status := r.framework.RunRawScorePlugins(r.ctx, state, r.pod, node)
		if !status.IsSuccess() {
			return nil, false
		}
		scores[place] = int32(said[0].Score)
	}
	r.memory.images[string(r.key)] = scores
	return scores, true
}
