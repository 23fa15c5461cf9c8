package topology

import (
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/changes"
)

// store contains the counts.
type store struct {
	maxTerms int

	mu        sync.Mutex
	nodes     map[string]*nodeState
	hostnames map[string][]int // slots of the nodes that have the hostname
	looks     uint64
	changes   uint64
	terms     map[string]*Counts // by ID
	parts     map[string]*partition
	byPod     termIndex[*Counts]
	kinds     podKinds

	// The terms of existing pods; required terms have a weight of 1 per pod.
	requiredAffinity, requiredAntiAffinity, preferred heldTerms
}

// nodeState is the state of a node in the counts.
type nodeState struct {
	slot int
	node *corev1.Node
	pods map[fwk.PodInfo]*podState
}

// podState is the state of a pod in the counts.
type podState struct {
	kind     *podKind
	holdings []holding
	// seen is the last change of the node in which the pod was there.
	seen uint64
}

func newStore(maxTerms int) *store {
	return &store{
		maxTerms: maxTerms, nodes: map[string]*nodeState{}, hostnames: map[string][]int{},
		terms: map[string]*Counts{}, parts: map[string]*partition{}, byPod: newTermIndex[*Counts](), kinds: podKinds{},
		requiredAffinity: newHeldTerms(), requiredAntiAffinity: newHeldTerms(), preferred: newHeldTerms(),
	}
}

var _ changes.Subscriber = &store{}

// Changed updates one node.
func (s *store) Changed(slot int, info fwk.NodeInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	node := info.Node()
	n := s.nodes[node.Name]
	switch {
	case n == nil:
		n = &nodeState{slot: slot, node: node, pods: map[fwk.PodInfo]*podState{}}
		s.nodes[node.Name] = n
		s.enter(n)
	case !sameTopology(n.node, node):
		s.leave(n)
		n.node = node
		s.enter(n)
	default:
		n.node = node
	}
	for _, pod := range info.GetPods() {
		p := n.pods[pod]
		if p == nil {
			p = s.addPod(n, pod)
		}
		p.seen = s.changes
	}
	if len(n.pods) == len(info.GetPods()) {
		return
	}
	for pod, p := range n.pods {
		if p.seen != s.changes {
			s.removePod(n, pod, p)
		}
	}
}

// Gone removes a deleted node.
func (s *store) Gone(_ int, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.nodes[name]
	for pod, p := range n.pods {
		s.removePod(n, pod, p)
	}
	s.leave(n)
	delete(s.nodes, name)
}

// enter adds the node, and the terms of its pods, to the domains.
func (s *store) enter(n *nodeState) {
	if hostname, has := n.node.Labels[corev1.LabelHostname]; has {
		s.hostnames[hostname] = append(s.hostnames[hostname], n.slot)
	}
	for _, p := range s.parts {
		p.enter(n.slot, n.node)
	}
	for _, p := range n.pods {
		for _, h := range p.holdings {
			h.enter(n.node.Labels)
		}
	}
}

// leave reverts enter.
func (s *store) leave(n *nodeState) {
	if hostname, has := n.node.Labels[corev1.LabelHostname]; has {
		s.hostnames[hostname] = slices.DeleteFunc(s.hostnames[hostname], func(slot int) bool { return slot == n.slot })
		if len(s.hostnames[hostname]) == 0 {
			delete(s.hostnames, hostname)
		}
	}
	for _, p := range s.parts {
		p.leave(n.slot)
	}
	for _, p := range n.pods {
		for _, h := range p.holdings {
			h.leave(n.node.Labels)
		}
	}
}

// addPod adds a pod of the node.
func (s *store) addPod(n *nodeState, pod fwk.PodInfo) *podState {
	kind, isNew := s.kinds.of(pod.GetPod())
	if isNew {
		s.byPod.find(kind.sample, func(counts *Counts) {
			if counts.term.counts(kind.sample) {
				kind.counts = append(kind.counts, counts)
			}
		})
	}
	p := &podState{kind: kind, holdings: s.holdings(pod)}
	n.pods[pod] = p
	kind.add(n.slot, 1)
	for _, h := range p.holdings {
		h.enter(n.node.Labels)
	}
	return p
}

// removePod reverts addPod. The engine creates a new PodInfo when a pod changes, so this one
// still has the original kind.
func (s *store) removePod(n *nodeState, pod fwk.PodInfo, p *podState) {
	for _, h := range p.holdings {
		h.leave(n.node.Labels)
		h.release()
	}
	p.kind.add(n.slot, -1)
	s.kinds.drop(p.kind)
	delete(n.pods, pod)
}

// holdings returns the pod's contributions to the terms of existing pods.
func (s *store) holdings(pod fwk.PodInfo) []holding {
	var all []holding
	for _, term := range pod.GetRequiredAffinityTerms() {
		all = append(all, s.requiredAffinity.take(term, 1))
	}
	for _, term := range pod.GetRequiredAntiAffinityTerms() {
		all = append(all, s.requiredAntiAffinity.take(term, 1))
	}
	for _, term := range pod.GetPreferredAffinityTerms() {
		all = append(all, s.preferred.take(term.AffinityTerm, int64(term.Weight)))
	}
	for _, term := range pod.GetPreferredAntiAffinityTerms() {
		all = append(all, s.preferred.take(term.AffinityTerm, -int64(term.Weight)))
	}
	return all
}

// counts returns the counts of the term. On the first request, it evaluates all kinds of
// pods.
func (s *store) counts(term Term) *Counts {
	id := term.ID()
	counts := s.terms[id]
	if counts == nil {
		s.makeRoom()
		counts = newCounts(term, s.partition(&term))
		s.terms[id] = counts
		s.byPod.add(&term.Match[0], counts)
		s.kinds.matching(&term, func(kind *podKind) { kind.countIn(counts) })
	}
	counts.used = s.looks
	return counts
}

// partition returns how the term divides the nodes.
func (s *store) partition(term *Term) *partition {
	id := partitionID(term)
	p := s.parts[id]
	if p == nil {
		p = newPartition(id, term)
		s.parts[id] = p
		for _, n := range s.nodes {
			p.enter(n.slot, n.node)
		}
	}
	return p
}

// makeRoom drops the least recently used counts if there are too many. It may drop counts
// that were requested in the same Look: the caller keeps them until the next one.
func (s *store) makeRoom() {
	for len(s.terms) >= s.maxTerms {
		var oldest string
		for id, counts := range s.terms {
			if oldest == "" || counts.used < s.terms[oldest].used {
				oldest = id
			}
		}
		dropped := s.terms[oldest]
		s.byPod.remove(&dropped.term.Match[0], dropped)
		s.kinds.matching(&dropped.term, func(kind *podKind) { kind.leave(dropped) })
		delete(s.terms, oldest)
		if p := dropped.partition; len(p.users) == 1 {
			delete(s.parts, p.id)
		} else {
			delete(p.users, dropped)
		}
	}
}

// sameTopology reports whether two states of a node are equal to all terms.
func sameTopology(a, b *corev1.Node) bool {
	return maps.Equal(a.Labels, b.Labels) && slices.EqualFunc(a.Spec.Taints, b.Spec.Taints, func(s, t corev1.Taint) bool {
		return s.MatchTaint(&t) && s.Value == t.Value
	})
}
