package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/tools/clientcmd"
	logsapi "k8s.io/component-base/logs/api/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/run"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/connect"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// clusterFlags are the flags for the cluster and its schedulers.
type clusterFlags struct {
	built      *options
	client     connect.Flags
	inCluster  bool
	schedulers []string
	// known are the schedulers' profiles, once they have been read.
	known []*schedulerconfig.KubeSchedulerProfile
}

func (f *clusterFlags) add(cmd *cobra.Command, fs *pflag.FlagSet) {
	cli.Group(fs, cli.Cluster, func() {
		f.client.Add(fs)
		fs.BoolVar(&f.inCluster, "in-cluster", false, "use the cluster that the program runs in, for example as a Job")
		fs.StringArrayVar(&f.schedulers, "scheduler-config", nil, "the KubeSchedulerConfiguration file of a scheduler in the cluster. Can be repeated. "+
			"By default, default-scheduler has its default configuration, and stowage-scheduler the profiles it is shipped with")
	})
	cli.Group(fs, cli.Logging, func() { logsapi.AddFlags(f.built.logging, fs) })
	_ = cmd.MarkFlagFilename("scheduler-config", "yaml", "yml", "json")
	_ = cmd.RegisterFlagCompletionFunc("context", f.completeContexts)
}

func (f *clusterFlags) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return f.contexts(), cobra.ShellCompDirectiveNoFileComp
}

