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
		Short: "Show Stowage at work on a playground of its own",
		Long: `Starts a playground, runs the workloads of config/demo on it, once placed by the
default scheduler alone and once with stowage-scheduler beside it, and compares. Then
preemptible nodes go and come back; and a zone does, after which stowage-descheduler
brings the balance back within disruption budgets. At last stowage-chaos evicts at random
and takes a zone down, and reports what the workloads made of it.

The exit code is 0 only if every pod that fits is running, and no budget was broken.`,
		Example: `  stowage-playground demo
  stowage-playground demo --nodes 100
  stowage-playground demo --report-dir out/demo
  stowage-playground demo --keep    # and look around with kubectl`,
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
			live.Println("\nstopped: nothing is left behind")
			return nil
		},
	}
	flags.addTo(cmd)
	cmd.Flags().BoolVar(&keep, "keep", false, "leave everything up at the end, until Ctrl-C")
	cmd.Flags().StringVar(&reportDir, "report-dir", "", "folder to write a report to, as HTML: index.html, and those of stowage-chaos")
	_ = cmd.MarkFlagDirname("report-dir")
	return cmd
}
