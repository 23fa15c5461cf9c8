package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/exit"
)

func newRestoreCommand(built *options) *cobra.Command {
	flags := &clusterFlags{built: built}
	var all, force bool
	cmd := &cobra.Command{
		Use:   "restore [ID | JOURNAL]...",
		Short: "Put back what runs have changed and could not put back themselves",
		Long: `Puts back what runs have changed: cordons, taints, nodes that are down, scaled workloads,
objects that were created. Everything that is changed carries what it takes to put it back,
so this needs no journal. It may be repeated at any time. --all leaves runs alone that are
under way, as their leases in the namespace ` + "`" + undo.LeaseNamespace + "`" + ` say, unless --force is given; one that is named is
put back in any case.`,
		Example: `  # of all runs
  stowage-chaos restore --all --context staging

  stowage-chaos restore chaos-20261121-101500-x7k2.jsonl --context staging`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return refused(errors.New("name runs, by their ids or journals, or give --all"))
			}
			if force && !all {
				return refused(errors.New("--force: is for --all; a run that is named is put back in any case"))
			}
			runs, err := runIDs(args)
			if err != nil {
				return refused(err)
			}
			if err := flags.validate(true); err != nil {
				return err
			}
			found, err := flags.connect(cmd.Context())
			if err != nil {
				return err
			}
			r := &restoring{client: found, out: cmd.OutOrStdout()}
			if all {
				return r.all(cmd.Context(), force)
			}
			return r.named(cmd.Context(), runs)
		},
		ValidArgsFunction: jsonFiles,
	}
	flags.add(cmd, cmd.Flags())
	cmd.Flags().BoolVar(&all, "all", false, "what any run has changed, but for those that are under way")
	cmd.Flags().BoolVar(&force, "force", false, "with --all, runs that are under way too")
	return cmd
}

// runIDs returns the ids of runs that are named by them, or by their journals.
func runIDs(names []string) ([]string, error) {
	var ids []string
	for _, name := range names {
		if name == "" {
			return nil, errors.New("the id of a run is empty: name it, or give --all")
		}
		_, err := os.Stat(name)
		if err != nil && (strings.HasSuffix(name, ".jsonl") || strings.Contains(name, "/")) {
			return nil, err
		}
		if err == nil {
			run, err := journal.OpenRun(name)
			if err != nil {
				return nil, err
			}
			name = run.Start.ID
		}
		ids = append(ids, name)
	}
	return ids, nil
}

// restoring puts back what runs have changed, and says what that was.
type restoring struct {
	client kubernetes.Interface
	out    io.Writer
}

func (r *restoring) report(c journal.Change) { fmt.Fprintf(r.out, "%s: %s\n", c.Object, c.What) }

// named puts back what the runs have changed.
func (r *restoring) named(ctx context.Context, runs []string) error {
	total := 0
	var nothing []string
	for _, run := range runs {
		n, err := undo.Restore(ctx, r.client, run, r.report)
		if total += n; n == 0 {
			nothing = append(nothing, run)
		}
		if err != nil {
			return err
		}
		r.release(ctx, run)
	}
	left, err := r.sum(ctx, total)
	if err == nil && len(nothing) > 0 && left > 0 {
		err = exit.With(fmt.Errorf("nothing is left of run %s: is that its id?", strings.Join(nothing, ", ")), exitInconclusive)
	}
	return err
}

// all puts back what all runs have changed, but for those that are under way, unless it is
// forced to.
func (r *restoring) all(ctx context.Context, force bool) error {
	leases, err := undo.Leases(ctx, r.client)
	if err != nil {
		fmt.Fprintf(os.Stderr, "Note: whether runs are under way is not known: %v\n", err)
	}
	var alone []string
	for _, lease := range leases {
		if now := time.Now(); !force && now.Before(lease.Until) {
			alone = append(alone, lease.Run)
			fmt.Fprintf(r.out, "left alone: run %s is under way on %s: its lease was renewed %s ago\n", lease.Run, lease.Holder, now.Sub(lease.Renewed).Round(time.Second))
		}
	}
	total, err := undo.RestoreAll(ctx, r.client, alone, r.report)
	if err != nil {
		return err
	}
	for _, lease := range leases {
		if !slices.Contains(alone, lease.Run) {
			r.release(ctx, lease.Run)
		}
	}
	if _, err := r.sum(ctx, total); err != nil || len(alone) == 0 {
		return err
	}
	return exit.With(fmt.Errorf("left alone, as they are under way: %s; wait for their end, name them, or give --force", strings.Join(alone, ", ")), exitInconclusive)
}

// release deletes the lease of a run that crashed. If that fails, it has run out all the same.
func (r *restoring) release(ctx context.Context, run string) {
	if err := undo.Release(ctx, r.client, run); err != nil {
		klog.FromContext(ctx).V(2).Info("The lease of the run was not deleted", "run", run, "err", err)
	}
}

// sum says how much was put back, and returns how much of other runs is left.
func (r *restoring) sum(ctx context.Context, total int) (int, error) {
	left, err := undo.Leftovers(ctx, r.client)
	if err != nil {
		return 0, err
	}
	if total == 0 {
		fmt.Fprint(r.out, "there is nothing to put back")
	} else {
		fmt.Fprintf(r.out, "%d objects are as they were", total)
	}
	if len(left) > 0 {
		fmt.Fprintf(r.out, "; other runs have changed %d: %v", len(left), left)
	}
	fmt.Fprintln(r.out)
	return len(left), nil
}
