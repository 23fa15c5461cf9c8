// Command stowage-descheduler moves pods to better nodes, within disruption budgets.
package main

import (
	"context"
	"maps"
	"os"
	"os/signal"
	"syscall"

	_ "golang.org/x/crypto/x509roots/fallback" // images have no CA certificates
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/descheduler/app"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/plugins"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	registry := plugins.NewRegistry()
	maps.Copy(registry, plugins.StandIns())
	cmd := app.NewCommand(app.WithScheduler(config.Scheduler, registry), app.WithPreemptible(preemptiblenodes.OptionsOfProfile))
	os.Exit(exit.Report(os.Stderr, cmd.ExecuteContext(ctx)))
}
