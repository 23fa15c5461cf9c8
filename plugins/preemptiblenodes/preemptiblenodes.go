// Package preemptiblenodes limits how many replicas of a workload run on nodes that may be
// removed at short notice, and spreads these replicas over nodes that are likely to be
// removed together.
package preemptiblenodes

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	internalcluster "github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/apis/config/validation"
	"github.com/stowage-k8s/stowage/plugins/internal/changes"
	"github.com/stowage-k8s/stowage/plugins/internal/cycle"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

const (
	// Name is the name of the plugin in the registry and in configurations.
	Name = "PreemptibleNodes"
	// stateKey is the key in CycleState for the pod's state.
	stateKey = Name
	// policySignerName keys what this plugin reads of a pod in the pod's signature.
	policySignerName = "stowage.dev/" + Name + ".policy"
)

// Reasons for which a node is rejected.
const (
	ErrReasonNotice      = "node(s) were about to be removed"
	ErrReasonPreemptible = "node(s) were preemptible, which the pod's policy does not allow"
	ErrReasonOnDemand    = "node(s) were not preemptible, but the pod's policy requires preemptible nodes"
	ErrReasonCap         = "node(s) were preemptible, and the workload already had its maximum of replicas on preemptible nodes"
)

// PreemptibleNodes is a plugin that filters and scores nodes by whether they are preemptible.
type PreemptibleNodes struct {
	options    preemptible.Options
	asking     preemptible.Options
	namespaces corelisters.NamespaceLister
	pods       corelisters.PodLister
	workloads  *workloads
	nodes      *nodeIndex
	waiting    *waiting
	alarm      *alarm
	blind      *blind
	lister     fwk.SharedLister
	recorder   events.EventRecorder
	changes.Reserver
}

var _ fwk.PreFilterPlugin = &PreemptibleNodes{}
var _ fwk.PreFilterExtensions = &PreemptibleNodes{}
var _ fwk.FilterPlugin = &PreemptibleNodes{}
var _ fwk.PostFilterPlugin = &PreemptibleNodes{}
var _ fwk.PreScorePlugin = &PreemptibleNodes{}
var _ fwk.ScorePlugin = &PreemptibleNodes{}
var _ fwk.ReservePlugin = &PreemptibleNodes{}
var _ fwk.EnqueueExtensions = &PreemptibleNodes{}
var _ fwk.SignPlugin = &PreemptibleNodes{}

// Name returns the name of the plugin.
func (pl *PreemptibleNodes) Name() string {
	return Name
}

// state is the state of the pod that is being scheduled.
type state struct {
	policy   preemptible.Policy
	workload workload
	// tally counts the other replicas.
	tally tally
	// hardCap and softCap are the maximum numbers of replicas on preemptible nodes.
	hardCap, softCap int
	facts            map[string]*nodeFacts
	// fewest is the number of replicas in the pool with the fewest, among the pools that fit.
	fewest int
}

// Clone returns a copy, because preemption removes and adds pods.
func (s *state) Clone() fwk.StateData {
	c := *s
	c.tally = s.tally.clone()
	return &c
}

// signature are the properties of a pod that matter if there are no preemptible nodes.
type signature struct {
	Namespace   string            `json:"namespace"`
	DaemonSet   bool              `json:"daemonSet"`
	Annotations map[string]string `json:"annotations"`
}

// SignPod signs pods only while there are no preemptible nodes. Otherwise a node's score
// depends on the location of the siblings, and each placed pod changes it.
func (pl *PreemptibleNodes) SignPod(_ context.Context, pod *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	if pl.alarm.mayBePreemptible() {
		return nil, fwk.NewStatus(fwk.Unschedulable, "the score depends on the workload's other replicas")
	}
	s := signature{Namespace: pod.Namespace, DaemonSet: internalcluster.OfDaemonSet(pod), Annotations: map[string]string{}}
	for key, value := range pod.Annotations {
		if preemptible.Claimed(key) {
			s.Annotations[key] = value
		}
	}
	return []fwk.SignFragment{{Key: policySignerName, Value: s}}, nil
}

// PreFilter determines the pod's policy, and counts the workload's other replicas.
func (pl *PreemptibleNodes) PreFilter(ctx context.Context, cycleState fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	s, status := pl.newState(ctx, pod, nodes)
	if status.IsSkip() {
		scan.Write(cycleState, Name, scan.Part{})
	}
	if !status.IsSuccess() {
		return nil, status
	}
	cycleState.Write(stateKey, s)
	scan.Write(cycleState, Name, pl.part(s))
	if pl.nodes.notified == 0 && !s.filters() {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	return nil, nil
}

// filters reports whether the policy can exclude a node.
func (s *state) filters() bool {
	return s.hardCap != preemptible.Unlimited || s.policy.HardMode && s.policy.OnlyOneKind()
}

// newState returns the state of the pod. Pods of DaemonSets are bound to their nodes, and so
// are pods with a node that are scheduled to make room for a resize: they are skipped.
func (pl *PreemptibleNodes) newState(ctx context.Context, pod *corev1.Pod, nodes []fwk.NodeInfo) (*state, *fwk.Status) {
	if internalcluster.OfDaemonSet(pod) || pod.Spec.NodeName != "" {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	pl.Feed.Update(nodes)
	pl.alarm.sound()
	// Before anything is read, because later changes activate the pod.
	pl.wait(pod)
	p, err := pl.options.PolicyOf(pod, pl.namespaces)
	if err != nil {
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, err.Error())
	}
	if contradiction := pl.contradiction(pod, p); contradiction != "" {
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, contradiction)
	}
	if pl.alarm.lacks() {
		if asked, err := pl.asking.PolicyOf(pod, pl.namespaces); err == nil && !asked.Indifferent() {
			pl.alarm.miss(ctx, pod)
		}
	}
	s := &state{policy: p, facts: pl.nodes.facts}
	if s.workload, err = pl.workloads.of(pod); err != nil {
		if !errors.Is(err, errNotKnownYet) {
			return nil, fwk.AsStatus(err)
		}
		klog.FromContext(ctx).V(4).Info("The pod waits until its workload is in the scheduler's cache", "pod", klog.KObj(pod), "reason", err)
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "the pod's "+err.Error())
	}
	s.tally = pl.tally(pod, s.workload.controllers, nodes)
	desired := s.workload.desired
	if desired == unknownReplicas {
		// Assume that it wants the existing replicas and this one.
		desired = s.tally.preemptible + s.tally.onDemand + 1
	}
	s.hardCap, s.softCap = p.Caps(desired)
	if !s.filters() {
		pl.waiting.remove(pod.UID)
	}
	return s, nil
}

