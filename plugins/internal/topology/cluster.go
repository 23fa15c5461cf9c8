// Package topology answers where affinity between pods and topology spread let a pod
// go, and how good each node is by them, from counts of pods per term and topology
// domain that follow the scheduler's snapshot: a pod that comes or goes changes the
// counts of the terms that it matches, and nothing is counted twice.
//
// It decides what the engine's InterPodAffinity and PodTopologySpread decide, to the
// reason and the score: required and preferred affinity and anti-affinity, those of
// the pods that are on nodes already against the pod to be placed, namespace
// selectors, spread with DoNotSchedule and ScheduleAnyway with all their fields, and
// default constraints. A differential test holds it to that.
//
// It does not cover pods that are there only in thought: what the engine asks with
// AddPod and RemovePod, for nominated pods and in preemption.
//
// Labels of namespaces count as they are when a pod is placed, as upstream has it:
// the namespaces that a selector of the pod to be placed takes are listed afresh for
// every question, and a change gives another term with counts of its own; selectors
// of pods on nodes are asked about that pod's namespace every time. So nothing here
// needs to hear of a change. A namespace that the lister does not know has no labels.
package topology

import (
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/changes"
)

// DefaultMaxTerms is how many terms are counted where the options do not say. A term
// takes 16 bytes per node.
const DefaultMaxTerms = 1024

// Options say how to decide, in the words of the arguments of the engine's plugins.
type Options struct {
	// Namespaces are what namespace selectors choose from.
	Namespaces corelisters.NamespaceLister
	// HardPodAffinityWeight is the weight of required affinity of pods on nodes in
	// the score of a pod that matches it; 0 leaves it out.
	HardPodAffinityWeight int32
	// IgnorePreferredTermsOfExistingPods leaves a pod without preferred terms of its
	// own without scores.
	IgnorePreferredTermsOfExistingPods bool
	// DefaultConstraints apply to pods that have none, to the pods that
	// DefaultSelector takes.
	DefaultConstraints []corev1.TopologySpreadConstraint
	// DefaultSelector returns what selects the pods that belong with this one, by
	// its services and controller. It is needed only where there are defaults.
	DefaultSelector func(*corev1.Pod) labels.Selector
	// SystemDefaulted takes the engine's own default constraints instead. They also
	// count on nodes that lack some of their keys.
	SystemDefaulted bool
	// IgnoreMatchLabelKeys leaves out matchLabelKeys of spread constraints, and
	// TolerationComparisons lets tolerations compare numbers, as the engine's feature
	// gates say.
	IgnoreMatchLabelKeys, TolerationComparisons bool
	// MaxTerms is how many terms of pods to be placed are counted at a time; beyond,
	// those asked for longest ago are dropped. 0 is DefaultMaxTerms.
	MaxTerms int
}

// Cluster keeps the counts. What it returns about a pod is good until the next Look:
// the engine places one pod after the other, so this is no burden. Several goroutines
// may ask what was returned about nodes at the same time.
type Cluster struct {
	opts Options

	mu       sync.Mutex
	follower changes.Follower
	nodes    map[string]*nodeState
	free     []int // slots of nodes that are no more
	looks    uint64
	terms    map[string]*Counts // by ID

	// What pods on nodes ask for: weights are 1 per pod for what is required.
	requiredAffinity, requiredAntiAffinity, preferred heldTerms
}

// nodeState is a node as the counts have it.
type nodeState struct {
	slot int
	node *corev1.Node
	pods map[fwk.PodInfo]*podState
}

// podState is a pod as the counts have it.
type podState struct {
	holdings []holding
	// seen is the look that found the pod on its node last.
	seen uint64
}

// New returns a cluster that has not seen a snapshot yet.
func New(opts Options) *Cluster {
	if opts.MaxTerms == 0 {
		opts.MaxTerms = DefaultMaxTerms
	}
	if opts.SystemDefaulted {
		opts.DefaultConstraints = systemConstraints
	}
	return &Cluster{
		opts: opts, nodes: map[string]*nodeState{}, terms: map[string]*Counts{},
		requiredAffinity: newHeldTerms(), requiredAntiAffinity: newHeldTerms(), preferred: newHeldTerms(),
	}
}

// Look brings the counts up to date with the snapshot's nodes. It costs a glance at
// each node, and what has changed: of a node whose labels and taints are as they
// were, only the pods that came or went.
func (c *Cluster) Look(nodes []fwk.NodeInfo) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
	c.follower.Follow(nodes, c.change, c.remove)
}

// change brings one node up to date.
func (c *Cluster) change(info fwk.NodeInfo) {
	node := info.Node()
	n := c.nodes[node.Name]
	switch {
	case n == nil:
		n = &nodeState{slot: c.newSlot(), node: node, pods: map[fwk.PodInfo]*podState{}}
		c.nodes[node.Name] = n
		c.enter(n)
	case !sameTopology(n.node, node):
		c.leave(n)
		n.node = node
		c.enter(n)
	default:
		n.node = node
	}
	for _, pod := range info.GetPods() {
		p := n.pods[pod]
		if p == nil {
			p = c.addPod(n, pod)
		}
		p.seen = c.looks
	}
	if len(n.pods) == len(info.GetPods()) {
		return
	}
	for pod, p := range n.pods {
		if p.seen != c.looks {
			c.removePod(n, pod, p)
		}
	}
}

