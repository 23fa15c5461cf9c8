package simulation

import (
	"context"
	"fmt"
	"os"
	"slices"

	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

// stock is the default configuration of kube-scheduler.
const stock = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
`

// Configurations are the configurations of a cluster's schedulers.
type Configurations struct {
	// BuiltIn are configurations that apply unless a file overrides them, in addition to the
	// default configuration of default-scheduler.
	BuiltIn [][]byte
	// Files are the configurations of running schedulers. Their profiles replace built-in
	// ones of the same name; two files with the same profile are an error.
	Files []string
	// Registry contains additional plugins.
	Registry frameworkruntime.Registry
}

// Load returns the profiles of all schedulers, which it validates. Errors name the file.
func Load(c Configurations) ([]*schedulerconfig.KubeSchedulerProfile, error) {
	l := loading{from: map[string]string{}}
	for _, configuration := range append([][]byte{[]byte(stock)}, c.BuiltIn...) {
		if err := l.add("", configuration); err != nil {
			return nil, err
		}
	}
	for _, file := range c.Files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := l.add(file, data); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := New(ctx, Options{Profiles: l.profiles, Registry: c.Registry})
	return l.profiles, err
}

// loading is the state of Load: the profiles, and the files that contain them.
type loading struct {
	profiles []*schedulerconfig.KubeSchedulerProfile
	from     map[string]string
}

func (l *loading) add(file string, data []byte) error {
	more, err := Profiles(data)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for _, profile := range more {
		i := slices.IndexFunc(l.profiles, func(p *schedulerconfig.KubeSchedulerProfile) bool { return p.SchedulerName == profile.SchedulerName })
		switch other := l.from[profile.SchedulerName]; {
		case i < 0:
			l.profiles = append(l.profiles, profile)
		case other != "":
			return fmt.Errorf("both %s and %s have a profile %q", other, file, profile.SchedulerName)
		default:
			l.profiles[i] = profile
		}
		l.from[profile.SchedulerName] = file
	}
	return nil
}
