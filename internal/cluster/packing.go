package cluster

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Packing describes how tightly a set of pods is packed.
type Packing struct {
	// Pods is the number of pods, and Placed the number of pods with a node.
	Pods, Placed int
	// NodesUsed is the number of nodes with at least one of them.
	NodesUsed int
	// LowerBound is the number of nodes that any placement of all of them requires; see
	// Snapshot.LowerBound.
	LowerBound int
	// Resources describes the use of the resources that they request, cpu and memory first.
	Resources []ResourcePacking
}

// ResourcePacking is the use of one resource. Fractions are from 0 to 1.
type ResourcePacking struct {
	Name corev1.ResourceName
	// Utilisation is requested ÷ allocatable over the used nodes that have the resource,
	// including all pods on them.
	Utilisation float64
	// Stranded is the fraction of the whole cluster's allocatable that is free on nodes where
	// another resource is exhausted: where less than the median request of the pods in the
	// set that request it is free.
	Stranded float64
}

// Resource returns the use of the resource with that name, or the zero value if no pod
// requests it.
func (p Packing) Resource(name corev1.ResourceName) ResourcePacking {
	for _, r := range p.Resources {
		if r.Name == name {
			return r
		}
	}
	return ResourcePacking{Name: name}
}

// Packing returns how the matching pods are packed. Pods that have ended do not count.
func (s *Snapshot) Packing(match func(*corev1.Pod) bool) Packing {
	var set []*corev1.Pod
	used := map[string]bool{}
	p := Packing{}
	for _, pod := range s.Pods {
		if !Holds(pod) || !match(pod) {
			continue
		}
		set = append(set, pod)
		if pod.Spec.NodeName != "" {
			p.Placed++
			used[pod.Spec.NodeName] = true
		}
	}
	p.Pods, p.NodesUsed, p.LowerBound = len(set), len(used), s.LowerBound(set)
	typical := medianRequests(set)
	for _, name := range order(typical) {
		p.Resources = append(p.Resources, s.resourcePacking(name, used, typical))
	}
	return p
}

// resourcePacking returns the use of one resource; used are the nodes for utilisation,
// typical the requests of a typical pod.
func (s *Snapshot) resourcePacking(name corev1.ResourceName, used map[string]bool, typical Amounts) ResourcePacking {
	var requested, allocatable, stranded, total int64
	free := s.Free()
	for i, node := range s.Nodes {
		capacity := Allocatable(node)
		total += capacity[name]
		if used[node.Name] && capacity[name] > 0 {
			allocatable += capacity[name]
			requested += capacity[name] - free[i][name]
		}
		for other, amount := range typical {
			if other != name && capacity[other] > 0 && free[i][other] < amount {
				stranded += max(0, free[i][name])
				break
			}
		}
	}
	return ResourcePacking{Name: name, Utilisation: ratio(requested, allocatable), Stranded: ratio(stranded, total)}
}

// Free returns the free resources of each node, in the order of the nodes.
func (s *Snapshot) Free() []Amounts {
	index := make(map[string]int, len(s.Nodes))
	free := make([]Amounts, len(s.Nodes))
	for i, node := range s.Nodes {
		index[node.Name] = i
		free[i] = Allocatable(node)
	}
	for _, pod := range s.Pods {
		if i, known := index[pod.Spec.NodeName]; known && Holds(pod) {
			free[i].Add(Requests(pod), -1)
		}
	}
	return free
}

// LowerBound returns the number of nodes that any placement of the pods on an empty cluster
// requires. For equal nodes it is the maximum, over the resources, of ⌈Σ requested ÷ a node's
// allocatable⌉. For nodes of several sizes it uses the largest nodes first, separately for
// each resource. Groups of pods without common eligible nodes, such as GPU pods and others,
// are added. If all eligible nodes together are not sufficient, it counts one more than there
// are.
func (s *Snapshot) LowerBound(pods []*corev1.Pod) int {
	bound := 0
	for _, group := range groupByNodes(s.classes(pods)) {
		total, nodes := Amounts{}, map[int]bool{}
		for _, c := range group {
			total.Add(c.requests, int64(len(c.pods)))
			for _, i := range c.nodes {
				nodes[i] = true
			}
		}
		most := 0
		for name, amount := range total {
			var sizes []int64
			for i := range nodes {
				sizes = append(sizes, Allocatable(s.Nodes[i])[name])
			}
			most = max(most, fewest(sizes, amount))
		}
		bound += most
	}
	return bound
}

// fewest returns how many of the sizes, largest first, are necessary for the amount, or one
// more than there are if they are not sufficient.
func fewest(sizes []int64, amount int64) int {
	slices.SortFunc(sizes, func(a, b int64) int { return cmp.Compare(b, a) })
	n := 0
	for ; amount > 0 && n < len(sizes); n++ {
		amount -= sizes[n]
	}
	if amount > 0 {
		n++
	}
	return n
}

// groupByNodes merges classes that share eligible nodes, directly or indirectly. Classes
// without eligible nodes are omitted.
func groupByNodes(classes []*class) [][]*class {
	owner := map[int]int{} // node → index of its group
	var groups [][]*class
	for _, c := range classes {
		if len(c.nodes) == 0 {
			continue
		}
		joined := []*class{c}
		merged := map[int]bool{}
		for _, node := range c.nodes {
			if g, known := owner[node]; known && !merged[g] {
				merged[g] = true
				joined = append(joined, groups[g]...)
				groups[g] = nil
			}
		}
		groups = append(groups, joined)
		for _, member := range joined {
			for _, node := range member.nodes {
				owner[node] = len(groups) - 1
			}
		}
	}
	return slices.DeleteFunc(groups, func(g []*class) bool { return g == nil })
}

// medianRequests returns, for each resource, the median over the pods that request it.
func medianRequests(pods []*corev1.Pod) Amounts {
	requests := map[corev1.ResourceName][]int64{}
	for _, pod := range pods {
		for name, amount := range Requests(pod) {
			if amount > 0 && name != corev1.ResourcePods {
				requests[name] = append(requests[name], amount)
			}
		}
	}
	median := Amounts{}
	for name, amounts := range requests {
		slices.Sort(amounts)
		median[name] = amounts[len(amounts)/2]
	}
	return median
}

// order returns the names of the resources, cpu and memory first.
func order(amounts Amounts) []corev1.ResourceName {
	var names []corev1.ResourceName
	for name := range amounts {
		names = append(names, name)
	}
	rank := func(name corev1.ResourceName) int {
		return slices.Index([]corev1.ResourceName{corev1.ResourceMemory, corev1.ResourceCPU}, name)
	}
	slices.SortFunc(names, func(a, b corev1.ResourceName) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(a, b))
	})
	return names
}

func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Overlooked returns the pods without a node although there is room for them: an eligible
// node has enough free resources.
func (s *Snapshot) Overlooked() []*corev1.Pod {
	var waiting []*corev1.Pod
	for _, pod := range s.Pods {
		if pod.Spec.NodeName == "" && Holds(pod) {
			waiting = append(waiting, pod)
		}
	}
	free := s.Free()
	var overlooked []*corev1.Pod
	for _, c := range s.classes(waiting) {
		if slices.ContainsFunc(c.nodes, func(i int) bool { return c.requests.fits(free[i]) }) {
			overlooked = append(overlooked, c.pods...)
		}
	}
	return overlooked
}
