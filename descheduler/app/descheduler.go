package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/descheduler/explain"
	"github.com/stowage-k8s/stowage/descheduler/memory"
	"github.com/stowage-k8s/stowage/descheduler/metrics"
	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/planner"
	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/descheduler/usage"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/connect"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/report"
	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/internal/version"
)

// planningFlags are the flags for planning, of plan and run.
type planningFlags struct {
	cooldown time.Duration
	memory   string
	waveSize int
}

func (f *planningFlags) add(fs *pflag.FlagSet) {
	fs.DurationVar(&f.cooldown, "cooldown", 15*time.Minute, "how long later runs do not move a workload after one of its pods was moved; 0 turns cooldowns off")
	fs.StringVar(&f.memory, "cooldown-config-map", connect.OwnNamespace()+"/"+program, "the ConfigMap that stores cooldowns, as NAMESPACE/NAME")
	fs.IntVar(&f.waveSize, "wave-size", 100, "the maximum number of pods per wave; the next wave starts when their replacements are ready")
}

func (f *planningFlags) validate() error {
	namespace, name, both := strings.Cut(f.memory, "/")
	switch {
	case f.cooldown < 0:
		return fmt.Errorf("--cooldown=%s: must be 0 or more", f.cooldown)
	case !both || namespace == "" || name == "":
		return fmt.Errorf("--cooldown-config-map=%s: must be NAMESPACE/NAME", f.memory)
	case f.waveSize < 1:
		return fmt.Errorf("--wave-size=%d: must be 1 or more", f.waveSize)
	}
	return nil
}

// live is a cluster that is watched.
type live struct {
	cluster  *connect.Cluster
	follower *cluster.Follower
}

// open watches the cluster until ctx ends.
func open(ctx context.Context, flags *connect.Flags) (*live, error) {
	found, err := flags.Connect(ctx, program)
	if err != nil {
		return nil, err
	}
	logger := klog.FromContext(ctx)
	if found.Outside != "" {
		logger.Info(found.Outside)
	}
	follower, err := cluster.Follow(ctx, found, cluster.FollowOptions{Waiting: logWaiting(logger)})
	if err != nil {
		return nil, err
	}
	if missing := follower.Missing(); len(missing) > 0 {
		logger.Info("Planning without kinds that the cluster does not have or that this account may not list and watch. Plans may be wrong for pods that need them", "kinds", missing)
	}
	return &live{cluster: found, follower: follower}, nil
}

// logWaiting returns a function that logs what a slow startup is waiting for.
func logWaiting(logger klog.Logger) func(error) {
	return func(problem error) {
		if problem == nil {
			logger.Info("Startup continues")
			return
		}
		logger.Info("Startup is taking long", "problem", problem)
	}
}

// picture returns the cluster as it is now.
func (l *live) picture() *cluster.Snapshot {
	s := l.follower.Snapshot()
	s.Kubernetes = l.cluster.Kubernetes
	return s
}

// record writes the cluster to a dump.
func (l *live) record(path string) error {
	return report.WriteFile(path, func(w io.Writer) error { return cluster.WriteDump(w, l.picture()) })
}

// descheduler is what plan and run have in common: everything from files and flags.
type descheduler struct {
	built    *options
	files    *configurationFlags
	flags    *planningFlags
	policy   *policy.Policy
	profiles []*schedulerconfig.KubeSchedulerProfile
	recorder *metrics.Recorder
	progress *progress
	// now returns the time by which ages are calculated. For a dump, that is its own time.
	now func() time.Time

	// The following fields belong to the cluster, and are empty without one.
	live  *live
	own   types.NamespacedName
	usage func(context.Context, *policy.MetricsUtilization) (strategy.Usage, error)
}

// newDescheduler checks everything that can be checked without a cluster.
func newDescheduler(built *options, files *configurationFlags, flags *planningFlags) (*descheduler, error) {
	if err := flags.validate(); err != nil {
		return nil, exit.Refuse(err)
	}
	loaded, err := files.loadPolicy(built)
	if err != nil {
		return nil, err
	}
	profiles, err := files.loadProfiles(built)
	if err != nil {
		return nil, err
	}
	return &descheduler{
		built: built, files: files, flags: flags, policy: loaded, profiles: profiles,
		recorder: metrics.NewRecorder(version.Stowage()),
		progress: newProgress(report.NewLive(os.Stderr)),
		now:      time.Now,
	}, nil
}

// use sets it up for a live cluster.
func (d *descheduler) use(ctx context.Context, s *live) error {
	d.live, d.own = s, connect.OwnPod()
	source, err := usage.New(d.policy.MetricsProviders, usage.Options{Config: s.cluster.Config})
	if err != nil {
		return exit.Refuse(err)
	}
	d.usage = source
	_, err = disruption.WaitObserved(ctx, s.cluster, "", logWaiting(klog.FromContext(ctx)))
	return err
}

// loadMemory returns what earlier runs have moved.
func (d *descheduler) loadMemory(ctx context.Context) (*memory.Memory, error) {
	if d.live == nil {
		return memory.New(0), nil
	}
	namespace, name, _ := strings.Cut(d.flags.memory, "/")
	return memory.Load(ctx, d.live.cluster, namespace, name, d.flags.cooldown)
}

// newPlanner returns a planner that observes the cooldowns of earlier runs.
func (d *descheduler) newPlanner(ctx context.Context) (*planner.Planner, error) {
	rests, err := d.loadMemory(ctx)
	if err != nil {
		return nil, err
	}
	options := map[string]preemptible.Options{}
	for _, profile := range d.profiles {
		if o, has := d.built.preemptible(profile); has {
			options[profile.SchedulerName] = o
		}
	}
	return planner.New(planner.Options{
		Policy: d.policy, Strategies: d.built.strategies, Profiles: d.profiles, Registry: d.built.registry,
		Usage: d.usage, Memory: rests, Own: d.own, Now: d.now,
		Preemptible: func(picture *cluster.Snapshot) strategy.Preemptible {
			return preemptible.NewSchedulers(options, picture.Namespaces)
		},
		Wave:     disruption.Limits{Total: d.flags.waveSize},
		Progress: d.progress.planning,
		Observe:  d.recorder.ObserveStrategy,
	})
}

// plan makes a plan. It returns the document to show, and the planner for executing the plan.
func (d *descheduler) plan(ctx context.Context, picture *cluster.Snapshot) (explain.Document, *planner.Planner, error) {
	doc := explain.Document{Run: explain.Run{
		Time: d.now(), Policy: d.files.policy, DryRun: true, Version: version.Stowage(),
		Kubernetes: picture.Kubernetes, Simulated: simulation.Caveat(picture, d.profiles, d.built.registry),
	}}
	p, err := d.newPlanner(ctx)
	if err != nil {
		return doc, nil, err
	}
	doc.Plan, err = p.Plan(ctx, picture, plan.Done{})
	d.progress.end()
	if err != nil {
		return doc, nil, err
	}
	d.recorder.ObservePlan(doc.Plan)
	return doc, p, nil
}
