package candidatenodes

import (
	"maps"
	"slices"
	"sync"

	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/nodetable"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// maxKinds is how many kinds of pods are remembered. Beyond, half of them are dropped,
// those asked about longest ago.
const maxKinds = 128

// manyStates is how many states are worth asking about side by side.
const manyStates = 64

// memory is what is known of states of nodes by kind of pod: pods of one template ask
// the same of a node.
type memory struct {
	epoch int64
	asked int64
	kinds map[string]*known
	key   []byte
}

// known is what the engine's plugins say about states for one kind of pod.
type known struct {
	// state is what PreFilter and PreScore of the engine's plugins left for the first
	// pod of the kind. Filter and Score read nothing of it that another pod of the
	// kind would have otherwise.
	state fwk.CycleState
	// verdicts are by ID of the state.
	verdicts []verdict
	// refusals are what the engine's filters say, each once.
	mu       sync.Mutex
	refusals []*fwk.Status
	columns  map[int]*column // by place of the score plugin
	// used is when, by number of questions, it was asked about last.
	used int64
}

// verdict is what the engine's filters say about a state: from firstRefusal on, it is a refusal by
// its number.
type verdict int

const (
	notAsked verdict = iota
	takes
	firstRefusal
)

func (v verdict) refused() bool { return v >= firstRefusal }

// column is one plugin's scores, before they are normalized, by ID of the state.
type column struct {
	version int64
	scores  []int64
	has     []bool
}

// of returns what is known for pods like the one of the search; nil if the engine's
// plugins do not do for it what this package takes them to do.
func (m *memory) of(s *search, nodes []fwk.NodeInfo) *known {
	if epoch := s.table.Epoch(); m.kinds == nil || m.epoch != epoch {
		m.epoch, m.kinds = epoch, map[string]*known{}
	}
	m.asked++
	m.key = appendKind(m.key[:0], s.pod)
	k := m.kinds[string(m.key)]
	if k == nil {
		m.makeRoom()
		if k = newKnown(s, nodes); k == nil {
			return nil
		}
		m.kinds[string(m.key)] = k
	}
	k.used = m.asked
	return k
}

// makeRoom drops kinds if there are too many.
func (m *memory) makeRoom() {
	if len(m.kinds) < maxKinds {
		return
	}
	var used []int64
	for _, k := range m.kinds {
		used = append(used, k.used)
	}
	slices.Sort(used)
	maps.DeleteFunc(m.kinds, func(_ string, k *known) bool { return k.used < used[len(used)/2] })
}

// newKnown runs what the engine's plugins do before they filter and score.
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
	// What ours have left is of this cycle, and holds on to its nodes.
	for name := range ours {
		k.state.Delete(fwk.StateKey("PreFilter" + name))
		k.state.Delete(fwk.StateKey("PreScore" + name))
		scan.Delete(k.state, name)
	}
	return k
}

// takes says whether the engine's own plugins let the pod go to nodes in the state, of
// which this is one.
func (k *known) takes(s *search, state *nodetable.State, node scan.Node) bool {
	if k.verdict(state) == notAsked {
		k.verdicts[state.ID] = k.ask(s, node)
	}
	return k.verdicts[state.ID] == takes
}

// verdict returns what is known of the state.
func (k *known) verdict(state *nodetable.State) verdict {
	for state.ID >= len(k.verdicts) {
		k.verdicts = append(k.verdicts, notAsked)
	}
	return k.verdicts[state.ID]
}

// ask has the engine filter the node. Nothing is known if the node is not in the state
// any more that the table has it in, or a plugin failed.
func (k *known) ask(s *search, node scan.Node) verdict {
	if !s.table.Current(node.Slot) {
		s.stale.Store(true)
		return notAsked
	}
	switch status := s.framework.RunFilterPlugins(s.ctx, k.state, s.pod, node.Info); {
	case status.IsSuccess():
		return takes
	case status.IsRejected():
		return k.refuse(status)
	}
	s.failed.Store(true) // the engine will say what is wrong
	return notAsked
}

// refuse returns the verdict for a status.
func (k *known) refuse(status *fwk.Status) verdict {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := slices.IndexFunc(k.refusals, func(r *fwk.Status) bool { return same(r, status) })
	if at < 0 {
		at = len(k.refusals)
		k.refusals = append(k.refusals, status)
	}
	return firstRefusal + verdict(at)
}

// refusal returns the status for a verdict.
func (k *known) refusal(v verdict) *fwk.Status {
	return k.refusals[v-firstRefusal]
}

// askAll asks about all states with nodes of which nothing is known, side by side.
func (k *known) askAll(s *search) {
	var unknown []*nodetable.State
	for _, state := range s.table.States() {
		if k.verdict(state) == notAsked {
			unknown = append(unknown, state)
		}
	}
	ask := func(i int) { k.verdicts[unknown[i].ID] = k.ask(s, s.table.Node(int(unknown[i].Slots[0]))) }
	if len(unknown) >= manyStates {
		s.framework.Parallelizer().Until(s.ctx, len(unknown), ask, Name)
		return
	}
	for i := range unknown {
		ask(i)
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
