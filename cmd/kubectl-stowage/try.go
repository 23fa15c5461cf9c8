package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/chaos/app"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/replay"
	"github.com/stowage-k8s/stowage/internal/report"
)

// tryFlags are those of try.
type tryFlags struct {
	source   *app.Source
	profiles []string
	order    string
	seed     string
	prices   string
}

func newTryCommand(reader *app.Reader) *cobra.Command {
	f := &tryFlags{}
	cmd := &cobra.Command{
		Use:   "try",
		Short: "Compare how many nodes the pods would need with other settings of the scheduler",
		Long: `Places all pods of the cluster anew on its nodes, one after another in a simulation: by
kube-scheduler with its default configuration, by kube-scheduler with MostAllocated at its best, and
by each profile of stowage-scheduler. For each it shows how many nodes have pods, how many could be
switched off, how many pods stay pending and why, and how much of the nodes used is requested. The
first row is where the pods are now. Pods of DaemonSets and static pods stay on their nodes.

A node could be switched off if it has no other pods, and the cluster does not keep it: by a mark
that autoscalers heed, as a control plane node, or because it is being removed already.

With --scheduler-config FILE, the profiles of your own KubeSchedulerConfiguration are compared, too.
With --prices FILE, it shows what the nodes cost per hour that could not be switched off.`,
		Example: `  kubectl stowage try
  kubectl stowage try --scheduler-config my-scheduler.yaml --prices prices.yaml

  # One page of HTML, from a dump
  kubectl stowage try --from-dump cluster.json -o html --output-file try.html`,
		Args: cobra.NoArgs,
	}
	f.source = reader.SourceWithPage(cmd)
	fs := cmd.Flags()
	fs.StringSliceVar(&f.profiles, "profile", nil, "compare only these profiles with what is now, by `name`: default, most-allocated-all, or the schedulerName of a profile (default all)")
	fs.StringVar(&f.order, "order", replay.ByCreation, "the order in which pods are placed: creation or random")
	fs.StringVar(&f.seed, "seed", "", "the seed of a random order, a `number` such as 42 or 0x2a (default random)")
	fs.StringVar(&f.prices, "prices", "", "the `file` with the prices of nodes per hour, of kind NodePrices")
	_ = cmd.MarkFlagFilename("prices", "yaml", "yml", "json")
	_ = cmd.RegisterFlagCompletionFunc("order", cobra.FixedCompletions([]string{replay.ByCreation, replay.Random}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		answer, err := f.answer(cmd.Context())
		if err != nil {
			return err
		}
		return f.source.WriteWithPage(cmd.OutOrStdout(), answer, answer.Write, answer.WritePage)
	}
	return cmd
}

// answer compares the profiles.
func (f *tryFlags) answer(ctx context.Context) (*replay.Answer, error) {
	opts, err := f.options()
	if err != nil {
		return nil, err
	}
	picture, _, err := f.source.Picture(ctx)
	if err != nil {
		return nil, err
	}
	progress := report.NewProgress(report.NewLive(os.Stderr))
	defer progress.End()
	opts.Now, opts.Progress = picture.Now, progress.Say
	answer, err := replay.Run(ctx, picture.Snapshot, opts)
	if _, is := errors.AsType[*replay.PriceError](err); is {
		return nil, exit.Refuse(fmt.Errorf("--prices: %w", err))
	}
	return answer, err
}

// options checks and reads everything that needs no cluster.
func (f *tryFlags) options() (opts replay.Options, err error) {
	if opts.Seed, err = f.drawn(); err != nil {
		return opts, exit.Refuse(err)
	}
	if err := f.source.Validate(); err != nil {
		return opts, err
	}
	if f.prices != "" {
		if opts.Prices, err = replay.LoadPrices(f.prices); err != nil {
			return opts, exit.Refuse(fmt.Errorf("--prices: %w", err))
		}
	}
	profiles, registry, err := f.source.Schedulers()
	if err != nil {
		return opts, err
	}
	opts.Registry = registry
	if opts.Recognizer, err = f.source.Recognizer(); err != nil {
		return opts, err
	}
	if opts.Subjects, err = replay.Subjects(profiles); err != nil {
		return opts, exit.Refuse(fmt.Errorf("--scheduler-config: %w", err))
	}
	if len(f.profiles) > 0 {
		if opts.Subjects, err = replay.Restrict(opts.Subjects, f.profiles); err != nil {
			return opts, exit.Refuse(fmt.Errorf("--profile: %w", err))
		}
	}
	return opts, nil
}

// drawn returns the seed of a random order; nil for the order of creation.
func (f *tryFlags) drawn() (*uint64, error) {
	switch {
	case f.order == replay.Random:
		seed := draw.NewSeed()
		if f.seed != "" {
			var err error
			if seed, err = draw.ParseSeed(f.seed); err != nil {
				return nil, fmt.Errorf("--seed: %w", err)
			}
		}
		number := uint64(seed)
		return &number, nil
	case f.order != replay.ByCreation:
		return nil, fmt.Errorf("--order=%s: must be creation or random", f.order)
	case f.seed != "":
		return nil, errors.New("--seed requires --order random")
	}
	return nil, nil
}
