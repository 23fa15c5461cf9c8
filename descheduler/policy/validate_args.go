package policy

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func (s *PodSelection) validate(path *field.Path) field.ErrorList {
	errs := validateNamespaces(path.Child("namespaces"), s.Namespaces)
	return append(errs, validateLabelSelector(path.Child("labelSelector"), s.LabelSelector)...)
}

// Validate returns the errors in the arguments.
func (a *RemoveDuplicatesArgs) Validate(path *field.Path) field.ErrorList {
	errs := validateNamespaces(path.Child("namespaces"), a.Namespaces)
	return append(errs, validateOwnerKinds(path.Child("excludeOwnerKinds"), a.ExcludeOwnerKinds)...)
}

// Validate returns the errors in the arguments.
func (a *RemovePodsViolatingTopologySpreadConstraintArgs) Validate(path *field.Path) field.ErrorList {
	supported := []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule, corev1.ScheduleAnyway}
	return append(a.validate(path), validateEach(path.Child("constraints"), a.Constraints, supported)...)
}

// Validate returns the errors in the arguments.
func (a *RemovePodsViolatingInterPodAntiAffinityArgs) Validate(path *field.Path) field.ErrorList {
	return a.validate(path)
}

// Validate returns the errors in the arguments.
func (a *RemovePodsViolatingNodeAffinityArgs) Validate(path *field.Path) field.ErrorList {
	errs := a.validate(path)
	at, supported := path.Child("nodeAffinityType"), []string{RequiredNodeAffinity, PreferredNodeAffinity}
	if len(a.NodeAffinityType) == 0 {
		errs = append(errs, field.Required(at, "at least one of "+listed(supported)))
	}
	return append(errs, validateEach(at, a.NodeAffinityType, supported)...)
}

// Validate returns the errors in the arguments.
func (a *RemovePodsViolatingNodeTaintsArgs) Validate(path *field.Path) field.ErrorList {
	errs := a.validate(path)
	if len(a.IncludedTaints) > 0 && len(a.ExcludedTaints) > 0 {
		errs = append(errs, field.Forbidden(path.Child("excludedTaints"), "includedTaints and excludedTaints cannot both be set"))
	}
	if a.IncludedTaints != nil && len(a.IncludedTaints) == 0 {
		errs = append(errs, field.Required(path.Child("includedTaints"), "at least one taint; omit the field for all taints"))
	}
	errs = append(errs, validateTaints(path.Child("includedTaints"), a.IncludedTaints)...)
	return append(errs, validateTaints(path.Child("excludedTaints"), a.ExcludedTaints)...)
}

// validateTaints accepts key and key=value. A taint that cannot exist, such as one
// written with its effect, would match nothing.
func validateTaints(path *field.Path, taints []string) field.ErrorList {
	var errs field.ErrorList
	for i, taint := range taints {
		key, value, hasValue := strings.Cut(taint, "=")
		wrong := append(utilvalidation.IsQualifiedName(key), utilvalidation.IsValidLabelValue(value)...)
		if len(wrong) > 0 || hasValue && value == "" {
			errs = append(errs, field.Invalid(path.Index(i), taint, "must be the key of a taint or key=value, without an effect"))
		}
	}
	return errs
}

// Validate returns the errors in the arguments.
func (a *RemovePodsHavingTooManyRestartsArgs) Validate(path *field.Path) field.ErrorList {
	errs := a.validate(path)
	if a.PodRestartThreshold < 1 {
		errs = append(errs, field.Invalid(path.Child("podRestartThreshold"), a.PodRestartThreshold, "must be 1 or more"))
	}
	return append(errs, validateEach(path.Child("states"), a.States, []string{"Running", "CrashLoopBackOff"})...)
}

// Validate returns the errors in the arguments.
func (a *RemoveFailedPodsArgs) Validate(path *field.Path) field.ErrorList {
	errs := a.validate(path)
	errs = append(errs, validateOwnerKinds(path.Child("excludeOwnerKinds"), a.ExcludeOwnerKinds)...)
	for i, reason := range a.Reasons {
		if reason == "" {
			errs = append(errs, field.Required(path.Child("reasons").Index(i), "the reason of a pod or a container"))
		}
	}
	return errs
}

// podStates are the phases and reasons that PodLifeTime knows.
var podStates = []string{
	// Phases of pods.
	"Pending", "Running", "Succeeded", "Failed", "Unknown",
	// Reasons of pods.
	"NodeAffinity", "NodeLost", "Shutdown", "UnexpectedAdmissionError",
	// Reasons of containers that wait.
	"ContainerCreating", "CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError",
	"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "PodInitializing",
	// Reasons of containers that have ended.
	"Completed", "ContainerCannotRun", "DeadlineExceeded", "Error", "Evicted", "OOMKilled", "StartError",
}

// Validate returns the errors in the arguments.
func (a *PodLifeTimeArgs) Validate(path *field.Path) field.ErrorList {
	errs := a.validate(path)
	if a.OwnerKinds != nil {
		at := path.Child("ownerKinds")
		errs = append(errs, validateOneOf(at, a.OwnerKinds.Include, a.OwnerKinds.Exclude, "kind; omit the field for all owners")...)
		errs = append(errs, validateOwnerKinds(at.Child("include"), a.OwnerKinds.Include)...)
		errs = append(errs, validateOwnerKinds(at.Child("exclude"), a.OwnerKinds.Exclude)...)
	}
	errs = append(errs, validateEach(path.Child("states"), a.States, podStates)...)
	for i, condition := range a.Conditions {
		errs = append(errs, validatePodCondition(path.Child("conditions").Index(i), condition)...)
	}
	if len(a.States)+len(a.Conditions)+len(a.ExitCodes) > 0 {
		return errs
	}
	switch {
	case a.MaxPodLifeTimeSeconds == nil:
		errs = append(errs, field.Required(path, "at least one of maxPodLifeTimeSeconds, states, conditions and exitCodes"))
	case *a.MaxPodLifeTimeSeconds == 0:
		errs = append(errs, field.Invalid(path.Child("maxPodLifeTimeSeconds"), 0, "must be 1 or more without states, conditions or exitCodes, because 0 would select every pod"))
	}
	return errs
}

func validatePodCondition(path *field.Path, condition PodCondition) field.ErrorList {
	if condition == (PodCondition{}) {
		return field.ErrorList{field.Required(path, "at least one of type, status, reason and minTimeSinceLastTransitionSeconds")}
	}
	statuses := []corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse, corev1.ConditionUnknown}
	if condition.Status != "" && !slices.Contains(statuses, condition.Status) {
		return field.ErrorList{field.NotSupported(path.Child("status"), condition.Status, statuses)}
	}
	return nil
}

// Validate returns the errors in the arguments.
func (a *RestorePreemptibleArgs) Validate(path *field.Path) field.ErrorList {
	return validateNamespaces(path.Child("namespaces"), a.Namespaces)
}
