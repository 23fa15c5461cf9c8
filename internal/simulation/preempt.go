package simulation

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	v1helper "k8s.io/component-helpers/scheduling/corev1"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerframework "k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/defaultpreemption"
	"k8s.io/kubernetes/pkg/scheduler/framework/preemption"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	schedulerutil "k8s.io/kubernetes/pkg/scheduler/util"
)

// Preemption is the result of preemption: Victims are the pods on the node that the scheduler
// would evict, the most important first.
type Preemption struct {
	Node    string
	Victims []*corev1.Pod
}

// Preempt returns the result of preemption for a pod that fits no node; the zero value if it
// does not help or is not allowed. It considers all nodes, and chooses the first by name
// among equally good ones; a scheduler only considers some, from a random start.
func (s *Simulation) Preempt(ctx context.Context, pod *corev1.Pod) (Preemption, error) {
	var made Preemption
	_, err := s.provided(pod, func(claiming *corev1.Pod) (err error) {
		made, err = s.preempt(ctx, claiming)
		return err
	})
	return made, err
}

func (s *Simulation) preempt(ctx context.Context, pod *corev1.Pod) (Preemption, error) {
	framework, err := s.frameworkFor(pod)
	if err != nil {
		return Preemption{}, err
	}
	plugin := s.preemptors[framework.ProfileName()]
	if plugin == nil {
		return Preemption{}, nil
	}
	if err := s.update(); err != nil {
		return Preemption{}, fmt.Errorf("taking a snapshot: %w", err)
	}
	state := schedulerframework.NewCycleState()
	found, err := s.filter(ctx, framework, state, pod)
	if err != nil || len(found.feasible) > 0 || len(found.crowded) == 0 {
		return Preemption{}, err
	}
	if may, _ := plugin.PodEligibleToPreemptOthers(ctx, pod, nil); !may {
		return Preemption{}, nil
	}
	budgets, err := s.informers.Policy().V1().PodDisruptionBudgets().Lister().List(labels.Everything())
	if err != nil {
		return Preemption{}, err
	}
	slices.SortFunc(budgets, func(a, b *policyv1.PodDisruptionBudget) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	candidates, _, err := plugin.Evaluator.DryRunPreemption(ctx, state, pod, found.crowded, budgets, 0, int32(len(found.crowded)))
	if err != nil && len(candidates) == 0 {
		return Preemption{}, fmt.Errorf("making room for %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	best := plugin.Evaluator.SelectCandidate(ctx, candidates)
	if best == nil {
		return Preemption{}, ctx.Err()
	}
	worth := worthOf(best)
	for _, candidate := range candidates {
		if candidate.Name() < best.Name() && worthOf(candidate) == worth {
			best = candidate
		}
	}
	return Preemption{Node: best.Name(), Victims: best.Victims().Pods}, ctx.Err()
}

// worth are the criteria by which the engine chooses among candidates.
type worth struct {
	broken  int64
	highest int32
	sum     int64
	victims int
	started int64
}

func worthOf(c preemption.Candidate) worth {
	victims := c.Victims()
	w := worth{broken: victims.NumPDBViolations, victims: len(victims.Pods)}
	for i, pod := range victims.Pods {
		priority := v1helper.PodPriority(pod)
		if i == 0 {
			w.highest = priority
		}
		w.sum += int64(priority)
	}
	started := !slices.ContainsFunc(victims.Pods, func(pod *corev1.Pod) bool { return pod.Status.StartTime == nil })
	if start := schedulerutil.GetEarliestPodStartTime(victims); started && start != nil {
		w.started = start.UnixNano()
	}
	return w
}

// moreImportant is the engine's order, but deterministic: names decide between equal victims
// of one pod each. A pod that has not started counts as the youngest.
func moreImportant(a, b preemption.Victim) bool {
	if a.Priority() != b.Priority() || a.Type() != b.Type() || len(a.Pods()) != 1 || len(b.Pods()) != 1 {
		return preemption.MoreImportantVictim(a, b)
	}
	one, other := a.Pods()[0].GetPod(), b.Pods()[0].GetPod()
	started := func(pod *corev1.Pod) int64 {
		if pod.Status.StartTime == nil {
			return math.MaxInt64
		}
		return pod.Status.StartTime.UnixNano()
	}
	return cmp.Or(
		cmp.Compare(started(one), started(other)),
		cmp.Compare(one.Namespace, other.Namespace), cmp.Compare(one.Name, other.Name),
	) < 0
}

// keepPreemptor also keeps a reference to a profile's preemption plugin, if it is the
// engine's.
func (s *Simulation) keepPreemptor(registry frameworkruntime.Registry, profile string) {
	factory, known := registry[defaultpreemption.Name]
	if !known {
		return
	}
	registry[defaultpreemption.Name] = func(ctx context.Context, args runtime.Object, handle fwk.Handle) (fwk.Plugin, error) {
		plugin, err := factory(ctx, args, handle)
		if preemptor, is := plugin.(*defaultpreemption.DefaultPreemption); is && err == nil {
			preemptor.MoreImportantVictim = moreImportant
			s.preemptors[profile] = preemptor
		}
		return plugin, err
	}
}
