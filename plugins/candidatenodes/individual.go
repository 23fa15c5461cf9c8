package candidatenodes

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/podkind"
	"github.com/stowage-k8s/stowage/plugins/internal/changes"
	"github.com/stowage-k8s/stowage/plugins/internal/nodetable"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// maxNeeds limits how many different needs are remembered, as maxKinds does.
const maxNeeds = 64

// unclear is how many volumes a node has that must be asked.
const unclear = 1 << 30

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
	// volumes are how many volumes the pods on each node have at most that count, by slot.
	volumes []int
}

// answers are by slot.
type answers struct {
	verdicts []verdict
	// unknown are the slots that are to be asked about, and of nodes that are gone; listed says which are
	// among them. Refused is how many do not fit.
	unknown  []int
	listed   []bool
	refused  int
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
		in.claimed, in.volumes = append(in.claimed, nil), append(in.volumes, 0)
	}
	in.buffer, in.volumes[slot] = in.buffer[:0], 0
	for _, pod := range node.GetPods() {
		pod := pod.GetPod()
		for i := range pod.Spec.Volumes {
			v := &pod.Spec.Volumes[i]
			switch {
			case v.Ephemeral != nil: // its claim may be another pod's, which the engine reports
				in.volumes[slot] = unclear
			case v.PersistentVolumeClaim != nil || bindsToNodes(v):
				in.volumes[slot]++
			}
			if name := claimOf(pod, v); name != "" {
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
	for slot >= len(a.verdicts) {
		a.verdicts, a.listed = append(a.verdicts, notAsked), append(a.listed, false)
	}
	a.set(slot, notAsked)
	a.list(slot)
}

// list notes that the node is to be asked about.
func (a *answers) list(slot int) {
	if !a.listed[slot] {
		a.listed[slot] = true
		a.unknown = append(a.unknown, slot)
	}
}

// set notes what was said of the node.
func (a *answers) set(slot int, v verdict) {
	if a.verdicts[slot].refused() {
		a.refused--
	}
	if v.refused() {
		a.refused++
	}
	a.verdicts[slot] = v
}

// forgetAll forgets what was said of all nodes.
func (a *answers) forgetAll(table *nodetable.Table) {
	for _, state := range table.States() {
		for _, slot := range state.Slots {
			a.forget(int(slot))
		}
	}
}

// verdict returns what was said of the node.
func (a *answers) verdict(slot int) verdict {
	if slot >= len(a.verdicts) {
		return notAsked
	}
	return a.verdicts[slot]
}

// of returns what is known about the needs.
func (in *individual) of(n *needs, table *nodetable.Table) *answers {
	in.asked++
	key := n.key()
	a := in.answers[key]
	if a == nil {
		podkind.MakeRoom(in.answers, maxNeeds, func(a *answers) int64 { return a.used })
		a = &answers{ofVolumes: len(n.volumes) > 0}
		a.forgetAll(table)
		in.answers[key] = a
	}
	a.used = in.asked
	return a
}

// hear forgets what depends on the volumes that have changed.
func (in *individual) hear(changed volumeChanges, table *nodetable.Table, slotOf func(node string) (int, bool)) {
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
			a.forgetAll(table)
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
		s.individual.hear(s.storage.changes.drain(), s.table, s.Feed.Slot)
	}
	a := s.individual.of(s.needs, s.table)
	s.needs.answers = a
	unknown := a.unknown[:0]
	for _, slot := range a.unknown {
		a.listed[slot] = false
		switch {
		case s.table.StateOf(slot) == nil: // it is gone
		case s.met(s.table.Node(slot)):
			a.set(slot, takes)
		default:
			unknown = append(unknown, slot)
		}
	}
	said := make([]verdict, len(unknown))
	restore := s.only(s.needs.ofNode)
	s.each(len(unknown), func(i int) { said[i] = s.ask(s.state, &a.refusals, s.table.Node(unknown[i])) })
	restore()
	a.unknown = a.unknown[:0]
	for i, slot := range unknown {
		if a.set(slot, said[i]); said[i] == notAsked {
			a.list(slot)
		}
	}
	if a.refused == 0 {
		return
	}
	for slot, v := range a.verdicts {
		if state := s.table.StateOf(slot); v.refused() && state != nil {
			s.marks.bar(slot, state)
		}
	}
}

// met reports whether the node surely has what the pod needs of it, so that no filter has to be asked.
func (s *search) met(node scan.Node) bool {
	n := s.needs
	if slices.ContainsFunc(n.ports, func(port corev1.ContainerPort) bool {
		return node.Info.GetUsedPorts().CheckConflict(port.HostIP, string(port.Protocol), port.HostPort)
	}) {
		return false
	}
	if len(n.volumes) == 0 {
		return true
	}
	name := node.Info.Node().Name
	csiNode, err := s.framework.SharedCSIManager().CSINodes().Get(name)
	if err != nil {
		return false
	}
	// Volumes of other drivers count as well here, and those that are attached for a pod twice.
	most := int64(s.individual.volumes[node.Slot] + s.storage.changes.attached(name) + len(n.volumes))
	return !slices.ContainsFunc(n.drivers, func(driver string) bool {
		return !slices.ContainsFunc(csiNode.Spec.Drivers, func(d storagev1.CSINodeDriver) bool {
			return d.Name == driver && (d.Allocatable == nil || d.Allocatable.Count == nil || int64(*d.Allocatable.Count) >= most)
		})
	})
}
