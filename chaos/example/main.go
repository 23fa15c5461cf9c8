// Command my-chaos is stowage-chaos with a fault and a probe of your own.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // metrics of its requests

	"github.com/stowage-k8s/stowage/chaos/app"
	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/scenario/schema"
	"github.com/stowage-k8s/stowage/chaos/scenario/strict"
	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/plugins"
	"github.com/stowage-k8s/stowage/plugins/preemptiblenodes"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	err := newCommand().ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
	}
	os.Exit(app.ExitCode(err))
}

// newCommand returns the command with the fault and the probe, and with the schedulers
// that stowage-chaos knows.
func newCommand() *cobra.Command {
	registry := plugins.NewRegistry()
	maps.Copy(registry, plugins.StandIns())
	return app.NewCommand(
		app.WithScheduler(config.Scheduler, registry),
		app.WithPreemptible(preemptiblenodes.OptionsOfProfile),
		app.WithFault(fault.Plugin{Name: "rack", Short: "takes down all nodes of a rack", New: newRack, Schema: schemaOf(rack{})}),
		app.WithProbe(steady.Plugin{Name: "leases", Short: "every lease of a namespace is held", New: newLeases, Schema: schemaOf(leases{})}),
	)
}

// schemaOf returns the schema of arguments; none, so that anything goes in an editor, where
// a field has a type that no schema describes.
func schemaOf(arguments any) json.RawMessage {
	s, err := schema.Of(arguments)
	if err != nil {
		return nil
	}
	return s
}

// rack takes down all nodes of a rack, which is drawn: a fault. Its fields are its
// arguments in a scenario.
type rack struct {
	Label string          `json:"label" doc:"the node label that names the rack" schema:"required,minLength=1"`
	For   metav1.Duration `json:"for,omitzero" doc:"how long the rack is down. Default: until the end of the run"`
}

var _ fault.Lasting = rack{}

func newRack(arguments []byte) (fault.Fault, error) {
	var r rack
	if err := strict.Unmarshal(arguments, &r); err != nil {
		return nil, err
	}
	if r.Label == "" {
		return nil, strict.Errors{{Path: "label", Message: "is required, such as example.com/rack"}}
	}
	return r, nil
}

// Choose implements fault.Fault.
func (r rack) Choose(picture *target.Picture, seed draw.Seed) (*fault.Choice, error) {
	racks := map[string][]*corev1.Node{}
	for _, node := range picture.Nodes {
		if name := node.Labels[r.Label]; name != "" {
			racks[name] = append(racks[name], node)
		}
	}
	choice := &fault.Choice{How: assess.Down, Candidates: len(racks)}
	names := slices.Collect(maps.Keys(racks))
	draw.Sort(seed, names, func(name string) string { return name })
	if len(names) > 0 {
		choice.Nodes = racks[names[0]]
	}
	return choice, nil
}

// Inject implements fault.Fault. The nodes are put back by whoever called.
func (r rack) Inject(ctx context.Context, env fault.Env, choice *fault.Choice) error {
	env.Note("rack %s is down", choice.Nodes[0].Labels[r.Label])
	return env.Undo().Down(ctx, choice.Nodes...)
}

// Duration implements fault.Lasting.
func (r rack) Duration() time.Duration { return r.For.Duration }

// leases looks whether somebody holds every lease of a namespace, as leaders do that are
// elected: a probe.
type leases struct {
	Namespace string `json:"namespace" doc:"the namespace to check" schema:"required,minLength=1"`
}

func newLeases(arguments []byte) (steady.Probe, error) {
	var l leases
	if err := strict.Unmarshal(arguments, &l); err != nil {
		return nil, err
	}
	if l.Namespace == "" {
		return nil, strict.Errors{{Path: "namespace", Message: "is required"}}
	}
	return l, nil
}

// Check implements steady.Probe.
func (l leases) Check(ctx context.Context, env steady.Env) (steady.Observation, error) {
	list, err := env.Client.CoordinationV1().Leases(l.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return steady.Observation{}, fmt.Errorf("listing leases: %w", err)
	}
	now := env.Picture().Now
	var free []string
	for _, lease := range list.Items {
		spec := lease.Spec
		if spec.RenewTime == nil || spec.LeaseDurationSeconds == nil ||
			now.Sub(spec.RenewTime.Time) > time.Duration(*spec.LeaseDurationSeconds)*time.Second {
			free = append(free, lease.Name)
		}
	}
	switch {
	case len(list.Items) == 0:
		return steady.Observation{Nothing: true, Message: "there is no lease in " + l.Namespace}, nil
	case len(free) > 0:
		return steady.Observation{Message: "nobody holds " + strings.Join(free, ", ")}, nil
	}
	return steady.Observation{OK: true, Message: fmt.Sprintf("all %d leases are held", len(list.Items))}, nil
}
