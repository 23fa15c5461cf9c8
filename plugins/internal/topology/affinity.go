package topology

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"
)

// AffinityFilter reports on which nodes a pod satisfies its required terms and those of
// existing pods. A nil filter admits all nodes.
type AffinityFilter struct {
	// affinity are the counts of pods that match all of the pod's terms, for each
	// of their topology keys.
	affinity []*Counts
	// first reports that no pod matches all of the terms yet, but this one does, so that it
	// may use a domain without matching pods.
	first bool
	// antiAffinity are the counts for each of the pod's terms.
	antiAffinity []*Counts
	// against are the required anti-affinity terms of existing pods that match the pod.
	against []*heldTerm
}

// AffinityFilter returns the filter for required affinity and anti-affinity. It fails if the
// pod's terms cannot be parsed, in which case upstream rejects all nodes.
func (c *Cluster) AffinityFilter(pod *corev1.Pod) (*AffinityFilter, error) {
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		return nil, fmt.Errorf("parsing pod %s: %w", klog.KObj(pod), err)
	}
	affinity, err := resolveAll(info.GetRequiredAffinityTerms(), c.opts.Namespaces)
	if err != nil {
		return nil, err
	}
	antiAffinity, err := resolveAll(info.GetRequiredAntiAffinityTerms(), c.opts.Namespaces)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := &AffinityFilter{first: matchesAll(affinity, pod)}
	keys := map[string]bool{}
	for _, term := range affinity {
		if keys[term.TopologyKey] {
			continue
		}
		keys[term.TopologyKey] = true
		counts := c.counts(affinityTerm(term.TopologyKey, affinity))
		f.affinity = append(f.affinity, counts)
		f.first = f.first && counts.Total() == 0
	}
	for _, term := range antiAffinity {
		f.antiAffinity = append(f.antiAffinity, c.counts(affinityTerm(term.TopologyKey, []fwk.AffinityTerm{term})))
	}
	c.requiredAntiAffinity.matching(pod, c.namespaceLabels(pod), func(held *heldTerm) {
		if len(held.domains) > 0 {
			f.against = append(f.against, held)
		}
	})
	if len(f.affinity) == 0 && len(f.antiAffinity) == 0 && len(f.against) == 0 {
		return nil, nil
	}
	return f, nil
}

// affinityTerm returns the term that counts pods that match all of the terms, on the
// nodes that have the key.
func affinityTerm(key string, match []fwk.AffinityTerm) Term {
	return Term{Key: key, Match: match, Nodes: nodeFilter{keys: []string{key}}}
}

// Feasible returns success if the node fits, or the code and the reason of the engine's
// InterPodAffinity.
func (f *AffinityFilter) Feasible(info fwk.NodeInfo) *fwk.Status {
	if f == nil {
		return nil
	}
	labels := info.Node().Labels
	switch {
	case !f.keepsAffinity(labels):
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, interpodaffinity.ErrReasonAffinityRulesNotMatch)
	case !f.keepsAntiAffinity(labels):
		return fwk.NewStatus(fwk.Unschedulable, interpodaffinity.ErrReasonAntiAffinityRulesNotMatch)
	case !f.accepted(labels):
		return fwk.NewStatus(fwk.Unschedulable, interpodaffinity.ErrReasonExistingAntiAffinityRulesNotMatch)
	}
	return nil
}

// keepsAffinity reports whether matching pods exist in all of the node's domains, or the pod
// may be the first.
func (f *AffinityFilter) keepsAffinity(node map[string]string) bool {
	for _, counts := range f.affinity {
		value, has := node[counts.term.Key]
		if !has || counts.Pods(value) == 0 && !f.first {
			return false
		}
	}
	return true
}

// keepsAntiAffinity reports whether no pod in the node's domains matches the pod's
// anti-affinity.
func (f *AffinityFilter) keepsAntiAffinity(node map[string]string) bool {
	for _, counts := range f.antiAffinity {
		if value, has := node[counts.term.Key]; has && counts.Pods(value) > 0 {
			return false
		}
	}
	return true
}

// accepted reports whether no pod in the node's domains has anti-affinity to the pod.
func (f *AffinityFilter) accepted(node map[string]string) bool {
	for _, held := range f.against {
		if value, has := node[held.term.TopologyKey]; has && held.domains[value] > 0 {
			return false
		}
	}
	return true
}
