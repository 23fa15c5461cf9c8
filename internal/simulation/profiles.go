package simulation

import (
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulerscheme "k8s.io/kubernetes/pkg/scheduler/apis/config/scheme"
)

// Profiles returns the profiles of a KubeSchedulerConfiguration in YAML or JSON, with all
// defaults, as the scheduler would run them. Extenders are an error.
func Profiles(configuration []byte) ([]*schedulerconfig.KubeSchedulerProfile, error) {
	obj, err := runtime.Decode(schedulerscheme.Codecs.UniversalDecoder(), configuration)
	if err != nil {
		return nil, fmt.Errorf("reading the scheduler's configuration: %w", err)
	}
	cfg, ok := obj.(*schedulerconfig.KubeSchedulerConfiguration)
	if !ok {
		return nil, fmt.Errorf("reading the scheduler's configuration: it is a %T, not a KubeSchedulerConfiguration", obj)
	}
	if len(cfg.Extenders) > 0 {
		return nil, errors.New("reading the scheduler's configuration: extenders: must be empty, because they cannot be simulated")
	}
	var profiles []*schedulerconfig.KubeSchedulerProfile
	for i := range cfg.Profiles {
		profile := &cfg.Profiles[i]
		if profile.PercentageOfNodesToScore == nil {
			profile.PercentageOfNodesToScore = cfg.PercentageOfNodesToScore
		}
		profiles = append(profiles, profile)
	}
	return profiles, nil
}

// Profile returns the profile of that name.
func Profile(configuration []byte, schedulerName string) (*schedulerconfig.KubeSchedulerProfile, error) {
	profiles, err := Profiles(configuration)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, profile := range profiles {
		if profile.SchedulerName == schedulerName {
			return profile, nil
		}
		names = append(names, profile.SchedulerName)
	}
	return nil, fmt.Errorf("the scheduler's configuration has no profile %q, only %s", schedulerName, strings.Join(names, ", "))
}
