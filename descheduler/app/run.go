package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes"
	componentbaseconfig "k8s.io/component-base/config"
	componentbaseoptions "k8s.io/component-base/config/options"
	"k8s.io/component-base/logs"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/descheduler/explain"
	"github.com/stowage-k8s/stowage/descheduler/metrics"
	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/connect"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/telemetry"
)

// servingPort is the port of the upstream descheduler, so that probes and scrapes find it.
const servingPort = 10258

// exportTimeout is how long exporting metrics and storing cooldowns may take.
const exportTimeout = 10 * time.Second

// runFlags are those of run.
type runFlags struct {
	client      connect.Flags
	files       configurationFlags
	output      outputFlags
	planning    planningFlags
	serving     telemetry.ServingFlags
	logging     *logsapi.LoggingConfiguration
	dryRun      bool
	interval    time.Duration
	election    componentbaseconfig.LeaderElectionConfiguration
	waveTimeout time.Duration
	textfile    string
	pushgateway string
}

// addClient adds the flags for the cluster. One has the name of the upstream descheduler, too.
func addClient(fs *pflag.FlagSet, client *connect.Flags) {
	cli.Group(fs, cli.Cluster, func() {
		client.Add(fs)
		fs.StringVar(&client.Kubeconfig, "client-connection-kubeconfig", "", "the same as --kubeconfig")
	})
}

func newRunCommand(built *options) *cobra.Command {
	flags := &runFlags{logging: logsapi.NewLoggingConfiguration()}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Make a plan and execute it, within disruption budgets",
		Long: `Makes a plan and executes it in waves. Each wave is planned again on the current
cluster, respects every PodDisruptionBudget, and ends when its replacements are ready. The
run stops with exit code 2 if replacements stay pending, nodes become unready, evictions
are refused, or replacements land where they are no better. SIGTERM ends it within seconds.

Without --descheduling-interval it runs once, for a Job or CronJob. With it, it runs
repeatedly; with --leader-elect, only one of several replicas does.`,
		Example: `  # run once
  stowage-descheduler run --kubeconfig ~/.kube/config --policy-config-file policy.yaml

  # run every five minutes, in one of several replicas
  stowage-descheduler run --policy-config-file policy.yaml --descheduling-interval 5m --leader-elect

  # only show what a run would do
  stowage-descheduler run --policy-config-file policy.yaml --dry-run -o wide`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd, built) },
	}
	fs := cmd.Flags()
	addClient(fs, &flags.client)
	flags.files.add(cmd, fs)
	flags.planning.add(fs)
	flags.output.add(cmd, fs)
	cli.Group(fs, cli.Serving, func() { flags.serving.Add(fs, program, servingPort) })
	fs.BoolVar(&flags.dryRun, "dry-run", false, "only show what would be done; evict nothing")
	fs.DurationVar(&flags.interval, "descheduling-interval", 0, "run repeatedly, with this time from start to start; 0 runs once")
	fs.DurationVar(&flags.waveTimeout, "wave-timeout", 5*time.Minute, "how long the replacements of a wave may take to become ready, in addition to the grace period of the pods")
	cli.Group(fs, cli.Metrics, func() {
		fs.StringVar(&flags.textfile, "metrics-textfile", "", "the file to write metrics to at the end of each run, for the node exporter's textfile collector; must end in .prom")
		fs.StringVar(&flags.pushgateway, "pushgateway", "", "the URL of the Prometheus Pushgateway to push metrics to at the end of each run, such as http://pushgateway.monitoring:9091")
	})
	flags.election = electionDefaults()
	cli.Group(fs, cli.Election, func() { componentbaseoptions.BindLeaderElectionFlags(&flags.election, fs) })
	cli.Group(fs, cli.Logging, func() { logsapi.AddFlags(flags.logging, fs) })
	ignoreOthers(fs)
	return cmd
}

