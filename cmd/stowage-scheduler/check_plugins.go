package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"github.com/stowage-k8s/stowage/plugins/binpacking"
	"github.com/stowage-k8s/stowage/plugins/candidatenodes"
	"github.com/stowage-k8s/stowage/plugins/dedicatednodes"
	"github.com/stowage-k8s/stowage/plugins/indexedinterpodaffinity"
	"github.com/stowage-k8s/stowage/plugins/indexedpodtopologyspread"
	"github.com/stowage-k8s/stowage/plugins/plannednodes"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
	"github.com/stowage-k8s/stowage/plugins/scaledownorder"
	"github.com/stowage-k8s/stowage/plugins/sharednodes"
)

// standIns maps plugins to the plugin of the engine that they replace.
var standIns = map[string]string{
	indexedinterpodaffinity.Name:  names.InterPodAffinity,
	indexedpodtopologyspread.Name: names.PodTopologySpread,
}

// checkStandIns rejects a plugin if the one that it replaces is also enabled, and arguments
// for a plugin that has been replaced.
func checkStandIns(profile, points map[string]any, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	disabled := namesIn(points, "multiPoint", "disabled").Union(namesIn(points, "score", "disabled"))
	enabled := namesIn(points, "multiPoint", "enabled")
	for _, name := range slices.Sorted(maps.Keys(standIns)) {
		if other := standIns[name]; enabled.Has(name) && !disabled.HasAny(other, allPlugins) {
			errs = append(errs, field.Required(at.Child("plugins", "multiPoint", "disabled"), fmt.Sprintf("%s replaces %s, which must be disabled: otherwise both count in the score", name, other)))
		}
	}
	entries, _ := profile["pluginConfig"].([]any)
	for i, e := range entries {
		entry, _ := e.(map[string]any)
		for name, other := range standIns {
			if entry["name"] == other && enabled.Has(name) && disabled.HasAny(other, allPlugins) {
				errs = append(errs, field.Invalid(at.Child("pluginConfig").Index(i).Child("name"), other, fmt.Sprintf("is disabled: specify the arguments for %s, which replaces it", name)))
			}
		}
	}
	return errs
}

// checkCandidates rejects CandidateNodes in positions where it has no effect: it must come
// after the plugins whose results it uses, and before preemption.
func checkCandidates(points map[string]any, at *field.Path) field.ErrorList {
	everywhere := slices.Index(listIn(points, "multiPoint", "enabled"), candidatenodes.Name)
	afterwards := slices.Index(listIn(points, "postFilter", "enabled"), candidatenodes.Name)
	preemption := slices.Index(listIn(points, "postFilter", "enabled"), names.DefaultPreemption)
	switch {
	case everywhere < 0:
		return nil
	case afterwards < 0:
		return field.ErrorList{field.Required(at.Child("postFilter", "enabled"), candidatenodes.Name+" must also be enabled here, before "+names.DefaultPreemption)}
	case preemption >= 0 && preemption < afterwards:
		return field.ErrorList{field.Invalid(at.Child("postFilter", "enabled").Index(afterwards), candidatenodes.Name, "must come before "+names.DefaultPreemption)}
	}
	for _, later := range listIn(points, "multiPoint", "enabled")[everywhere:] {
		if later == dedicatednodes.Name || later != candidatenodes.Name && heard.Has(later) {
			return field.ErrorList{field.Invalid(at.Child("multiPoint", "enabled").Index(everywhere), candidatenodes.Name, "must come after "+later)}
		}
	}
	return nil
}

// checkScaleDownOrder rejects ScaleDownOrder after DefaultBinder, which binds all pods. The
// engine places DefaultBinder before all plugins that are enabled at bind, unless it is
// disabled there.
func checkScaleDownOrder(points map[string]any, at *field.Path) field.ErrorList {
	binders := listIn(points, "bind", "enabled")
	own, last := slices.Index(binders, scaledownorder.Name), slices.Index(binders, names.DefaultBinder)
	switch {
	case own < 0 && !namesIn(points, "multiPoint", "enabled").Has(scaledownorder.Name):
		return nil
	case own < 0:
		return field.ErrorList{field.Required(at.Child("bind", "enabled"), scaledownorder.Name+" must be enabled here, before "+names.DefaultBinder)}
	case !namesIn(points, "bind", "disabled").HasAny(names.DefaultBinder, allPlugins):
		return field.ErrorList{field.Required(at.Child("bind", "disabled"), fmt.Sprintf("%s must be disabled here and enabled after %s: otherwise it runs first and binds all pods", names.DefaultBinder, scaledownorder.Name))}
	case last < own:
		return field.ErrorList{field.Required(at.Child("bind", "enabled"), fmt.Sprintf("%s must be enabled after %s, which does not bind all pods", names.DefaultBinder, scaledownorder.Name))}
	}
	return nil
}

// heard are the plugins that tell the plugins of other profiles which pods their profile
// places.
var heard = sets.New(binpacking.Name, candidatenodes.Name, indexedinterpodaffinity.Name, indexedpodtopologyspread.Name, plannednodes.Name, preemptiblenodes.Name, sharednodes.Name)

// checkHeard rejects profiles whose pods the plugins of other profiles see only when they are
// bound. Until then, limits and affinity would not be enforced.
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
			fmt.Sprintf("at least one of %s must be enabled, because another profile enables one: otherwise the plugins of that profile learn too late which pods this profile places; %s can be enabled in any profile", strings.Join(sets.List(heard), ", "), candidatenodes.Name)))
	}
	if !someone {
		return nil
	}
	return errs
}

// namesIn returns the names of the plugins that are enabled or disabled at an extension
// point.
func namesIn(points map[string]any, point, side string) sets.Set[string] {
	return sets.New(listIn(points, point, side)...)
}

// listIn returns the same names in order.
func listIn(points map[string]any, point, side string) []string {
	var found []string
	list, _, _ := unstructured.NestedSlice(points, point, side)
	for _, e := range list {
		entry, _ := e.(map[string]any)
		name, _ := entry["name"].(string)
		found = append(found, name)
	}
	return found
}
