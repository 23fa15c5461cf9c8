package candidatenodes

import (
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/nodetable"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// maxKinds is how many kinds of pods are remembered.
const maxKinds = 256

// memory is what is known of states of nodes by kind of pod: pods of one template ask
// the same of a node.
type memory struct {
	epoch int64
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
	columns  map[int]*column // by place of the score plugin
}

type verdict uint8

const (
	notAsked verdict = iota
	takes
	refuses
)

// column is one plugin's scores, before they are normalized, by ID of the state.
type column struct {
	version int64
	scores  []int64
	has     []bool
}

// of returns what is known for pods like the one of the search; nil if the engine's
// plugins do not do for it what this package takes them to do.
func (m *memory) of(s *search, nodes []fwk.NodeInfo) *known {
	if epoch := s.table.Epoch(); m.kinds == nil || m.epoch != epoch || len(m.kinds) > maxKinds {
		m.epoch, m.kinds = epoch, map[string]*known{}
	}
	m.key = appendKind(m.key[:0], s.pod)
	k, found := m.kinds[string(m.key)]
	if !found {
		k = newKnown(s, nodes)
		m.kinds[string(m.key)] = k
	}
	return k
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
	return k
}

// takes says whether the engine's own plugins let the pod go to nodes in the state, of
// which this is one.
func (k *known) takes(s *search, state *nodetable.State, node scan.Node) bool {
	for state.ID >= len(k.verdicts) {
		k.verdicts = append(k.verdicts, notAsked)
	}
	if k.verdicts[state.ID] == notAsked {
		k.verdicts[state.ID] = refuses
		if s.framework.RunFilterPlugins(s.ctx, k.state, s.pod, node.Info).IsSuccess() {
			k.verdicts[state.ID] = takes
		}
	}
	return k.verdicts[state.ID] == takes
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
