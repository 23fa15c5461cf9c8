package loop

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
)

// binderName is the name of the binder in profiles.
const binderName = "BindToNothing"

// binder is a plugin that takes the place of the one that asks the API server to
// bind. It notes where pods are placed, and says when the engine is done with one.
type binder struct {
	// placed are the pods that have got a node, in that order; where none is to get one, those that the
	// engine has given up for now.
	placed  []*corev1.Pod
	nowhere bool
	// done receives once for each pod: nil, if it has a node.
	done chan error
}

var _ fwk.BindPlugin = &binder{}
var _ fwk.PostBindPlugin = &binder{}

func newBinder(nowhere bool) *binder {
	// The engine says in its own loop that it has found no node: nobody receives then.
	return &binder{nowhere: nowhere, done: make(chan error, 1)}
}

// Name returns the name of the plugin.
func (b *binder) Name() string {
	return binderName
}

// Bind notes the pod.
func (b *binder) Bind(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, _ string) *fwk.Status {
	if b.nowhere {
		return fwk.AsStatus(errors.New("no node has room for it"))
	}
	b.placed = append(b.placed, pod)
	return nil
}

// PostBind is the end of a pod that has got a node.
func (b *binder) PostBind(context.Context, fwk.CycleState, *corev1.Pod, string) {
	b.done <- nil
}

// fail is the end of a pod that has not, in place of the engine's own handler, which
// would try it again.
func (b *binder) fail(_ context.Context, _ framework.Framework, pod *framework.QueuedPodInfo, status *fwk.Status, _ *fwk.NominatingInfo, _ time.Time) {
	message := status.Message() // which the engine's own would write into an event
	if b.nowhere && status.IsRejected() {
		b.placed = append(b.placed, pod.Pod)
		b.done <- nil
		return
	}
	b.done <- fmt.Errorf("pod %s has got no node: %s", klog.KObj(pod.Pod), message)
}

// register makes the binder known to a scheduler.
func (b *binder) register(registry frameworkruntime.Registry) error {
	return registry.Register(binderName, func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return b, nil })
}

// bindToNothing has the profile bind by a binder, which comes last, so that it is done
// when all are. Nobody binds or creates volumes, either.
func bindToNothing(profile *schedulerconfig.KubeSchedulerProfile) {
	disable(profile.Plugins, names.DefaultBinder)
	profile.Plugins.PreBind.Disabled = append(profile.Plugins.PreBind.Disabled, schedulerconfig.Plugin{Name: names.VolumeBinding})
	profile.Plugins.MultiPoint.Enabled = append(profile.Plugins.MultiPoint.Enabled, schedulerconfig.Plugin{Name: binderName})
}
