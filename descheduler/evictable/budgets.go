package evictable

import (
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// label is a label in a namespace.
type label struct{ namespace, key, value string }

// budgetIndex finds the budgets that may select a pod without asking all of its namespace:
// each stands under one label that its pods must have. Those that ask for no label in
// particular stand under the label of their namespace that is empty.
type budgetIndex map[label][]labels.Selector

func newBudgetCheck(budgets []*policyv1.PodDisruptionBudget) check {
	index := budgetIndex{}
	for _, budget := range budgets {
		index.add(budget)
	}
	return func(pod *corev1.Pod) string {
		if index.covers(pod) {
			return ""
		}
		return "no PodDisruptionBudget covers it"
	}
}

// add leaves out selectors that cannot be read: the API server takes them to select nothing.
func (x budgetIndex) add(budget *policyv1.PodDisruptionBudget) {
	selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
	if err != nil {
		return
	}
	under := label{namespace: budget.Namespace}
	if budget.Spec.Selector != nil {
		for key, value := range budget.Spec.Selector.MatchLabels {
			under.key, under.value = key, value
			break
		}
	}
	x[under] = append(x[under], selector)
}

func (x budgetIndex) covers(pod *corev1.Pod) bool {
	if x.matches(label{namespace: pod.Namespace}, pod) {
		return true
	}
	for key, value := range pod.Labels {
		if x.matches(label{pod.Namespace, key, value}, pod) {
			return true
		}
	}
	return false
}

func (x budgetIndex) matches(under label, pod *corev1.Pod) bool {
	for _, selector := range x[under] {
		if selector.Matches(labels.Set(pod.Labels)) {
			return true
		}
	}
	return false
}
