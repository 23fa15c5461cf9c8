package topology

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	corelisters "k8s.io/client-go/listers/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// Term selects the pods to count in the domains of a topology key. A domain is the set of
// nodes with one value of that label, such as a zone. Terms with the same ID have the same
// counts.
type Term struct {
	// Key is the topology key.
	Key string
	// Match are the terms that a pod must match, all of them, to be counted. Their namespaces
	// are resolved: they match without reading the labels of a namespace.
	Match []fwk.AffinityTerm
	// Live excludes pods that are being deleted.
	Live bool
	// Nodes selects the nodes that form the domains.
	Nodes nodeFilter
}

// ID identifies the term by what it counts.
func (t *Term) ID() string {
	var id strings.Builder
	writePart(&id, t.Key)
	if t.Live {
		id.WriteByte(3)
	}
	for i := range t.Match {
		writeMatch(&id, &t.Match[i])
	}
	t.Nodes.writeID(&id)
	return id.String()
}

// counts reports whether a pod counts.
func (t *Term) counts(pod *corev1.Pod) bool {
	if t.Live && pod.DeletionTimestamp != nil {
		return false
	}
	return matchesAll(t.Match, pod)
}

// matchesAll reports whether the pod matches all of the terms, whose namespaces are resolved.
func matchesAll(terms []fwk.AffinityTerm, pod *corev1.Pod) bool {
	for i := range terms {
		if !terms[i].Matches(pod, nil) {
			return false
		}
	}
	return true
}

// resolve returns the term of a pod with its namespace selector replaced by the namespaces
// that currently match. A selector for all namespaces is kept, because it needs no list.
func resolve(term fwk.AffinityTerm, namespaces corelisters.NamespaceLister) (fwk.AffinityTerm, error) {
	resolved := fwk.AffinityTerm{Selector: term.Selector, TopologyKey: term.TopologyKey, NamespaceSelector: labels.Nothing()}
	switch {
	case labels.MatchesNothing(term.NamespaceSelector):
		resolved.Namespaces = term.Namespaces
		return resolved, nil
	case term.NamespaceSelector.Empty():
		resolved.NamespaceSelector = labels.Everything()
		return resolved, nil
	}
	found, err := namespaces.List(term.NamespaceSelector)
	if err != nil {
		return resolved, err
	}
	resolved.Namespaces = maps.Clone(term.Namespaces)
	for _, namespace := range found {
		resolved.Namespaces.Insert(namespace.Name)
	}
	return resolved, nil
}

// resolveAll resolves terms of a pod to be placed.
func resolveAll(terms []fwk.AffinityTerm, namespaces corelisters.NamespaceLister) ([]fwk.AffinityTerm, error) {
	resolved := make([]fwk.AffinityTerm, 0, len(terms))
	for _, term := range terms {
		r, err := resolve(term, namespaces)
		if err != nil {
			return nil, err
		}
		resolved = append(resolved, r)
	}
	return resolved, nil
}

// inNamespace returns a term for the pods that a selector matches in one namespace.
func inNamespace(namespace string, selector labels.Selector) fwk.AffinityTerm {
	return fwk.AffinityTerm{Namespaces: sets.New(namespace), Selector: selector, NamespaceSelector: labels.Nothing()}
}

// writeMatch writes what identifies a term, except its topology key.
func writeMatch(id *strings.Builder, term *fwk.AffinityTerm) {
	for _, namespace := range slices.Sorted(maps.Keys(term.Namespaces)) {
		writePart(id, namespace)
	}
	writeSelector(id, term.NamespaceSelector)
	writeSelector(id, term.Selector)
}

// writeSelector writes the selector such that one that matches nothing differs from one that
// matches everything: both are empty as text.
func writeSelector(id *strings.Builder, selector labels.Selector) {
	if labels.MatchesNothing(selector) {
		id.WriteByte(1)
	}
	writePart(id, selector.String())
	id.WriteByte(2)
}

// writePart writes a part of an ID and a terminator, which no name or label contains.
func writePart(id *strings.Builder, part string) {
	id.WriteString(part)
	id.WriteByte(0)
}
