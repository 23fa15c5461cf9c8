package validation

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	v1helper "k8s.io/kubernetes/pkg/apis/core/v1/helper"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// ValidateDedicatedNodesArgs validates the arguments of the DedicatedNodes plugin, which are
// at path.
func ValidateDedicatedNodesArgs(path *field.Path, args *config.DedicatedNodesArgs) error {
	errs := validateDedicatedNodesWeights(path.Child("weights"), args.Weights)
	errs = append(errs, validateScarceResources(path.Child("scarceResources"), args.ScarceResources)...)
	errs = append(errs, validateTaintWeights(path.Child("preferNoSchedule"), args.PreferNoSchedule)...)
	if args.StayHorizon.Duration <= 0 {
		errs = append(errs, field.Invalid(path.Child("stayHorizon"), args.StayHorizon.Duration.String(), "must be more than 0"))
	}
	return errs.ToAggregate()
}

func validateDedicatedNodesWeights(path *field.Path, weights config.DedicatedNodesWeights) field.ErrorList {
	if weights == (config.DedicatedNodesWeights{}) {
		return field.ErrorList{field.Required(path, "at least one of toleratedTaints, scarceResources, preferNoSchedule and shortStay must be more than 0")}
	}
	var errs field.ErrorList
	errs = append(errs, inRange(path.Child("toleratedTaints"), weights.ToleratedTaints, 0, maxWeight)...)
	errs = append(errs, inRange(path.Child("scarceResources"), weights.ScarceResources, 0, maxWeight)...)
	errs = append(errs, inRange(path.Child("preferNoSchedule"), weights.PreferNoSchedule, 0, maxWeight)...)
	errs = append(errs, inRange(path.Child("shortStay"), weights.ShortStay, 0, maxWeight)...)
	return errs
}

// validateScarceResources accepts only extended resources: other resources exist on all
// nodes, and all pods use them.
func validateScarceResources(path *field.Path, names []string) field.ErrorList {
	var errs field.ErrorList
	for i, name := range names {
		at := path.Index(i)
		if !v1helper.IsExtendedResourceName(corev1.ResourceName(name)) {
			errs = append(errs, field.NotSupported(at, name, []string{"<domain>/<extended resource>"}))
		}
		if slices.Contains(names[:i], name) {
			errs = append(errs, field.Duplicate(at, name))
		}
	}
	return errs
}

func validateTaintWeights(path *field.Path, taints []config.TaintWeight) field.ErrorList {
	var errs field.ErrorList
	for i, taint := range taints {
		at := path.Index(i)
		for _, message := range utilvalidation.IsQualifiedName(taint.Key) {
			errs = append(errs, field.Invalid(at.Child("key"), taint.Key, message))
		}
		for _, message := range utilvalidation.IsValidLabelValue(taint.Value) {
			errs = append(errs, field.Invalid(at.Child("value"), taint.Value, message))
		}
		listed := func(t config.TaintWeight) bool { return t.Key == taint.Key && t.Value == taint.Value }
		switch {
		case !slices.ContainsFunc(taints[:i], listed):
		case taint.Value == "":
			errs = append(errs, field.Duplicate(at.Child("key"), taint.Key))
		default:
			errs = append(errs, field.Duplicate(at.Child("value"), taint.Value))
		}
		errs = append(errs, inRange(at.Child("weight"), taint.Weight, 1, maxWeight)...)
	}
	return errs
}
