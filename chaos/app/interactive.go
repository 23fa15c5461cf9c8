package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"golang.org/x/term"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/audit"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/faults"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/run"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/tui"
	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

func newInteractiveCommand(built *options) *cobra.Command {
	flags := &runFlags{clusterFlags: clusterFlags{built: built}}
	cmd := &cobra.Command{
		Use:   "interactive",
		Short: "Browse a cluster, pick a victim and watch the recovery in the terminal",
		Long: `Shows namespaces, zones, nodes, workloads, pods and budgets, and which pods can be evicted now.
Pick a victim, preview the effect of its loss, act, and watch the workloads recover. One key
aborts and restores everything. ? shows all keys.`,
		Example: `  stowage-chaos interactive --context staging
  stowage-chaos interactive --context staging --no-dry-run`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !term.IsTerminal(int(os.Stdin.Fd())) || !term.IsTerminal(int(os.Stdout.Fd())) {
				return refused(errors.New("interactive requires a terminal"))
			}
			if err := flags.validate(); err != nil {
				return err
			}
			return flags.interact(cmd.Context())
		},
	}
	flags.addDoing(cmd, cmd.Flags())
	return cmd
}

func (f *runFlags) interact(ctx context.Context) error {
	o, err := f.openAll(ctx)
	if err != nil {
		return err
	}
	defer o.close()
	klog.SetLogger(logr.Discard()) // what is logged would spoil the screen
	if f.journal != "" && f.journal != "-" {
		return refused(errors.New("--journal: must be -, for no journal, or unset: each victim has its own journal"))
	}
	a := &actions{opened: o, flags: f}
	err = tui.Run(ctx, tui.Options{Source: o.live, Actions: a, In: os.Stdin, Out: os.Stdout, Title: o.live.Name, DryRun: !f.noDryRun, Restore: journal.RestoreCommand("--all", arguments())})
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return err
}

// actions implements tui.Actions. Each victim is a separate run.
type actions struct {
	*opened
	flags *runFlags

	mu     sync.Mutex
	id     string // of the latest run
	cancel context.CancelFunc
}

// choose returns the victim as a choice.
func (a *actions) choose(picture *target.Picture, v tui.Victim) (*fault.Choice, error) {
	c := &fault.Choice{How: v.How}
	switch v.Kind {
	case tui.Node, tui.Zone:
		for _, node := range picture.Nodes {
			if v.Kind == tui.Node && node.UID == v.UID || v.Kind == tui.Zone && node.Labels[corev1.LabelTopologyZone] == v.Name && !picture.OwnNode(node.Name) {
				c.Nodes = append(c.Nodes, node)
			}
		}
	default:
		// A workload is removed as a whole, including gangs.
		leftAlone := target.Protections{IncludeGangs: v.Kind == tui.Workload}.In(picture)
		spare := target.NewSpare(picture, v.How == assess.Evict)
		for _, pod := range target.All(picture) {
			if v.Kind == tui.Pod && pod.UID == v.UID || v.Kind == tui.Workload && pod.Workload != nil && pod.Workload.UID == v.UID {
				if err := protected(picture, pod, leftAlone(pod.Pod)); err != nil {
					return nil, err
				}
				if v.Kind == tui.Pod && spare.Last(pod) {
					return nil, fmt.Errorf("pod %s/%s is the last ready pod of its workload: use `stowage-chaos evict --include-degraded`", pod.Namespace, pod.Name)
				}
				c.Pods = append(c.Pods, pod)
			}
		}
	}
	c.Dead = v.How == assess.Down && undo.AllFake(c.Nodes)
	if c.Empty() {
		return nil, fmt.Errorf("%s is gone, or cannot be removed", v)
	}
	c.Candidates = len(c.Pods) + len(c.Nodes)
	return c, nil
}

// protected returns an error if the pod is protected, like in draws. leftAlone is the reason of
// other protections, if any.
func protected(picture *target.Picture, pod target.Pod, leftAlone string) error {
	switch {
	case picture.IsOwn(pod.Pod):
		return fmt.Errorf("this program runs in pod %s/%s", pod.Namespace, pod.Name)
	case cluster.BelongsToNode(pod.Pod):
		return fmt.Errorf("pod %s/%s belongs to its node: use `stowage-chaos evict` with --include-daemonsets or --include-static", pod.Namespace, pod.Name)
	case !audit.UserNamespace(pod.Namespace):
		return fmt.Errorf("namespace %s is a system namespace: use `stowage-chaos evict --include-system`", pod.Namespace)
	case pod.Workload == nil:
		return fmt.Errorf("pod %s/%s has no controller that would replace it: use `stowage-chaos evict --include-bare-pods`", pod.Namespace, pod.Name)
	case leftAlone != "":
		return fmt.Errorf("pod %s/%s is protected (%s): use `stowage-chaos evict` with the --include flag for it", pod.Namespace, pod.Name, leftAlone)
	}
	return nil
}

// Preview implements tui.Actions.
func (a *actions) Preview(ctx context.Context, v tui.Victim) (*assess.Prediction, error) {
	picture := a.live.Picture()
	choice, err := a.choose(picture, v)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.assessor.Predict(ctx, picture, choice.Loss())
}

// Do implements tui.Actions.
func (a *actions) Do(ctx context.Context, v tui.Victim) error {
	if !a.flags.noDryRun {
		return errors.New("dry run: nothing was changed")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.mu.Lock()
	a.cancel = cancel
	a.mu.Unlock()
	options := a.flags.options(&scenario.Scenario{})
	options.ID, options.Seed = newID(), draw.NewSeed()
	var err error
	if options.Journal, _, err = a.flags.openJournal(options.ID); err != nil {
		return err
	}
	defer options.Journal.Close()
	a.mu.Lock()
	a.id = options.ID
	a.mu.Unlock()
	options.Observers = append(options.Observers, noteChanges)
	end, err := run.Run(ctx, a.live, options, func(ctx context.Context, s *run.Session) error {
		picture := a.live.Picture()
		choice, err := a.choose(picture, v)
		if err != nil {
			return err
		}
		if len(choice.Nodes) == 0 {
			if _, _, err = s.Take(ctx, string(v.How), picture, choice); err != nil {
				return err
			}
		} else if err := s.Inject(ctx, string(v.How), faults.Lose, picture, choice); err != nil {
			return err
		}
		return s.AwaitRecovery(ctx, a.flags.patience)
	})
	if err == nil {
		err = verdictError(end)
	}
	return err
}

// Abort implements tui.Actions.
func (a *actions) Abort() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cancel != nil {
		a.cancel()
	}
}

// Restore implements tui.Actions: the runs put everything back themselves.
func (a *actions) Restore(ctx context.Context) error {
	if !a.flags.noDryRun {
		return nil
	}
	a.mu.Lock()
	id := a.id
	a.mu.Unlock()
	_, err := undo.Restore(ctx, a.live.Client, id, nil)
	return err
}
