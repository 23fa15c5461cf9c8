package strategies

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// lowRoom is the room that nodes have within the target. It rules out pods that fit nowhere
// without simulating the scheduler. Nodes that pods were moved to since the measurement may have
// less room, and none has more.
type lowRoom struct {
	run *lowRun
	// nodes are those that may take pods, the emptiest first as of the last measure.
	nodes []lowRoomNode
	index map[string]int
	// kept counts the moves since.
	kept int
}

// lowRoomNode is a node with the amounts that it can take, per resource.
type lowRoomNode struct {
	*strategy.Node
	used points
	free []float64
}

// lowRoomMoves is after how many moves measuring again is worthwhile.
const lowRoomMoves = 50

func newLowRoom(run *lowRun) *lowRoom {
	room := &lowRoom{run: run}
	room.measure()
	return room
}

func (m *lowRoom) measure() {
	m.kept, m.nodes, m.index = 0, nil, map[string]int{}
	for _, node := range m.run.session.State().Nodes() {
		if n, takes := m.of(node); takes {
			m.nodes = append(m.nodes, n)
		}
	}
	slices.SortFunc(m.nodes, func(a, b lowRoomNode) int {
		return cmp.Or(cmp.Compare(a.used.total(), b.used.total()), cmp.Compare(a.Name, b.Name))
	})
	for i, n := range m.nodes {
		m.index[n.Name] = i
	}
}

// of measures a node, and says whether it takes pods and is within the target.
func (m *lowRoom) of(node *strategy.Node) (lowRoomNode, bool) {
	used, known := m.run.scale.taken(m.run.session.State(), node)
	target := m.run.objective.target
	if !known || !utilizationTakes(node) || !used.within(target) {
		return lowRoomNode{}, false
	}
	free := make([]float64, len(used))
	for i, name := range m.run.scale.names {
		free[i] = (target[i] - used[i] + utilizationSlack) / 100 * float64(utilizationWhole(node, name))
	}
	return lowRoomNode{node, used, free}, true
}

// left says that a pod has left a node: it may have more room.
func (m *lowRoom) left(node *strategy.Node) {
	m.kept++
	n, takes := m.of(node)
	i, known := m.index[node.Name]
	switch {
	case takes && known:
		m.nodes[i] = n
	case takes:
		m.index[node.Name] = len(m.nodes)
		m.nodes = append(m.nodes, n)
	}
}

// renew measures again if that is worthwhile: if room gets scarce.
func (m *lowRoom) renew() {
	if m.kept >= lowRoomMoves {
		m.measure()
	}
}

// fits says whether a node other than the pod's own may have room for it.
func (m *lowRoom) fits(pod *corev1.Pod, own string) bool {
	amounts := m.run.scale.replacementAmounts(m.run.session.State(), pod)
	needed := make([]float64, len(m.run.scale.names))
	for i, name := range m.run.scale.names {
		needed[i] = float64(amounts[name])
	}
	return slices.ContainsFunc(m.nodes, func(n lowRoomNode) bool {
		for i, free := range n.free {
			if needed[i] > free {
				return false
			}
		}
		return n.Name != own
	})
}
