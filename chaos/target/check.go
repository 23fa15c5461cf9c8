package target

import (
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/internal/spelling"
)

// Check returns an error for selected namespaces and kinds that do not exist in the picture,
// because excluding a misspelled name would restrict nothing. It is called at the start of a run:
// namespaces may come and go later.
func (s *Selection) Check(p *Picture) error {
	if err := s.checkNamespaces(p); err != nil {
		return err
	}
	if s.kinds == nil {
		return nil
	}
	there := map[string]bool{}
	for _, kind := range knownKinds {
		there[kind] = true
	}
	seen, o := map[types.UID]bool{}, ownersOf(p.Snapshot)
	for _, pod := range p.Snapshot.Pods {
		if owner := metav1.GetControllerOfNoCopy(pod); owner != nil && !seen[owner.UID] {
			seen[owner.UID] = true
			for _, kind := range o.kindsFrom(owner) {
				there[kind] = true
			}
		}
	}
	kinds := slices.Sorted(maps.Keys(there))
	for _, kind := range s.kinds.names() {
		if !there[kind] {
			return field.Errorf("kinds", "no pod has an owner of kind %s%s: available are %s", kind, spelling.DidYouMean(kind, kinds), strings.Join(kinds, ", "))
		}
	}
	return nil
}

func (s *Selection) checkNamespaces(p *Picture) error {
	there := map[string]bool{}
	for _, namespace := range p.Namespaces {
		there[namespace.Name] = true
	}
	for _, pod := range p.Snapshot.Pods {
		there[pod.Namespace] = true // a dump may lack the namespaces themselves
	}
	check := func(name string, namespaces ...string) error {
		for _, namespace := range namespaces {
			if !there[namespace] {
				return field.Errorf(name, "no namespace %s%s", namespace, spelling.DidYouMean(namespace, slices.Sorted(maps.Keys(there))))
			}
		}
		return nil
	}
	if scope := string(s.pods.ClientNamespaceScope); scope != "" {
		if err := check("clientNamespaceScope", scope); err != nil {
			return err
		}
	}
	return check("namespaces", s.namespaces.names()...)
}
