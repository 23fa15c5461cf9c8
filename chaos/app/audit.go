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
		Short: "Find workloads that are less resilient than they could be",
		Long: `Checks a cluster, a dump or manifests for problems that reduce availability: single replicas, a
missing budget or one that allows no disruptions, all replicas on one node, in one zone or on
preemptible nodes, missing requests or readiness probes, and others.

Rules: ` + strings.Join(rules, ", ") + `.

For CI, use --fail-on: the exit code is 2 if a finding is at least that severe.`,
		Example: `  stowage-chaos audit --context production

  # Check manifests in CI, before they are deployed
  stowage-chaos audit -f deploy/ --fail-on high

  # Check a chart as it would be installed
  helm template shop charts/shop | stowage-chaos audit -f -`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return flags.run(cmd) },
	}
	fs := cmd.Flags()
	flags.source.add(cmd, fs)
	flags.output.addDocument(cmd, fs)
	fs.StringSliceVarP(&flags.files, "filename", "f", nil, "check manifests instead of a cluster: files, directories, or - for standard input")
	fs.StringVar(&flags.rules, "rules", "", "check only these `rules`, such as no-budget,single-replica; ! excludes a rule, such as !latest-image")
	fs.StringVar(&flags.failOn, "fail-on", "", "exit with 2 if a finding is at least this severe: high, medium or low")
	fs.BoolVar(&flags.systems, "include-system", false, "include kube-system, kube-public and kube-node-lease")
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
			return writeDocument(w, string(f.output.format), audited{headerOf("ChaosAudit"), found})
		}
		return audit.WriteTable(w, found, f.output.format == report.Wide)
	})
	if err == nil && limit != "" && found.Worst().AtLeast(limit) {
		return exit.With(fmt.Errorf("found problems of severity %s or higher", limit), exit.Failed)
	}
	return err
}

// audited is what an audit shows to programs.
type audited struct {
	header
	*audit.Report
}

// inventory reads the objects to check.
func (f *auditFlags) inventory(ctx context.Context, stdin io.Reader) (*audit.Inventory, error) {
	if len(f.files) > 0 {
		if f.source.dump.Path != "" || f.source.client.Context != "" || f.source.client.Kubeconfig != "" || f.source.inCluster {
			return nil, refused(errors.New("--filename cannot be combined with --kubeconfig, --context, --in-cluster or --from-dump"))
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
