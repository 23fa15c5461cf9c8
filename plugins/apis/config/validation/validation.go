// Package validation checks the arguments of Stowage's scheduler plugins.
package validation

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	v1helper "k8s.io/kubernetes/pkg/apis/core/v1/helper"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// maxWeight bounds a resource's weight, as the scheduler's own plugins do.
const maxWeight = 100

// nativeResources are the resources without a domain that a node can run out of.
var nativeResources = []corev1.ResourceName{
	corev1.ResourceCPU,
	corev1.ResourceMemory,
	corev1.ResourceEphemeralStorage,
	corev1.ResourcePods,
}

// ArgsPath is where the arguments of a plugin stand in a KubeSchedulerConfiguration.
// Plugins are not told the index of their entry, so it is keyed by name.
func ArgsPath(plugin string) *field.Path {
	return field.NewPath("pluginConfig").Key(plugin).Child("args")
}

// ValidateBinPackingArgs checks the arguments of the BinPacking plugin; path is
// where they stand.
func ValidateBinPackingArgs(path *field.Path, args *config.BinPackingArgs) error {
	resources := path.Child("resources")
	if len(args.Resources) == 0 {
		return field.Required(resources, "at least one resource to pack by")
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, spec := range args.Resources {
		at := resources.Index(i)
		if seen.Has(spec.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), spec.Name))
		}
		seen.Insert(spec.Name)
		if err := validateResourceName(at.Child("name"), spec.Name); err != nil {
			errs = append(errs, err)
		}
		if spec.Weight < 1 || spec.Weight > maxWeight {
			errs = append(errs, field.Invalid(at.Child("weight"), spec.Weight, fmt.Sprintf("must be from 1 to %d", maxWeight)))
		}
	}
	return errs.ToAggregate()
}

// validateResourceName accepts the names of resources that nodes have. A name
// without a domain that is none of them is most likely a slip ("cpus"), which
// would otherwise just never count.
func validateResourceName(path *field.Path, name string) *field.Error {
	resource := corev1.ResourceName(name)
	if slices.Contains(nativeResources, resource) || v1helper.IsHugePageResourceName(resource) || v1helper.IsExtendedResourceName(resource) {
		return nil
	}
	return field.NotSupported(path, name, []string{"cpu", "memory", "ephemeral-storage", "pods", "hugepages-<size>", "<domain>/<extended resource>"})
}
