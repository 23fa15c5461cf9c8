package simulation

import (
	"context"
	"fmt"
	"os"
	"slices"

	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

// stock is the configuration of a cluster's own scheduler that was left as it is.
const stock = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
`

// Configurations say how a cluster's schedulers are configured.
type Configurations struct {
	// BuiltIn are configurations that hold where no file says otherwise, besides that of a
	// default-scheduler that was left as it is.
	BuiltIn [][]byte
	// Files are those of schedulers as they run. Their profiles stand in for built-in ones of
	// the same name; two files with the same are an error.
	Files []string
	// Registry holds the plugins beside the engine's own.
	Registry frameworkruntime.Registry
}

// Load returns the profiles of all schedulers, which can be set up. Errors name the file.
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

// loading is the profiles so far, and the files that they are from.
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
