// Command stowage-playground runs a real Kubernetes control plane with fake nodes
// on this machine, for the demo, tests and benchmarks.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/internal/cli"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/supervisor"
	"github.com/stowage-k8s/stowage/internal/version"
)

func main() {
	// Components have their own flags, which the command below does not know.
	if len(os.Args) > 2 && os.Args[1] == "component" {
		code, err := runComponent(os.Args[2], os.Args[3:])
		if err != nil {
			fmt.Fprintln(os.Stderr, "Error:", err)
		}
		os.Exit(code)
	}
	dropGlobalFlags()
	// Log messages of client libraries, for example while a server starts or stops, are not
	// for users. Relevant problems are returned as errors.
	klog.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := newCommand().ExecuteContext(ctx)
	stop()
	os.Exit(exit.Report(os.Stderr, err))
}

func newCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stowage-playground",
		Short: "Run a real Kubernetes control plane with fake nodes on this machine",
		Long: `stowage-playground runs etcd, kube-apiserver, kube-controller-manager,
kube-scheduler and KWOK as processes on this machine. Only the nodes are fake: they
run no containers, and report pods as running immediately.

It listens only on 127.0.0.1 and stores its files in $TMPDIR (/tmp by default). When
it stops, no process, port or file remains.`,
		Version: version.Line(playground.BinaryName),
	}
	cmd.AddCommand(newUpCommand(), newDownCommand(), newListCommand(), newKubeconfigCommand(), newDemoCommand(), newSuperviseCommand(), version.Command(playground.BinaryName))
	cli.Setup(cmd)
	return cmd
}

// newSuperviseCommand is what playground.Start runs.
func newSuperviseCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "supervise DIR",
		Short:  "Run the playground in DIR for the parent process",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			if supervisor.Run(cmd.Context(), args[0], self, os.Stdin) != nil {
				os.Exit(1) // the error was reported to the parent process
			}
			return nil
		},
	}
}
