package policy

import (
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateProfile(path *field.Path, profile *Profile, known registry) field.ErrorList {
	var errs field.ErrorList
	if ways := []Moves{Evict, MakeBeforeBreak, Prefer}; profile.Moves != "" && !slices.Contains(ways, profile.Moves) {
		errs = append(errs, field.NotSupported(path.Child("moves"), profile.Moves, ways))
	}
	for i, config := range profile.PluginConfigs {
		at := path.Child("pluginConfig").Index(i)
		if config.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), "the name of the plugin"))
			continue
		}
		if _, is := known.find(config.Name); !is {
			errs = append(errs, field.Invalid(at.Child("name"), config.Name, known.unknown(config.Name)))
			continue
		}
		if slices.ContainsFunc(profile.PluginConfigs[:i], func(c PluginConfig) bool { return c.Name == config.Name }) {
			errs = append(errs, field.Duplicate(at.Child("name"), config.Name))
		}
		errs = append(errs, config.Args.Validate(at.Child("args"))...)
	}
	for _, s := range profile.Plugins.sets() {
		errs = append(errs, validatePluginSet(path.Child("plugins", string(s.point)), profile, s, known)...)
	}
	return errs
}

func validateStandIns(path *field.Path, p *Policy) field.ErrorList {
	if p.StandIns == nil {
		return nil
	}
	var errs field.ErrorList
	if !p.usesStandIns() {
		errs = append(errs, field.Forbidden(path, "has no effect unless a profile has moves: MakeBeforeBreak or moves: Prefer"))
	}
	if limit := p.StandIns.Max; limit != nil && *limit < 1 {
		errs = append(errs, field.Invalid(path.Child("max"), *limit, "must be 1 or more; to create none, use moves: Evict"))
	}
	return append(errs, validateLabelSelector(path.Child("namespaceLabelSelector"), p.StandIns.NamespaceLabelSelector)...)
}

func validatePluginSet(path *field.Path, profile *Profile, s set, known registry) field.ErrorList {
	var errs field.ErrorList
	for i, name := range s.Enabled {
		at := path.Child("enabled").Index(i)
		plugin, is := known.find(name)
		switch {
		case !is:
			errs = append(errs, field.Invalid(at, name, known.unknown(name)))
		case !slices.Contains(plugin.Points, s.point):
			errs = append(errs, field.Invalid(at, name, fmt.Sprintf("is not allowed there; must be under %s", listed(plugin.Points))))
		case slices.Contains(s.Enabled[:i], name):
			errs = append(errs, field.Duplicate(at, name))
		case profile.Args(name) == nil && name != DefaultEvictor:
			// The arguments may be in another profile, or under a misspelled name: to run
			// without them could mean to run without limits.
			errs = append(errs, field.Invalid(at, name, fmt.Sprintf("has no entry in the profile's pluginConfig; add \"- name: %s\" there", name)))
		}
	}
	for i, name := range s.Disabled {
		at := path.Child("disabled").Index(i)
		switch _, is := known.find(name); {
		case !is:
			errs = append(errs, field.Invalid(at, name, known.unknown(name)))
		case name == DefaultEvictor && (s.point == FilterPoint || s.point == PreEvictionFilterPoint):
			errs = append(errs, field.Invalid(at, name, "cannot be disabled; use its arguments to change what it protects"))
		case slices.Contains(s.Enabled, name):
			errs = append(errs, field.Invalid(at, name, "is also enabled"))
		case slices.Contains(s.Disabled[:i], name):
			errs = append(errs, field.Duplicate(at, name))
		}
	}
	return errs
}

// warnings returns warnings about what is valid but may be a mistake. Defaults are not set yet.
func warnings(p *Policy) []string {
	var found []string
	warn := func(path *field.Path, text string, args ...any) {
		found = append(found, path.String()+": "+fmt.Sprintf(text, args...))
	}
	evictors := slices.ContainsFunc(p.Profiles, func(q Profile) bool { return q.Evictor() != nil })
	if p.MetricsCollector != nil {
		warn(field.NewPath("metricsCollector"), "is deprecated; use metricsProviders: [{source: KubernetesMetrics}]")
	}
	for i, profile := range p.Profiles {
		at := field.NewPath("profiles").Index(i)
		if len(profile.Plugins.Deschedule.Enabled)+len(profile.Plugins.Balance.Enabled) == 0 {
			warn(at.Child("plugins"), "enables nothing under deschedule and balance, so the profile does nothing")
		}
		if evictors && profile.Evictor() == nil {
			warn(at.Child("pluginConfig"), "the arguments of DefaultEvictor in other profiles do not apply to this one")
		}
		for j, config := range profile.PluginConfigs {
			at := at.Child("pluginConfig").Index(j)
			if config.Name != DefaultEvictor && !profile.Plugins.enabled(config.Name) {
				warn(at, "%s is not enabled in the profile, so its arguments have no effect", config.Name)
			}
			switch args := config.Args.(type) {
			case *DefaultEvictorArgs:
				for _, old := range deprecatedProtections(args) {
					if *old.field {
						warn(at.Child("args", old.name), "is deprecated; use podProtections with %s", old.protection)
					}
				}
			case *LowNodeUtilizationArgs:
				if args.MetricsUtilization != nil && args.MetricsUtilization.MetricsServer {
					warn(at.Child("args", "metricsUtilization", "metricsServer"), "is deprecated; use source: KubernetesMetrics")
				}
			}
		}
	}
	return found
}
