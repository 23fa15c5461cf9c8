package policy

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	v1helper "k8s.io/kubernetes/pkg/apis/core/v1/helper"
)

// Validate returns the errors in the arguments.
func (a *LowNodeUtilizationArgs) Validate(path *field.Path) field.ErrorList {
	allowed := nodeResources
	if a.MetricsUtilization != nil {
		switch a.source() {
		case KubernetesMetrics:
			allowed = usageResources
		case PrometheusMetrics:
			allowed = queryResources
		}
	}
	low, target := path.Child("thresholds"), path.Child("targetThresholds")
	errs := validateThresholds(low, a.Thresholds, allowed)
	errs = append(errs, validateThresholds(target, a.TargetThresholds, allowed)...)
	if len(a.Thresholds) > 0 && len(a.TargetThresholds) > 0 {
		errs = append(errs, a.validatePairs(low, target)...)
	}
	errs = append(errs, a.validateMetrics(path.Child("metricsUtilization"))...)
	errs = append(errs, validateEvictableNamespaces(path.Child("evictableNamespaces"), a.EvictableNamespaces)...)
	if a.EvictionLimits != nil && a.EvictionLimits.Node == nil {
		errs = append(errs, field.Required(path.Child("evictionLimits", "node"), "the maximum number of evictions per node; omit evictionLimits for no limit"))
	}
	return errs
}

// source returns where the usage comes from.
func (a *LowNodeUtilizationArgs) source() MetricsSource {
	if a.MetricsUtilization.MetricsServer {
		return KubernetesMetrics
	}
	return a.MetricsUtilization.Source
}

// validatePairs checks that both thresholds have the same resources, and that the
// target is not below. Deviations are to both sides of the mean, so any two will do.
func (a *LowNodeUtilizationArgs) validatePairs(low, target *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(a.Thresholds)) {
		above, is := a.TargetThresholds[name]
		switch {
		case !is:
			errs = append(errs, field.Required(child(target, string(name)), "every resource in thresholds must also be in targetThresholds"))
		case above < a.Thresholds[name] && !a.UseDeviationThresholds:
			errs = append(errs, field.Invalid(child(target, string(name)), float64(above), "must not be below thresholds"))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.TargetThresholds)) {
		if _, is := a.Thresholds[name]; !is {
			errs = append(errs, field.Required(child(low, string(name)), "every resource in targetThresholds must also be in thresholds"))
		}
	}
	return errs
}

func (a *LowNodeUtilizationArgs) validateMetrics(path *field.Path) field.ErrorList {
	metrics := a.MetricsUtilization
	if metrics == nil {
		return nil
	}
	var errs field.ErrorList
	switch {
	case metrics.Source == "" && !metrics.MetricsServer:
		errs = append(errs, field.Required(path.Child("source"), "one of "+listed(metricsSources)))
	case metrics.Source != "" && metrics.MetricsServer:
		errs = append(errs, field.Forbidden(path.Child("metricsServer"), "is deprecated and cannot be combined with source"))
	case metrics.Source != "" && !slices.Contains(metricsSources, metrics.Source):
		errs = append(errs, field.NotSupported(path.Child("source"), metrics.Source, metricsSources))
	}
	switch prometheus := path.Child("prometheus"); {
	case metrics.Source == PrometheusMetrics && (metrics.Prometheus == nil || metrics.Prometheus.Query == ""):
		errs = append(errs, field.Required(prometheus.Child("query"), "the Prometheus query"))
	case metrics.Source != PrometheusMetrics && metrics.Prometheus != nil:
		errs = append(errs, field.Forbidden(prometheus, "may only be set with source: Prometheus"))
	}
	return errs
}

// Validate returns the errors in the arguments.
func (a *HighNodeUtilizationArgs) Validate(path *field.Path) field.ErrorList {
	errs := validateThresholds(path.Child("thresholds"), a.Thresholds, nodeResources)
	errs = append(errs, validateEach(path.Child("evictionModes"), a.EvictionModes, []EvictionMode{OnlyThresholdingResources})...)
	return append(errs, validateEvictableNamespaces(path.Child("evictableNamespaces"), a.EvictableNamespaces)...)
}

// Validate returns the errors in the arguments.
func (a *ConsolidateArgs) Validate(path *field.Path) field.ErrorList {
	errs := validateThresholds(path.Child("thresholds"), a.Thresholds, nodeResources)
	if a.MaxNodes != nil && *a.MaxNodes == 0 {
		errs = append(errs, field.Invalid(path.Child("maxNodes"), *a.MaxNodes, "must be 1 or more; omit the field for no limit"))
	}
	return errs
}

// resources are the resources that can have a threshold.
type resources struct {
	allows func(corev1.ResourceName) bool
	names  []string
}

var (
	// nodeResources are those that pods request and nodes have.
	nodeResources = resources{
		allows: func(name corev1.ResourceName) bool {
			switch name {
			case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage, corev1.ResourcePods:
				return true
			}
			return v1helper.IsHugePageResourceName(name) || v1helper.IsExtendedResourceName(name)
		},
		names: []string{"cpu", "memory", "pods", "ephemeral-storage", "hugepages-<size>", "<domain>/<extended resource>"},
	}
	// usageResources are those that the metrics server knows, and pods.
	usageResources = resources{
		allows: func(name corev1.ResourceName) bool {
			return name == corev1.ResourceCPU || name == corev1.ResourceMemory || name == corev1.ResourcePods
		},
		names: []string{"cpu", "memory", "pods"},
	}
	// queryResources is the one that a Prometheus query yields.
	queryResources = resources{
		allows: func(name corev1.ResourceName) bool { return name == MetricResource },
		names:  []string{string(MetricResource)},
	}
)

func validateThresholds(path *field.Path, thresholds ResourceThresholds, allowed resources) field.ErrorList {
	if len(thresholds) == 0 {
		return field.ErrorList{field.Required(path, "a percentage of at least one resource, such as cpu: 20")}
	}
	var errs field.ErrorList
	for _, name := range slices.Sorted(maps.Keys(thresholds)) {
		at := child(path, string(name))
		if !allowed.allows(name) {
			errs = append(errs, field.NotSupported(at, name, allowed.names))
		}
		if percentage := thresholds[name]; percentage < 0 || percentage > 100 {
			errs = append(errs, field.Invalid(at, float64(percentage), "must be from 0 to 100"))
		}
	}
	return errs
}
