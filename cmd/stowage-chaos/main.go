// Command stowage-chaos removes pods, nodes, zones and preemptible capacity within disruption
// budgets, and measures how the workloads recover.
package main

import (
	"maps"
	"os"

	_ "golang.org/x/crypto/x509roots/fallback" // images have no CA certificates
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"

	"github.com/stowage-k8s/stowage/chaos/app"
	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/plugins"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
)

func main() {
	registry := plugins.NewRegistry()
	maps.Copy(registry, plugins.StandIns())
	cmd := app.NewCommand(app.WithScheduler(config.Scheduler, registry), app.WithPreemptible(preemptiblenodes.OptionsOfProfile))
	os.Exit(exit.Report(os.Stderr, cmd.ExecuteContext(app.UntilSignal())))
}
