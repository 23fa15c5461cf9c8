package topology

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	fwk "k8s.io/kube-scheduler/framework"
)

// termIndex finds the few of many terms that may match a pod: by a label that their selectors
// require, and by namespace.
type termIndex[T comparable] map[termKey]map[T]struct{}

// termKey is a namespace, empty for all namespaces, and a label, empty for terms that require
// no specific values.
type termKey struct {
	namespace, key, value string
}

func newTermIndex[T comparable]() termIndex[T] {
	return termIndex[T]{}
}

// add adds the entry for pods that may match the term.
func (x termIndex[T]) add(term *fwk.AffinityTerm, entry T) {
	for _, key := range termKeys(term) {
		if x[key] == nil {
			x[key] = map[T]struct{}{}
		}
		x[key][entry] = struct{}{}
	}
}

// remove reverts add.
func (x termIndex[T]) remove(term *fwk.AffinityTerm, entry T) {
	for _, key := range termKeys(term) {
		delete(x[key], entry)
		if len(x[key]) == 0 {
			delete(x, key)
		}
	}
}

// find calls found once for each entry whose term may match the pod.
func (x termIndex[T]) find(pod *corev1.Pod, found func(T)) {
	if len(x) == 0 {
		return
	}
	for _, namespace := range []string{pod.Namespace, ""} {
		for entry := range x[termKey{namespace: namespace}] {
			found(entry)
		}
		for key, value := range pod.Labels {
			for entry := range x[termKey{namespace, key, value}] {
				found(entry)
			}
		}
	}
}

// termKeys returns the keys of which a matching pod has exactly one.
func termKeys(term *fwk.AffinityTerm) []termKey {
	requirements, selectable := term.Selector.Requirements()
	if !selectable {
		return nil // matches nothing
	}
	key, values := narrowest(requirements)
	var keys []termKey
	add := func(namespace string) {
		for _, value := range values {
			keys = append(keys, termKey{namespace, key, value})
		}
	}
	if !labels.MatchesNothing(term.NamespaceSelector) {
		add("")
		return keys
	}
	for namespace := range term.Namespaces {
		add(namespace)
	}
	return keys
}

// narrowest returns the label with the fewest values that match.
func narrowest(requirements labels.Requirements) (string, []string) {
	key, values := "", []string{""}
	for _, r := range requirements {
		switch r.Operator() {
		case selection.In, selection.Equals, selection.DoubleEquals:
			if key == "" || r.Values().Len() < len(values) {
				key, values = r.Key(), r.Values().UnsortedList()
			}
		}
	}
	return key, values
}
