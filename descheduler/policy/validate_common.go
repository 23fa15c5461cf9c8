package policy

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// listed joins names for a message.
func listed[S ~string](names []S) string {
	var texts []string
	for _, name := range names {
		texts = append(texts, string(name))
	}
	return strings.Join(texts, ", ")
}

// validateEach refuses entries of a list that are not supported.
func validateEach[S ~string](path *field.Path, list, supported []S) field.ErrorList {
	var errs field.ErrorList
	for i, entry := range list {
		if !slices.Contains(supported, entry) {
			errs = append(errs, field.NotSupported(path.Index(i), entry, supported))
		}
	}
	return errs
}

// validateNodeSelector refuses an empty selector, which would select all nodes, because a
// template may have left it empty by mistake.
func validateNodeSelector(path *field.Path, selector *string) field.ErrorList {
	if selector == nil {
		return nil
	}
	if strings.TrimSpace(*selector) == "" {
		return field.ErrorList{field.Required(path, "a label selector such as pool=spot; omit the field for all nodes")}
	}
	if _, err := labels.Parse(*selector); err != nil {
		return field.ErrorList{field.Invalid(path, *selector, "must be a label selector such as pool=spot: "+err.Error())}
	}
	return nil
}

// validateLabelSelector refuses an empty selector for the same reason.
func validateLabelSelector(path *field.Path, selector *metav1.LabelSelector) field.ErrorList {
	if selector == nil {
		return nil
	}
	if len(selector.MatchLabels)+len(selector.MatchExpressions) == 0 {
		return field.ErrorList{field.Required(path, "at least one of matchLabels and matchExpressions; omit the field to select all")}
	}
	return metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{}, path)
}

// validateNamespaces refuses empty lists, which would limit nothing.
func validateNamespaces(path *field.Path, namespaces *Namespaces) field.ErrorList {
	if namespaces == nil {
		return nil
	}
	errs := validateOneOf(path, namespaces.Include, namespaces.Exclude, "namespace; omit the field for all namespaces")
	errs = append(errs, validateNamespaceNames(path.Child("include"), namespaces.Include)...)
	return append(errs, validateNamespaceNames(path.Child("exclude"), namespaces.Exclude)...)
}

// validateEvictableNamespaces only allows namespaces to be excluded.
func validateEvictableNamespaces(path *field.Path, namespaces *Namespaces) field.ErrorList {
	switch {
	case namespaces == nil:
		return nil
	case len(namespaces.Include) > 0:
		return field.ErrorList{field.Forbidden(path.Child("include"), "only exclude is supported here")}
	case len(namespaces.Exclude) == 0:
		return field.ErrorList{field.Required(path.Child("exclude"), "at least one namespace; omit evictableNamespaces for all namespaces")}
	}
	return validateNamespaceNames(path.Child("exclude"), namespaces.Exclude)
}

func validateOneOf(path *field.Path, include, exclude []string, what string) field.ErrorList {
	switch {
	case len(include) > 0 && len(exclude) > 0:
		return field.ErrorList{field.Forbidden(path, "include and exclude cannot both be set")}
	case len(include)+len(exclude) == 0:
		return field.ErrorList{field.Required(path, "include or exclude with at least one "+what)}
	}
	return nil
}

func validateNamespaceNames(path *field.Path, names []string) field.ErrorList {
	var errs field.ErrorList
	for i, name := range names {
		for _, message := range utilvalidation.IsDNS1123Label(name) {
			errs = append(errs, field.Invalid(path.Index(i), name, message))
		}
	}
	return errs
}

var (
	// podOwners are the kinds that own pods in most clusters.
	podOwners = []string{"ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController", "Node"}
	// ownersOfOwners never own a pod themselves.
	ownersOfOwners = map[string]string{"Deployment": "ReplicaSet", "CronJob": "Job"}
)

// validateOwnerKinds refuses kinds that never own pods, because they would match nothing.
func validateOwnerKinds(path *field.Path, kinds []string) field.ErrorList {
	var errs field.ErrorList
	for i, kind := range kinds {
		at := path.Index(i)
		if owner, is := ownersOfOwners[kind]; is {
			errs = append(errs, field.Invalid(at, kind, fmt.Sprintf("never owns pods; the pods of a %s are owned by a %s", kind, owner)))
			continue
		}
		if len(utilvalidation.IsDNS1035Label(strings.ToLower(kind))) > 0 {
			errs = append(errs, field.Invalid(at, kind, "must be a kind such as ReplicaSet"))
			continue
		}
		for _, known := range podOwners {
			if kind != known && (strings.EqualFold(kind, known) || strings.EqualFold(kind, known+"s")) {
				errs = append(errs, field.Invalid(at, kind, fmt.Sprintf("unknown kind; did you mean %q?", known)))
			}
		}
	}
	return errs
}
