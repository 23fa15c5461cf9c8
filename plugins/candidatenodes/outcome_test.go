package candidatenodes_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulercache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/queuesort"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/plugins/candidatenodes"
)

// recorder keeps what events say, by pod.
type recorder struct {
	mu     sync.Mutex
	events map[string][]string
}

func (r *recorder) WithLogger(klog.Logger) events.EventRecorderLogger { return r }

func (r *recorder) Eventf(regarding, _ runtime.Object, _, reason, _, note string, args ...any) {
	if len(args) > 0 {
		note = fmt.Sprintf(note, args...)
	}
	accessor, err := meta.Accessor(regarding)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.events == nil {
		r.events = map[string][]string{}
	}
	key := accessor.GetNamespace() + "/" + accessor.GetName()
	r.events[key] = append(r.events[key], reason+": "+note)
}

func (r *recorder) of(pod *corev1.Pod) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events[pod.Namespace+"/"+pod.Name])
}

// outcome is what came of trying to schedule a pod.
type outcome struct {
	Node, Nominated string
	// Event and Condition say why the pod has no node.
	Event, Condition string
	// Plugins are those that refused nodes, by the engine's names.
	Plugins []string
	Victims []string
}

// schedule tries to schedule a pod that waits, and returns the outcome. A pod that
// it places may still be one that the scheduler assumes is there.
func (e *engine) schedule(pod *corev1.Pod) outcome {
	e.t.Helper()
	e.mu.Lock()
	e.victims = nil
	e.mu.Unlock()
	before := len(e.recorder.of(pod))
	e.sched.NextEntity = e.take(pod)
	e.sched.ScheduleOne(context.Background())
	var said []string
	e.within("an event says what came of pod "+pod.Name, func() bool {
		said = e.recorder.of(pod)[before:]
		return slices.ContainsFunc(said, func(s string) bool {
			return strings.HasPrefix(s, "Scheduled: ") || strings.HasPrefix(s, "FailedScheduling: ")
		})
	})
	if !slices.ContainsFunc(said, func(s string) bool { return strings.HasPrefix(s, "Scheduled: ") }) {
		e.settle() // victims go in the background
	}
	after := e.pod(pod.Namespace, pod.Name)
	o := outcome{Node: after.Spec.NodeName, Nominated: after.Status.NominatedNodeName}
	e.mu.Lock()
	o.Victims = slices.Sorted(slices.Values(e.victims))
	e.mu.Unlock()
	if o.Node != "" {
		return o
	}
	// What no node is known for is said of the pod that comes first after that is known.
	o.Event = slices.DeleteFunc(said, func(s string) bool { return strings.HasPrefix(s, "NoPreemptibleNodes: ") })[0]
	for _, c := range after.Status.Conditions {
		if c.Type == corev1.PodScheduled {
			o.Condition = c.Reason + ": " + c.Message
		}
	}
	if queued, ok := e.sched.SchedulingQueue.GetPod(pod.Name, pod.Namespace, nil); ok {
		plugins := sets.New[string]()
		for name := range queued.UnschedulablePlugins.Union(queued.PendingPlugins) {
			if theirs, ours := ofEngine[name]; ours {
				name = theirs
			}
			// DefaultPreemption is there or not, by how fast victims go, and no event is for
			// CandidateNodes.
			if name != names.DefaultPreemption && name != candidatenodes.Name {
				plugins.Insert(name)
			}
		}
		o.Plugins = sets.List(plugins)
	}
	return o
}

// take returns what gives the engine the pod next, whatever else waits in its queue.
func (e *engine) take(pod *corev1.Pod) func(klog.Logger) (framework.QueuedEntityInfo, error) {
	return func(logger klog.Logger) (framework.QueuedEntityInfo, error) {
		queue := e.sched.SchedulingQueue
		queued, ok := queue.GetPod(pod.Name, pod.Namespace, nil)
		if !ok {
			return nil, fmt.Errorf("pod %s is not in the queue", pod.Name)
		}
		e.turn.Store(&queued.Pod.UID)
		queue.Activate(logger, map[string]*corev1.Pod{pod.Name: queued.Pod})
		// One that is to be tried anyway has its place in the queue looked for again.
		queue.Update(klog.NewContext(context.Background(), logger), queued.Pod, queued.Pod)
		entity, err := queue.Pop(logger)
		if err != nil {
			return nil, err
		}
		info, ok := entity.(*framework.QueuedPodInfo)
		if !ok || info.Pod.UID != queued.Pod.UID {
			return nil, fmt.Errorf("the queue has something else first than pod %s", pod.Name)
		}
		info.PodSignature = nil // else the engine may place it as it did the last one like it
		return info, nil
	}
}

