package policy

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxPriorityThreshold is the priority of system-cluster-critical.
const maxPriorityThreshold = 2_000_000_000

// Validate returns the errors in the arguments.
func (a *DefaultEvictorArgs) Validate(path *field.Path) field.ErrorList {
	errs := validateNodeSelector(path.Child("nodeSelector"), a.NodeSelector)
	if a.NodeSelector != nil && !a.NodeFit {
		errs = append(errs, field.Forbidden(path.Child("nodeSelector"), "limits destinations, and only with nodeFit: true; "+
			"to limit the nodes that pods are moved from, set nodeSelector at the top level"))
	}
	errs = append(errs, validateLabelSelector(path.Child("labelSelector"), a.LabelSelector)...)
	errs = append(errs, validateLabelSelector(path.Child("namespaceLabelSelector"), a.NamespaceLabelSelector)...)
	errs = append(errs, a.validatePriority(path.Child("priorityThreshold"))...)
	policies := []NoEvictionPolicy{PreferredNoEviction, MandatoryNoEviction}
	if a.NoEvictionPolicy != "" && !slices.Contains(policies, a.NoEvictionPolicy) {
		errs = append(errs, field.NotSupported(path.Child("noEvictionPolicy"), a.NoEvictionPolicy, policies))
	}
	return append(errs, a.validateProtections(path)...)
}

func (a *DefaultEvictorArgs) validatePriority(path *field.Path) field.ErrorList {
	threshold := a.PriorityThreshold
	if threshold == nil {
		return nil
	}
	switch {
	case threshold.Value == nil && threshold.Name == "":
		return field.ErrorList{field.Required(path, "name or value; omit priorityThreshold for the priority of system-cluster-critical")}
	case threshold.Value != nil && threshold.Name != "":
		return field.ErrorList{field.Forbidden(path, "name and value cannot both be set")}
	}
	var errs field.ErrorList
	if threshold.Value != nil && *threshold.Value > maxPriorityThreshold {
		errs = append(errs, field.Invalid(path.Child("value"), *threshold.Value, fmt.Sprintf("must be at most %d (system-cluster-critical)", maxPriorityThreshold)))
	}
	if a.EvictSystemCriticalPods || slices.Contains(a.PodProtections.DefaultDisabled, SystemCriticalPods) {
		errs = append(errs, field.Forbidden(path, "has no effect, because the protection SystemCriticalPods is disabled"))
	}
	return errs
}

func (a *DefaultEvictorArgs) validateProtections(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("podProtections")
	extra, disabled := a.PodProtections.ExtraEnabled, a.PodProtections.DefaultDisabled
	errs = append(errs, validateProtectionList(at.Child("extraEnabled"), extra, extraProtections, "it is on by default")...)
	errs = append(errs, validateProtectionList(at.Child("defaultDisabled"), disabled, defaultProtections, "it is off by default")...)
	if len(extra)+len(disabled) > 0 {
		for _, old := range deprecatedProtections(a) {
			if *old.field {
				errs = append(errs, field.Forbidden(path.Child(old.name), fmt.Sprintf("cannot be combined with podProtections; put %s there", old.protection)))
			}
		}
	}
	if a.PodProtections.Config == nil || a.PodProtections.Config.PodsWithPVC == nil {
		return errs
	}
	at = at.Child("config", string(PodsWithPVC))
	if !a.IgnorePvcPods && !slices.Contains(extra, PodsWithPVC) {
		errs = append(errs, field.Forbidden(at, "has no effect unless extraEnabled contains PodsWithPVC"))
	}
	for i, class := range a.PodProtections.Config.PodsWithPVC.ProtectedStorageClasses {
		if class.Name == "" {
			errs = append(errs, field.Required(at.Child("protectedStorageClasses").Index(i).Child("name"), "the name of a storage class"))
		}
	}
	return errs
}

func validateProtectionList(path *field.Path, list, supported []PodProtection, otherwise string) field.ErrorList {
	var errs field.ErrorList
	for i, protection := range list {
		at := path.Index(i)
		switch {
		case slices.Contains(list[:i], protection):
			errs = append(errs, field.Duplicate(at, protection))
		case slices.Contains(supported, protection):
		case slices.Contains(append(slices.Clone(defaultProtections), extraProtections...), protection):
			errs = append(errs, field.Invalid(at, protection, fmt.Sprintf("is not allowed here, because %s; must be one of %s", otherwise, listed(supported))))
		default:
			errs = append(errs, field.NotSupported(at, protection, supported))
		}
	}
	return errs
}
