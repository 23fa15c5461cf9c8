package candidatenodes

import (
	"slices"
	"sync"

	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/podkind"
	"github.com/stowage-k8s/stowage/plugins/internal/nodetable"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// maxKinds limits how many kinds of pods are remembered. Above it, the least recently used
// half is dropped.
const maxKinds = 128

// manyStates is the number of states from which on they are evaluated in parallel.
const manyStates = 64

// memory stores results per kind of pod and state of node: pods of one template have the same
// requirements.
type memory struct {
	epoch int64
	asked int64
	kinds map[string]*known
	key   []byte
}

// known are the results of the engine's plugins for one kind of pod.
type known struct {
	// state is the result of PreFilter and PreScore of the engine's plugins for the first pod
	// of the kind. Filter and Score use nothing in it that differs for another pod of the
	// kind.
	state fwk.CycleState
	// verdicts are by ID of the state.
	verdicts []verdict
	refusals refusals
	columns  map[int]*column // by place of the score plugin
	// used is the number of the last request for it.
	used int64
}

// verdict is what the engine's filters say about a state or a node: from firstRefusal on, it is a
// refusal by its number.
type verdict int

const (
	notAsked verdict = iota
	takes
	firstRefusal
)

func (v verdict) refused() bool { return v >= firstRefusal }

// refusals are what the engine's filters say, each once.
type refusals struct {
	mu   sync.Mutex
	list []*fwk.Status
}

// column is one plugin's scores, before they are normalized, by ID of the state.
type column struct {
	version int64
	scores  []int64
	has     []bool
}

// of returns the results for pods like that of the search; nil if the engine's plugins do not
// behave for it as this package assumes.
func (m *memory) of(s *search, nodes []fwk.NodeInfo) *known {
	if epoch := s.table.Epoch(); m.kinds == nil || m.epoch != epoch {
		m.epoch, m.kinds = epoch, map[string]*known{}
	}
	m.asked++
	m.key = podkind.Append(m.key[:0], s.pod)
	k := m.kinds[string(m.key)]
	if k == nil {
		podkind.MakeRoom(m.kinds, maxKinds, func(k *known) int64 { return k.used })
		if k = newKnown(s, nodes); k == nil {
			return nil
		}
		m.kinds[string(m.key)] = k
	}
	k.used = m.asked
	return k
}

// newKnown runs the steps of the engine's plugins before Filter and Score.
func newKnown(s *search, nodes []fwk.NodeInfo) *known {
	k := &known{state: framework.NewCycleState(), columns: map[int]*column{}}
	ctx := withProbe(s.ctx)
	if _, status, _ := s.framework.RunPreFilterPlugins(ctx, k.state, s.pod); !status.IsSuccess() {
		return nil
	}
	k.state.SetSkipFilterPlugins(s.profile.others.Union(k.state.GetSkipFilterPlugins()))
	if s.profile.byEngine {
		if status := s.framework.RunPreScorePlugins(ctx, k.state, s.pod, nodes); !status.IsSuccess() {
			return nil
		}
	}
	// The parts of our plugins belong to this cycle, and reference its nodes.
	for name := range ours {
		k.state.Delete(fwk.StateKey("PreFilter" + name))
		k.state.Delete(fwk.StateKey("PreScore" + name))
		scan.Delete(k.state, name)
	}
	return k
}

// takes reports whether the engine's own plugins admit the pod to nodes in the state,
// represented by this node.
func (k *known) takes(s *search, state *nodetable.State, node scan.Node) bool {
	if k.verdict(state) == notAsked {
		k.verdicts[state.ID] = k.ask(s, node)
	}
	return k.verdicts[state.ID] == takes
}

// verdict returns the result for the state.
func (k *known) verdict(state *nodetable.State) verdict {
	for state.ID >= len(k.verdicts) {
		k.verdicts = append(k.verdicts, notAsked)
	}
	return k.verdicts[state.ID]
}

// ask makes the engine filter the node.
func (k *known) ask(s *search, node scan.Node) verdict {
	return s.ask(k.state, &k.refusals, node)
}

// ask makes the engine filter the node. There is no result if the node is no longer in its
// state in the table, or if a plugin failed.
func (s *search) ask(state fwk.CycleState, refusals *refusals, node scan.Node) verdict {
	if !s.table.Current(node.Slot) {
		s.stale.Store(true)
		return notAsked
	}
	switch status := s.framework.RunFilterPlugins(s.ctx, state, s.pod, node.Info); {
	case status.IsSuccess():
		return takes
	case status.IsRejected():
		return refusals.verdict(status)
	}
	s.failed.Store(true) // the engine will report the error
	return notAsked
}

// verdict returns the verdict for a status.
func (r *refusals) verdict(status *fwk.Status) verdict {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.list, func(known *fwk.Status) bool { return same(known, status) })
	if at < 0 {
		at = len(r.list)
		r.list = append(r.list, status)
	}
	return firstRefusal + verdict(at)
}

// status returns the status for a verdict.
func (r *refusals) status(v verdict) *fwk.Status {
	return r.list[v-firstRefusal]
}

// askAll evaluates all states with nodes that have no result, in parallel.
func (k *known) askAll(s *search) {
	var unknown []*nodetable.State
	for _, state := range s.table.States() {
		if k.verdict(state) == notAsked {
			unknown = append(unknown, state)
		}
	}
	s.each(len(unknown), func(i int) { k.verdicts[unknown[i].ID] = k.ask(s, s.table.Node(int(unknown[i].Slots[0]))) })
}

// each calls the function for each number below count, in parallel if there are many.
func (s *search) each(count int, do func(int)) {
	if count >= manyStates {
		s.framework.Parallelizer().Until(s.ctx, count, do, Name)
		return
	}
	for i := range count {
		do(i)
	}
}

// column returns the scores of the plugin in the place, in their version.
func (k *known) column(place int, version int64) *column {
	c := k.columns[place]
	if c == nil {
		c = &column{version: version}
		k.columns[place] = c
	}
	if c.version != version {
		c.version = version
		clear(c.has)
	}
	return c
}

// score returns the score of nodes in the state, if it is known.
func (c *column) score(state *nodetable.State) (int64, bool) {
	if state.ID >= len(c.has) || !c.has[state.ID] {
		return 0, false
	}
	return c.scores[state.ID], true
}

func (c *column) remember(state *nodetable.State, score int64) {
	for state.ID >= len(c.scores) {
		c.scores, c.has = append(c.scores, 0), append(c.has, false)
	}
	c.scores[state.ID], c.has[state.ID] = score, true
}
