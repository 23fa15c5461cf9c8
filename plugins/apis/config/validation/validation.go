// Package validation checks the arguments of Stowage's scheduler plugins.
package validation

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	v1helper "k8s.io/kubernetes/pkg/apis/core/v1/helper"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// maxWeight limits a resource's weight, as in the scheduler's own plugins.
const maxWeight = 100

// nativeResources are the resources without a domain that a node can run out of.
var nativeResources = []corev1.ResourceName{
	corev1.ResourceCPU,
	corev1.ResourceMemory,
	corev1.ResourceEphemeralStorage,
	corev1.ResourcePods,
}

// ArgsPath is the path of a plugin's arguments in a KubeSchedulerConfiguration. Plugins do
// not know the index of their entry, so the name is the key.
func ArgsPath(plugin string) *field.Path {
	return field.NewPath("pluginConfig").Key(plugin).Child("args")
}

// strategies are the allowed values of strategy.
var strategies = []config.PackingStrategy{config.BestFit, config.DotProduct, config.Fragmentation}

// emptyNodes are the allowed values of emptyNodes.
var emptyNodes = []config.EmptyNodesPolicy{config.LastResort, config.LikeAnyOther}

// ValidateBinPackingArgs validates the arguments of the BinPacking plugin, which are at path.
func ValidateBinPackingArgs(path *field.Path, args *config.BinPackingArgs) error {
	var errs field.ErrorList
	if !slices.Contains(strategies, args.Strategy) {
		errs = append(errs, field.NotSupported(path.Child("strategy"), args.Strategy, strategies))
	}
	if !slices.Contains(emptyNodes, args.EmptyNodes) {
		errs = append(errs, field.NotSupported(path.Child("emptyNodes"), args.EmptyNodes, emptyNodes))
	}
	errs = append(errs, validateResources(path.Child("resources"), args.Resources)...)
	errs = append(errs, validateTypicalPods(path.Child("typicalPods"), args)...)
	return errs.ToAggregate()
}

func validateResources(path *field.Path, specs []config.ResourceSpec) field.ErrorList {
	if len(specs) == 0 {
		return field.ErrorList{field.Required(path, "at least one resource to pack by")}
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, spec := range specs {
		at := path.Index(i)
		if seen.Has(spec.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), spec.Name))
		}
		seen.Insert(spec.Name)
		if err := validateResourceName(at.Child("name"), spec.Name); err != nil {
			errs = append(errs, err)
		}
		errs = append(errs, inRange(at.Child("weight"), spec.Weight, 1, maxWeight)...)
		errs = append(errs, inRange(at.Child("ceiling"), spec.Ceiling, 1, 100)...)
	}
	return errs
}

func validateTypicalPods(path *field.Path, args *config.BinPackingArgs) field.ErrorList {
	if len(args.TypicalPods) > 0 && args.Strategy != config.Fragmentation {
		return field.ErrorList{field.Forbidden(path, fmt.Sprintf("only allowed with strategy %s", config.Fragmentation))}
	}
	var packed []string
	for _, spec := range args.Resources {
		packed = append(packed, spec.Name)
	}
	var errs field.ErrorList
	for i, typical := range args.TypicalPods {
		at := path.Index(i)
		if len(typical.Requests) == 0 {
			errs = append(errs, field.Required(at.Child("requests"), "the requests of such a pod"))
		}
		for _, name := range slices.Sorted(maps.Keys(typical.Requests)) {
			requests, quantity := at.Child("requests").Key(string(name)), typical.Requests[name]
			switch {
			case !slices.Contains(packed, string(name)):
				errs = append(errs, field.Forbidden(requests, "must be one of the resources to pack by: "+strings.Join(packed, ", ")))
			case quantity.Sign() <= 0:
				errs = append(errs, field.Invalid(requests, quantity.String(), "must be more than 0"))
			case name == corev1.ResourcePods && quantity.CmpInt64(1) != 0:
				errs = append(errs, field.Invalid(requests, quantity.String(), "must be 1, because each pod counts as 1"))
			}
		}
		errs = append(errs, inRange(at.Child("weight"), typical.Weight, 1, math.MaxInt32)...)
	}
	return errs
}

// inRange refuses a number that is less than low or more than high.
func inRange(path *field.Path, value, low, high int64) field.ErrorList {
	if value < low || value > high {
		return field.ErrorList{field.Invalid(path, value, fmt.Sprintf("must be from %d to %d", low, high))}
	}
	return nil
}

// validateResourceName accepts the names of resources of nodes. An unknown name without a
// domain, such as "cpus", is probably a typo, and would never match.
func validateResourceName(path *field.Path, name string) *field.Error {
	resource := corev1.ResourceName(name)
	if slices.Contains(nativeResources, resource) || v1helper.IsHugePageResourceName(resource) || v1helper.IsExtendedResourceName(resource) {
		return nil
	}
	return field.NotSupported(path, name, []string{"cpu", "memory", "ephemeral-storage", "pods", "hugepages-<size>", "<domain>/<extended resource>"})
}
