package app

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/descheduler/explain"
	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/connect"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/report"
)

// outputFlags are format and destination of plan and result.
type outputFlags struct {
	format explain.Format
	file   report.OutputFile
}

func (f *outputFlags) add(cmd *cobra.Command, fs *pflag.FlagSet) {
	f.format = explain.Table
	cli.Group(fs, cli.Output, func() {
		fs.VarP(&f.format, "output", "o", "the format of plan and result: table, wide, json, yaml or html")
		f.file.Add(fs)
	})
	var names []string
	for _, format := range explain.Formats {
		names = append(names, string(format))
	}
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
}

// write shows the document. A file is written completely or not at all.
func (f *outputFlags) write(out io.Writer, doc explain.Document) error {
	return f.file.Write(out, func(w io.Writer) error { return explain.Write(w, f.format, doc) })
}

// planFlags are those of plan.
type planFlags struct {
	client   connect.Flags
	files    configurationFlags
	output   outputFlags
	planning planningFlags
	source   connect.DumpFlags
	dump     string
}

func newPlanCommand(built *options) *cobra.Command {
	flags := &planFlags{}
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what a run would do, for a live or recorded cluster",
		Long: `Makes a plan and shows it: for each move, the node that the scheduler would choose and
the improvement; for all other candidates, the reason why they are not moved. Nothing is
evicted.

With --from-dump it needs no cluster. A dump is a file that --dump has written, or a list
from "kubectl get -o json". Ages are calculated at the time of the dump. A dump has no
cooldowns and no actual usage.`,
		Example: `  stowage-descheduler plan --kubeconfig ~/.kube/config --policy-config-file policy.yaml -o wide

  # record the cluster, and make a plan for the recorded one
  stowage-descheduler plan --kubeconfig ~/.kube/config --dump cluster.dump
  stowage-descheduler plan --from-dump cluster.dump --policy-config-file policy.yaml -o html --output-file plan.html`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd, built) },
	}
	fs := cmd.Flags()
	addClient(fs, &flags.client)
	flags.files.add(cmd, fs)
	flags.planning.add(fs)
	flags.output.add(cmd, fs)
	cli.Group(fs, cli.Cluster, func() {
		flags.source.Add(fs)
		flags.source.AddNow(fs)
		fs.StringVar(&flags.dump, "dump", "", "record the cluster in this file; without --policy-config-file, make no plan")
	})
	return cmd
}

func (f *planFlags) run(cmd *cobra.Command, built *options) error {
	if err := f.source.Validate(); err != nil {
		return exit.Refuse(err)
	}
	if f.source.Path != "" && (f.client.Kubeconfig != "" || f.client.Context != "" || f.dump != "") {
		return exit.Refuse(errors.New("--from-dump cannot be combined with --kubeconfig, --context or --dump"))
	}
	f.client.UseCurrentContext()
	if f.dump != "" && f.files.policy == "" {
		s, err := open(cmd.Context(), &f.client)
		if err != nil {
			return err
		}
		return s.record(f.dump)
	}
	if err := f.output.file.Validate(); err != nil {
		return exit.Refuse(err)
	}
	d, err := newDescheduler(built, &f.files, &f.planning)
	if err != nil {
		return err
	}
	doc := explain.Document{}
	if f.source.Path != "" {
		doc, err = f.offline(cmd.Context(), d)
	} else {
		doc, err = f.live(cmd.Context(), d)
	}
	if err != nil {
		return err
	}
	return f.output.write(cmd.OutOrStdout(), doc)
}

// offline makes a plan for a recorded cluster.
func (f *planFlags) offline(ctx context.Context, d *descheduler) (explain.Document, error) {
	picture, clock, err := f.source.Read()
	if err != nil {
		return explain.Document{}, exit.Refuse(err)
	}
	d.now = func() time.Time { return clock.Now }
	d.progress.say("planning for %s with %s", report.Count(len(picture.Nodes), "node"), report.Count(len(picture.Pods), "pod"))
	doc, _, err := d.plan(ctx, picture)
	doc.Run.Dump, doc.Run.Clock = f.source.Path, clock.From
	return doc, err
}

// live makes a plan for a live cluster.
func (f *planFlags) live(ctx context.Context, d *descheduler) (explain.Document, error) {
	s, err := open(ctx, &f.client)
	if err != nil {
		return explain.Document{}, err
	}
	if err := d.use(ctx, s); err != nil {
		return explain.Document{}, err
	}
	if f.dump != "" {
		if err := s.record(f.dump); err != nil {
			return explain.Document{}, err
		}
	}
	doc, _, err := d.plan(ctx, s.picture())
	doc.Run.Cluster = s.cluster.Name
	return doc, err
}
