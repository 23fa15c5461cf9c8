// Command stowage-bench compares Stowage with others, on clusters in memory and on
// playgrounds.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/version"
)

const program = "stowage-bench"

func main() {
	// Kubernetes' packages register flags globally, which cobra would add to ours.
	pflag.CommandLine = pflag.NewFlagSet(os.Args[0], pflag.ContinueOnError)
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := run(ctx, newCommand())
	stop()
	os.Exit(code)
}

// run runs the command and returns the exit code.
func run(ctx context.Context, cmd *cobra.Command) int {
	err := cmd.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil {
		// Whatever failed did so because of the interruption.
		err = exit.With(errors.New("interrupted"), exit.Interrupted)
	}
	return exit.Report(cmd.ErrOrStderr(), err)
}

func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   program,
		Short: "Compare Stowage with others",
		Long: `stowage-bench measures what different programs and configurations make of the same
workloads: "loop", "scaling" and "packing" run the scheduling engine on clusters in memory;
"e2e", "deschedule", "chaos", "scale" and "karpenter" run programs on control planes that they
start, and "real" on real nodes as well.
"report" shows what they have measured, "compare" what has become better or worse, and
"all" runs the quick form of each. It needs no cluster, and makes no request of any.`,
		Version: version.Line(program),
	}
	cmd.AddCommand(
		newAllCommand(), newChaosCommand(), newCompareCommand(), newDescheduleCommand(), newE2ECommand(), newKarpenterCommand(), newLoopCommand(),
		newPackingCommand(), newRealCommand(), newReportCommand(), newScaleCommand(), newScalingCommand(),
		version.Command(program),
	)
	cli.Setup(cmd)
	return cmd
}
