package app

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/spelling"
)

// Without returns the command "without" of a program: the predictions of assess by the names of
// what would not be there. The path is how the program is called.
func (r *Reader) Without(path string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "without",
		Short: "Predict what would happen without some nodes, a zone or a pool",
		Long: `Predicts what would happen if nodes, a zone or a pool of nodes were gone: which pods would be
rescheduled and where, which would stay Pending and why, which budgets would be broken, and how
far the availability of each workload would drop. Nothing is changed.

The exit code is 2 if more pods would stay Pending or more budgets be broken than --max-pending
and --max-broken-budgets allow, by default none, or if a workload would drop below
--min-availability.`,
		Example: `  ` + path + ` without node worker-1
  ` + path + ` without zone eu-central-1a -o wide
  ` + path + ` without pool batch --from-dump cluster.dump`,
	}
	node, zone := newAssessNode(r.built), newAssessZone(r.built)
	node.Use, node.Short = "node NAME...", "Predict what would happen without some nodes, all at once"
	node.Example = `  ` + path + ` without node worker-1 worker-2

  # The nodes are drained instead of lost at once
  ` + path + ` without node worker-1 --drain`
	zone.Use, zone.Short = "zone NAME...", "Predict what would happen without a zone, one at a time"
	zone.Example = "  " + path + " without zone eu-central-1a"
	cmd.AddCommand(node, zone, r.withoutPool(path))
	for _, named := range cmd.Commands() {
		named.Args = cobra.MinimumNArgs(1)
	}
	return cmd
}

func (r *Reader) withoutPool(path string) *cobra.Command {
	var label string
	cmd := newAssessingCommand(r.built, &cobra.Command{
		Use:   "pool NAME...",
		Short: "Predict what would happen without a pool of nodes, one at a time",
		Long: `Predicts what would happen without a pool of nodes: a Karpenter NodePool, a node group, an
agent pool. The pool of a node is known by its labels:

  ` + strings.Join(cluster.PoolLabels(), "\n  ") + `

Use --pool-label for another label.`,
		Example: `  ` + path + ` without pool batch
  ` + path + ` without pool blue --pool-label example.com/pool`,
	}, pools(&label), func(a asking, names []string) ([]question, error) {
		var questions []question
		for _, name := range names {
			loss, err := pool(a.picture, label, name)
			if err != nil {
				return nil, err
			}
			questions = append(questions, question{"lose pool " + name, loss, "it has no nodes"})
		}
		return questions, nil
	})
	cmd.Flags().StringVar(&label, "pool-label", "", "the `label` of nodes that names their pool (default: those of autoscalers and platforms)")
	return cmd
}

// pool returns the loss of a pool. The error names the pools that there are.
func pool(picture *target.Picture, label, name string) (assess.Loss, error) {
	pools := assess.EveryPool(picture, label)
	if loss, known := pools[name]; known {
		return loss, nil
	}
	names := slices.Sorted(maps.Keys(pools))
	switch {
	case len(names) > 0:
		return assess.Loss{}, fmt.Errorf("no node is in pool %q%s, only in %s", name, spelling.DidYouMean(name, names), strings.Join(names, ", "))
	case label != "":
		return assess.Loss{}, fmt.Errorf("no node is in pool %q: none has the label %s", name, label)
	}
	return assess.Loss{}, fmt.Errorf("no node is in pool %q: none has a label that names its pool; use --pool-label", name)
}
