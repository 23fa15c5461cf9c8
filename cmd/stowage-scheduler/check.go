package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	frameworkplugins "k8s.io/kubernetes/pkg/scheduler/framework/plugins"

	"github.com/stowage-k8s/stowage/plugins"
)

// allPlugins matches all plugins in a list of disabled plugins.
const allPlugins = "*"

// kubeSchedulerLease is the lease of the cluster's own scheduler, which is also
// the engine's default.
var kubeSchedulerLease = lease{elect: true, namespace: "kube-system", name: "kube-scheduler"}

// lease is the configuration of leader election.
type lease struct {
	elect           bool
	namespace, name string
}

// leaseOf returns the lease in a configuration.
func leaseOf(doc map[string]any) lease {
	elect, given, _ := unstructured.NestedBool(doc, "leaderElection", "leaderElect")
	namespace, _, _ := unstructured.NestedString(doc, "leaderElection", "resourceNamespace")
	name, _, _ := unstructured.NestedString(doc, "leaderElection", "resourceName")
	return lease{
		elect:     elect || !given,
		namespace: cmp.Or(namespace, kubeSchedulerLease.namespace),
		name:      cmp.Or(name, kubeSchedulerLease.name),
	}
}

// check rejects configurations that the engine accepts but that are certainly mistakes. Other
// errors, including fields of the wrong type, are reported by the engine.
func check(doc map[string]any) error {
	var errs field.ErrorList
	known := knownPlugins()
	takesPlace := false
	profiles, _ := doc["profiles"].([]any)
	for i, p := range profiles {
		profile, _ := p.(map[string]any)
		at := field.NewPath("profiles").Index(i)
		name, _ := profile["schedulerName"].(string)
		takesPlace = takesPlace || cmp.Or(name, corev1.DefaultSchedulerName) == corev1.DefaultSchedulerName
		points, _ := profile["plugins"].(map[string]any)
		for _, point := range slices.Sorted(maps.Keys(points)) {
			errs = append(errs, checkPoint(points[point], at.Child("plugins", point), known)...)
		}
		errs = append(errs, checkStandIns(profile, points, at)...)
		errs = append(errs, checkCandidates(points, at.Child("plugins"))...)
		errs = append(errs, checkScaleDownOrder(points, at.Child("plugins"))...)
		errs = append(errs, checkPlugins(profile["pluginConfig"], at.Child("pluginConfig"), known)...)
	}
	errs = append(errs, checkHeard(profiles)...)
	return append(errs, checkLease(leaseOf(doc), takesPlace || len(profiles) == 0)...).ToAggregate()
}

// checkPoint checks the plugins of one extension point.
func checkPoint(point any, at *field.Path, known sets.Set[string]) field.ErrorList {
	sides, _ := point.(map[string]any)
	errs := checkPlugins(sides["enabled"], at.Child("enabled"), known)
	return append(errs, checkPlugins(sides["disabled"], at.Child("disabled"), known.Union(sets.New(allPlugins)))...)
}

// checkPlugins checks the names in a list of plugins, and their weights if set.
func checkPlugins(list any, at *field.Path, known sets.Set[string]) field.ErrorList {
	var errs field.ErrorList
	entries, _ := list.([]any)
	for i, e := range entries {
		entry, _ := e.(map[string]any)
		if name, _ := entry["name"].(string); !known.Has(name) {
			errs = append(errs, field.NotSupported(at.Index(i).Child("name"), name, sets.List(known)))
		}
		if weight, _ := entry["weight"].(float64); weight < 0 {
			errs = append(errs, field.Invalid(at.Index(i).Child("weight"), weight, "must be 1 or more: a negative weight prefers the worst nodes"))
		}
	}
	return errs
}

// checkLease requires a lease other than kube-scheduler's, unless this scheduler replaces it:
// then both must use the same lease, so that only one is active.
func checkLease(l lease, takesPlace bool) field.ErrorList {
	at := field.NewPath("leaderElection", "resourceName")
	switch {
	case takesPlace && l.elect && l != kubeSchedulerLease:
		return field.ErrorList{field.Invalid(at, l.name, fmt.Sprintf("a profile is named %s, so both kube-scheduler and this scheduler would place the same pods: "+
			"rename the profile, or use the lease %s in namespace %s", corev1.DefaultSchedulerName, kubeSchedulerLease.name, kubeSchedulerLease.namespace))}
	case !takesPlace && l == kubeSchedulerLease:
		return field.ErrorList{field.Invalid(at, l.name, "is kube-scheduler's lease, so only one of the two schedulers would be active: choose another resourceName or resourceNamespace")}
	}
	return nil
}

// knownPlugins are the names of the engine's own plugins and of Stowage's.
func knownPlugins() sets.Set[string] {
	return sets.KeySet(frameworkplugins.NewInTreeRegistry()).Union(sets.KeySet(plugins.NewRegistry()))
}
