package strategies

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	v1helper "k8s.io/kubernetes/pkg/apis/core/v1/helper"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/descheduler/usage"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// points are percentages of what a node offers, one per resource with a threshold, in the order
// of the resources' names.
type points []float64

// utilizationSlack is the tolerance for rounding errors.
const utilizationSlack = 1e-9

// plus returns the sum of both, factor times the other.
func (p points) plus(other points, factor float64) points {
	sum := slices.Clone(p)
	for i := range sum {
		sum[i] += factor * other[i]
	}
	return sum
}

// over returns how far each is above the limit, or 0 if it is not.
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
	// devices are the resources that nodes need not have themselves.
	devices map[corev1.ResourceName]bool
}

// newUtilizationScale returns the scale of the resources that have a threshold, by
// requests.
func newUtilizationScale(state *strategy.State, thresholds policy.ResourceThresholds) *utilizationScale {
	return &utilizationScale{names: slices.Sorted(maps.Keys(thresholds)), devices: state.Picture().DeviceResources()}
}

// limits returns thresholds as points.
func (s *utilizationScale) limits(thresholds policy.ResourceThresholds) points {
	limits := make(points, len(s.names))
	for i, name := range s.names {
		limits[i] = float64(thresholds[name])
	}
	return limits
}

// judges says whether the node can be classified. It must offer at least one of the resources,
// and must not be unsettled.
func (s *utilizationScale) judges(node *strategy.Node) bool {
	return s.measures(node) && s.unsettled(node) == ""
}

// measures says whether the node offers a resource that has a threshold.
func (s *utilizationScale) measures(node *strategy.Node) bool {
	return slices.ContainsFunc(s.names, func(name corev1.ResourceName) bool { return utilizationWhole(node, name) > 0 })
}

// unsettled says why the utilization of a node is unknown, if it is: its pods hold a resource that
// it does not offer, or more of an extended resource than it offers. Its device plugin may be
// restarting, devices may be unhealthy, or it may have just registered. CPU and memory can be
// overcommitted; such a node is full. Devices that the scheduler allocates by claims do not count.
func (s *utilizationScale) unsettled(node *strategy.Node) string {
	for _, name := range slices.Sorted(maps.Keys(node.Requested)) {
		held, offered := node.Requested[name], node.Allocatable[name]
		if held <= offered || offered > 0 && !v1helper.IsExtendedResourceName(name) {
			continue
		}
		_, lists := node.Status.Capacity[name]
		_, offers := node.Allocatable[name]
		if s.devices[name] && !lists && !offers {
			continue
		}
		for _, pod := range node.Pods {
			if cluster.HasByClaim(pod, name) {
				held -= cluster.Requests(pod)[name]
			}
		}
		switch {
		case held <= offered:
		case offered == 0:
			return fmt.Sprintf("%s offers none of the %s that its pods hold", node.Name, name)
		default:
			return fmt.Sprintf("%s offers %d of the %d %s that its pods hold", node.Name, offered, held, name)
		}
	}
	return ""
}

// heat returns a node's utilization without pods that are leaving, or false if it is unknown. It
// decides whether pods should leave the node.
func (s *utilizationScale) heat(state *strategy.State, node *strategy.Node) (points, bool) {
	if s.actual == nil {
		return s.of(node.Lasting, node), true
	}
	used, known := s.actual.node(state, node, false)
	return s.of(used, node), known
}

// taken returns a node's utilization with all its pods, or false if it is unknown. It decides
// what fits on the node: the scheduler does not use room that is still occupied.
func (s *utilizationScale) taken(state *strategy.State, node *strategy.Node) (points, bool) {
	if s.actual == nil {
		return s.of(node.Requested, node), true
	}
	used, known := s.actual.node(state, node, true)
	return s.of(used, node), known
}

// pod returns a pod's share of a node.
func (s *utilizationScale) pod(state *strategy.State, pod *corev1.Pod, node *strategy.Node) points {
	return s.of(s.amounts(state, pod), node)
}

// replacement returns the share of a node that the pod's replacement would have.
func (s *utilizationScale) replacement(state *strategy.State, pod *corev1.Pod, node *strategy.Node) points {
	return s.of(s.replacementAmounts(state, pod), node)
}

// replacementAmounts returns what the pod's replacement would use, or request: its actual usage is
// the pod's, its requests are those of the template.
func (s *utilizationScale) replacementAmounts(state *strategy.State, pod *corev1.Pod) strategy.Amounts {
	if s.actual == nil {
		pod = state.Replacement(pod)
	}
	return s.amounts(state, pod)
}

// amounts returns what a pod uses, or requests.
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

// utilizationWhole returns the amount of a resource that is 100 percent, or 0 if the node has none.
func utilizationWhole(node *strategy.Node, name corev1.ResourceName) int64 {
	if name == policy.MetricResource {
		return usage.Whole
	}
	return node.Allocatable[name]
}

// describe compares a node's utilization with limits: "82 % of cpu, above 50 %". It names only
// resources above their limit, or if there are none, all that the node offers.
func (s *utilizationScale) describe(node *strategy.Node, used, limit points, relation string) string {
	over := used.over(limit)
	var parts []string
	for i, name := range s.names {
		if over[i] > 0 || over.total() == 0 && utilizationWhole(node, name) > 0 {
			parts = append(parts, fmt.Sprintf("%.4g %% of %s, %s %.4g %%", used[i], name, relation, limit[i]))
		}
	}
	return strings.Join(parts, "; ")
}

// nameList returns the names of the resources in prose, joined by a word.
func (s *utilizationScale) nameList(word string) string {
	names := make([]string, len(s.names))
	for i, name := range s.names {
		names[i] = resourceName(name)
	}
	return strings.Join(names, " "+word+" ")
}

// utilizationReady says whether the node is Ready, has a network, and is not being removed. A
// node without conditions counts as ready.
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

// utilizationMean returns the mean of the nodes: of each resource, of those that offer it.
func utilizationMean(nodes []utilizationNode, scale *utilizationScale) points {
	mean := make(points, len(scale.names))
	for i, name := range scale.names {
		counted := 0
		for _, node := range nodes {
			if utilizationWhole(node.Node, name) > 0 {
				counted++
				mean[i] += node.heat[i]
			}
		}
		mean[i] /= float64(max(1, counted))
	}
	return mean
}

// byNodeName orders nodes that are otherwise equal.
func byNodeName(a, b utilizationNode) int { return cmp.Compare(a.Name, b.Name) }
