package cluster

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Packing says how tightly a set of pods is packed.
type Packing struct {
	// Pods is how many pods there are, and Placed how many have a node.
	Pods, Placed int
	// NodesUsed is how many nodes have at least one of them.
	NodesUsed int
	// LowerBound is a number of nodes that no placement of all of them can beat;
	// see Snapshot.LowerBound.
	LowerBound int
	// Resources says how the resources that they request are used, cpu and memory first.
	Resources []ResourcePacking
}

// ResourcePacking is how one resource is used. Fractions are from 0 to 1.
type ResourcePacking struct {
	Name corev1.ResourceName
	// Utilisation is requested ÷ allocatable over the nodes used that offer the resource, by
	// all pods there.
	Utilisation float64
	// Stranded is the part of the whole cluster's allocatable that is free on nodes
	// where another resource is exhausted: less of that is free than the median of
	// what the pods of the set that request it do.
	Stranded float64
}

// Resource returns how the resource of that name is used: not at all where no pod
// requests it.
func (p Packing) Resource(name corev1.ResourceName) ResourcePacking {
	for _, r := range p.Resources {
		if r.Name == name {
			return r
		}
	}
	return ResourcePacking{Name: name}
}

// Packing returns how the pods that match are packed; pods that have come to
// their end do not count.
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

// resourcePacking returns how one resource is used; used holds the nodes that
// utilisation is about, typical what a typical pod requests.
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

// Free returns what is free on each node, in the order of the nodes.
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

// LowerBound returns a number of nodes that no placement of the pods on an empty
// cluster can beat. For one kind of nodes it is the largest, over the resources,
// of ⌈Σ requested ÷ a node's allocatable⌉. Of nodes of several sizes it takes the
// largest first, resource by resource, which no placement can beat either. Pods
// that have no eligible node in common (GPU pods and others, say) add up. Where all
// eligible nodes together are not enough, it counts one more than there are.
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

// fewest returns how many of the sizes, largest first, it takes to hold the amount:
// one more than there are where they do not.
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

// groupByNodes puts classes together that share eligible nodes, directly or
// through others. Classes without any eligible node are left out.
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

// medianRequests returns, for each resource that pods request, the median of what
// those that do request.
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

// Overlooked returns the pods that have no node though there is room for them: a
// node that they are eligible for has free what they request.
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
