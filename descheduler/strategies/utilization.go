package strategies

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/descheduler/usage"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// points are percent of what a node offers, one figure per resource that has a threshold,
// in the order of the resources' names.
type points []float64

// utilizationSlack is how many points rounding may make.
const utilizationSlack = 1e-9

// plus returns the sum of both, factor times the other.
func (p points) plus(other points, factor float64) points {
	sum := slices.Clone(p)
	for i := range sum {
		sum[i] += factor * other[i]
	}
	return sum
}

// over returns by how much each is above the limit: 0 where it is not.
func (p points) over(limit points) points {
	over := make(points, len(p))
	for i := range p {
		if above := p[i] - limit[i]; above > utilizationSlack {
			over[i] = above
		}
	}
	return over
}

// total returns the sum of all resources.
func (p points) total() float64 {
	total := 0.0
	for _, figure := range p {
		total += figure
	}
	return total
}

// within says whether no resource is above its limit.
func (p points) within(limit points) bool { return p.over(limit).total() == 0 }

// utilizationScale measures nodes and pods in points: by requests, or by actual usage.
type utilizationScale struct {
	names  []corev1.ResourceName
	actual *utilizationActual
}

// newUtilizationScale returns the scale of the resources that have a threshold, by
// requests.
func newUtilizationScale(thresholds policy.ResourceThresholds) *utilizationScale {
	return &utilizationScale{names: slices.Sorted(maps.Keys(thresholds))}
}

// limits returns thresholds as points.
func (s *utilizationScale) limits(thresholds policy.ResourceThresholds) points {
	limits := make(points, len(s.names))
	for i, name := range s.names {
		limits[i] = float64(thresholds[name])
	}
	return limits
}

// node returns how full a node is, or false where that is not known.
func (s *utilizationScale) node(state *strategy.State, node *strategy.Node) (points, bool) {
	if s.actual == nil {
		return s.of(node.Requested, node), true
	}
	used, known := s.actual.node(state, node)
	return s.of(used, node), known
}

// pod returns how much of a node a pod takes or would take.
func (s *utilizationScale) pod(state *strategy.State, pod *corev1.Pod, node *strategy.Node) points {
	return s.of(s.amounts(state, pod), node)
}

// amounts returns what a pod takes anywhere.
func (s *utilizationScale) amounts(state *strategy.State, pod *corev1.Pod) strategy.Amounts {
	if s.actual == nil {
		return cluster.Requests(pod)
	}
	return s.actual.pod(state, pod)
}

func (s *utilizationScale) of(amounts strategy.Amounts, node *strategy.Node) points {
	p := make(points, len(s.names))
	for i, name := range s.names {
		if whole := utilizationWhole(node, name); whole > 0 {
			p[i] = 100 * float64(amounts[name]) / float64(whole)
		}
	}
	return p
}

// utilizationWhole returns what 100 points of a resource are: 0 where the node has none.
func utilizationWhole(node *strategy.Node, name corev1.ResourceName) int64 {
	if name == policy.MetricResource {
		return usage.Whole
	}
	return node.Allocatable[name]
}

// describe says how full a node is against limits: "82 % of cpu, above 50 %". Only what
// is above is said, or all where nothing is.
func (s *utilizationScale) describe(used, limit points, relation string) string {
	over := used.over(limit)
	var parts []string
	for i, name := range s.names {
		if over[i] > 0 || over.total() == 0 {
			parts = append(parts, fmt.Sprintf("%.4g %% of %s, %s %.4g %%", used[i], name, relation, limit[i]))
		}
	}
	return strings.Join(parts, "; ")
}

// nameList returns the names of the resources, for people.
func (s *utilizationScale) nameList() string {
	names := make([]string, len(s.names))
	for i, name := range s.names {
		names[i] = string(name)
	}
	return strings.Join(names, " and ")
}

// utilizationNode is a node with how full it is.
type utilizationNode struct {
	*strategy.Node
	used points
}

// utilizationNodes returns the nodes that the policy looks at and that are ready, with
// how full they are; and the names of those for which that is not known.
func utilizationNodes(state *strategy.State, scale *utilizationScale) (known []utilizationNode, unknown []string) {
	for _, node := range state.Nodes() {
		if !node.Selected || !utilizationReady(node) {
			continue
		}
		if used, is := scale.node(state, node); is {
			known = append(known, utilizationNode{node, used})
		} else {
			unknown = append(unknown, node.Name)
		}
	}
	return known, unknown
}

// utilizationReady says whether the kubelet answers, the network is there, and the node is
// to stay. A node that says nothing about itself counts as ready.
func utilizationReady(node *strategy.Node) bool {
	if cluster.NodeLeaving(node.Node) != "" {
		return false
	}
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue || c.Type == corev1.NodeNetworkUnavailable && c.Status == corev1.ConditionTrue {
			return false
		}
	}
	return true
}

// utilizationMean returns the mean of the nodes.
func utilizationMean(nodes []utilizationNode, scale *utilizationScale) points {
	mean := make(points, len(scale.names))
	for i, name := range scale.names {
		counted := 0
		for _, node := range nodes {
			if utilizationWhole(node.Node, name) > 0 {
				counted++
				mean[i] += node.used[i]
			}
		}
		mean[i] /= float64(max(1, counted))
	}
	return mean
}

// byNodeName orders nodes that are else alike.
func byNodeName(a, b utilizationNode) int { return cmp.Compare(a.Name, b.Name) }
