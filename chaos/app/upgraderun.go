package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/run"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/chaos/upgrade"
	"github.com/stowage-k8s/stowage/internal/exit"
	common "github.com/stowage-k8s/stowage/internal/report"
	"github.com/stowage-k8s/stowage/internal/version"
)

// upgradeRunFlags are the flags of an upgrade that is carried out.
type upgradeRunFlags struct {
	run                 bool
	command, replacedBy string
	timeout             time.Duration
	journal, resume     string
}

func (f *upgradeRunFlags) add(cmd *cobra.Command, fs *pflag.FlagSet) {
	fs.BoolVar(&f.run, "run", false, "carry out the plan instead of only showing it. Requires --context or --in-cluster, and --replace-command or --replaced-by")
	fs.StringVar(&f.command, "replace-command", "", "with --run: the shell `command` that replaces a node or upgrades it in place. It gets the node in STOWAGE_NODE, and in STOWAGE_STEP "+
		"replace, or with --surge add before the drain and remove after it")
	fs.StringVar(&f.replacedBy, "replaced-by", "", "with --run: the `label` of replacement nodes, such as version=v1.37.2. The run waits for as many new Ready nodes with it as it has drained")
	fs.DurationVar(&f.timeout, "timeout", 15*time.Minute, "with --run: how long a drain, the recovery of its pods, and a replacement node may each take")
	fs.StringVar(&f.journal, "journal", "", "with --run: the `file` to write the journal to (default upgrade-ID.jsonl in the current directory)")
	fs.StringVar(&f.resume, "resume", "", "with --run: the journal `file` of a run that ended early, to go on with its nodes and settings")
	_ = cmd.MarkFlagFilename("resume", "jsonl")
}

// check checks the flags.
func (f *upgradeRunFlags) check(fs *pflag.FlagSet) error {
	if !f.run {
		for _, name := range []string{"replace-command", "replaced-by", "timeout", "journal", "resume"} {
			if fs.Changed(name) {
				return fmt.Errorf("--%s requires --run", name)
			}
		}
		return nil
	}
	if f.resume != "" {
		for _, name := range []string{"selector", "pool-label", "batch", "surge", "include-do-not-disrupt", "node-ready", "replace-command", "replaced-by", "timeout"} {
			if fs.Changed(name) {
				return fmt.Errorf("--%s cannot be combined with --resume, which takes it from the journal", name)
			}
		}
		return nil
	}
	if f.timeout <= 0 {
		return fmt.Errorf("--timeout=%s: must be more than 0", f.timeout)
	}
	if _, err := labels.Parse(f.replacedBy); err != nil {
		return fmt.Errorf("--replaced-by: %w", err)
	}
	if f.command == "" && f.replacedBy == "" {
		return errors.New("--run requires --replace-command or --replaced-by: nobody would replace the nodes")
	}
	return nil
}

// resumed is an upgrade that goes on.
type resumed struct {
	run *journal.Run
	journal.Upgrade
}

// read reads the journal of the run to go on with, if one is named.
func (f *upgradeRunFlags) read() (*resumed, error) {
	if f.resume == "" {
		return nil, nil
	}
	before, err := journal.OpenRun(f.resume)
	if err != nil {
		return nil, fmt.Errorf("--resume: %w", err)
	}
	if before.Upgrade == nil {
		return nil, fmt.Errorf("--resume: %s is not the journal of an upgrade that has begun", f.resume)
	}
	r := &resumed{before, *before.Upgrade}
	for _, replaced := range before.Replaced {
		r.Done = append(r.Done, replaced.What.Node)
	}
	return r, nil
}

// settings returns what the flags say about the nodes.
func (f *upgradeFlags) settings(name string, nodes []*corev1.Node) journal.Upgrade {
	u := journal.Upgrade{
		Title: f.title(name), Pool: name, PoolLabel: f.label, Selector: f.selector, Batch: max(f.batch, f.surge), Surge: f.surge > 0,
		IncludeDoNotDisrupt: f.includeDoNotDisrupt, NodeReady: metav1.Duration{Duration: f.nodeReady},
		Command: f.carry.command, Label: f.carry.replacedBy, Timeout: metav1.Duration{Duration: f.carry.timeout},
	}
	for _, node := range nodes {
		u.Nodes = append(u.Nodes, journal.Node{Name: node.Name, UID: string(node.UID)})
	}
	return u
}

