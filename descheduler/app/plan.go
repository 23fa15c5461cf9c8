package app

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/stowage-k8s/stowage/descheduler/explain"
	"github.com/stowage-k8s/stowage/internal/connect"
	"github.com/stowage-k8s/stowage/internal/report"
)

// outputFlags say how and where to show what came of it.
type outputFlags struct {
	format explain.Format
	file   report.OutputFile
}

func (f *outputFlags) add(cmd *cobra.Command, fs *pflag.FlagSet) {
	f.format = explain.Table
	fs.VarP(&f.format, "output", "o", "how to show plan and result: table, wide, json, yaml or html")
	f.file.Add(fs)
	var names []string
	for _, format := range explain.Formats {
		names = append(names, string(format))
	}
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))
}

// write shows the document. A file is there as a whole or not at all.
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
		Short: "Show what a run would do, of a cluster or of a recorded one",
		Long: `Makes a plan and shows it: every move with where the scheduler would put the
replacement and what that improves, and why other candidates stay. Nothing is evicted.

With --from-dump it needs no cluster: a dump is what --dump writes, or a list as kubectl
gives it. Ages are those of its time. No workload rests, and actual usage is not known.`,
		Example: `  stowage-descheduler plan --kubeconfig ~/.kube/config --policy-config-file policy.yaml -o wide

  # record the cluster, and plan on the record
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
	flags.source.Add(fs)
	flags.source.AddNow(fs)
	fs.StringVar(&flags.dump, "dump", "", "record the cluster in this file; without --policy-config-file, do nothing else")
	return cmd
}

func (f *planFlags) run(cmd *cobra.Command, built *options) error {
	if err := f.source.Validate(); err != nil {
		return err
	}
	if f.source.Path != "" && (f.client.Kubeconfig != "" || f.client.Context != "" || f.dump != "") {
		return errors.New("--from-dump: it needs no cluster, so leave out --kubeconfig, --context and --dump")
	}
	if f.dump != "" && f.files.policy == "" {
		s, err := open(cmd.Context(), &f.client)
		if err != nil {
			return err
		}
		return s.record(f.dump)
	}
	if err := f.output.file.Validate(); err != nil {
		return err
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

// offline plans on a recorded cluster.
func (f *planFlags) offline(ctx context.Context, d *descheduler) (explain.Document, error) {
	picture, clock, err := f.source.Read()
	if err != nil {
		return explain.Document{}, err
	}
	d.now = func() time.Time { return clock.Now }
	d.progress.say("planning on %d nodes with %d pods", len(picture.Nodes), len(picture.Pods))
	doc, _, err := d.plan(ctx, picture)
	doc.Run.Dump, doc.Run.Clock = f.source.Path, clock.From
	return doc, err
}

// live plans on a cluster.
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