// tally counts the controllers' replicas. While the engine places a pod group, it adds
// members to the snapshot without changing the generations of the nodes, so the index misses
// them.
func (pl *PreemptibleNodes) tally(pod *corev1.Pod, controllers map[types.UID]bool, nodes []fwk.NodeInfo) tally {
	if pod.Spec.SchedulingGroup != nil {
		return pl.nodes.recount(controllers, nodes)
	}
	return pl.nodes.tallyOf(controllers)
}

// PreFilterExtensions returns the plugin itself.
func (pl *PreemptibleNodes) PreFilterExtensions() fwk.PreFilterExtensions {
	return pl
}

// AddPod counts a hypothetical pod on the node.
func (pl *PreemptibleNodes) AddPod(_ context.Context, cycleState fwk.CycleState, _ *corev1.Pod, added fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	return countPod(cycleState, added.GetPod(), node, 1)
}

// RemovePod subtracts a pod that would be removed from the node.
func (pl *PreemptibleNodes) RemovePod(_ context.Context, cycleState fwk.CycleState, _ *corev1.Pod, removed fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	return countPod(cycleState, removed.GetPod(), node, -1)
}

func countPod(cycleState fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo, sign int) *fwk.Status {
	s, err := readState(cycleState)
	if err != nil {
		return fwk.AsStatus(err)
	}
	if !s.workload.controllers[controllerOf(pod)] || !counts(pod) {
		return nil
	}
	if f := s.facts[node.Node().Name]; f != nil {
		s.tally.add(f, sign)
	}
	return nil
}

// Filter rejects nodes that will be removed soon, and enforces the policy.
func (pl *PreemptibleNodes) Filter(_ context.Context, cycleState fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	s, err := readState(cycleState)
	if err != nil {
		return fwk.AsStatus(err)
	}
	f := s.facts[node.Node().Name]
	if f == nil {
		return fwk.AsStatus(fmt.Errorf("node %s is not in the snapshot", node.Node().Name))
	}
	if code, reason := s.rejects(f); reason != "" {
		return fwk.NewStatus(code, reason)
	}
	return nil
}

// rejects returns why a node with these facts is rejected, or "" if it is not.
func (s *state) rejects(f *nodeFacts) (fwk.Code, string) {
	switch {
	case f.notified:
		return fwk.UnschedulableAndUnresolvable, ErrReasonNotice
	case s.policy.HardMode && f.preemptible && s.policy.Mode == preemptible.Never:
		return fwk.UnschedulableAndUnresolvable, ErrReasonPreemptible
	case s.policy.HardMode && !f.preemptible && s.policy.Mode == preemptible.Require:
		return fwk.UnschedulableAndUnresolvable, ErrReasonOnDemand
	case f.preemptible && s.tally.preemptible >= s.hardCap:
		// Preempting a sibling makes room.
		return fwk.Unschedulable, ErrReasonCap
	}
	return fwk.Success, ""
}

// New returns the plugin for the given arguments, or an error that names the invalid
// argument.
func New(ctx context.Context, obj runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
	args, ok := obj.(*config.PreemptibleNodesArgs)
	if !ok {
		return nil, fmt.Errorf("want the arguments of %s to be of type PreemptibleNodesArgs, got %T", Name, obj)
	}
	if err := validation.ValidatePreemptibleNodesArgs(validation.ArgsPath(Name), args); err != nil {
		return nil, err
	}
	factory := handle.SharedInformerFactory()
	workloads, err := newWorkloads(factory)
	if err != nil {
		return nil, err
	}
	feed, err := changes.Of(handle)
	if err != nil {
		return nil, err
	}
	options := OptionsOf(args)
	pl := &PreemptibleNodes{
		options:    options,
		asking:     options.Asking(),
		namespaces: factory.Core().V1().Namespaces().Lister(),
		pods:       factory.Core().V1().Pods().Lister(),
		workloads:  workloads,
		nodes:      newNodeIndex(feed, options.Nodes),
		waiting:    newWaiting(),
		blind:      newBlind(),
		lister:     handle.SnapshotSharedLister(),
		recorder:   handle.EventRecorder(),
		Reserver:   changes.Reserver{Feed: feed},
	}
	if pl.alarm, err = newAlarm(options.Nodes, factory, handle.EventRecorder()); err != nil {
		return nil, err
	}
	return pl, pl.followWorkloads(ctx, factory, handle)
}

func readState(cycleState fwk.CycleState) (*state, error) {
	return cycle.Read[*state](cycleState, stateKey)
}
