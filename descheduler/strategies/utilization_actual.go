package strategies

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// utilizationActual is the actual usage of nodes and pods, updated by the moves of the plan: a
// pod takes its usage along. It is read once. A pod with unknown usage counts with its requests
// after it was moved.
type utilizationActual struct {
	// rest is what a node uses apart from pods with known usage. Nodes with unknown usage have
	// none.
	rest map[string]strategy.Amounts
	// pods is the usage of the snapshot's pods. It is empty if unknown.
	pods map[types.UID]strategy.Amounts
	// unknown are the pods with unknown usage.
	unknown map[types.UID]bool
}

// newUtilizationActual returns the usage of the resources at the time of the snapshot. The state
// contains the effect of earlier moves of the plan.
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

// node returns what a node uses in the state, with or without pods that are leaving, or false if
// that is unknown.
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

// figure returns the pod's usage. A replacement uses what its origin did. A replacement of a pod
// with unknown usage, and a pod that was created later, count with their requests.
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

// without says whether the pod's usage is unknown, so that its effect elsewhere is, too.
func (s *utilizationScale) without(pod *corev1.Pod) bool {
	return s.actual != nil && s.actual.unknown[pod.UID]
}
