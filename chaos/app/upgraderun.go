package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/run"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/chaos/upgrade"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/exit"
	common "github.com/stowage-k8s/stowage/internal/report"
	"github.com/stowage-k8s/stowage/internal/version"
)

// upgradeRunFlags are the flags of an upgrade that is carried out.
type upgradeRunFlags struct {
	run                 bool
	command, replacedBy string
	inPlace             bool
	kubelet             string
	controlPlane        bool
	timeout             time.Duration
	journal, resume     string
}

func (f *upgradeRunFlags) add(cmd *cobra.Command, fs *pflag.FlagSet) {
	fs.BoolVar(&f.run, "run", false, "carry out the plan instead of only showing it. Requires --context or --in-cluster, and --replace-command, --replaced-by or --in-place")
	fs.StringVar(&f.command, "replace-command", "", "with --run: the shell `command` that replaces a drained node. It has no terminal. It gets the node in STOWAGE_NODE, its UID in STOWAGE_NODE_UID, and a kubeconfig of the cluster in KUBECONFIG. "+
		"With --surge it is run twice, with STOWAGE_STEP=add before the drain and remove after it")
	fs.StringVar(&f.replacedBy, "replaced-by", "", "with --run: the `label` of the replacement nodes, such as version=v1.37.2. By default, they are in the same pool or have the labels of --selector. "+
		"Without --replace-command, somebody else creates them")
	fs.BoolVar(&f.inPlace, "in-place", false, "with --run: the nodes are upgraded and not replaced. A node counts as upgraded if its kubelet version or boot ID has changed")
	fs.StringVar(&f.kubelet, "kubelet-version", "", "with --run: the `version` that the kubelet of an upgraded node must have, such as v1.37.2. Nodes that have it already are skipped")
	fs.BoolVar(&f.controlPlane, "include-control-plane", false, "with --run: also replace control plane nodes")
	fs.DurationVar(&f.timeout, "timeout", 15*time.Minute, "with --run: how long a drain, the recovery of its pods, and the replacement of a node may each take")
	fs.StringVar(&f.journal, "journal", "", "with --run: the `file` to write the journal to (default upgrade-ID.jsonl in the current directory)")
	fs.StringVar(&f.resume, "resume", "", "with --run: the journal `file` of a run that ended early, to go on with its nodes and settings")
	_ = cmd.MarkFlagFilename("resume", "jsonl")
}

// check checks the flags.
func (f *upgradeRunFlags) check(fs *pflag.FlagSet, surge bool) error {
	settings := []string{"replace-command", "replaced-by", "in-place", "kubelet-version", "include-control-plane", "timeout"}
	if !f.run {
		for _, name := range slices.Concat(settings, []string{"journal", "resume"}) {
			if fs.Changed(name) {
				return fmt.Errorf("--%s requires --run", name)
			}
		}
		return nil
	}
	if f.resume != "" {
		for _, name := range slices.Concat(settings, []string{"selector", "pool-label", "batch", "surge", "include-do-not-disrupt", "make-before-break", "node-ready"}) {
			if fs.Changed(name) {
				return fmt.Errorf("--%s cannot be combined with --resume, which takes it from the journal", name)
			}
		}
		return nil
	}
	if _, err := labels.Parse(f.replacedBy); err != nil {
		return fmt.Errorf("--replaced-by: %w", err)
	}
	switch {
	case f.kubelet != "" && !strings.HasPrefix(f.kubelet, "v"):
		return fmt.Errorf("--kubelet-version=%s: must be a version as kubectl get nodes shows it, such as v1.37.2", f.kubelet)
	case f.timeout <= 0:
		return fmt.Errorf("--timeout=%s: must be more than 0", f.timeout)
	case f.command == "" && f.replacedBy == "" && !f.inPlace:
		return errors.New("--run requires --replace-command, --replaced-by or --in-place: it must know how the nodes are replaced")
	case f.inPlace && f.replacedBy != "":
		return errors.New("--in-place cannot be combined with --replaced-by: no other nodes come")
	case f.inPlace && surge:
		return errors.New("--in-place cannot be combined with --surge: no other nodes come")
	case f.inPlace && f.command == "" && f.kubelet == "":
		return errors.New("--in-place requires --replace-command or --kubelet-version: otherwise a node that was only restarted would count as upgraded")
	}
	return nil
}

// settings returns what the flags say about the nodes. Those that are replaced already are left out.
func (f *upgradeFlags) settings(name string, nodes []*corev1.Node) (journal.Upgrade, error) {
	u := journal.Upgrade{
		Title: f.title(name), Pool: name, PoolLabel: f.label, Selector: f.selector, Batch: max(f.batch, f.surge), Surge: f.surge > 0,
		IncludeDoNotDisrupt: f.includeDoNotDisrupt, MakeBeforeBreak: f.makeBeforeBreak, NodeReady: metav1.Duration{Duration: f.nodeReady},
		Command: f.carry.command, ReplacedBy: f.carry.replacedBy, InPlace: f.carry.inPlace, KubeletVersion: f.carry.kubelet, Timeout: metav1.Duration{Duration: f.carry.timeout},
	}
	by, err := labels.Parse(u.ReplacedBy)
	if err != nil {
		return u, err
	}
	for _, node := range nodes {
		switch {
		case u.ReplacedBy != "" && by.Matches(labels.Set(node.Labels)), u.KubeletVersion != "" && node.Status.NodeInfo.KubeletVersion == u.KubeletVersion:
		case cluster.ControlPlane(node) && !f.carry.controlPlane:
			return u, fmt.Errorf("node %s is a control plane node: use --include-control-plane to replace it, too, or a narrower --selector", node.Name)
		default:
			u.Nodes = append(u.Nodes, upgrade.NodeOf(node))
		}
	}
	if skipped := len(nodes) - len(u.Nodes); skipped > 0 {
		fmt.Fprintf(os.Stderr, "Note: nodes that are skipped because they have the label of replacements or the kubelet version already: %d\n", skipped)
	}
	return u, nil
}

