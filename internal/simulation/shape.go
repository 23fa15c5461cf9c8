package simulation

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerframework "k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
)

// manyNodes is the number of nodes from which on they are asked about in parallel.
const manyNodes = 64

// shape is what plugins that only look at a pod and a node have said of all nodes, for pods that
// are alike to them.
type shape struct {
	profile *remembered
	pod     *corev1.Pod
	state   *schedulerframework.CycleState
	affine  nodeaffinity.RequiredNodeAffinity
	// seen is the number of the last change that it knows of.
	seen        int
	generations []int64
	statuses    []*fwk.Status
	reasons     map[string]int
	// scores are those of the profile's plugins, before they are normalized. Of plugins that
	// normalize, uneven counts the scores other than 0.
	scores [][]int32
	uneven []int
	// base are the weighted sums of those that do not.
	base []int64
	used int64
}

// newShape asks the engine's plugins what they do before they look at nodes. A shape without a
// state is one that they do not treat as this package assumes.
func (m *memory) newShape(ctx context.Context, framework schedulerframework.Framework, profile *remembered, pod *corev1.Pod) *shape {
	state := schedulerframework.NewCycleState()
	state.SetSkipAllPostFilterPlugins(true)
	narrowed, status, _ := framework.RunPreFilterPlugins(ctx, state, pod)
	if !status.IsSuccess() || !narrowed.AllNodes() || !profile.knowsFilters(state.GetSkipFilterPlugins()) {
		return &shape{}
	}
	state.SetSkipFilterPlugins(state.GetSkipFilterPlugins().Union(sets.New(names.InterPodAffinity)))
	if status := framework.RunPreScorePlugins(ctx, state, pod, m.nodes); !status.IsSuccess() {
		return &shape{}
	}
	skipped := state.GetSkipScorePlugins()
	if !profile.knowsScores(skipped) {
		return &shape{}
	}
	n := len(m.nodes)
	of := &shape{
		profile: profile, pod: pod, state: state, affine: nodeaffinity.GetRequiredNodeAffinity(pod), seen: -1,
		generations: make([]int64, n), statuses: make([]*fwk.Status, n), reasons: map[string]int{}, base: make([]int64, n),
		scores: make([][]int32, len(profile.scorers)), uneven: make([]int, len(profile.scorers)),
	}
	for i, scorer := range profile.scorers {
		if scorer.how == byNode && !skipped.Has(scorer.name) {
			of.scores[i] = make([]int32, n)
		}
	}
	state.SetSkipScorePlugins(skipped.Union(profile.others))
	return of
}

// catchUp asks the engine about the nodes that have changed. It reports whether the engine answered.
func (m *memory) catchUp(ctx context.Context, framework schedulerframework.Framework, of *shape) bool {
	now := m.begin + len(m.changed)
	if of.seen == now {
		return true
	}
	var places []int32
	if of.seen < m.begin || now-of.seen > len(m.nodes) {
		for i := range m.nodes {
			places = append(places, int32(i))
		}
	} else {
		places = m.changed[of.seen-m.begin:]
	}
	m.ask = m.ask[:0]
	for _, place := range places {
		if generation := m.nodes[place].GetGeneration(); of.generations[place] != generation {
			first := of.generations[place] == 0
			of.generations[place] = generation
			m.ask = append(m.ask, place)
			if !first {
				of.forget(place)
			}
		}
	}
	answers := make([]answer, len(m.ask))
	one := func(i int) { answers[i] = of.askAbout(ctx, framework, m.nodes[m.ask[i]]) }
	if len(m.ask) >= manyNodes {
		framework.Parallelizer().Until(ctx, len(m.ask), one, "simulation")
	} else {
		for i := range m.ask {
			one(i)
		}
	}
	for i, place := range m.ask {
		if ctx.Err() != nil || !of.learn(place, answers[i]) {
			return false
		}
	}
	of.seen = now
	return true
}

// answer is what plugins say of a node.
type answer struct {
	status *fwk.Status
	scores []fwk.PluginScore
}

func (of *shape) askAbout(ctx context.Context, framework schedulerframework.Framework, node fwk.NodeInfo) answer {
	status := framework.RunFilterPlugins(ctx, of.state, of.pod, node)
	if !status.IsSuccess() {
		return answer{status: status}
	}
	scores, status := framework.RunRawScorePlugins(ctx, of.state, of.pod, node)
	return answer{status, scores}
}

// forget takes back what was said of the node in the place.
func (of *shape) forget(place int32) {
	if status := of.statuses[place]; status != nil {
		for _, reason := range status.Reasons() {
			if of.reasons[reason]--; of.reasons[reason] == 0 {
				delete(of.reasons, reason)
			}
		}
		return
	}
	for i, scores := range of.scores {
		if scores != nil && of.profile.scorers[i].normalize && scores[place] != 0 {
			of.uneven[i]--
		}
	}
}

// learn notes what is said of the node in the place, and reports whether that is no error.
func (of *shape) learn(place int32, said answer) bool {
	of.statuses[place] = nil
	if !said.status.IsSuccess() {
		if !said.status.IsRejected() {
			return false
		}
		of.statuses[place] = said.status
		for _, reason := range said.status.Reasons() {
			of.reasons[reason]++
		}
		return true
	}
	of.base[place] = 0
	for i, scores := range of.scores {
		if scores == nil {
			continue
		}
		name := of.profile.scorers[i].name
		scores[place] = int32(said.scores[slices.IndexFunc(said.scores, func(s fwk.PluginScore) bool { return s.Name == name })].Score)
		switch scorer := of.profile.scorers[i]; {
		case !scorer.normalize:
			of.base[place] += scorer.weight * int64(scores[place])
		case scores[place] != 0:
			of.uneven[i]++
		}
	}
	return true
}
