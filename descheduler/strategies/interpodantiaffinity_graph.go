package strategies

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// antiClash is one domain in which pods are that a term keeps apart: every pod with the
// term is in conflict with every pod that it selects. The pairs are not written out,
// since a zone may have thousands on either side.
type antiClash struct {
	term   *antiTerm
	domain string
	// owners have the term, and it selects the targets. A pod may be both.
	owners, targets map[*corev1.Pod]bool
	both            int
}

// conflicts returns how many others of the clash the pod is in conflict with.
func (c *antiClash) conflicts(pod *corev1.Pod) int {
	switch owner, target := c.owners[pod], c.targets[pod]; {
	case owner && target:
		return len(c.owners) + len(c.targets) - c.both - 1
	case owner:
		return len(c.targets)
	case target:
		return len(c.owners)
	}
	return 0
}

// remove takes the pod out.
func (c *antiClash) remove(pod *corev1.Pod) {
	if c.owners[pod] && c.targets[pod] {
		c.both--
	}
	delete(c.owners, pod)
	delete(c.targets, pod)
}

// neighbours returns the others that the pod is in conflict with.
func (c *antiClash) neighbours(pod *corev1.Pod) []*corev1.Pod {
	var neighbours []*corev1.Pod
	for other := range c.targets {
		if c.owners[pod] && other != pod {
			neighbours = append(neighbours, other)
		}
	}
	for other := range c.owners {
		if c.targets[pod] && other != pod {
			neighbours = append(neighbours, other)
		}
	}
	return neighbours
}

// antiGraph is the pods in conflict.
type antiGraph struct {
	clashes map[*corev1.Pod][]*antiClash
}

// newAntiGraph returns the conflicts of a state. Pods that are leaving have none.
func newAntiGraph(state *strategy.State, terms *antiTerms) *antiGraph {
	type group struct {
		term   *antiTerm
		owners []*corev1.Pod
	}
	groups := map[string]*group{}
	for _, node := range state.Nodes() {
		for _, pod := range node.Pods {
			if pod.DeletionTimestamp != nil {
				continue
			}
			of := terms.terms(pod)
			for i := range of {
				g := groups[of[i].id]
				if g == nil {
					g = &group{term: &of[i]}
					groups[of[i].id] = g
				}
				g.owners = append(g.owners, pod)
			}
		}
	}
	graph := &antiGraph{clashes: map[*corev1.Pod][]*antiClash{}}
	index := newPodIndex(state)
	for _, id := range slices.Sorted(maps.Keys(groups)) {
		graph.add(state, groups[id].term, groups[id].owners, terms.selected(groups[id].term, index))
	}
	return graph
}

// selected returns the pods that the term keeps away.
func (t *antiTerms) selected(term *antiTerm, index *podIndex) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, namespace := range slices.Sorted(maps.Keys(index.namespaces)) {
		if t.inNamespace(term, namespace) {
			pods = append(pods, index.matching(namespace, term.selector)...)
		}
	}
	return pods
}

// add adds the clashes of a term.
func (g *antiGraph) add(state *strategy.State, term *antiTerm, owners, targets []*corev1.Pod) {
	type sides struct{ owners, targets []*corev1.Pod }
	domains := map[string]*sides{}
	for _, pod := range owners {
		domain, has := state.Node(pod.Spec.NodeName).Labels[term.key]
		if !has {
			continue
		}
		if domains[domain] == nil {
			domains[domain] = &sides{}
		}
		domains[domain].owners = append(domains[domain].owners, pod)
	}
	for _, pod := range targets {
		if domain, has := state.Node(pod.Spec.NodeName).Labels[term.key]; has && domains[domain] != nil {
			domains[domain].targets = append(domains[domain].targets, pod)
		}
	}
	for _, domain := range slices.Sorted(maps.Keys(domains)) {
		d := domains[domain]
		if len(d.targets) == 0 || len(d.owners) == 1 && len(d.targets) == 1 && d.owners[0] == d.targets[0] {
			continue
		}
		c := &antiClash{term: term, domain: domain, owners: map[*corev1.Pod]bool{}, targets: map[*corev1.Pod]bool{}}
		for _, pod := range d.owners {
			c.owners[pod] = true
			g.clashes[pod] = append(g.clashes[pod], c)
		}
		for _, pod := range d.targets {
			c.targets[pod] = true
			if c.owners[pod] {
				c.both++
				continue
			}
			g.clashes[pod] = append(g.clashes[pod], c)
		}
	}
}

// pods returns the pods in conflict, in the order of eviction.
func (g *antiGraph) pods() []*corev1.Pod {
	return slices.SortedFunc(maps.Keys(g.clashes), compareForEviction)
}

// countedSingly is the maximum number of conflicts that are counted individually.
const countedSingly = 1000

// conflicts returns how many others the pod is in conflict with. Those that it is in
// conflict with in two ways count once, unless there are very many.
func (g *antiGraph) conflicts(pod *corev1.Pod) int {
	n := 0
	for _, c := range g.clashes[pod] {
		n += c.conflicts(pod)
	}
	if len(g.clashes[pod]) < 2 || n > countedSingly {
		return n
	}
	others := map[*corev1.Pod]bool{}
	for _, c := range g.clashes[pod] {
		for _, other := range c.neighbours(pod) {
			others[other] = true
		}
	}
	return len(others)
}

// remove ends the pod's conflicts.
func (g *antiGraph) remove(pod *corev1.Pod) {
	for _, c := range g.clashes[pod] {
		c.remove(pod)
	}
}

// reason says why the pod should go.
func (g *antiGraph) reason(pod *corev1.Pod) string {
	for _, c := range g.clashes[pod] {
		if c.conflicts(pod) == 0 {
			continue
		}
		others := slices.MinFunc(c.neighbours(pod), func(a, b *corev1.Pod) int {
			return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
		})
		return fmt.Sprintf("required anti-affinity forbids the pod and pod %s/%s in the same %s, and both are in %s", others.Namespace, others.Name, c.term.key, c.domain)
	}
	return ""
}
