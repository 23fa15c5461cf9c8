// Command kubectl-stowage is a kubectl plugin that answers questions about where pods fit: why a
// pod is pending or where it is, what would happen without a node, how many replicas fit, in which
// order nodes can be replaced, and how many nodes all pods would need with other settings of the scheduler.
package main

import (
	"maps"
	"os"

	_ "k8s.io/component-base/logs/json/register"

	"github.com/stowage-k8s/stowage/chaos/app"
	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/plugins"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
)

func main() {
	os.Exit(exit.Report(os.Stderr, newCommand(options()...).ExecuteContext(app.UntilSignal())))
}

// options are the schedulers that the program knows.
func options() []app.Option {
	registry := plugins.NewRegistry()
	maps.Copy(registry, plugins.StandIns())
	return []app.Option{app.WithScheduler(config.Scheduler, registry), app.WithPreemptible(preemptiblenodes.OptionsOfProfile)}
}
