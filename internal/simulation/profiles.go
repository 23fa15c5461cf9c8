package simulation

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulerscheme "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
)

// Profile returns the profile of that name from a KubeSchedulerConfiguration in
// YAML or JSON, with every default filled in, as the scheduler would run it.
func Profile(configuration []byte, schedulerName string) (*schedulerconfig.KubeSchedulerProfile, error) {
	obj, err := runtime.Decode(schedulerscheme.Codecs.UniversalDecoder(), configuration)
	if err != nil {
		return nil, fmt.Errorf("reading the scheduler's configuration: %w", err)
	}
	cfg, ok := obj.(*schedulerconfig.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("reading the scheduler's configuration: it is a %T, not a KubeSchedulerConfiguration", obj)
	}
	i := slices.IndexFunc(cfg.Profiles, func(p schedulerconfig.KubeSchedulerProfile) bool { return p.SchedulerName == schedulerName })
	if i < 0 {
		var names []string
		for _, p := range cfg.Profiles {
			names = append(names, p.SchedulerName)
		}
		return nil, fmt.Errorf("the scheduler's configuration has no profile %q, only %s", schedulerName, strings.Join(names, ", "))
	}
	return &cfg.Profiles[i], nil
}
