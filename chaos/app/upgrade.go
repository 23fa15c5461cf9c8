package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/upgrade"
	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/exit"
	common "github.com/stowage-k8s/stowage/internal/report"
)

// upgradeFlags are the flags of the command "upgrade".
type upgradeFlags struct {
	*Source
	// path is how the program is called.
	path                string
	label, selector     string
	batch, surge        int
	includeDoNotDisrupt bool
	makeBeforeBreak     bool
	nodeReady           time.Duration
	carry               upgradeRunFlags
}

// Upgrade returns the command "upgrade" of a program: in which order nodes can be replaced, and
// what blocks that. The path is how the program is called.
func (r *Reader) Upgrade(path string) *cobra.Command {
	f := &upgradeFlags{path: path}
	cmd := &cobra.Command{
		Use:   "upgrade pool NAME | --selector LABELS",
		Short: "Plan the replacement of nodes, such as those of a pool",
		Long: `Plans the replacement of nodes, for example for a new version of Kubernetes: an order of the nodes
in waves. Each wave is tried in a simulation of the cluster. It is in the plan only if all pods can
be evicted within their budgets, and if each replacement finds a node. A node that cannot be
drained is shown with the reason and with what to change.

The nodes of a wave are replaced by nodes like them, after the drain, or before it with --surge.
The plan also shows how long it takes. The times are those that the running pods and nodes took
until they were Ready.

Nothing is changed without --run. With it, the plan is carried out wave by wave, and each wave is
planned again on the cluster as it is then: its nodes are cordoned, their pods evicted within
budgets, and the replacements of the pods awaited. Then the nodes are replaced, in one of these ways:

  --replace-command  a command replaces each node
  --replaced-by      somebody else creates new nodes, which have this label
  --in-place         the command, or somebody else, upgrades the kubelet of the node itself

The next wave begins when the new nodes are Ready and schedulable. If the run fails or is ended by
SIGINT, SIGTERM or SIGHUP, the command is stopped, and the nodes that are not replaced yet are
uncordoned, except those whose command has begun. --resume goes on with it. At the end the forecast
is shown beside what happened.

The exit code is 2 if a node cannot be drained, or if with --run a part took longer than --timeout.`,
		Example: `  ` + path + ` upgrade pool general

  # Three nodes at a time, whose replacements join first
  ` + path + ` upgrade pool general --surge 3

  ` + path + ` upgrade --selector node-role.kubernetes.io/worker --node-ready 4m

  # Single replicas are never missing
  ` + path + ` upgrade pool general --make-before-break

  # Carry it out. Each node is replaced by a script
  ` + path + ` upgrade pool general --run --context staging --replace-command './replace.sh "$STOWAGE_NODE"'

  # New nodes join before the old ones are drained. Somebody else creates them
  ` + path + ` upgrade pool general --run --context staging --surge 3 --replaced-by version=v1.37.2

  # The kubelets are upgraded in place
  ` + path + ` upgrade pool general --run --context staging --in-place --kubelet-version v1.37.2 --replace-command 'ssh "$STOWAGE_NODE" upgrade-node'`,
		Args: cobra.MaximumNArgs(2),
	}
	f.Source = r.Source(cmd)
	cli.Group(cmd.Flags(), cli.Cluster, func() { f.source.dump.AddNow(cmd.Flags()) })
	f.add(cmd.Flags())
	f.carry.add(cmd, cmd.Flags())
	cmd.ValidArgsFunction = f.completePool
	cmd.RunE = f.do
	return cmd
}

// do plans, and with --run carries the plan out.
func (f *upgradeFlags) do(cmd *cobra.Command, args []string) error {
	before, err := f.carry.read()
	name := ""
	if err == nil && before == nil {
		name, err = f.pool(args)
	} else if err == nil && len(args) > 0 {
		err = errors.New("--resume cannot be combined with a pool: the journal has it")
	}
	if err := errors.Join(err, f.check(), f.carry.check(cmd.Flags(), f.surge > 0)); err != nil {
		return refused(err)
	}
	if f.carry.run {
		if err := f.validateRun(); err != nil {
			return err
		}
		return f.carryOut(cmd.Context(), cmd.OutOrStdout(), name, before)
	}
	if err := f.Validate(); err != nil {
		return err
	}
	plan, err := f.plan(cmd.Context(), name)
	if err != nil {
		return err
	}
	if err := f.Write(cmd.OutOrStdout(), plan, plan.Write); err != nil {
		return err
	}
	return blocked(plan)
}

