package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/stowage-k8s/stowage/internal/demo"
	"github.com/stowage-k8s/stowage/internal/report"
)

func newDemoCommand() *cobra.Command {
	flags := startFlags{}
	keep, reportDir := false, ""
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a demo of Stowage on a new playground",
		Long: `Starts a playground and runs the workloads in config/demo on it twice: first with the
default scheduler alone, then with stowage-scheduler as well. It compares the results.
Next, preemptible nodes are removed and return, and a zone fails and returns;
stowage-descheduler then restores the balance within disruption budgets. Finally,
stowage-chaos evicts random pods and takes a zone down, and reports how the workloads
recovered.

The exit code is 0 only if every pod that fits is running and no disruption budget was
violated.`,
		Example: `  stowage-playground demo
  stowage-playground demo --nodes 100
  stowage-playground demo --report-dir out/demo
  stowage-playground demo --keep    # then look around with kubectl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := flags.options(cmd.Context())
			if err != nil {
				return interrupted(err)
			}
			live := report.NewLive(os.Stdout)
			if err := demo.Run(cmd.Context(), demo.Options{Playground: opts, Keep: keep, ReportDir: reportDir}, live); err != nil {
				return interrupted(err)
			}
			live.Println("\nstopped and cleaned up")
			return nil
		},
	}
	flags.addTo(cmd)
	cmd.Flags().BoolVar(&keep, "keep", false, "keep everything running at the end, until Ctrl-C")
	cmd.Flags().StringVar(&reportDir, "report-dir", "", "directory for an HTML report: index.html and the reports of stowage-chaos")
	_ = cmd.MarkFlagDirname("report-dir")
	return cmd
}
