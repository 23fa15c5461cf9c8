package packing

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sort"

	corev1 "k8s.io/api/core/v1"
)

const (
	// compactedDemand is the part of the capacity that is asked for where nodes are
	// taken away.
	compactedDemand = 0.5
	// tolerated is the part of the pods that may stay without a node.
	tolerated = 0.002
	// grain is the number of cluster sizes that are told apart.
	grain = 100
)

// compact returns the smallest part of the cluster's nodes on which the pods fit that
// ask for half of its capacity, when they arrive on empty nodes in the order of the
// seed: cluster compaction, as in Verma et al., "Large-scale cluster management at Google
// with Borg", EuroSys 2015, section 5.1. Nodes are taken away in a random order, which
// is up to the seed alone, and as there 0.2 % of the pods may stay pending. It searches
// by halves, as if each size above one that does would do.
func compact(ctx context.Context, w Workload, subject Subject, seed uint64, progress func(nodes int)) (float64, error) {
	pods := w.Arrivals(seed, compactedDemand)
	order := rand.New(rand.NewPCG(seed, 1)).Perm(len(w.Nodes))
	var failed error
	parts := 1 + sort.Search(grain-1, func(i int) bool {
		if failed != nil {
			return true
		}
		var nodes []*corev1.Node
		for _, place := range order[:(i+1)*len(w.Nodes)/grain] {
			nodes = append(nodes, w.Nodes[place])
		}
		progress(len(nodes))
		fit, err := fits(ctx, subject, nodes, pods, seed)
		failed = err
		return fit
	})
	if failed != nil {
		return 0, fmt.Errorf("%s, %s: %w", w.Name, subject.Name, failed)
	}
	return float64(parts) / grain, nil
}

// fits says whether all pods but those that are tolerated get a node.
func fits(ctx context.Context, subject Subject, nodes []*corev1.Node, pods []*corev1.Pod, seed uint64) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := newScheduler(ctx, subject, nodes, seed)
	if err != nil {
		return false, err
	}
	pending := 0
	for _, pod := range pods {
		placed, err := s.place(ctx, pod)
		if err != nil {
			return false, err
		}
		if placed.Spec.NodeName == "" {
			pending++
		}
		if float64(pending) > tolerated*float64(len(pods)) {
			return false, nil
		}
	}
	return true, nil
}