func (f *upgradeFlags) add(fs *pflag.FlagSet) {
	fs.StringVarP(&f.selector, "selector", "l", "", "the nodes to replace: a `selector` of their labels, instead of a pool")
	fs.StringVar(&f.label, "pool-label", "", "the `label` of nodes that names their pool (default: those of autoscalers and platforms)")
	fs.IntVar(&f.batch, "batch", 1, "the maximum `number` of nodes that are drained together")
	fs.IntVar(&f.surge, "surge", 0, "have up to this `number` of replacement nodes join before as many nodes are drained (default: they join after the drain)")
	fs.BoolVar(&f.includeDoNotDisrupt, "include-do-not-disrupt", false, "also evict pods that have a do-not-disrupt annotation of Karpenter or Cluster Autoscaler")
	fs.BoolVar(&f.makeBeforeBreak, "make-before-break", false, "move pods of Deployments by stand-ins, which are ready on other nodes before the pods go; evict the others")
	fs.DurationVar(&f.nodeReady, "node-ready", 0, "how long a replacement node takes until it is Ready (default: what the nodes took, if known)")
}

// pool returns the name of the pool.
func (f *upgradeFlags) pool(args []string) (string, error) {
	if len(args) == 1 {
		if kind, name, both := strings.Cut(args[0], "/"); both {
			args = []string{kind, name}
		}
	}
	switch {
	case len(args) == 0 && f.selector == "":
		return "", errors.New("name the nodes to replace: pool NAME, or --selector LABELS")
	case len(args) == 0:
		return "", nil
	case f.selector != "":
		return "", errors.New("--selector cannot be combined with a pool")
	case args[0] != "pool":
		return "", fmt.Errorf("%q: must be pool", args[0])
	case len(args) == 1 || args[1] == "":
		return "", errors.New("name the pool: pool NAME")
	}
	return args[1], nil
}

// completePool completes "pool NAME".
func (f *upgradeFlags) completePool(cmd *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		return []cobra.Completion{"pool"}, cobra.ShellCompDirectiveNoFileComp
	case len(args) == 1 && args[0] == "pool":
		return f.Complete(pools(&f.label), nil)(cmd, args, begun)
	}
	return nil, cobra.ShellCompDirectiveNoFileComp
}

// check checks the flags.
func (f *upgradeFlags) check() error {
	switch {
	case f.batch < 1:
		return fmt.Errorf("--batch=%d: must be 1 or more", f.batch)
	case f.surge < 0:
		return fmt.Errorf("--surge=%d: must be 0 or more", f.surge)
	case f.surge > 0 && f.batch > 1:
		return errors.New("--batch cannot be combined with --surge: as many nodes are drained together as have joined before")
	case f.nodeReady < 0:
		return fmt.Errorf("--node-ready=%s: must be more than 0", f.nodeReady)
	case f.selector != "" && f.label != "":
		return errors.New("--pool-label cannot be combined with --selector")
	}
	return nil
}

// nodes returns the nodes to replace.
func (f *upgradeFlags) nodes(picture *target.Picture, name string) ([]*corev1.Node, error) {
	if f.selector == "" {
		loss, err := pool(picture, f.label, name)
		return loss.Nodes, err
	}
	selector, err := f.parseSelector()
	if err != nil {
		return nil, err
	}
	nodes := slices.DeleteFunc(slices.Clone(picture.Nodes), func(node *corev1.Node) bool { return !selector.Matches(labels.Set(node.Labels)) })
	if len(nodes) == 0 {
		return nil, fmt.Errorf("--selector: no node has the labels %s", f.selector)
	}
	return nodes, nil
}

func (f *upgradeFlags) parseSelector() (labels.Selector, error) {
	selector, err := labels.Parse(f.selector)
	if err != nil {
		return nil, fmt.Errorf("--selector: %w", err)
	}
	return selector, nil
}

// title names the nodes.
func (f *upgradeFlags) title(name string) string {
	if f.selector != "" {
		return "Nodes with " + f.selector
	}
	return "Pool " + name
}

// plan reads the cluster and plans.
func (f *upgradeFlags) plan(ctx context.Context, name string) (*upgrade.Plan, error) {
	assessor, err := f.source.assessor()
	if err != nil {
		return nil, err
	}
	defer assessor.Close()
	picture, _, err := f.Picture(ctx)
	if err != nil {
		return nil, err
	}
	nodes, err := f.nodes(picture, name)
	if err != nil {
		return nil, refused(err)
	}
	progress := common.NewProgress(common.NewLive(os.Stderr))
	defer progress.End()
	return upgrade.New(ctx, assessor, picture, upgrade.Options{
		Title: f.title(name), Nodes: nodes, Batch: max(f.batch, f.surge), Surge: f.surge > 0, IncludeDoNotDisrupt: f.includeDoNotDisrupt, MakeBeforeBreak: f.makeBeforeBreak, NodeReady: f.nodeReady, Progress: progress.Say,
	})
}

// blocked is an error if nodes cannot be drained.
func blocked(plan *upgrade.Plan) error {
	if len(plan.Blocked) == 0 {
		return nil
	}
	var names []string
	for _, b := range plan.Blocked {
		names = append(names, b.Node)
	}
	return exit.With(fmt.Errorf("%d of %s cannot be drained: %s", len(names), common.Count(plan.Nodes, "node"), strings.Join(common.FirstOf(names, 5), ", ")), exit.Failed)
}
