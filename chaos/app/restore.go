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
	"github.com/stowage-k8s/stowage/internal/report"
)

func newRestoreCommand(built *options) *cobra.Command {
	flags := &clusterFlags{built: built}
	var all, force bool
	cmd := &cobra.Command{
		Use:   "restore [ID | JOURNAL]...",
		Short: "Restore what runs have changed, after a crash or an abort",
		Long: `Restores what runs have changed: cordons, taints, nodes that are down, scaled workloads,
stand-ins and created objects. Every changed object carries the information that is needed to
restore it, so no journal is required. The command can be repeated at any time.

--all skips runs that are in progress, unless --force is set. A run in progress holds a lease
in the namespace ` + "`" + undo.LeaseNamespace + "`" + `. A run that is named is always restored.`,
		Example: `  # Restore all runs that are not in progress
  stowage-chaos restore --all --context staging

  stowage-chaos restore chaos-20261121-101500-x7k2.jsonl --context staging`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return refused(errors.New("specify either run IDs or journals, or --all"))
			}
			if force && !all {
				return refused(errors.New("--force requires --all: a run that is named is always restored"))
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
	cmd.Flags().BoolVar(&all, "all", false, "restore all runs that are not in progress")
	cmd.Flags().BoolVar(&force, "force", false, "with --all, also restore runs in progress")
	return cmd
}

// runIDs returns the ids of runs that are named by them, or by their journals.
func runIDs(names []string) ([]string, error) {
	var ids []string
	for _, name := range names {
		if name == "" {
			return nil, errors.New("empty run ID: specify a run ID, a journal, or --all")
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

// restoring restores what runs have changed, and reports it.
type restoring struct {
	client kubernetes.Interface
	out    io.Writer
}

func (r *restoring) report(c journal.Change) { fmt.Fprintf(r.out, "%s: %s\n", c.Object, c.What) }

// named restores what the runs have changed.
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
		err = exit.With(fmt.Errorf("nothing to restore of run %s: check the run ID", strings.Join(nothing, ", ")), exit.Inconclusive)
	}
	return err
}

// all restores what all runs have changed, except those in progress, unless it is forced.
func (r *restoring) all(ctx context.Context, force bool) error {
	leases, err := undo.Leases(ctx, r.client)
	if err != nil {
		fmt.Fprintf(os.Stderr, "Note: cannot tell which runs are in progress: %v\n", err)
	}
	var alone []string
	for _, lease := range leases {
		if now := time.Now(); !force && now.Before(lease.Until) {
			alone = append(alone, lease.Run)
			fmt.Fprintf(r.out, "skipped run %s: in progress on %s, lease renewed %s ago\n", lease.Run, lease.Holder, now.Sub(lease.Renewed).Round(time.Second))
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
	return exit.With(fmt.Errorf("skipped runs in progress: %s; wait until they end, name them, or use --force", strings.Join(alone, ", ")), exit.Inconclusive)
}

// release deletes the lease of a run that crashed. If that fails, the lease expires anyway.
func (r *restoring) release(ctx context.Context, run string) {
	if err := undo.Release(ctx, r.client, run); err != nil {
		klog.FromContext(ctx).V(2).Info("Failed to delete the lease of the run", "run", run, "err", err)
	}
}

// sum reports how many objects were restored, and returns how many are still changed.
func (r *restoring) sum(ctx context.Context, total int) (int, error) {
	left, err := undo.Leftovers(ctx, r.client)
	if err != nil {
		return 0, err
	}
	if total == 0 {
		fmt.Fprint(r.out, "nothing to restore")
	} else {
		fmt.Fprintf(r.out, "%s restored", report.Count(total, "object"))
	}
	if len(left) > 0 {
		fmt.Fprintf(r.out, "; still changed by other runs: %d: %v", len(left), left)
	}
	fmt.Fprintln(r.out)
	return len(left), nil
}
