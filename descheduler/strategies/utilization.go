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

// judges says whether nodes can be called full or empty by the scale. What a node does not
// offer says nothing about it, so it takes one resource that it does; and nothing can be said
// of one that is unsettled.
func (s *utilizationScale) judges(node *strategy.Node) bool {
	return s.measures(node) && s.unsettled(node) == ""
}

// measures says whether the node offers a resource that has a threshold.
func (s *utilizationScale) measures(node *strategy.Node) bool {
	return slices.ContainsFunc(s.names, func(name corev1.ResourceName) bool { return utilizationWhole(node, name) > 0 })
}

// unsettled says why it is not known how full a node is, whatever the thresholds are of;
// nothing where it is. Its pods hold a resource that it does not offer, or more of an
// extended resource than it does: its device plugin restarts, devices are ill, or it has just
// registered. Cpu and memory can be handed out beyond what there is, and such a node is full.
// Devices that the scheduler makes claims for are none of what the node offers.
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

// heat returns how full a node is when its pods on their way out are gone, or false where
// that is not known. It says whether anything has to leave the node.
func (s *utilizationScale) heat(state *strategy.State, node *strategy.Node) (points, bool) {
	if s.actual == nil {
		return s.of(node.Lasting, node), true
	}
	used, known := s.actual.node(state, node, false)
	return s.of(used, node), known
}

// taken returns how full a node is with all its pods, or false where that is not known. It
// says what can come to the node: the scheduler gives away no room that is still held.
func (s *utilizationScale) taken(state *strategy.State, node *strategy.Node) (points, bool) {
	if s.actual == nil {
		return s.of(node.Requested, node), true
	}
	used, known := s.actual.node(state, node, true)
	return s.of(used, node), known
}

// pod returns how much of a node a pod takes.
func (s *utilizationScale) pod(state *strategy.State, pod *corev1.Pod, node *strategy.Node) points {
	return s.of(s.amounts(state, pod), node)
}

// replacement returns how much of a node the pod's replacement would take.
func (s *utilizationScale) replacement(state *strategy.State, pod *corev1.Pod, node *strategy.Node) points {
	return s.of(s.replacementAmounts(state, pod), node)
}

// replacementAmounts returns what the pod's replacement would take anywhere: it uses what
// the pod does, but requests what its template says.
func (s *utilizationScale) replacementAmounts(state *strategy.State, pod *corev1.Pod) strategy.Amounts {
	if s.actual == nil {
		pod = state.Replacement(pod)
	}
	return s.amounts(state, pod)
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

// byNodeName orders nodes that are else alike.
func byNodeName(a, b utilizationNode) int { return cmp.Compare(a.Name, b.Name) }
