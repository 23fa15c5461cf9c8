// Command stowage-chaos takes away pods, nodes, zones and preemptible capacity, within
// disruption budgets, and measures how the workloads recover.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"syscall"

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"

	"github.com/stowage-k8s/stowage/chaos/app"
	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/plugins"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	registry := plugins.NewRegistry()
	maps.Copy(registry, plugins.StandIns())
	cmd := app.NewCommand(app.WithScheduler(config.Scheduler, registry), app.WithPreemptible(preemptiblenodes.OptionsOfProfile))
	err := cmd.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
	}
	os.Exit(app.ExitCode(err))
}
