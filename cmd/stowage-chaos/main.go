// Command stowage-chaos removes pods, nodes, zones and preemptible capacity within disruption
// budgets, and measures how the workloads recover.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"syscall"
	"time"

	_ "golang.org/x/crypto/x509roots/fallback" // images have no CA certificates
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"

	"github.com/stowage-k8s/stowage/chaos/app"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/plugins"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
)

// impatience is the time after the first signal before another one counts. Earlier, it is the
// same signal, sent to the process and to its group, or a key that was pressed twice.
const impatience = 2 * time.Second

// untilSignal returns a context that ends with the first signal, so that changes are restored.
// A later signal ends the program at once.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		<-signals
		cancel()
		for first := time.Now(); ; {
			if <-signals; time.Since(first) > impatience {
				fmt.Fprintf(os.Stderr, "Error: stopped at once, changes were not restored: run `%s`\n", journal.RestoreCommand("--all", os.Args[1:]))
				os.Exit(1)
			}
		}
	}()
	return ctx
}

func main() {
	ctx := untilSignal()
	registry := plugins.NewRegistry()
	maps.Copy(registry, plugins.StandIns())
	cmd := app.NewCommand(app.WithScheduler(config.Scheduler, registry), app.WithPreemptible(preemptiblenodes.OptionsOfProfile))
	os.Exit(exit.Report(os.Stderr, cmd.ExecuteContext(ctx)))
}
