// Package ask answers questions about where pods fit: why a pod is pending or where it is, and how
// many replicas of a workload fit. Every suggestion is tried with the filters of the pod's
// scheduler on a copy of the cluster in memory. It makes no requests.
package ask

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// Options are the schedulers of a cluster.
type Options struct {
	// Profiles are the profiles by which pods are placed, see simulation.Load.
	Profiles []*schedulerconfig.KubeSchedulerProfile
	// Registry holds the plugins in addition to those of the engine.
	Registry frameworkruntime.Registry
	// Shortcuts are plugins that only spare the scheduler work, by leaving one node to filter and
	// score. They are taken out of the profiles: the answer needs the other nodes, too.
	Shortcuts []string
	// Progress, if set, is told what is being done.
	Progress func(format string, args ...any)
}

// World is a copy of a cluster in memory, to try things on. It is not safe for concurrent use.
type World struct {
	picture  *cluster.Snapshot
	owners   *cluster.Owners
	sim      *simulation.Simulation
	profiles []*schedulerconfig.KubeSchedulerProfile
	registry frameworkruntime.Registry
	progress func(format string, args ...any)
	nodes    map[string]*corev1.Node
	free     map[string]cluster.Amounts
}

// New returns a copy of the cluster in the picture. The context ends its background work.
func New(ctx context.Context, picture *cluster.Snapshot, opts Options) (*World, error) {
	w := &World{
		picture: picture, owners: cluster.NewOwners(picture), registry: opts.Registry, progress: opts.Progress,
		nodes: map[string]*corev1.Node{}, free: map[string]cluster.Amounts{},
	}
	if w.progress == nil {
		w.progress = func(string, ...any) {}
	}
	for _, profile := range opts.Profiles {
		w.profiles = append(w.profiles, without(profile, opts.Shortcuts))
	}
	var err error
	if w.sim, err = simulation.New(ctx, simulation.Options{Profiles: w.profiles, Registry: opts.Registry}); err != nil {
		return nil, err
	}
	w.progress("loading %d nodes and %d pods", len(picture.Nodes), len(picture.Pods))
	if err := w.sim.Load(picture); err != nil {
		return nil, fmt.Errorf("simulating the cluster: %w", err)
	}
	for i, free := range picture.Free() {
		w.nodes[picture.Nodes[i].Name], w.free[picture.Nodes[i].Name] = picture.Nodes[i], free
	}
	return w, nil
}

// without returns the profile without some plugins.
func without(profile *schedulerconfig.KubeSchedulerProfile, plugins []string) *schedulerconfig.KubeSchedulerProfile {
	profile = profile.DeepCopy()
	if profile.Plugins == nil {
		return profile
	}
	points := reflect.ValueOf(profile.Plugins).Elem() // new releases have more of them
	for i := range points.NumField() {
		set := points.Field(i).Addr().Interface().(*schedulerconfig.PluginSet)
		set.Enabled = slices.DeleteFunc(set.Enabled, func(p schedulerconfig.Plugin) bool { return slices.Contains(plugins, p.Name) })
	}
	return profile
}

// schedulers returns the names of the schedulers that can be simulated.
func (w *World) schedulers() []string {
	var names []string
	for _, profile := range w.profiles {
		names = append(names, profile.SchedulerName)
	}
	slices.Sort(names)
	return names
}

// schedulerOf returns the name of the pod's scheduler. The API server sets it, but manifests and
// tests may omit it.
func schedulerOf(pod *corev1.Pod) string {
	if pod.Spec.SchedulerName == "" {
		return corev1.DefaultSchedulerName
	}
	return pod.Spec.SchedulerName
}

// unplaced returns a copy of the pod as it comes to its scheduler.
func unplaced(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	pod.Spec.NodeName, pod.Spec.SchedulerName = "", schedulerOf(pod)
	pod.Status.Phase, pod.Status.NominatedNodeName = corev1.PodPending, ""
	return pod
}

// verdicts returns what the pod's scheduler says of every node after the changes, and leaves the
// world as it was.
func (w *World) verdicts(ctx context.Context, pod *corev1.Pod, changes []Change) (verdicts []simulation.Verdict, err error) {
	err = w.changed(pod, changes, func(pod *corev1.Pod) (err error) {
		verdicts, err = w.sim.Verdicts(ctx, pod)
		return err
	})
	return verdicts, err
}

// changed calls the function with the pod as it is after the changes, in a world that has them.
func (w *World) changed(pod *corev1.Pod, changes []Change, do func(*corev1.Pod) error) error {
	pod = pod.DeepCopy()
	nodes := map[string]*corev1.Node{}
	var added []*addition
	for _, change := range changes {
		switch {
		case change.pod != nil:
			change.pod(pod)
		case change.node != nil:
			if nodes[change.Node] == nil {
				nodes[change.Node] = w.nodes[change.Node].DeepCopy()
			}
			change.node(nodes[change.Node])
		case change.adds != nil:
			added = append(added, change.adds)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(nodes)) {
		w.sim.AddNode(nodes[name])
		defer w.sim.AddNode(w.nodes[name])
	}
	var err error
	for i, addition := range added {
		if err = w.add(addition); err != nil {
			added = added[:i+1]
			break
		}
	}
	if err == nil {
		err = do(pod)
	}
	for _, addition := range slices.Backward(added) {
		err = errors.Join(err, w.remove(addition))
	}
	return err
}
