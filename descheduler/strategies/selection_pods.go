package strategies

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	operators "k8s.io/apimachinery/pkg/selection"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"

	"github.com/stowage-k8s/stowage/descheduler/evictable"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// candidates returns the pods of the selection that a strategy may take, by node and name.
func (s selection) candidates(state *strategy.State) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, node := range state.Nodes() {
		for _, pod := range node.Pods {
			if s.takes(state, pod) {
				pods = append(pods, pod)
			}
		}
	}
	return pods
}

// takes says whether a strategy may propose the pod: it is selected, on a node that the policy
// selects, not leaving, and not moved by this plan.
func (s selection) takes(state *strategy.State, pod *corev1.Pod) bool {
	node := state.Node(pod.Spec.NodeName)
	return node != nil && node.Selected && !cluster.Leaving(pod) && s.matches(pod) && state.Origin(pod) == nil
}

// compareForEviction orders pods that are otherwise equal: reluctant ones last, then the lowest
// priority first, then by name.
func compareForEviction(a, b *corev1.Pod) int {
	return cmp.Or(
		compareBools(evictable.PrefersNoEviction(a), evictable.PrefersNoEviction(b)),
		cmp.Compare(corev1helpers.PodPriority(a), corev1helpers.PodPriority(b)),
		cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name),
	)
}

// compareBools puts false first.
func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// podIndex finds the pods that a selector selects without checking all pods. It does not contain
// pods that are leaving.
type podIndex struct {
	namespaces map[string][]*corev1.Pod
	labels     map[namespacedLabel]map[string][]*corev1.Pod
}

type namespacedLabel struct{ namespace, key string }

func newPodIndex(state *strategy.State) *podIndex {
	x := &podIndex{namespaces: map[string][]*corev1.Pod{}, labels: map[namespacedLabel]map[string][]*corev1.Pod{}}
	for _, node := range state.Nodes() {
		for _, pod := range node.Pods {
			if pod.DeletionTimestamp == nil { // as the scheduler counts
				x.namespaces[pod.Namespace] = append(x.namespaces[pod.Namespace], pod)
			}
		}
	}
	return x
}

// matching returns the pods of a namespace that the selector selects.
func (x *podIndex) matching(namespace string, selector labels.Selector) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, pod := range x.narrowed(namespace, selector) {
		if selector.Matches(labels.Set(pod.Labels)) {
			pods = append(pods, pod)
		}
	}
	return pods
}

// narrowed returns the shortest list that has all pods that the selector selects.
func (x *podIndex) narrowed(namespace string, selector labels.Selector) []*corev1.Pod {
	requirements, selectable := selector.Requirements()
	if !selectable {
		return nil
	}
	shortest := x.namespaces[namespace]
	for _, r := range requirements {
		switch r.Operator() {
		case operators.Equals, operators.DoubleEquals, operators.In:
		default:
			continue
		}
		values := x.values(namespacedLabel{namespace, r.Key()})
		var pods []*corev1.Pod
		for _, value := range r.Values().List() {
			pods = append(pods, values[value]...)
		}
		if len(pods) < len(shortest) {
			shortest = pods
		}
	}
	return shortest
}

// values returns a namespace's pods by the value of a label.
func (x *podIndex) values(label namespacedLabel) map[string][]*corev1.Pod {
	values, known := x.labels[label]
	if !known {
		values = map[string][]*corev1.Pod{}
		for _, pod := range x.namespaces[label.namespace] {
			if value, has := pod.Labels[label.key]; has {
				values[value] = append(values[value], pod)
			}
		}
		x.labels[label] = values
	}
	return values
}