// contexts returns the names of all contexts.
func (f *clusterFlags) contexts() []string {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = f.client.Kubeconfig
	raw, err := rules.Load()
	if err != nil {
		return nil
	}
	var names []string
	for name := range raw.Contexts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// choice lists the available contexts.
func (f *clusterFlags) choice() string {
	if names := f.contexts(); len(names) > 0 {
		return "available contexts: " + strings.Join(names, ", ")
	}
	return "the kubeconfig has no contexts: set --kubeconfig or KUBECONFIG"
}

// named returns the flags that name the cluster.
func (f *clusterFlags) named() string {
	switch {
	case f.inCluster:
		return "--in-cluster"
	case f.client.Kubeconfig != "":
		return fmt.Sprintf("--context %s --kubeconfig %s", f.client.Context, f.client.Kubeconfig)
	}
	return "--context " + f.client.Context
}

// validate checks everything that needs no cluster. To make changes, the cluster must be named,
// because the current context is whatever somebody last worked with.
func (f *clusterFlags) validate(forReal bool) error {
	switch {
	case f.inCluster && (f.client.Context != "" || f.client.Kubeconfig != ""):
		return refused(errors.New("--in-cluster cannot be combined with --context or --kubeconfig"))
	case forReal && !f.inCluster && f.client.Context == "":
		return refusedf("changing a cluster requires --context or --in-cluster (%s)", f.choice())
	case f.client.Context != "" && !slices.Contains(f.contexts(), f.client.Context):
		return refusedf("--context: no context %q in the kubeconfig (%s)", f.client.Context, f.choice())
	}
	if !f.inCluster {
		f.client.UseCurrentContext()
	}
	_, _, err := f.client.Config(program)
	return refused(err)
}

// opened is a watched cluster with an assessor.
type opened struct {
	live     *run.Live
	cluster  *connect.Cluster
	assessor *assess.Assessor
	// following is the context of the watches. It ends with close, not with the command, because
	// changes still have to be restored after an interrupt.
	following context.Context
	close     func()
}

// openAll opens the cluster for a run. The caller closes it. It gives up if the context ends
// before everything has been read.
func (f *clusterFlags) openAll(ctx context.Context) (*opened, error) {
	o := &opened{}
	var err error
	if o.assessor, err = f.assessor(); err != nil {
		return nil, err
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	o.following, o.close = following, func() {
		stop()
		o.assessor.Close()
	}
	impatient := context.AfterFunc(ctx, stop)
	o.live, o.cluster, err = f.open(following)
	impatient()
	if err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

// connect returns the cluster, and warns about untested versions of Kubernetes.
func (f *clusterFlags) connect(ctx context.Context) (*connect.Cluster, error) {
	found, err := f.client.Connect(ctx, program)
	if err == nil && found.Outside != "" {
		fmt.Fprintln(os.Stderr, "Note:", found.Outside)
	}
	return found, err
}

// sayWaiting reports what a slow start is waiting for.
func sayWaiting(problem error) {
	if problem == nil {
		fmt.Fprintln(os.Stderr, "Note: done waiting")
		return
	}
	fmt.Fprintln(os.Stderr, "Note: still", problem)
}

// open watches the cluster until the context ends.
func (f *clusterFlags) open(ctx context.Context) (*run.Live, *connect.Cluster, error) {
	found, err := f.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	live, err := f.follow(ctx, found)
	return live, found, err
}

// follow watches a connected cluster until the context ends.
func (f *clusterFlags) follow(ctx context.Context, found *connect.Cluster) (*run.Live, error) {
	live, err := run.Open(ctx, found, strings.TrimPrefix(found.Name, "context "), found.Kubernetes, sayWaiting)
	if err != nil {
		return nil, err
	}
	if missing := live.Missing(); len(missing) > 0 {
		fmt.Fprintf(os.Stderr, "Note: cannot list and watch %s: missing in the cluster, or forbidden. Predictions for pods that need them may be wrong\n", strings.Join(missing, ", "))
	}
	return live, nil
}

// profiles returns the profiles of all schedulers. They are read once.
func (f *clusterFlags) profiles() ([]*schedulerconfig.KubeSchedulerProfile, error) {
	if f.known != nil {
		return f.known, nil
	}
	profiles, err := simulation.Load(simulation.Configurations{BuiltIn: f.built.configurations, Files: f.schedulers, Registry: f.built.registry})
	if err != nil {
		return nil, refused(fmt.Errorf("--scheduler-config: %w", err))
	}
	f.known = profiles
	return profiles, nil
}

// recognizer returns the recognizer for preemptible nodes, with the settings of all schedulers.
func (f *clusterFlags) recognizer() (preemptible.Recognizer, error) {
	var all preemptible.Recognizer
	profiles, err := f.profiles()
	for _, profile := range profiles {
		if o, has := f.built.preemptible(profile); has {
			all.Labels = append(all.Labels, o.Nodes.Labels...)
			all.Notices = append(all.Notices, o.Nodes.Notices...)
		}
	}
	return all, err
}

// assessor returns a new assessor. The caller closes it.
func (f *clusterFlags) assessor() (*assess.Assessor, error) {
	profiles, err := f.profiles()
	if err != nil {
		return nil, err
	}
	a, err := assess.New(assess.Options{Profiles: profiles, Registry: f.built.registry})
	if err != nil {
		return nil, refused(fmt.Errorf("--scheduler-config: %w", err))
	}
	return a, nil
}

// sourceFlags are the flags for the source of a picture: a cluster or a dump.
type sourceFlags struct {
	clusterFlags
	dump connect.DumpFlags
}

func (f *sourceFlags) add(cmd *cobra.Command, fs *pflag.FlagSet) {
	f.clusterFlags.add(cmd, fs)
	cli.Group(fs, cli.Cluster, func() { f.dump.Add(fs) })
}

// validate checks everything that needs no cluster.
func (f *sourceFlags) validate() error {
	if err := f.dump.Validate(); err != nil {
		return refused(err)
	}
	if f.dump.Path != "" {
		if f.client.Kubeconfig != "" || f.client.Context != "" || f.inCluster {
			return refused(errors.New("--from-dump cannot be combined with --kubeconfig, --context or --in-cluster"))
		}
		return nil
	}
	return f.clusterFlags.validate(false)
}

// picture returns the cluster, and for a dump its time.
func (f *sourceFlags) picture(ctx context.Context) (*target.Picture, *connect.Clock, error) {
	if f.dump.Path != "" {
		s, clock, err := f.dump.Read()
		if errors.Is(err, connect.ErrNow) {
			err = refused(err)
		}
		if err != nil {
			return nil, nil, err
		}
		return target.NewPicture(s, clock.Now), &clock, nil
	}
	live, _, err := f.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	return live.Picture(), nil, nil
}
