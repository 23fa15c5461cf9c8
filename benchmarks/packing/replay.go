package packing

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/plugins"
)

// Multiple is how much of the capacity is asked for in all.
const Multiple = 1.3

// Result is what came of one replay. Fractions are from 0 to 1.
type Result struct {
	Workload string `json:"workload"`
	Subject  string `json:"subject"`
	Seed     uint64 `json:"seed"`
	// Nodes is how many nodes there are.
	Nodes int `json:"nodes"`
	// Allocated is requested ÷ allocatable of each resource at the end.
	Allocated map[corev1.ResourceName]float64 `json:"allocated"`
	// Pods is how many arrived, Unplaced how many of them no node could take.
	Pods     int `json:"pods"`
	Unplaced int `json:"unplaced"`
	// Refused is how much of what was asked for, of the resource whose capacity sets
	// the number of arrivals, no node could take before all of them were as good as
	// full: the part of the demand up to the capacity itself.
	Refused float64 `json:"refused"`
	// NodesUsed and LowerBound are nodes in use, and those that would have to be, when
	// half of the capacity had been asked for.
	NodesUsed  int `json:"nodesUsed"`
	LowerBound int `json:"lowerBound"`
}

// Replay lets the pods arrive one by one in a cluster that the subject's scheduler
// places them in.
func Replay(ctx context.Context, w Workload, subject Subject, seed uint64, progress func(done, all int)) (Result, error) {
	r := newReplay(w, subject, seed)
	if err := r.run(ctx, subject, progress); err != nil {
		return Result{}, fmt.Errorf("%s, %s: %w", w.Name, subject.Name, err)
	}
	for name, amount := range r.capacity {
		if name != corev1.ResourcePods && amount > 0 {
			r.result.Allocated[name] = float64(r.allocated[name]) / float64(amount)
		}
	}
	return r.result, nil
}

// replay gathers a Result while pods arrive.
type replay struct {
	result              Result
	workload            Workload
	capacity, allocated cluster.Amounts
	demand              corev1.ResourceName
	asked               float64 // of the demand's capacity
	placed              []*corev1.Pod
}

func newReplay(w Workload, subject Subject, seed uint64) *replay {
	return &replay{
		result:   Result{Workload: w.Name, Subject: subject.Name, Seed: seed, Nodes: len(w.Nodes), Allocated: map[corev1.ResourceName]float64{}},
		workload: w, capacity: w.capacity(), demand: w.demand(), allocated: cluster.Amounts{},
	}
}

// run lets the pods arrive.
func (r *replay) run(ctx context.Context, subject Subject, progress func(done, all int)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends what the simulation runs in the background
	profile, err := simulation.Profile([]byte(subject.Configuration), ProfileName)
	if err != nil {
		return err
	}
	sim, err := simulation.New(ctx, simulation.Options{Profiles: []*schedulerconfig.KubeSchedulerProfile{profile}, Registry: plugins.NewRegistry()})
	if err != nil {
		return err
	}
	for _, node := range r.workload.Nodes {
		sim.AddNode(node)
	}
	pods := r.workload.Arrivals(r.result.Seed, Multiple)
	r.result.Pods = len(pods)
	for i, pod := range pods {
		progress(i, len(pods))
		pod.Spec.SchedulerName = ProfileName
		decision, err := sim.Schedule(ctx, pod)
		if err != nil {
			return err
		}
		if decision.Node != "" {
			if pod, err = sim.Place(pod, decision.Node); err != nil {
				return err
			}
		}
		r.count(pod)
	}
	return nil
}

// count takes note of a pod that has arrived, and of its node if it has one.
func (r *replay) count(pod *corev1.Pod) {
	requests := cluster.Requests(pod)
	share := float64(requests[r.demand]) / float64(r.capacity[r.demand])
	if pod.Spec.NodeName == "" {
		r.result.Unplaced++
		if r.asked < 1 {
			r.result.Refused += share
		}
	} else {
		r.allocated.Add(requests, 1)
		r.placed = append(r.placed, pod)
	}
	half := r.asked < 0.5 && r.asked+share >= 0.5
	r.asked += share
	if half {
		packed := (&cluster.Snapshot{Nodes: r.workload.Nodes, Pods: r.placed}).Packing(func(*corev1.Pod) bool { return true })
		r.result.NodesUsed, r.result.LowerBound = packed.NodesUsed, packed.LowerBound
	}
}
