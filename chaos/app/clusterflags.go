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
	"github.com/stowage-k8s/stowage/internal/connect"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// clusterFlags say which cluster, and how it schedules.
type clusterFlags struct {
	built      *options
	client     connect.Flags
	inCluster  bool
	schedulers []string
	// known are the schedulers' profiles, once they have been read.
	known []*schedulerconfig.KubeSchedulerProfile
}

func (f *clusterFlags) add(cmd *cobra.Command, fs *pflag.FlagSet) {
	f.client.Add(fs)
	fs.BoolVar(&f.inCluster, "in-cluster", false, "the cluster that the program runs in, as a Job does")
	fs.StringArrayVar(&f.schedulers, "scheduler-config", nil, "a KubeSchedulerConfiguration as one of the cluster's schedulers runs with; may be given several times. "+
		"Known without: default-scheduler as it is by default, and the profiles that are shipped for stowage-scheduler")
	logsapi.AddFlags(f.built.logging, fs)
	_ = cmd.MarkFlagFilename("scheduler-config", "yaml", "yml", "json")
	_ = cmd.RegisterFlagCompletionFunc("context", f.completeContexts)
}

func (f *clusterFlags) completeContexts(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return f.contexts(), cobra.ShellCompDirectiveNoFileComp
}

// contexts returns the names of the contexts that there are.
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

// choice says which contexts there are.
func (f *clusterFlags) choice() string {
	if names := f.contexts(); len(names) > 0 {
		return "there are: " + strings.Join(names, ", ")
	}
	return "there are none: give --kubeconfig, or set KUBECONFIG"
}

// validate checks what can be checked without a cluster. Where something is to be done,
// the cluster must be named: the current context is whatever somebody worked on last.
func (f *clusterFlags) validate(forReal bool) error {
	switch {
	case f.inCluster && (f.client.Context != "" || f.client.Kubeconfig != ""):
		return refused(errors.New("--in-cluster: the cluster that it runs in needs no --context and no --kubeconfig"))
	case forReal && !f.inCluster && f.client.Context == "":
		return refusedf("name the cluster that this is to be done to: give --context (%s), or --in-cluster", f.choice())
	case f.client.Context != "" && !slices.Contains(f.contexts(), f.client.Context):
		return refusedf("--context: there is no context %q in the kubeconfig; %s", f.client.Context, f.choice())
	}
	if !f.inCluster && f.client.Kubeconfig == "" && f.client.Context == "" {
		if names := f.contexts(); len(names) > 0 {
			// As kubectl does, for what only looks.
			f.client.Context = currentContext()
		}
	}
	_, _, err := f.client.Config(program)
	return refused(err)
}

func currentContext() string {
	raw, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		return ""
	}
	return raw.CurrentContext
}

// opened is a cluster that is followed, and what predicts what a loss would do to it.
type opened struct {
	live     *run.Live
	cluster  *connect.Cluster
	assessor *assess.Assessor
	// following is the context of what follows the cluster. It ends with close, not with the
	// command: what was changed is still to be put back then.
	following context.Context
	close     func()
}

// openAll opens the cluster for a run, which closes it. It gives up when the context ends
// before all has been read.
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

// connect returns the cluster, and says on which version of Kubernetes it is not proven.
func (f *clusterFlags) connect(ctx context.Context) (*connect.Cluster, error) {
	found, err := f.client.Connect(ctx, program)
	if err == nil && found.Outside != "" {
		fmt.Fprintln(os.Stderr, "Note:", found.Outside)
	}
	return found, err
}

// sayWaiting says what a start that takes long waits for.
func sayWaiting(problem error) {
	if problem == nil {
		fmt.Fprintln(os.Stderr, "Note: the wait is over")
		return
	}
	fmt.Fprintln(os.Stderr, "Note: still", problem)
}

// open follows the cluster until the context ends.
func (f *clusterFlags) open(ctx context.Context) (*run.Live, *connect.Cluster, error) {
	found, err := f.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	live, err := run.Open(ctx, found, strings.TrimPrefix(found.Name, "context "), found.Kubernetes, sayWaiting)
	if err != nil {
		return nil, nil, err
	}
	if missing := live.Missing(); len(missing) > 0 {
		fmt.Fprintf(os.Stderr, "Note: the cluster does not have, or gives no right to list and watch, %s: where pods need them, predictions may be wrong\n", strings.Join(missing, ", "))
	}
	return live, found, nil
}

// profiles returns the schedulers that are known. They are read once.
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

// recognizer returns what tells preemptible nodes: whatever any of the schedulers knows.
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

// assessor returns what predicts what a loss would do, which is to be closed.
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

// sourceFlags say where a picture is from: a cluster or a record of one.
type sourceFlags struct {
	clusterFlags
	dump connect.DumpFlags
}

func (f *sourceFlags) add(cmd *cobra.Command, fs *pflag.FlagSet) {
	f.clusterFlags.add(cmd, fs)
	f.dump.Add(fs)
}

// validate checks what can be checked without a cluster.
func (f *sourceFlags) validate() error {
	if err := f.dump.Validate(); err != nil {
		return refused(err)
	}
	if f.dump.Path != "" {
		if f.client.Kubeconfig != "" || f.client.Context != "" || f.inCluster {
			return refused(errors.New("--from-dump: it needs no cluster, so leave out --kubeconfig, --context and --in-cluster"))
		}
		return nil
	}
	return f.clusterFlags.validate(false)
}

// picture returns the cluster, and of a record the time by which it is judged.
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