// remove takes a node away that is no more.
func (c *Cluster) remove(name string) {
	n := c.nodes[name]
	for pod, p := range n.pods {
		c.removePod(n, pod, p)
	}
	c.leave(n)
	c.free = append(c.free, n.slot)
	delete(c.nodes, name)
}

// newSlot returns a place for a node in the counts.
func (c *Cluster) newSlot() int {
	if last := len(c.free) - 1; last >= 0 {
		slot := c.free[last]
		c.free = c.free[:last]
		return slot
	}
	return len(c.nodes)
}

// enter makes the node, and what its pods hold, part of the domains.
func (c *Cluster) enter(n *nodeState) {
	for _, counts := range c.terms {
		counts.enter(n.slot, n.node)
	}
	for _, p := range n.pods {
		for _, h := range p.holdings {
			h.enter(n.node.Labels)
		}
	}
}

// leave undoes enter.
func (c *Cluster) leave(n *nodeState) {
	for _, counts := range c.terms {
		counts.leave(n.slot, n.node)
	}
	for _, p := range n.pods {
		for _, h := range p.holdings {
			h.leave(n.node.Labels)
		}
	}
}

// addPod counts a pod that came to the node.
func (c *Cluster) addPod(n *nodeState, pod fwk.PodInfo) *podState {
	p := &podState{holdings: c.holdings(pod)}
	n.pods[pod] = p
	for _, h := range p.holdings {
		h.enter(n.node.Labels)
	}
	for _, counts := range c.terms {
		if counts.term.counts(pod.GetPod()) {
			counts.count(n.slot, 1)
		}
	}
	return p
}

// removePod undoes addPod: the engine makes a new PodInfo of a pod that changes, so
// this one matches what it matched then.
func (c *Cluster) removePod(n *nodeState, pod fwk.PodInfo, p *podState) {
	for _, h := range p.holdings {
		h.leave(n.node.Labels)
		h.release()
	}
	for _, counts := range c.terms {
		if counts.term.counts(pod.GetPod()) {
			counts.count(n.slot, -1)
		}
	}
	delete(n.pods, pod)
}

// holdings returns the pod's parts in the terms that pods on nodes have.
func (c *Cluster) holdings(pod fwk.PodInfo) []holding {
	var all []holding
	for _, term := range pod.GetRequiredAffinityTerms() {
		all = append(all, c.requiredAffinity.take(term, 1))
	}
	for _, term := range pod.GetRequiredAntiAffinityTerms() {
		all = append(all, c.requiredAntiAffinity.take(term, 1))
	}
	for _, term := range pod.GetPreferredAffinityTerms() {
		all = append(all, c.preferred.take(term.AffinityTerm, int64(term.Weight)))
	}
	for _, term := range pod.GetPreferredAntiAffinityTerms() {
		all = append(all, c.preferred.take(term.AffinityTerm, -int64(term.Weight)))
	}
	return all
}

// counts returns the counts of the term. The first time it is asked for, all pods
// are gone through.
func (c *Cluster) counts(term Term) *Counts {
	id := term.ID()
	counts := c.terms[id]
	if counts == nil {
		c.makeRoom()
		counts = newCounts(term)
		c.terms[id] = counts
		for _, n := range c.nodes {
			for pod := range n.pods {
				if term.counts(pod.GetPod()) {
					counts.count(n.slot, 1)
				}
			}
			counts.enter(n.slot, n.node)
		}
	}
	counts.used = c.looks
	return counts
}

// makeRoom drops the counts asked for longest ago if there is no room for more. It
// may drop what was asked for in the same look: whoever asked keeps it until the next.
func (c *Cluster) makeRoom() {
	for len(c.terms) >= c.opts.MaxTerms {
		var oldest string
		for id, counts := range c.terms {
			if oldest == "" || counts.used < c.terms[oldest].used {
				oldest = id
			}
		}
		delete(c.terms, oldest)
	}
}

// namespaceLabels returns the labels of the pod's namespace as they are now.
func (c *Cluster) namespaceLabels(pod *corev1.Pod) labels.Set {
	namespace, err := c.opts.Namespaces.Get(pod.Namespace)
	if err != nil {
		return nil // as upstream: a namespace that is not known has no labels
	}
	return namespace.Labels
}

// sameTopology says whether two states of a node are the same to every term.
func sameTopology(a, b *corev1.Node) bool {
	return maps.Equal(a.Labels, b.Labels) && slices.EqualFunc(a.Spec.Taints, b.Spec.Taints, func(s, t corev1.Taint) bool {
		return s.MatchTaint(&t) && s.Value == t.Value
	})
}
