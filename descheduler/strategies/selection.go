package strategies

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

// selection is the pods that a strategy takes. Those of others still count.
type selection struct {
	include, exclude sets.Set[string]
	labels           labels.Selector
}

// newSelection returns the selection of arguments. Nil means all namespaces and all pods. It fails
// if the selector is invalid.
func newSelection(ns *policy.Namespaces, selector *metav1.LabelSelector) (selection, error) {
	s := selection{labels: labels.Everything()}
	if selector != nil {
		var err error
		if s.labels, err = metav1.LabelSelectorAsSelector(selector); err != nil {
			return selection{}, fmt.Errorf("labelSelector: %w", err)
		}
	}
	if ns != nil {
		s.include, s.exclude = sets.New(ns.Include...), sets.New(ns.Exclude...)
	}
	return s, nil
}

// matches says whether the pod is of the selection.
func (s selection) matches(pod *corev1.Pod) bool {
	if s.include.Len() > 0 && !s.include.Has(pod.Namespace) || s.exclude.Has(pod.Namespace) {
		return false
	}
	return s.labels.Matches(labels.Set(pod.Labels))
}
