package strategies

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// utilizationActual is what nodes and pods actually use, brought forward to what they
// would use after moves: a pod takes its usage along. Figures are read once; a pod that
// has none of its own counts with what it requests once it is somewhere else.
type utilizationActual struct {
	// rest is what a node uses beside its pods' figures: its system, pods without
	// figures. Nodes without figures have none.
	rest map[string]strategy.Amounts
	// pods has the figures of the picture's pods, empty where there are none.
	pods map[types.UID]strategy.Amounts
	// unknown are the pods without figures.
	unknown map[types.UID]bool
}

// newUtilizationActual returns the usage of the resources at the moment of the picture.
// What earlier moves of the plan have changed since is in the state.
func newUtilizationActual(state *strategy.State, names []corev1.ResourceName, source strategy.Usage) *utilizationActual {
	a := &utilizationActual{rest: map[string]strategy.Amounts{}, pods: map[types.UID]strategy.Amounts{}, unknown: map[types.UID]bool{}}
	byNode := map[string][]*corev1.Pod{}
	for _, pod := range state.Picture().Pods {
		if pod.Spec.NodeName != "" && cluster.Holds(pod) {
			byNode[pod.Spec.NodeName] = append(byNode[pod.Spec.NodeName], pod)
		}
	}
	for _, node := range state.Nodes() {
		pods := byNode[node.Name]
		used, known := source.Node(node.Name)
		if known = known && utilizationHas(used, names); known {
			a.rest[node.Name] = strategy.Amounts{}
			a.rest[node.Name].Add(used, 1)
		}
		a.addPods(pods, source)
		if _, asked := used[policy.MetricResource]; known && asked {
			a.estimate(pods, used[policy.MetricResource])
		}
		for _, pod := range pods {
			if known {
				a.rest[node.Name].Add(a.pods[pod.UID], -1)
			}
		}
	}
	return a
}

// utilizationHas says whether there is a figure of each resource. Pods are counted here.
func utilizationHas(used strategy.Amounts, names []corev1.ResourceName) bool {
	for _, name := range names {
		if _, has := used[name]; !has && name != corev1.ResourcePods {
			return false
		}
	}
	return true
}

func (a *utilizationActual) addPods(pods []*corev1.Pod, source strategy.Usage) {
	for _, pod := range pods {
		used, known := source.Pod(pod.Namespace, pod.Name)
		a.pods[pod.UID] = used
		if !known {
			a.pods[pod.UID], a.unknown[pod.UID] = strategy.Amounts{}, true
		}
	}
}

// utilizationLeastCPU is what a pod that requests less cpu counts with in estimates, in
// millicores: what the scheduler takes such a pod for.
const utilizationLeastCPU = 100

// estimate shares a node's figure out among its pods in proportion to the cpu that they
// request: a query gives no figures of pods.
func (a *utilizationActual) estimate(pods []*corev1.Pod, whole int64) {
	weights, total := make([]int64, len(pods)), int64(0)
	for i, pod := range pods {
		weights[i] = max(utilizationLeastCPU, cluster.Requests(pod)[corev1.ResourceCPU])
		total += weights[i]
	}
	for i, pod := range pods {
		a.pods[pod.UID] = strategy.Amounts{policy.MetricResource: int64(float64(whole) * float64(weights[i]) / float64(total))}
		delete(a.unknown, pod.UID)
	}
}

// node returns what a node uses in the state, with its pods on their way out or without
// them, or false where that is not known.
func (a *utilizationActual) node(state *strategy.State, node *strategy.Node, leaving bool) (strategy.Amounts, bool) {
	rest, known := a.rest[node.Name]
	if !known {
		return nil, false
	}
	used := strategy.Amounts{}
	used.Add(rest, 1)
	pods := int64(0)
	for _, pod := range node.Pods {
		if leaving || !cluster.Leaving(pod) {
			used.Add(a.figure(state, pod), 1)
			pods++
		}
	}
	used[corev1.ResourcePods] = pods
	return used, true
}

// pod returns what a pod uses, itself counted.
func (a *utilizationActual) pod(state *strategy.State, pod *corev1.Pod) strategy.Amounts {
	used := strategy.Amounts{corev1.ResourcePods: 1}
	for name, amount := range a.figure(state, pod) {
		if name != corev1.ResourcePods {
			used[name] = amount
		}
	}
	return used
}

// figure returns the pod's figures. A replacement uses what its origin did; one whose
// origin has no figures, and a pod that came later, what they request.
func (a *utilizationActual) figure(state *strategy.State, pod *corev1.Pod) strategy.Amounts {
	origin := state.Origin(pod)
	if origin == nil {
		origin = pod
	}
	if used, known := a.pods[origin.UID]; known && (origin == pod || !a.unknown[origin.UID]) {
		return used
	}
	return cluster.Requests(pod)
}

// without says whether the pod has no figures: what it would do elsewhere is not known.
func (s *utilizationScale) without(pod *corev1.Pod) bool {
	return s.actual != nil && s.actual.unknown[pod.UID]
}
