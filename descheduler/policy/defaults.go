package policy

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// minFailedPodLifetimeSeconds is how old failed pods have to be by default.
const minFailedPodLifetimeSeconds = 3600

// defaultMaxStandIns is how many stand-ins there are at once by default.
const defaultMaxStandIns = 10

// argsOf is a pointer to a struct of arguments.
type argsOf[A any] interface {
	*A
	Args
}

// empty returns arguments whose defaults are all their zero values.
func empty[A any, P argsOf[A]]() Args { return P(new(A)) }

func newDefaultEvictorArgs() Args {
	return &DefaultEvictorArgs{NoEvictionPolicy: PreferredNoEviction}
}

func newRemoveFailedPodsArgs() Args {
	return &RemoveFailedPodsArgs{MinPodLifetimeSeconds: minFailedPodLifetimeSeconds}
}

func newTopologySpreadArgs() Args {
	return &RemovePodsViolatingTopologySpreadConstraintArgs{
		Constraints:            []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule},
		TopologyBalanceNodeFit: true,
	}
}

// setDefaults sets the defaults of a valid policy, and replaces deprecated fields by current ones.
func setDefaults(p *Policy) {
	p.APIVersion, p.Kind = APIVersion, Kind
	if p.MetricsCollector != nil && p.MetricsCollector.Enabled {
		p.MetricsProviders = append(p.MetricsProviders, MetricsProvider{Source: KubernetesMetrics})
	}
	p.MetricsCollector = nil
	if p.usesStandIns() {
		if p.StandIns == nil {
			p.StandIns = &StandIns{}
		}
		if p.StandIns.Max == nil {
			p.StandIns.Max = ptr.To[int32](defaultMaxStandIns)
		}
	}
	for i := range p.Profiles {
		profile := &p.Profiles[i]
		if profile.Moves == "" {
			profile.Moves = Evict
		}
		if profile.Evictor() == nil {
			config := PluginConfig{Name: DefaultEvictor, Args: newDefaultEvictorArgs()}
			profile.PluginConfigs = slices.Insert(profile.PluginConfigs, 0, config)
		}
		for _, set := range profile.Plugins.sets() {
			if len(set.Enabled)+len(set.Disabled) == 0 {
				*set.PluginSet = PluginSet{}
			}
		}
		for _, filters := range []*PluginSet{&profile.Plugins.Filter, &profile.Plugins.PreEvictionFilter} {
			if !slices.Contains(filters.Enabled, DefaultEvictor) {
				filters.Enabled = slices.Insert(filters.Enabled, 0, DefaultEvictor)
			}
		}
		for _, config := range profile.PluginConfigs {
			setArgsDefaults(config.Args)
		}
	}
}

// setArgsDefaults completes arguments in which a file put an empty value where there
// was a default.
func setArgsDefaults(args Args) {
	switch args := args.(type) {
	case *DefaultEvictorArgs:
		if args.NoEvictionPolicy == "" {
			args.NoEvictionPolicy = PreferredNoEviction
		}
		setProtections(args)
	case *LowNodeUtilizationArgs:
		if metrics := args.MetricsUtilization; metrics != nil && metrics.MetricsServer {
			metrics.MetricsServer, metrics.Source = false, KubernetesMetrics
		}
	case *RemovePodsViolatingTopologySpreadConstraintArgs:
		if len(args.Constraints) == 0 {
			args.Constraints = []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule}
		}
	}
}

// deprecatedProtection is a field that podProtections replaces.
type deprecatedProtection struct {
	name       string
	field      *bool
	protection PodProtection
	list       *[]PodProtection
}

func deprecatedProtections(args *DefaultEvictorArgs) []deprecatedProtection {
	disabled, extra := &args.PodProtections.DefaultDisabled, &args.PodProtections.ExtraEnabled
	return []deprecatedProtection{
		{"evictLocalStoragePods", &args.EvictLocalStoragePods, PodsWithLocalStorage, disabled},
		{"evictDaemonSetPods", &args.EvictDaemonSetPods, DaemonSetPods, disabled},
		{"evictSystemCriticalPods", &args.EvictSystemCriticalPods, SystemCriticalPods, disabled},
		{"evictFailedBarePods", &args.EvictFailedBarePods, FailedBarePods, disabled},
		{"ignorePvcPods", &args.IgnorePvcPods, PodsWithPVC, extra},
		{"ignorePodsWithoutPDB", &args.IgnorePodsWithoutPDB, PodsWithoutPDB, extra},
	}
}

func setProtections(args *DefaultEvictorArgs) {
	for _, old := range deprecatedProtections(args) {
		if *old.field {
			*old.list = append(*old.list, old.protection)
			*old.field = false
		}
	}
	// Empty lists are written out, nil ones would be as null.
	for _, list := range []*[]PodProtection{&args.PodProtections.DefaultDisabled, &args.PodProtections.ExtraEnabled} {
		*list = append(make([]PodProtection, 0), *list...)
	}
}
