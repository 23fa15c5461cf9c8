package topology

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/podtopologyspread"
	"k8s.io/utils/ptr"
)

// systemConstraints are the constraints that the engine applies to pods without constraints,
// unless its configuration lists others.
var systemConstraints = []corev1.TopologySpreadConstraint{
	{TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway, MaxSkew: 3},
	{TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.ScheduleAnyway, MaxSkew: 5},
}

// SpreadFilter reports on which nodes a pod satisfies its topology spread constraints with
// DoNotSchedule. A nil filter admits all nodes.
type SpreadFilter struct {
	limits []spreadLimit
}

// spreadLimit is the limit of one constraint.
type spreadLimit struct {
	counts *Counts
	// most is the maximum number of pods in a domain that the pod may use.
	most int
}

// constraint is a spread constraint of a pod with all defaults.
type constraint struct {
	key        string
	maxSkew    int32
	minDomains int32
	selector   labels.Selector
	// affinity and taints report whether nodes that these exclude for the pod are ignored.
	affinity, taints bool
}

// SpreadFilter returns the filter for the pod's constraints. As upstream, it fails if the
// pod's selectors cannot be parsed.
func (c *Cluster) SpreadFilter(pod *corev1.Pod) (*SpreadFilter, error) {
	constraints, err := c.constraints(pod, corev1.DoNotSchedule)
	if err != nil || len(constraints) == 0 {
		return nil, err
	}
	terms, err := c.spreadTerms(pod, constraints, true)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &SpreadFilter{}
	for i, term := range terms {
		counts := c.counts(term)
		f.limits = append(f.limits, spreadLimit{counts: counts, most: constraints[i].most(counts, pod)})
	}
	return f, nil
}

// most returns the maximum number of pods in a domain that the pod may use: maxSkew more than
// the domain with the fewest pods, minus the pod itself if it counts. If there are fewer
// domains than minDomains, the lowest number is 0.
func (s *constraint) most(counts *Counts, pod *corev1.Pod) int {
	least := counts.Least()
	if counts.Domains() < int(s.minDomains) {
		least = 0
	}
	most := least + int(s.maxSkew)
	if s.selector.Matches(labels.Set(pod.Labels)) {
		most--
	}
	return most
}

// Feasible returns success if the node fits, or the code and the reason of the engine's
// PodTopologySpread.
func (f *SpreadFilter) Feasible(info fwk.NodeInfo) *fwk.Status {
	if f == nil {
		return nil
	}
	for _, limit := range f.limits {
		value, has := info.Node().Labels[limit.counts.term.Key]
		if !has {
			return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, podtopologyspread.ErrReasonNodeLabelNotMatch)
		}
		if limit.counts.Pods(value) > limit.most {
			return fwk.NewStatus(fwk.Unschedulable, podtopologyspread.ErrReasonConstraintsNotMatch)
		}
	}
	return nil
}

// constraints returns the pod's constraints of one kind, or the default constraints for a pod
// without any.
func (c *Cluster) constraints(pod *corev1.Pod, kind corev1.UnsatisfiableConstraintAction) ([]constraint, error) {
	specs, own := pod.Spec.TopologySpreadConstraints, true
	if len(specs) == 0 {
		specs, own = c.opts.DefaultConstraints, false
	}
	var constraints []constraint
	for _, spec := range specs {
		if spec.WhenUnsatisfiable != kind {
			continue
		}
		s, err := c.parse(pod, spec)
		if err != nil {
			return nil, err
		}
		constraints = append(constraints, s)
	}
	if own || len(constraints) == 0 {
		return constraints, nil
	}
	selector := c.opts.DefaultSelector(pod)
	if selector.Empty() {
		return nil, nil
	}
	for i := range constraints {
		constraints[i].selector = selector
	}
	return constraints, nil
}

// parse sets the defaults. The API server also merges matchLabelKeys into the selector, but
// not if its feature gate is disabled, and not in older pods.
func (c *Cluster) parse(pod *corev1.Pod, spec corev1.TopologySpreadConstraint) (constraint, error) {
	selector, err := metav1.LabelSelectorAsSelector(spec.LabelSelector)
	if err != nil {
		return constraint{}, fmt.Errorf("parsing the spread constraints of pod %s: %w", klog.KObj(pod), err)
	}
	if !c.opts.IgnoreMatchLabelKeys {
		selector = withLabels(selector, pod.Labels, spec.MatchLabelKeys)
	}
	return constraint{
		key:        spec.TopologyKey,
		maxSkew:    spec.MaxSkew,
		minDomains: ptr.Deref(spec.MinDomains, 1),
		selector:   selector,
		affinity:   ptr.Deref(spec.NodeAffinityPolicy, corev1.NodeInclusionPolicyHonor) == corev1.NodeInclusionPolicyHonor,
		taints:     ptr.Deref(spec.NodeTaintsPolicy, corev1.NodeInclusionPolicyIgnore) == corev1.NodeInclusionPolicyHonor,
	}, nil
}

// withLabels restricts the selector to pods with the same values of the keys. Keys that the
// pod does not have are ignored.
func withLabels(selector labels.Selector, pod labels.Set, keys []string) labels.Selector {
	same := labels.Set{}
	for _, key := range keys {
		if value, has := pod[key]; has {
			same[key] = value
		}
	}
	requirements, _ := labels.SelectorFromSet(same).Requirements()
	return selector.Add(requirements...)
}

// spreadTerms returns the terms that count the pods of the constraints. With allKeys, only
// nodes that have all of the topology keys count.
func (c *Cluster) spreadTerms(pod *corev1.Pod, constraints []constraint, allKeys bool) ([]Term, error) {
	var keys []string
	if allKeys {
		for _, s := range constraints {
			keys = append(keys, s.key)
		}
	}
	var terms []Term
	for _, s := range constraints {
		selector := s.selector
		if selector.Empty() {
			selector = labels.Nothing() // as upstream: an empty selector matches no pods
		}
		term := Term{Key: s.key, Live: true, Match: []fwk.AffinityTerm{inNamespace(pod.Namespace, selector)}}
		term.Nodes = nodeFilter{keys: keys, comparisons: c.opts.TolerationComparisons}
		if err := term.Nodes.honour(pod, s.affinity, s.taints); err != nil {
			return nil, err
		}
		terms = append(terms, term)
	}
	return terms, nil
}