func (f *runFlags) run(cmd *cobra.Command, built *options) error {
	if err := f.validate(); err != nil {
		return exit.Refuse(err)
	}
	logs.InitLogs()
	if err := logsapi.ValidateAndApply(f.logging, nil); err != nil {
		return exit.Refuse(err)
	}
	if err := f.output.file.Validate(); err != nil {
		return exit.Refuse(err)
	}
	d, err := newDescheduler(built, &f.files, &f.planning)
	if err != nil {
		return err
	}
	cfg, _, err := f.client.Config(program)
	if err != nil {
		return exit.Refuse(err)
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	if f.serves(cmd) {
		client, err := kubernetes.NewForConfig(cfg)
		if err != nil {
			return err
		}
		if err := f.serving.Serve(ctx, client, d.recorder.Handler()); err != nil {
			return err
		}
	}
	s, err := open(ctx, &f.client)
	if err != nil {
		return err
	}
	if err := d.use(ctx, s); err != nil {
		return err
	}
	if f.interval == 0 {
		return f.once(ctx, d, cmd.OutOrStdout())
	}
	return f.elected(ctx, s, func(ctx context.Context) { f.loop(ctx, d, cmd.OutOrStdout()) })
}

func (f *runFlags) validate() error {
	switch {
	case f.interval < 0:
		return fmt.Errorf("--descheduling-interval=%s: must be 0 or more", f.interval)
	case f.waveTimeout <= 0:
		return fmt.Errorf("--wave-timeout=%s: must be more than 0", f.waveTimeout)
	case f.textfile != "" && filepath.Ext(f.textfile) != ".prom":
		return fmt.Errorf("--metrics-textfile=%s: must end in .prom, because the node exporter reads no other files", f.textfile)
	case f.election.LeaderElect && f.interval == 0:
		return errors.New("--leader-elect requires --descheduling-interval")
	}
	return nil
}

// serves says whether to serve health and metrics: in a cluster, in a loop, or if the port
// is set.
func (f *runFlags) serves(cmd *cobra.Command) bool {
	return f.interval > 0 || f.client.Kubeconfig == "" && f.client.Context == "" || cmd.Flags().Changed("secure-port")
}

// loop runs repeatedly until ctx ends. An error ends one run and is logged.
func (f *runFlags) loop(ctx context.Context, d *descheduler, out io.Writer) {
	ticker := time.NewTicker(f.interval)
	defer ticker.Stop()
	for {
		if err := f.once(ctx, d, out); err != nil {
			klog.FromContext(ctx).Error(err, "The run ended early")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// once makes a plan, executes it and reports the result.
func (f *runFlags) once(ctx context.Context, d *descheduler, out io.Writer) error {
	begin := time.Now()
	doc, err := f.deschedule(ctx, d)
	end := metrics.Done
	switch {
	case err != nil:
		end = metrics.Failed
	case doc.Result != nil && doc.Result.Cause != plan.NotStopped:
		end = metrics.Stopped
	case len(doc.Plan.Moves) == 0:
		end = metrics.Idle
	}
	d.recorder.ObserveRun(end, time.Now(), time.Since(begin))
	if failed := f.export(ctx, d.recorder); failed != nil {
		klog.FromContext(ctx).Error(failed, "Failed to export the metrics of this run")
	}
	if doc.Plan != nil {
		err = errors.Join(err, f.output.write(out, doc))
	}
	switch result := doc.Result; {
	case result != nil && result.Safety:
		return exit.With(errors.Join(fmt.Errorf("stopped for safety: %s", result.Stopped), err), exit.Failed)
	case result != nil && result.Cause != plan.NotStopped:
		return errors.Join(fmt.Errorf("ended early: %s", result.Stopped), err)
	}
	return err
}

// deschedule makes a plan and executes it, unless this is a dry run. If there is an error,
// the document contains what was done before.
func (f *runFlags) deschedule(ctx context.Context, d *descheduler) (explain.Document, error) {
	if !f.dryRun {
		f.restore(ctx, d)
	}
	doc, p, err := d.plan(ctx, d.live.picture())
	doc.Run.Cluster, doc.Run.DryRun = d.live.cluster.Name, f.dryRun
	if err != nil || f.dryRun || len(doc.Plan.Moves) == 0 {
		return doc, err
	}
	if err := f.checkRights(ctx, d, doc.Plan); err != nil {
		return doc, err
	}
	// The planner reads the cooldowns of earlier runs. This memory stores those of this run,
	// which must not apply to its own waves.
	moved, err := d.loadMemory(ctx)
	if err != nil {
		return doc, err
	}
	if err := moved.Prepare(ctx); err != nil {
		return doc, err
	}
	doc.Result, err = f.execute(ctx, d, doc.Plan, p, moved)
	d.progress.end()
	return doc, err
}

// export exports the metrics to where the flags say. Its failure does not fail the run,
// because a Job would then run again.
func (f *runFlags) export(ctx context.Context, recorder *metrics.Recorder) error {
	var errs []error
	if f.textfile != "" {
		errs = append(errs, recorder.WriteTextfile(f.textfile))
	}
	if f.pushgateway != "" {
		patience := exportTimeout
		if ctx.Err() != nil {
			patience = lastWords
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		errs = append(errs, recorder.Push(ctx, f.pushgateway, program))
	}
	return errors.Join(errs...)
}
