package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/chaos/audit"
	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/internal/exit"
)

// auditFlags are those of audit.
type auditFlags struct {
	source  sourceFlags
	output  outputFlags
	files   []string
	rules   string
	failOn  string
	systems bool
}

func newAuditCommand(built *options) *cobra.Command {
	flags := &auditFlags{source: sourceFlags{clusterFlags: clusterFlags{built: built}}}
	var rules []string
	for _, rule := range audit.Rules() {
		rules = append(rules, rule.Name())
	}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Find what makes workloads less resilient than they could be",
		Long: `Looks at a cluster, a dump of one or manifests for what costs availability when something
is lost: single replicas, no budget or one that allows nothing, all replicas on one node or
zone or on preemptible nodes, no requests, no readiness probe, and so on.

The rules are ` + strings.Join(rules, ", ") + `.

With --fail-on the exit code is 2 where there is a finding as bad as that, for CI.`,
		Example: `  stowage-chaos audit --context production

  # in CI, before anything is deployed
  stowage-chaos audit -f deploy/ --fail-on high

  # of a chart, as it would be installed
  helm template shop charts/shop | stowage-chaos audit -f -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	fs := cmd.Flags()
	flags.source.add(cmd, fs)
	flags.output.addDocument(cmd, fs)
	fs.StringSliceVarP(&flags.files, "filename", "f", nil, "manifests instead of a cluster: files, folders, or - for the standard input")
	fs.StringVar(&flags.rules, "rules", "", "check only these `rules`, or with ! not these, such as no-budget,single-replica or !latest-image")
	fs.StringVar(&flags.failOn, "fail-on", "", "exit with 2 where a finding is at least so severe: high, medium or low")
	fs.BoolVar(&flags.systems, "include-system", false, "kube-system, kube-public and kube-node-lease, too")
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions([]string{"high", "medium", "low"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (f *auditFlags) run(cmd *cobra.Command) error {
	options := audit.Options{}
	var err error
	if options.Rules, err = audit.Select(f.rules, audit.Rules()); err != nil {
		return refused(fmt.Errorf("--rules: %w", err))
	}
	var limit audit.Severity
	if f.failOn != "" {
		if limit, err = audit.ParseSeverity(f.failOn); err != nil {
			return refused(fmt.Errorf("--fail-on: %w", err))
		}
	}
	if f.systems {
		options.Namespace = func(string) bool { return true }
	}
	if options.Preemptible, err = f.source.recognizer(); err != nil {
		return err
	}
	inventory, err := f.inventory(cmd.Context(), cmd.InOrStdin())
	if err != nil {
		return err
	}
	found := audit.Run(inventory, options)
	err = f.output.file.Write(cmd.OutOrStdout(), func(w io.Writer) error {
		if f.output.format != report.Table && f.output.format != report.Wide {
			return writeDocument(w, string(f.output.format), found)
		}
		return audit.WriteTable(w, found, f.output.format == report.Wide)
	})
	if err == nil && limit != "" && found.Worst().AtLeast(limit) {
		return exit.With(fmt.Errorf("there are findings of severity %s or worse", limit), exitBroken)
	}
	return err
}

// inventory reads what is to be looked at.
func (f *auditFlags) inventory(ctx context.Context, stdin io.Reader) (*audit.Inventory, error) {
	if len(f.files) > 0 {
		if f.source.dump.Path != "" || f.source.client.Context != "" || f.source.client.Kubeconfig != "" || f.source.inCluster {
			return nil, refused(errors.New("--filename: manifests need no cluster, so leave out --kubeconfig, --context, --in-cluster and --from-dump"))
		}
		return audit.FromManifests(stdin, f.files...)
	}
	if err := f.source.validate(); err != nil {
		return nil, err
	}
	if f.source.dump.Path != "" {
		return audit.FromDump(f.source.dump.Path)
	}
	live, found, err := f.source.open(ctx)
	if err != nil {
		return nil, err
	}
	return audit.FromCluster(ctx, found, live.Picture().Snapshot)
}
