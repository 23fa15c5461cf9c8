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
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"github.com/stowage-k8s/stowage/plugins"
	"github.com/stowage-k8s/stowage/plugins/binpacking"
	"github.com/stowage-k8s/stowage/plugins/candidatenodes"
	"github.com/stowage-k8s/stowage/plugins/indexedinterpodaffinity"
	"github.com/stowage-k8s/stowage/plugins/indexedpodtopologyspread"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
)

// allPlugins stands for every plugin where plugins are disabled.
const allPlugins = "*"

// kubeSchedulerLease is the lease of the cluster's own scheduler, which is also
// the engine's default.
var kubeSchedulerLease = lease{elect: true, namespace: "kube-system", name: "kube-scheduler"}

// lease says by which lease replicas elect their leader, if they do.
type lease struct {
	elect           bool
	namespace, name string
}

// leaseOf returns the lease that a configuration names.
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

// check finds what the engine lets pass though nobody can have meant it. What is
// wrong otherwise, fields of the wrong type included, the engine says itself.
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
		errs = append(errs, checkStandIns(points, at.Child("plugins"))...)
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

// checkPlugins checks a list of plugins: names, and weights where there are any.
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

// standIns are the plugins that decide what one of the engine's does.
var standIns = map[string]string{
	indexedinterpodaffinity.Name:  names.InterPodAffinity,
	indexedpodtopologyspread.Name: names.PodTopologySpread,
}

// checkStandIns finds plugins that decide what another one, which is enabled as well,
// decides: both would count in the score.
func checkStandIns(points map[string]any, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	disabled := namesIn(points, "multiPoint", "disabled").Union(namesIn(points, "score", "disabled"))
	enabled := namesIn(points, "multiPoint", "enabled")
	for _, name := range slices.Sorted(maps.Keys(standIns)) {
		if other := standIns[name]; enabled.Has(name) && !disabled.HasAny(other, allPlugins) {
			errs = append(errs, field.Required(at.Child("multiPoint", "disabled"), fmt.Sprintf("%s stands in for %s, which has to be disabled: both would count in the score", name, other)))
		}
	}
	return errs
}

// heard are the plugins that tell those of other profiles which pods their own places.
var heard = sets.New(binpacking.Name, candidatenodes.Name, indexedinterpodaffinity.Name, indexedpodtopologyspread.Name, preemptiblenodes.Name)

// checkHeard finds profiles whose pods the plugins of others would learn of only when
// they are bound: until then, limits and affinity would not hold.
func checkHeard(profiles []any) field.ErrorList {
	var errs field.ErrorList
	someone := false
	for i, p := range profiles {
		profile, _ := p.(map[string]any)
		points, _ := profile["plugins"].(map[string]any)
		if namesIn(points, "multiPoint", "enabled").Union(namesIn(points, "reserve", "enabled")).HasAny(heard.UnsortedList()...) {
			someone = true
			continue
		}
		errs = append(errs, field.Required(field.NewPath("profiles").Index(i).Child("plugins", "multiPoint", "enabled"),
			candidatenodes.Name+" has to be enabled in each profile if others of Stowage's plugins are in any, or these learn too late of the pods that this profile places"))
	}
	if !someone {
		return nil
	}
	return errs
}

// namesIn returns the names of the plugins on one side of an extension point.
func namesIn(points map[string]any, point, side string) sets.Set[string] {
	found := sets.New[string]()
	list, _, _ := unstructured.NestedSlice(points, point, side)
	for _, e := range list {
		entry, _ := e.(map[string]any)
		name, _ := entry["name"].(string)
		found.Insert(name)
	}
	return found
}

// checkLease keeps the scheduler out of kube-scheduler's way, unless it takes its
// place: then they have to share the lease, so that only one of them is at work.
func checkLease(l lease, takesPlace bool) field.ErrorList {
	at := field.NewPath("leaderElection", "resourceName")
	switch {
	case takesPlace && l.elect && l != kubeSchedulerLease:
		return field.ErrorList{field.Invalid(at, l.name, fmt.Sprintf("a profile has the name of kube-scheduler's, %s, and both would place the same pods: "+
			"give it another, or share the lease %s of %s", corev1.DefaultSchedulerName, kubeSchedulerLease.name, kubeSchedulerLease.namespace))}
	case !takesPlace && l == kubeSchedulerLease:
		return field.ErrorList{field.Invalid(at, l.name, "is kube-scheduler's lease, so that only one of the two schedulers would be at work: choose another resourceName or resourceNamespace")}
	}
	return nil
}

// knownPlugins are the names of the engine's own plugins and of Stowage's.
func knownPlugins() sets.Set[string] {
	return sets.KeySet(frameworkplugins.NewInTreeRegistry()).Union(sets.KeySet(plugins.NewRegistry()))
}
