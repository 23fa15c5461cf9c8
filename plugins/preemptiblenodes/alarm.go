package preemptiblenodes

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"

	internalcluster "github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// capacityRatio is the share of the cluster's allocatable resources that is on preemptible
// nodes.
var capacityRatio = metrics.NewGaugeVec(&metrics.GaugeOpts{
	Subsystem:      "stowage",
	Name:           "preemptible_capacity_ratio",
	Help:           "Share of the cluster's allocatable resources that is on preemptible nodes, from 0 to 1, by resource.",
	StabilityLevel: metrics.ALPHA,
}, []string{"resource"})

var registerMetrics = sync.OnceFunc(func() { legacyregistry.MustRegister(capacityRatio) })

const (
	// The warning starts above two thirds, because the cluster may not cope with the loss of
	// that much capacity.
	alarmNumerator, alarmDenominator = 2, 3
	// eventReason is the reason of the warning about capacity.
	eventReason = "MostlyPreemptible"
	// noneReason is the reason of the warning that policies apply to no nodes.
	noneReason = "NoPreemptibleNodes"
)

// alarm tracks the share of the cluster's capacity that is preemptible. It always updates the
// metric. Events are only sent while a pod is scheduled, so only by the leader: if the share
// rises above two thirds, or if a policy is about preemptible nodes and there are none.
type alarm struct {
	recognizer preemptible.Recognizer
	recorder   events.EventRecorder

	// synced reports whether all initial nodes have been seen.
	synced func() bool

	mu    sync.Mutex
	nodes map[string]capacity
	sum   capacity
	// preemptible are the preemptible nodes: the event refers to one of them.
	preemptible map[string]*corev1.Node
	// autoscaled are the nodes that an autoscaler has marked.
	autoscaled map[string]bool
	// raised reports that the share is above two thirds and the event was sent.
	raised bool
	// missed reports that there is no preemptible node and the event was sent.
	missed bool
}

// capacity is an amount of cpu and memory, and the preemptible part of it.
type capacity struct {
	cpu, memory, preemptibleCPU, preemptibleMemory int64 // millicores, bytes
}

func newAlarm(r preemptible.Recognizer, factory informers.SharedInformerFactory, recorder events.EventRecorder) (*alarm, error) {
	registerMetrics()
	a := &alarm{recognizer: r, recorder: recorder, nodes: map[string]capacity{}, preemptible: map[string]*corev1.Node{}, autoscaled: map[string]bool{}}
	registration, err := factory.Core().V1().Nodes().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { a.see(obj.(*corev1.Node)) },
		UpdateFunc: func(_, now any) { a.see(now.(*corev1.Node)) },
		DeleteFunc: func(obj any) {
			if node, ok := lastKnown(obj).(*corev1.Node); ok {
				a.forget(node.Name)
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("watching nodes: %w", err)
	}
	a.synced = registration.HasSynced
	return a, nil
}

func (a *alarm) see(node *corev1.Node) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c := capacity{cpu: node.Status.Allocatable.Cpu().MilliValue(), memory: node.Status.Allocatable.Memory().Value()}
	delete(a.preemptible, node.Name)
	delete(a.autoscaled, node.Name)
	if internalcluster.Autoscaled(node) {
		a.autoscaled[node.Name] = true
	}
	if a.recognizer.Preemptible(node) {
		c.preemptibleCPU, c.preemptibleMemory = c.cpu, c.memory
		a.preemptible[node.Name] = node
		a.missed = false
	}
	a.set(node.Name, c)
}

func (a *alarm) forget(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.preemptible, name)
	delete(a.autoscaled, name)
	a.set(name, capacity{})
}

// set replaces the capacity of a node. The caller holds the lock.
func (a *alarm) set(name string, now capacity) {
	before := a.nodes[name]
	if before == now {
		return
	}
	if a.nodes[name] = now; now == (capacity{}) {
		delete(a.nodes, name)
	}
	a.sum.add(before, -1)
	a.sum.add(now, 1)
	capacityRatio.WithLabelValues("cpu").Set(ratio(a.sum.preemptibleCPU, a.sum.cpu))
	capacityRatio.WithLabelValues("memory").Set(ratio(a.sum.preemptibleMemory, a.sum.memory))
}

func (c *capacity) add(other capacity, sign int64) {
	c.cpu += sign * other.cpu
	c.memory += sign * other.memory
	c.preemptibleCPU += sign * other.preemptibleCPU
	c.preemptibleMemory += sign * other.preemptibleMemory
}

// mayBePreemptible reports whether the cluster has preemptible nodes, or may have some that
// have not been seen yet.
func (a *alarm) mayBePreemptible() bool {
	if !a.synced() {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.preemptible) > 0
}

// hasAutoscaler reports whether an autoscaler has marked a node of the cluster.
func (a *alarm) hasAutoscaler() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.autoscaled) > 0
}

// sound sends the event if the share has risen above two thirds.
func (a *alarm) sound() {
	a.mu.Lock()
	defer a.mu.Unlock()
	over := a.sum.over()
	if over && !a.raised {
		first := slices.Min(slices.Collect(maps.Keys(a.preemptible)))
		a.recorder.Eventf(a.preemptible[first], nil, corev1.EventTypeWarning, eventReason, "Scheduling",
			"%.0f%% of the cluster's cpu and %.0f%% of its memory are on preemptible nodes, which is more than two thirds",
			100*ratio(a.sum.preemptibleCPU, a.sum.cpu), 100*ratio(a.sum.preemptibleMemory, a.sum.memory))
	}
	a.raised = over
}

// lacks reports whether there are no preemptible nodes, and no event was sent since there
// were any.
func (a *alarm) lacks() bool {
	if a.mayBePreemptible() {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return !a.missed && len(a.nodes) > 0
}

// miss sends the event that there are no preemptible nodes, for a pod with a policy about
// them: perhaps their label is not configured.
func (a *alarm) miss(ctx context.Context, pod *corev1.Pod) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.missed = true
	const text = "no node has a label that marks preemptible nodes, so all nodes count as on-demand: if some are preemptible, add their label to nodeLabels of " + Name
	klog.FromContext(ctx).Info("A policy is about preemptible nodes, but "+text, "pod", klog.KObj(pod))
	a.recorder.Eventf(pod, nil, corev1.EventTypeWarning, noneReason, "Scheduling", "The pod's policy is about preemptible nodes, but "+text)
}

// over reports whether more than two thirds of the cpu or of the memory is preemptible.
func (c capacity) over() bool {
	return c.preemptibleCPU*alarmDenominator > c.cpu*alarmNumerator || c.preemptibleMemory*alarmDenominator > c.memory*alarmNumerator
}

func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