// turnSort is the name of the plugin that has one pod come first in the queue.
const turnSort = "TurnSort"

// turn is the engine's own order, but that the pod whose turn it is comes first.
type turn struct {
	*queuesort.PrioritySort
	first *atomic.Pointer[types.UID]
}

func (turn) Name() string { return turnSort }

func (t turn) Less(a, b fwk.QueuedEntityInfo) bool {
	first := func(entity fwk.QueuedEntityInfo) bool {
		info, is := entity.(*framework.QueuedPodInfo)
		uid := t.first.Load()
		return is && uid != nil && info.Pod.UID == *uid
	}
	if first(a) != first(b) {
		return first(a)
	}
	return t.PrioritySort.Less(a, b)
}

// inTurn has the queues of profiles sorted so that schedule can take any pod.
func (e *engine) inTurn(profiles []schedulerconfig.KubeSchedulerProfile, registry frameworkruntime.Registry) []schedulerconfig.KubeSchedulerProfile {
	registry[turnSort] = func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) {
		return turn{&queuesort.PrioritySort{}, &e.turn}, nil
	}
	sorted := make([]schedulerconfig.KubeSchedulerProfile, 0, len(profiles))
	for _, profile := range profiles {
		profile := *profile.DeepCopy()
		profile.Plugins.QueueSort = schedulerconfig.PluginSet{
			Enabled: []schedulerconfig.Plugin{{Name: turnSort}}, Disabled: []schedulerconfig.Plugin{{Name: "*"}},
		}
		sorted = append(sorted, profile)
	}
	return sorted
}

// look returns the framework of the pod's profile, and the nodes as the next cycle
// will see them.
func (e *engine) look(pod *corev1.Pod) (framework.Framework, []fwk.NodeInfo) {
	e.t.Helper()
	f := e.sched.Profiles[pod.Spec.SchedulerName]
	if err := e.sched.Cache.UpdateSnapshot(klog.Background(), f.SnapshotSharedLister().(*schedulercache.Snapshot)); err != nil {
		e.t.Fatal(err)
	}
	nodes, err := f.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		e.t.Fatal(err)
	}
	return f, nodes
}

// narrows says whether CandidateNodes leaves some of the nodes only.
func (e *engine) narrows(pod *corev1.Pod) bool {
	e.t.Helper()
	f, _ := e.look(pod)
	_, status, by := f.RunPreFilterPlugins(context.Background(), framework.NewCycleState(), pod)
	return status.IsSuccess() && by.Has(candidateNodes)
}

// best returns the nodes that have the highest score for the pod.
func (e *engine) best(pod *corev1.Pod) sets.Set[string] {
	e.t.Helper()
	ctx, state, best := context.Background(), framework.NewCycleState(), sets.New[string]()
	f, nodes := e.look(pod)
	narrowed, status, _ := f.RunPreFilterPlugins(ctx, state, pod)
	if !status.IsSuccess() {
		return best
	}
	var feasible []fwk.NodeInfo
	for _, node := range nodes {
		if (narrowed.AllNodes() || narrowed.NodeNames.Has(node.Node().Name)) && f.RunFilterPluginsWithNominatedPods(ctx, state, pod, node).IsSuccess() {
			feasible = append(feasible, node)
		}
	}
	if len(feasible) < 2 {
		for _, node := range feasible {
			best.Insert(node.Node().Name)
		}
		return best
	}
	if status := f.RunPreScorePlugins(ctx, state, pod, feasible); !status.IsSuccess() {
		e.t.Fatal(status)
	}
	scores, status := f.RunScorePlugins(ctx, state, pod, feasible)
	if !status.IsSuccess() {
		e.t.Fatal(status)
	}
	highest := slices.MaxFunc(scores, func(a, b fwk.NodePluginScores) int { return int(a.TotalScore - b.TotalScore) }).TotalScore
	for _, s := range scores {
		if s.TotalScore == highest {
			best.Insert(s.Name)
		}
	}
	return best
}
