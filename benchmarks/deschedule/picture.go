package deschedule

import (
	"cmp"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// picture is a cluster at one moment, as far as figures are drawn from it.
type picture struct {
	snapshot *cluster.Snapshot
	nodes    []*nodeState // in the order of the snapshot
	byName   map[string]*nodeState
	// replicas counts the pods of each workload, wherever they are.
	replicas map[string]int
}

// nodeState is a node with what is on it.
type nodeState struct {
	name, zone             string
	milliCPU, requestedCPU int64
	// pods holds the millicores of each pod.
	pods []int64
	// of counts the pods of each workload.
	of map[string]int
}

// newPicture returns the picture of a snapshot.
func newPicture(s *cluster.Snapshot) *picture {
	p := &picture{snapshot: s, byName: map[string]*nodeState{}, replicas: map[string]int{}}
	for _, node := range s.Nodes {
		n := &nodeState{
			name: node.Name, zone: node.Labels[corev1.LabelTopologyZone],
			milliCPU: cluster.Allocatable(node)[corev1.ResourceCPU], of: map[string]int{},
		}
		p.nodes = append(p.nodes, n)
		p.byName[node.Name] = n
	}
	for _, pod := range s.Pods {
		if !cluster.Holds(pod) {
			continue
		}
		app := pod.Labels[appLabel]
		p.replicas[app]++
		if n := p.byName[pod.Spec.NodeName]; n != nil {
			cpu := cluster.Requests(pod)[corev1.ResourceCPU]
			n.pods = append(n.pods, cpu)
			n.requestedCPU += cpu
			n.of[app]++
		}
	}
	return p
}

// utilization is how much of a node's cpu is requested, in percent.
func (n *nodeState) utilization() float64 { return 100 * float64(n.requestedCPU) / float64(n.milliCPU) }

// imbalance returns the standard deviation of the nodes' utilization, in points.
func (p *picture) imbalance() float64 {
	if len(p.nodes) == 0 {
		return 0
	}
	mean, squares := 0.0, 0.0
	for _, n := range p.nodes {
		mean += n.utilization() / float64(len(p.nodes))
	}
	for _, n := range p.nodes {
		squares += (n.utilization() - mean) * (n.utilization() - mean)
	}
	return math.Sqrt(squares / float64(len(p.nodes)))
}

// used returns how many nodes have pods.
func (p *picture) used() int {
	used := 0
	for _, n := range p.nodes {
		if len(n.pods) > 0 {
			used++
		}
	}
	return used
}

// emptiedBy returns how many nodes had pods that have none in the other picture.
func (p *picture) emptiedBy(after *picture) int {
	emptied := 0
	for _, n := range p.nodes {
		if len(n.pods) > 0 && len(after.byName[n.name].pods) == 0 {
			emptied++
		}
	}
	return emptied
}

// inZones counts the pods of a workload by zone. Every zone that has nodes is there.
func (p *picture) inZones(app string) map[string]int {
	counts := map[string]int{}
	for _, n := range p.nodes {
		counts[n.zone] += n.of[app]
	}
	return counts
}

// grids returns the utilization of the nodes before and after, those first that were
// fullest before.
func (p *picture) grids(after *picture) (was, is []float64) {
	order := slices.Clone(p.nodes)
	slices.SortStableFunc(order, func(a, b *nodeState) int { return cmp.Compare(b.utilization(), a.utilization()) })
	for _, n := range order {
		was, is = append(was, figure.Round(n.utilization(), 1)), append(is, figure.Round(after.byName[n.name].utilization(), 1))
	}
	return was, is
}