// belongs returns what says whether a node is one of the pool, or has the labels.
func (f *upgradeFlags) belongs(name string) (func(*corev1.Node) bool, error) {
	selector, err := f.parseSelector()
	if err != nil || f.selector != "" {
		return func(node *corev1.Node) bool { return selector.Matches(labels.Set(node.Labels)) }, err
	}
	return func(node *corev1.Node) bool { return assess.PoolBy(f.label)(node) == name }, nil
}

// carryOut carries an upgrade out.
func (f *upgradeFlags) carryOut(ctx context.Context, out io.Writer, name string, before *resumed) error {
	o, err := f.source.openAll(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	fmt.Fprintf(os.Stderr, "Cluster: %s\n\n", o.cluster.Name)
	r := &upgrade.Run{Assessor: o.assessor, Output: os.Stderr}
	if before == nil {
		err = f.begin(ctx, r, o, name)
	} else {
		err = f.goOn(ctx, r, o, before)
	}
	if err != nil {
		return err
	}
	picture := o.live.Picture()
	for _, node := range r.Left(picture) {
		if picture.OwnNode(node.Name) {
			return refusedf("this program runs on node %s, which is to be replaced: run it elsewhere", node.Name)
		}
		if other, has := node.Labels[undo.RunLabel]; has {
			return refused(&undo.RunError{Object: "Node " + node.Name, Run: other})
		}
	}
	if err := f.forecast(ctx, o, r, picture); err != nil {
		return err
	}
	folder, err := os.MkdirTemp(os.Getenv("XDG_RUNTIME_DIR"), "stowage-") // in memory, and gone when the user logs out
	if err != nil {
		folder, err = os.MkdirTemp("", "stowage-")
	}
	if err != nil {
		return err
	}
	scratch.Store(&folder)
	defer os.RemoveAll(folder)
	r.Kubeconfig = filepath.Join(folder, "kubeconfig")
	if err := f.source.client.WriteKubeconfig(r.Kubeconfig); err != nil {
		return err
	}
	return f.follow(ctx, o, out, r)
}

// begin prepares an upgrade by the flags.
func (f *upgradeFlags) begin(ctx context.Context, r *upgrade.Run, o *opened, name string) error {
	all, err := upgrade.Nodes(ctx, o.cluster)
	if err != nil {
		return err
	}
	picture := o.live.Picture()
	nodes, err := f.nodes(picture, name)
	if err == nil {
		r.Upgrade, err = f.settings(name, slices.DeleteFunc(slices.Clone(all), func(node *corev1.Node) bool {
			return !slices.ContainsFunc(nodes, func(chosen *corev1.Node) bool { return chosen.UID == node.UID })
		}))
	}
	if err == nil {
		r.Selects, err = f.belongs(name)
	}
	if err == nil {
		if r.Cluster = clusterUID(picture); r.Cluster == "" {
			return fmt.Errorf("namespace %s cannot be read: its UID tells clusters apart", metav1.NamespaceSystem)
		}
		err = r.Begin(all, false)
	}
	if labelled := r.Labelled(all); labelled > 0 {
		fmt.Fprintf(os.Stderr, "Note: nodes that have the label %s already, and are not counted as replacements: %d\n", r.ReplacedBy, labelled)
	}
	return refused(err)
}

// clusterUID tells clusters apart.
func clusterUID(picture *target.Picture) string {
	for _, namespace := range picture.Namespaces {
		if namespace.Name == metav1.NamespaceSystem {
			return string(namespace.UID)
		}
	}
	return ""
}

// forecast says what will be done. It is an error if nodes are blocked: then nothing is touched.
func (f *upgradeFlags) forecast(ctx context.Context, o *opened, r *upgrade.Run, picture *target.Picture) error {
	left := r.Left(picture)
	if len(left) == 0 && len(r.Gone) > 0 {
		r.Forecast = &upgrade.Plan{}
		return nil
	}
	if len(left) == 0 && r.Vanished() != nil {
		return r.Vanished()
	}
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
		ID: newID(), Scenario: &scenario.Scenario{}, Seed: draw.NewSeed(), Alone: true, Assessor: o.assessor, Memory: journal.NewMemory(),
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
	surviveClosedOutput()
	show, shown := newProgress(common.NewLive(os.Stderr)).start()
	options.Observers = []func(journal.Record){show, noteChanges}
	end, err := run.Run(ctx, o.live, options, r.Steps)
	shown()
	err = errors.Join(err, options.Journal.Close())
	if end.Verdict == journal.Refused && !r.Begun() {
		return refused(errors.Join(err, os.Remove(path))) // it has nothing
	}
	records, wrong := journal.OpenRun(path) // memory has only the latest of many records
	if wrong != nil {
		return errors.Join(err, wrong)
	}
	result := r.Result(records)
	err = errors.Join(err, f.Write(out, result, result.Write))
	fmt.Fprintf(os.Stderr, "journal: %s\n", path)
	if records.Upgrade != nil && r.Resumable(o.live.Picture()) {
		fmt.Fprintf(os.Stderr, "To go on, run `%s upgrade --run --resume %s %s`\n", f.path, path, f.source.named())
	}
	// If all nodes are replaced, a signal after the last one does not matter, nor that there was nothing to
	// drain.
	over := result.Replaced == result.Nodes && (ctx.Err() != nil || !r.Begun())
	if err == nil && !(over && end.Verdict == journal.Inconclusive) {
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
