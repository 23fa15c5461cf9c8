package candidatenodes

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/changes"
)

// maxNeeds limits how many different needs are remembered, as maxKinds does.
const maxNeeds = 64

// individual stores what the engine's filters say of single nodes about what pods need: whether a host
// port is free, and whether there is room for another volume. It is asked again for a node that has
// changed, or when something has changed about a volume there.
type individual struct {
	asked   int64
	answers map[string]*answers
	// claimed are the claims of the pods on each node, by slot; users are the nodes by claim.
	claimed [][]types.NamespacedName
	users   map[types.NamespacedName]sets.Set[int]
	buffer  []types.NamespacedName
}

// answers are by slot.
type answers struct {
	verdicts []verdict
	refusals refusals
	// ofVolumes says whether they depend on volumes.
	ofVolumes bool
	// used is the number of the last request for it.
	used int64
}

var _ changes.Subscriber = &individual{}

func newIndividual() *individual {
	return &individual{answers: map[string]*answers{}, users: map[types.NamespacedName]sets.Set[int]{}}
}

// Changed forgets what was said of the node.
func (in *individual) Changed(slot int, node fwk.NodeInfo) {
	in.forget(slot)
	for slot >= len(in.claimed) {
		in.claimed = append(in.claimed, nil)
	}
	in.buffer = in.buffer[:0]
	for _, pod := range node.GetPods() {
		pod := pod.GetPod()
		for i := range pod.Spec.Volumes {
			if name := claimOf(pod, &pod.Spec.Volumes[i]); name != "" {
				in.buffer = append(in.buffer, types.NamespacedName{Namespace: pod.Namespace, Name: name})
			}
		}
	}
	in.claim(slot, in.buffer)
}

// Gone forgets the node.
func (in *individual) Gone(slot int, _ string) {
	in.forget(slot)
	if slot < len(in.claimed) {
		in.claim(slot, nil)
	}
}

// forget forgets what was said of the node.
func (in *individual) forget(slot int) {
	for _, a := range in.answers {
		a.forget(slot)
	}
}

// claim notes which claims the pods on a node have: mostly those from before, and another.
func (in *individual) claim(slot int, claims []types.NamespacedName) {
	before, same := in.claimed[slot], 0
	for same < len(before) && same < len(claims) && before[same] == claims[same] {
		same++
	}
	for _, claim := range before[same:] {
		in.users[claim].Delete(slot)
	}
	added := claims[same:]
	if same < len(before) {
		added = claims // those in common may have been there twice
	}
	for _, claim := range added {
		if in.users[claim] == nil {
			in.users[claim] = sets.New[int]()
		}
		in.users[claim].Insert(slot)
	}
	for _, claim := range before[same:] {
		if in.users[claim].Len() == 0 {
			delete(in.users, claim)
		}
	}
	in.claimed[slot] = append(before[:same], claims[same:]...)
}

func (a *answers) forget(slot int) {
	if slot < len(a.verdicts) {
		a.verdicts[slot] = notAsked
	}
}

// verdict returns what was said of the node.
func (a *answers) verdict(slot int) verdict {
	for slot >= len(a.verdicts) {
		a.verdicts = append(a.verdicts, notAsked)
	}
	return a.verdicts[slot]
}

// of returns what is known about the needs.
func (in *individual) of(n *needs) *answers {
	in.asked++
	key := n.key()
	a := in.answers[key]
	if a == nil {
		if len(in.answers) >= maxNeeds {
			used := slices.Sorted(func(yield func(int64) bool) {
				for a := range maps.Values(in.answers) {
					if !yield(a.used) {
						return
					}
				}
			})
			maps.DeleteFunc(in.answers, func(_ string, a *answers) bool { return a.used < used[len(used)/2] })
		}
		a = &answers{ofVolumes: len(n.volumes) > 0}
		in.answers[key] = a
	}
	a.used = in.asked
	return a
}

// hear forgets what depends on the volumes that have changed.
func (in *individual) hear(changed volumeChanges, slotOf func(node string) (int, bool)) {
	slots := sets.New[int]()
	for node := range changed.nodes {
		if slot, known := slotOf(node); known {
			slots.Insert(slot)
		}
	}
	for claim := range changed.claims {
		slots = slots.Union(in.users[claim])
	}
	for _, a := range in.answers {
		switch {
		case !a.ofVolumes:
		case changed.all:
			clear(a.verdicts)
		default:
			for slot := range slots {
				a.forget(slot)
			}
		}
	}
}

// askEach makes the engine filter each node of which nothing is known, and excludes those that do not have
// what the pod needs.
func (s *search) askEach() {
	if len(s.needs.volumes) > 0 {
		s.individual.hear(s.storage.changes.drain(), s.Feed.Slot)
	}
	a := s.individual.of(s.needs)
	s.needs.answers = a
	var unknown []int
	for _, state := range s.table.States() {
		for _, slot := range state.Slots {
			switch {
			case a.verdict(int(slot)) != notAsked:
			case s.needs.met(s.table.Node(int(slot)).Info):
				a.verdicts[slot] = takes
			default:
				unknown = append(unknown, int(slot))
			}
		}
	}
	restore := s.only(s.needs.ofNode)
	s.each(len(unknown), func(i int) { a.verdicts[unknown[i]] = s.ask(s.state, &a.refusals, s.table.Node(unknown[i])) })
	restore()
	for slot, v := range a.verdicts {
		if v.refused() {
			s.marks.bar(slot, s.table.StateOf(slot))
		}
	}
}
