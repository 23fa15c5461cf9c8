package replay

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/internal/rivals"
	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/internal/spelling"
)

// Now is the name of the result for the nodes that pods are on today.
const Now = "now"

// Subject is a way to place pods.
type Subject struct {
	Name string
	// Settings says in words how it is set.
	Settings string

	profile *schedulerconfig.KubeSchedulerProfile
}

// Subjects returns the ways to place pods that are compared: kube-scheduler's default, its
// MostAllocated at its best, and each of the profiles by the name of its scheduler. A profile
// default-scheduler counts only if it is not the default.
func Subjects(profiles []*schedulerconfig.KubeSchedulerProfile) ([]Subject, error) {
	var all []Subject
	for _, rival := range []struct{ name, settings, configuration string }{
		{rivals.Default, "kube-scheduler with its default configuration", rivals.DefaultConfiguration},
		{
			rivals.MostAllocatedAll,
			"kube-scheduler set to pack as well as it can: MostAllocated of all nodes by cpu and memory, without NodeResourcesBalancedAllocation and without spread constraints by default",
			rivals.MostAllocatedAllConfiguration,
		},
	} {
		decoded, err := simulation.Profiles([]byte(rival.configuration))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", rival.name, err)
		}
		all = append(all, Subject{rival.name, rival.settings, decoded[0]})
	}
	usual := all[0].profile
	for _, profile := range profiles {
		name := profile.SchedulerName
		switch {
		case name == corev1.DefaultSchedulerName && equality.Semantic.DeepEqual(profile, usual):
			continue
		case name == Now || slices.Contains(names(all), name):
			return nil, fmt.Errorf("a profile has the schedulerName %q, which stands for something else here: rename it", name)
		}
		all = append(all, Subject{name, "the profile with the schedulerName " + name, profile})
	}
	return all, nil
}

// Restrict returns the subjects with the names, in the order of the subjects.
func Restrict(subjects []Subject, wanted []string) ([]Subject, error) {
	known := names(subjects)
	for _, name := range wanted {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no profile %q%s, only %s", name, spelling.DidYouMean(name, known), strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(subjects), func(s Subject) bool { return !slices.Contains(wanted, s.Name) }), nil
}

func names(subjects []Subject) []string {
	var all []string
	for _, s := range subjects {
		all = append(all, s.Name)
	}
	return all
}
