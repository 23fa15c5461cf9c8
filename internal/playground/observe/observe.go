// Package observe counts the nodes and pods of a cluster as they change.
package observe

import (
	"context"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/internal/playground/follow"
)

// State is the state of a pod.
type State string

// The states of a pod are its phase, except for Pending pods that have a node and for pods
// that are being deleted.
const (
	Pending     State = "Pending"
	Scheduled   State = "Scheduled"
	Running     State = "Running"
	Succeeded   State = "Succeeded"
	Failed      State = "Failed"
	Terminating State = "Terminating"
)

// States are all states in the usual order.
var States = []State{Pending, Scheduled, Running, Succeeded, Failed, Terminating}

// appLabel is the label by which pods are grouped.
const appLabel = "app"

// Group is a set of pods that are counted together.
type Group struct {
	// App is the value of the pods' label app, Scheduler their spec.schedulerName.
	App, Scheduler string
	State          State
}

// Counts are the counts at one point in time.
type Counts struct {
	// Nodes counts all nodes, NodesReady those on which pods can be scheduled.
	Nodes, NodesReady int
	// Pods counts pods by group.
	Pods map[Group]int
	// Binds counts the pods that were bound since the observer started.
	Binds int
}

// InState returns the number of pods in the state.
func (c Counts) InState(state State) int {
	total := 0
	for group, n := range c.Pods {
		if group.State == state {
			total += n
		}
	}
	return total
}

// Total returns the number of pods.
func (c Counts) Total() int {
	total := 0
	for _, n := range c.Pods {
		total += n
	}
	return total
}

// Observer counts the objects of a cluster.
type Observer struct {
	mu     sync.Mutex
	counts Counts
}

// Start observes a cluster until ctx ends. It returns when it has counted all existing
// objects.
func Start(ctx context.Context, client kubernetes.Interface) (*Observer, error) {
	o := &Observer{counts: Counts{Pods: map[Group]int{}}}
	if err := follow.NodesAndPods(ctx, client, follow.Changes{Node: o.countNode, Pod: o.countPod, Trim: trim}); err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.counts.Binds = 0 // pods that already had a node
	return o, nil
}

// Counts returns the current counts.
func (o *Observer) Counts() Counts {
	o.mu.Lock()
	defer o.mu.Unlock()
	counts := o.counts
	counts.Pods = maps.Clone(counts.Pods)
	return counts
}

func (o *Observer) countNode(was, is *corev1.Node) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for node, n := range map[*corev1.Node]int{was: -1, is: 1} {
		if node == nil {
			continue
		}
		o.counts.Nodes += n
		if Schedulable(node) {
			o.counts.NodesReady += n
		}
	}
}

func (o *Observer) countPod(was, is *corev1.Pod) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if was != nil {
		group := groupOf(was)
		if o.counts.Pods[group]--; o.counts.Pods[group] == 0 {
			delete(o.counts.Pods, group)
		}
	}
	if is != nil {
		o.counts.Pods[groupOf(is)]++
		if is.Spec.NodeName != "" && (was == nil || was.Spec.NodeName == "") {
			o.counts.Binds++
		}
	}
}

func groupOf(pod *corev1.Pod) Group {
	return Group{App: pod.Labels[appLabel], Scheduler: pod.Spec.SchedulerName, State: stateOf(pod)}
}

func stateOf(pod *corev1.Pod) State {
	switch {
	case pod.DeletionTimestamp != nil:
		return Terminating
	case pod.Status.Phase == corev1.PodPending && pod.Spec.NodeName != "":
		return Scheduled
	default:
		return State(pod.Status.Phase)
	}
}

// Schedulable reports whether pods can be scheduled on a node: it is Ready, and the node
// lifecycle controller has removed the taint of new nodes.
func Schedulable(node *corev1.Node) bool {
	for _, taint := range node.Spec.Taints {
		if taint.Key == corev1.TaintNodeNotReady {
			return false
		}
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// Available reports whether a pod counts as healthy for its disruption budget: it is ready,
// and not being deleted.
func Available(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && hasCondition(pod, corev1.PodReady, "")
}

// Evicted reports whether a pod was evicted through the API server, according to its
// conditions.
func Evicted(pod *corev1.Pod) bool {
	return hasCondition(pod, corev1.DisruptionTarget, "EvictionByEvictionAPI")
}

// hasCondition reports whether a pod has the condition, and the reason if one is given.
func hasCondition(pod *corev1.Pod, kind corev1.PodConditionType, reason string) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == kind {
			return c.Status == corev1.ConditionTrue && (reason == "" || c.Reason == reason)
		}
	}
	return false
}

// trim removes unused fields of an object, because there may be very many.
func trim(obj any) (any, error) {
	switch o := obj.(type) {
	case *corev1.Pod:
		trimmed := &corev1.Pod{ObjectMeta: o.ObjectMeta}
		trimmed.Labels = map[string]string{appLabel: o.Labels[appLabel]}
		trimmed.Annotations, trimmed.ManagedFields, trimmed.OwnerReferences = nil, nil, nil
		trimmed.Spec.NodeName, trimmed.Spec.SchedulerName = o.Spec.NodeName, o.Spec.SchedulerName
		trimmed.Status.Phase = o.Status.Phase
		return trimmed, nil
	case *corev1.Node:
		o.ManagedFields, o.Status.Images = nil, nil
	}
	return obj, nil
}
