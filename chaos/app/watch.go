package app

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/chaos/survive"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/watch"
	"github.com/stowage-k8s/stowage/internal/cli"
	common "github.com/stowage-k8s/stowage/internal/report"
	"github.com/stowage-k8s/stowage/internal/version"
)

// AddLosses adds the flags for which losses and workloads are asked about, and returns what they say.
func AddLosses(cmd *cobra.Command, opts *survive.Options) func() ([]survive.Kind, error) {
	var losses []string
	var selector string
	fs := cmd.Flags()
	fs.StringSliceVar(&losses, "losses", []string{"node", "zone", "preemptible"}, "the `kinds` of losses: node, zone, pool or preemptible, separated by commas")
	fs.StringVarP(&opts.Namespace, "namespace", "n", "", "ask only about workloads in this `namespace` (default all)")
	fs.StringVarP(&selector, "selector", "l", "", "ask only about workloads whose pods match this label `selector`")
	_ = cmd.RegisterFlagCompletionFunc("losses", cobra.FixedCompletions([]string{"node", "zone", "pool", "preemptible"}, cobra.ShellCompDirectiveNoFileComp))
	return func() ([]survive.Kind, error) {
		kinds, err := survive.ParseKinds(losses)
		if err != nil {
			return nil, refusedf("--losses: %w", err)
		}
		if opts.Selector, err = labels.Parse(selector); err != nil {
			return nil, refusedf("--selector: %w", err)
		}
		return kinds, nil
	}
}

// checkTimeout is how long the API server may take to answer a small request.
const checkTimeout = 10 * time.Second

// watchFlags are the flags of the command "watch".
type watchFlags struct {
	clusterFlags
	opts    survive.Options
	kinds   func() ([]survive.Kind, error)
	limits  thresholdFlags
	serving servingFlags
	refresh time.Duration
	format  report.Format
}

// Watch returns the command "watch" of a program: which losses are survived, kept up to date. The path
// is how the program is called.
func (r *Reader) Watch(path string) *cobra.Command {
	f := &watchFlags{clusterFlags: clusterFlags{built: r.built}, format: report.Table}
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Keep watch on which losses of nodes are survived",
		Long: `Predicts each single loss of a node, a zone and all preemptible nodes, like "kubectl stowage
survive", and goes on to watch the cluster: it prints a line when a loss can no longer be survived,
or can be again. It only reads, and runs until it is stopped.

A loss is predicted again at once if something changes that its prediction was about: a lost node, a
node that would get one of its pods, a workload that loses pods, or one of its budgets. If pods find
no node, any change of a node or of a pod on one counts. Other changes matter only by the room that
they take or leave elsewhere. After such a change, the other losses are predicted again in turn, each
within --refresh. In a large cluster, a round of predictions can take longer.

With --secure-port, it serves health checks and metrics: stowage_survives by loss, and
stowage_floor_ratio by workload and loss.`,
		Example: `  ` + path + ` watch
  ` + path + ` watch --losses zone --namespace shop -o json

  # In a Deployment, for Prometheus
  stowage-chaos watch --in-cluster --secure-port 10260`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	fs := cmd.Flags()
	f.clusterFlags.add(cmd, fs)
	f.limits.add(fs)
	f.kinds = AddLosses(cmd, &f.opts)
	fs.DurationVar(&f.refresh, "refresh", 10*time.Minute, "the time within which every loss is predicted again after a change that does not concern it directly")
	formats := []report.Format{report.Table, report.JSON}
	cli.Group(fs, cli.Output, func() {
		fs.VarP(&formatValue{&f.format, formats}, "output", "o", "output format: table, or json with one object per line")
	})
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json"}, cobra.ShellCompDirectiveNoFileComp))
	f.serving.add(fs)
	return cmd
}

func (f *watchFlags) run(cmd *cobra.Command) error {
	kinds, err := f.kinds()
	if err != nil {
		return err
	}
	if f.refresh <= 0 {
		return refusedf("--refresh=%s: must be more than 0", f.refresh)
	}
	if err := f.validate(false); err != nil {
		return err
	}
	recognizer, err := f.recognizer()
	if err != nil {
		return err
	}
	if f.opts.Profiles, err = f.profiles(); err != nil {
		return err
	}
	f.opts.Registry, f.opts.Thresholds = f.built.registry, f.limits.thresholds()
	progress := common.NewProgress(common.NewLive(os.Stderr))
	f.opts.Progress = progress.Say
	tracker, err := survive.NewTracker(f.opts, f.refresh)
	if err != nil {
		return refused(fmt.Errorf("--scheduler-config: %w", err))
	}
	defer tracker.Close()
	cluster, err := f.connect(cmd.Context())
	if err != nil {
		return err
	}
	metrics := watch.NewRecorder(version.Stowage(), time.Now())
	if f.serving.serves() { // before the cluster is read, which may take long
		if err := f.serving.Serve(cmd.Context(), cluster, metrics.Handler()); err != nil {
			return err
		}
	}
	live, err := f.follow(cmd.Context(), cluster)
	if cmd.Context().Err() != nil {
		return nil // it was stopped
	}
	if err != nil {
		return err
	}
	w := &watch.Watcher{
		Source: live, Tracker: tracker, Metrics: metrics, Clock: clock.RealClock{},
		Losses: func(picture *target.Picture) []*survive.Loss { return survive.Losses(picture, recognizer, kinds) },
		Check: func(ctx context.Context) error {
			ctx, cancel := context.WithTimeout(ctx, checkTimeout)
			defer cancel()
			_, err := cluster.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{Limit: 1})
			return err
		},
		Begun: progress.End, Out: watch.Text(cmd.OutOrStdout()),
	}
	if f.format == report.JSON {
		w.Out = watch.JSON(cmd.OutOrStdout())
	}
	return w.Run(cmd.Context())
}
