package packing

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

const (
	// Multiple is how much of the capacity is asked for in all.
	Multiple = 1.3
	// step is the part of the capacity that is asked for between two points of a curve.
	step = 0.05
)

// result is what came of one replay. Fractions are from 0 to 1. What is asked for is
// counted in the resource that the workload's demand is for, against its capacity.
type result struct {
	// allocated is requested ÷ allocatable of each resource at the end.
	allocated map[corev1.ResourceName]float64
	// pods is how many arrived, unplaced how many of them no node could take.
	pods, unplaced int
	// refused is how much of what was asked for no node could take before all of them
	// were as good as full: the part of the demand up to the capacity itself.
	refused float64
	// stranded is how much of the capacity is free in the end where another resource is
	// exhausted, see cluster.ResourcePacking.
	stranded float64
	// nodesUsed and lowerBound are nodes in use, and those that would have to be, when
	// half of the capacity had been asked for.
	nodesUsed, lowerBound int
	// curve has a point for each further step that had been asked for.
	curve []point
	// compacted is the part of the nodes that would do for half of the demand, see
	// compact; 0 where it was not looked for.
	compacted float64
}

// point is where a replay is when a certain part of the capacity has been asked for.
type point struct {
	allocated float64 // of the capacity
	nodesUsed float64 // of all nodes
}

// replay gathers a result while pods arrive.
type replay struct {
	result
	workload Workload
	capacity cluster.Amounts
	demand   corev1.ResourceName
	// asked and granted are parts of the demand's capacity.
	asked, granted float64
	arrived        []*corev1.Pod
	allocations    cluster.Amounts
	used           map[string]bool
}

func newReplay(w Workload) *replay {
	return &replay{
		result:   result{allocated: map[corev1.ResourceName]float64{}},
		workload: w, capacity: w.capacity(), demand: w.demand(), allocations: cluster.Amounts{}, used: map[string]bool{},
	}
}

// run lets the pods of the seed arrive one by one in a cluster that the subject's
// scheduler places them in, until they have asked for Multiple times its capacity.
func (r *replay) run(ctx context.Context, subject Subject, seed uint64, progress func(done, all int)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends what the simulation runs in the background
	s, err := newScheduler(ctx, subject, r.workload.Nodes, seed)
	if err != nil {
		return fmt.Errorf("%s, %s: %w", r.workload.Name, subject.Name, err)
	}
	pods := r.workload.Arrivals(seed, Multiple)
	for i, pod := range pods {
		progress(i, len(pods))
		if pod, err = s.place(ctx, pod); err != nil {
			return fmt.Errorf("%s, %s: %w", r.workload.Name, subject.Name, err)
		}
		r.count(pod)
	}
	r.finish()
	return nil
}

// count takes note of a pod that has arrived, and of its node if it has one.
func (r *replay) count(pod *corev1.Pod) {
	r.arrived = append(r.arrived, pod)
	requests := cluster.Requests(pod)
	share := float64(requests[r.demand]) / float64(r.capacity[r.demand])
	if node := pod.Spec.NodeName; node == "" {
		r.unplaced++
		if r.asked < 1 {
			r.refused += share
		}
	} else {
		r.allocations.Add(requests, 1)
		r.granted += share
		r.used[node] = true
	}
	half := r.asked < 0.5 && r.asked+share >= 0.5
	r.asked += share
	for r.asked >= step*float64(len(r.curve)+1) {
		r.curve = append(r.curve, point{r.granted, float64(len(r.used)) / float64(len(r.workload.Nodes))})
	}
	if half {
		r.nodesUsed = len(r.used)
		r.lowerBound = r.snapshot().LowerBound(r.arrived)
	}
}

// finish adds up what there is in the end.
func (r *replay) finish() {
	r.pods = len(r.arrived)
	for name, amount := range r.capacity {
		if name != corev1.ResourcePods && amount > 0 {
			r.allocated[name] = float64(r.allocations[name]) / float64(amount)
		}
	}
	r.stranded = r.snapshot().Packing(func(*corev1.Pod) bool { return true }).Resource(r.demand).Stranded
}

func (r *replay) snapshot() *cluster.Snapshot {
	return &cluster.Snapshot{Nodes: r.workload.Nodes, Pods: r.arrived}
}
