// Package topology determines where inter-pod affinity and topology spread constraints allow
// a pod, and scores nodes by them. It uses counts of pods per term and topology domain that
// are updated from the scheduler's snapshot: a pod that is added or removed changes the
// counts of the terms that it matches.
//
// It makes the same decisions as the engine's InterPodAffinity and PodTopologySpread,
// including reasons and scores: required and preferred affinity and anti-affinity, those of
// existing pods against the pod, namespace selectors, constraints with DoNotSchedule and
// ScheduleAnyway with all their fields, and default constraints. A differential test verifies
// this.
//
// It does not support hypothetical pods, which the engine adds and removes with AddPod and
// RemovePod for nominated pods and in preemption.
//
// The labels of namespaces are read when a pod is placed, as upstream does: the namespaces
// that a selector of the pod matches are listed each time, and a change results in another
// term with its own counts; selectors of existing pods are evaluated for the pod's namespace
// each time. So this package does not need events for namespaces. A namespace that the lister
// does not know has no labels.
package topology

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	corelisters "k8s.io/client-go/listers/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/changes"
)

// DefaultMaxTerms is the default limit for terms. A term takes about 30 bytes per node with
// pods that it counts.
const DefaultMaxTerms = 1024

// Options are the arguments of the engine's plugins.
type Options struct {
	// Namespaces lists the namespaces for namespace selectors.
	Namespaces corelisters.NamespaceLister
	// HardPodAffinityWeight is the weight of required affinity of existing pods in the score
	// of a pod that matches it; 0 disables it.
	HardPodAffinityWeight int32
	// IgnorePreferredTermsOfExistingPods disables scores for a pod without its own preferred
	// terms.
	IgnorePreferredTermsOfExistingPods bool
	// DefaultConstraints apply to pods without constraints, and count the pods that
	// DefaultSelector selects.
	DefaultConstraints []corev1.TopologySpreadConstraint
	// DefaultSelector returns the selector of the pods that belong to the same Services and
	// controller. It is only required with default constraints.
	DefaultSelector func(*corev1.Pod) labels.Selector
	// SystemDefaulted uses the engine's own default constraints instead. They also count on
	// nodes that lack some of their keys.
	SystemDefaulted bool
	// IgnoreMatchLabelKeys ignores matchLabelKeys of spread constraints, and
	// TolerationComparisons lets tolerations compare numbers, according to the engine's
	// feature gates.
	IgnoreMatchLabelKeys, TolerationComparisons bool
	// MaxTerms limits how many terms of pods are counted at a time. Above it, the least
	// recently used are dropped. 0 means DefaultMaxTerms.
	MaxTerms int
	// Feed is the source of changes. Nil means a new feed.
	Feed *changes.Feed
}

// Cluster provides results from the counts. Results about a pod are valid until the next
// Look, which is sufficient because the engine places one pod after another. Results about
// nodes can be used by several goroutines.
type Cluster struct {
	*store
	opts Options
	feed *changes.Feed
}

// New returns a cluster without a snapshot. Clusters with the same feed share the counts.
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

// Look updates the counts from the snapshot's nodes. The cost is that of finding changes in
// the feed and, for a node whose labels and taints have not changed, that of the pods that
// were added or removed.
func (c *Cluster) Look(nodes []fwk.NodeInfo) {
	c.feed.Update(nodes)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looks++
}

// namespaceLabels returns the current labels of the pod's namespace.
func (c *Cluster) namespaceLabels(pod *corev1.Pod) labels.Set {
	namespace, err := c.opts.Namespaces.Get(pod.Namespace)
	if err != nil {
		return nil // as upstream: an unknown namespace has no labels
	}
	return namespace.Labels
}
