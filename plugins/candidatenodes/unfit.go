package candidatenodes

import (
	"slices"

	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/nodetable"
)

// unfit is why no node takes a pod. The engine filters one node of each group of nodes that refuse it
// alike, and complete tells what the others would have said.
type unfit struct {
	search *search
	groups []alike
}

// alike are nodes that refuse a pod for the same reason.
type alike struct {
	// slot is that of the node that stands for all.
	slot int
	// status is that of the engine's own filters; nil if another plugin refuses.
	status *fwk.Status
	// states are those whose nodes belong to the group, but for exceptions. Slots are exceptions that
	// belong to it, too.
	states []*nodetable.State
	slots  []int
	count  int
}

// alikeness is what nodes have in common that refuse a pod for the same reason: what the engine's filters
// say of their state and of each node, and what all that depends on labels is determined by.
type alikeness struct {
	state, node verdict
	static      int
}

// alikeness returns that of a node, and what the engine's filters say of it, if that is known.
func (s *search) alikeness(state *nodetable.State, slot int) (alikeness, *fwk.Status) {
	v := s.known.verdict(state)
	switch {
	case s.needs.filter():
		// Which of the filters comes first is up to the engine.
		return alikeness{v, s.needs.verdict(slot), state.Static}, nil
	case v.refused():
		return alikeness{state: v}, s.known.refusals.status(v)
	}
	return alikeness{state: v, static: state.Static}, nil
}

// Clone returns the same: nothing that a copy would need is changed.
func (u *unfit) Clone() fwk.StateData {
	return u
}

// newUnfit returns why no node takes the pod of a search; nil if to find out, the engine has to look at
// most of them.
func (s *search) newUnfit() *unfit {
	if !s.profile.enginesFirst {
		return nil
	}
	u := &unfit{search: s}
	at := map[alikeness]int{}
	// group returns the group of a state's node, which begins with the slot if it is new.
	group := func(state *nodetable.State, slot int) *alike {
		key, status := s.alikeness(state, slot)
		i, known := at[key]
		if !known {
			i = len(u.groups)
			at[key] = i
			u.groups = append(u.groups, alike{slot: slot, status: status})
		}
		return &u.groups[i]
	}
	nodes := 0
	for _, state := range s.table.States() {
		nodes += len(state.Slots)
		if count := len(state.Slots) - s.marks.in(state); count > 0 {
			g := group(state, s.first(state))
			g.states, g.count = append(g.states, state), g.count+count
		}
	}
	for _, slot := range s.marks.barred {
		g := group(s.table.StateOf(slot), slot)
		g.slots, g.count = append(g.slots, slot), g.count+1
	}
	for _, slot := range s.marks.slots {
		state := s.table.StateOf(slot)
		// Where a pod is nominated, the engine counts that, too.
		if slices.Contains(s.nominated, slot) || !s.known.verdict(state).refused() {
			u.groups = append(u.groups, alike{slot: slot, count: 1})
			continue
		}
		g := group(state, slot)
		g.slots, g.count = append(g.slots, slot), g.count+1
	}
	if 2*len(u.groups) > nodes {
		return nil
	}
	return u
}

// nodes returns the names of the nodes that stand for all.
func (u *unfit) nodes() sets.Set[string] {
	names := sets.New[string]()
	for i := range u.groups {
		names.Insert(u.name(u.groups[i].slot))
	}
	return names
}

func (u *unfit) name(slot int) string {
	return u.search.table.Node(slot).Info.Node().Name
}

// complete adds to the statuses of the nodes that stand for all what the engine would have heard of the
// others. Those of the largest group stay absent, and have its status. It returns a node that did
// not say what was expected of it, if there is one.
func (u *unfit) complete(statuses *framework.NodeToStatus) (unexpected string) {
	largest := 0
	for i := range u.groups {
		g := &u.groups[i]
		name := u.name(g.slot)
		said := statuses.Get(name)
		if g.status != nil && !same(g.status, said) {
			return name
		}
		g.status = said
		if g.count > u.groups[largest].count {
			largest = i
		}
	}
	most := u.groups[largest].status
	statuses.SetAbsentNodesStatus(most)
	for _, g := range u.groups {
		if same(g.status, most) {
			continue
		}
		for _, state := range g.states {
			for _, slot := range state.Slots {
				if !u.search.marks.has(int(slot)) {
					statuses.Set(u.name(int(slot)), g.status)
				}
			}
		}
		for _, slot := range g.slots {
			statuses.Set(u.name(slot), g.status)
		}
	}
	return ""
}

// same says whether two statuses mean the same to the engine. The order of reasons is up to chance where
// several extended resources are not sufficient.
func same(a, b *fwk.Status) bool {
	if a.Code() != b.Code() || a.Plugin() != b.Plugin() || len(a.Reasons()) != len(b.Reasons()) {
		return false
	}
	return slices.Equal(a.Reasons(), b.Reasons()) || slices.Equal(slices.Sorted(slices.Values(a.Reasons())), slices.Sorted(slices.Values(b.Reasons())))
}
