// Command my-scheduler is kube-scheduler's engine with Stowage's plugins and one of
// your own.
package main

import (
	"context"
	"errors"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // --logging-format json
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // metrics of its requests
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/cmd/kube-scheduler/app"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/plugins"
)

func main() {
	options := []app.Option{app.WithPlugin(name, newMaintenance)}
	for name, factory := range plugins.NewRegistry() {
		options = append(options, app.WithPlugin(name, factory))
	}
	os.Exit(cli.Run(app.NewSchedulerCommand(options...)))
}

// name is what configurations call the plugin.
const name = "Maintenance"

// args are the plugin's arguments in a configuration.
type args struct {
	Annotation string `json:"annotation"`
}

// maintenance keeps new pods off nodes that are due for maintenance.
type maintenance struct {
	annotation string
}

var _ fwk.FilterPlugin = &maintenance{}
var _ fwk.EnqueueExtensions = &maintenance{}
var _ fwk.SignPlugin = &maintenance{}

func newMaintenance(_ context.Context, obj runtime.Object, _ fwk.Handle) (fwk.Plugin, error) {
	a := args{Annotation: "example.com/maintenance"}
	if err := frameworkruntime.DecodeInto(obj, &a); err != nil {
		return nil, err
	}
	if a.Annotation == "" {
		return nil, errors.New("annotation: must not be empty")
	}
	return &maintenance{annotation: a.Annotation}, nil
}

// Name returns the name of the plugin.
func (pl *maintenance) Name() string {
	return name
}

// Filter rejects nodes that have the annotation.
func (pl *maintenance) Filter(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	if _, due := node.Node().Annotations[pl.annotation]; due {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "node(s) were due for maintenance")
	}
	return nil
}

// EventsToRegister lists the events after which a rejected pod may fit.
func (pl *maintenance) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeAnnotation}},
	}, nil
}

// SignPod returns what Filter reads of the pod: nothing. The engine schedules identical
// pods in batches only if every plugin signs them.
func (pl *maintenance) SignPod(context.Context, *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	return nil, nil
}
