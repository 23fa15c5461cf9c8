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
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/changes"
)

// DefaultMaxTerms is how many terms are counted where the options do not say. A term
// takes some 30 bytes per node that has pods which it counts.
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
	// Feed is what to follow. Nil is one of its own.
	Feed *changes.Feed
}

// Cluster answers from the counts. What it returns about a pod is good until the next
// Look: the engine places one pod after the other, so this is no burden. Several
// goroutines may ask what was returned about nodes at the same time.
type Cluster struct {
	*store
	opts Options
	feed *changes.Feed
}

// New returns a cluster that has not seen a snapshot yet. Clusters with the same feed
// share the counts.
func New(opts Options) *Cluster {
	if opts.MaxTerms == 0 {
		opts.MaxTerms = DefaultMaxTerms
	}
	if opts.SystemDefaulted {
		opts.DefaultConstraints = systemConstraints
	}
	if opts.Feed == nil {
		opts.Feed = &changes.Feed{}
	}
	counts := changes.Shared(opts.Feed, strconv.Itoa(opts.MaxTerms), func() *store { return newStore(opts.MaxTerms) })
	return &Cluster{store: counts, opts: opts, feed: opts.Feed}
}

// Look brings the counts up to date with the snapshot's nodes. It costs what the feed
// takes to find what has changed, and of a node whose labels and taints are as they
// were, only the pods that came or went.
func (c *Cluster) Look(nodes []fwk.NodeInfo) {
	c.feed.Update(nodes)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
}

// namespaceLabels returns the labels of the pod's namespace as they are now.
func (c *Cluster) namespaceLabels(pod *corev1.Pod) labels.Set {
	namespace, err := c.opts.Namespaces.Get(pod.Namespace)
	if err != nil {
		return nil // as upstream: a namespace that is not known has no labels
	}
	return namespace.Labels
}