// carryOut carries an upgrade out.
func (f *upgradeFlags) carryOut(ctx context.Context, out io.Writer, name string, before *resumed) error {
	o, err := f.source.openAll(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	if before != nil {
		f.selector, f.label, name = before.Selector, before.PoolLabel, before.Pool
		if err := f.tidy(ctx, o, before.run); err != nil {
			return err
		}
	}
	r := &upgrade.Run{Assessor: o.assessor, Output: os.Stderr}
	picture := o.live.Picture()
	if before != nil {
		r.Upgrade = before.Upgrade
	} else {
		nodes, err := f.nodes(picture, name)
		if err != nil {
			return refused(err)
		}
		r.Upgrade = f.settings(name, nodes)
	}
	if r.Selects, err = f.belongs(name); err != nil {
		return refused(err)
	}
	if err := r.Begin(picture, before != nil); err != nil {
		return refused(err)
	}
	if err := f.forecast(ctx, o, r, picture); err != nil {
		return err
	}
	return f.follow(ctx, o, out, r)
}

// tidy restores what a run that crashed has left.
func (f *upgradeFlags) tidy(ctx context.Context, o *opened, before *journal.Run) error {
	_, err := undo.Restore(ctx, o.cluster, before.Start.ID, func(c journal.Change) { fmt.Fprintf(os.Stderr, "%s: %s\n", c.Object, c.What) })
	if err != nil {
		return fmt.Errorf("restoring what run %s has left: %w", before.Start.ID, err)
	}
	return undo.Release(ctx, o.cluster, before.Start.ID)
}

// forecast says what will be done. It is an error if nodes are blocked: then nothing is touched.
func (f *upgradeFlags) forecast(ctx context.Context, o *opened, r *upgrade.Run, picture *target.Picture) error {
	left := r.Left(picture)
	if len(left) == 0 {
		return exit.With(errors.New("nothing to do: all nodes are replaced"), exit.Inconclusive)
	}
	progress := common.NewProgress(common.NewLive(os.Stderr))
	opts := r.Options(left)
	opts.Progress = progress.Say
	var err error
	r.Forecast, err = upgrade.New(ctx, o.assessor, picture, opts)
	progress.End()
	if err != nil {
		return err
	}
	if err := r.Forecast.Write(os.Stderr, false); err != nil {
		return err
	}
	if err := blocked(r.Forecast); err != nil {
		return exit.With(fmt.Errorf("nothing was changed: %w", err), exit.Failed)
	}
	fmt.Fprintln(os.Stderr)
	return nil
}

// follow carries the plan out within a run, and shows what happened.
func (f *upgradeFlags) follow(ctx context.Context, o *opened, out io.Writer, r *upgrade.Run) error {
	options := run.Options{
		ID: newID(), Scenario: &scenario.Scenario{}, Seed: draw.NewSeed(), Assessor: o.assessor, Memory: journal.NewMemory(),
		RecoveryPatience: r.Timeout.Duration, Version: version.Stowage(), Arguments: arguments(),
	}
	path := f.carry.journal
	if path == "" {
		path = "upgrade-" + options.ID + ".jsonl"
	}
	var err error
	if options.Journal, err = journal.Create(path); err != nil {
		return refusedf("--journal: %w", err)
	}
	show, shown := newProgress(common.NewLive(os.Stderr)).start()
	options.Observers = []func(journal.Record){show}
	end, err := run.Run(ctx, o.live, options, r.Steps)
	shown()
	err = errors.Join(err, options.Journal.Close())
	result := r.Result(options.Memory.Run())
	err = errors.Join(err, f.Write(out, result, result.Write))
	fmt.Fprintf(os.Stderr, "journal: %s\n", path)
	if result.Replaced < result.Nodes {
		fmt.Fprintf(os.Stderr, "To go on, add --run --resume %s and --context or --in-cluster\n", path)
	}
	if err == nil {
		err = verdictError(end)
	}
	return err
}

// validateRun checks what is needed to make changes.
func (f *upgradeFlags) validateRun() error {
	if f.source.dump.Path != "" {
		return refused(errors.New("--run cannot be combined with --from-dump"))
	}
	if err := f.output.file.Validate(); err != nil {
		return refused(err)
	}
	return f.source.clusterFlags.validate(true)
}
