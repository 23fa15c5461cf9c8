package strategies

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// NewRemoveDuplicates returns the strategy that spreads pods of the same workload and images that
// are on one node although others have room. Its arguments are RemoveDuplicatesArgs.
func NewRemoveDuplicates(args policy.Args, _ strategy.Env) (strategy.Strategy, error) {
	a, ok := args.(*policy.RemoveDuplicatesArgs)
	if !ok {
		return nil, fmt.Errorf("%s: arguments are %T, not %T", policy.RemoveDuplicates, args, a)
	}
	selection, err := newSelection(a.Namespaces, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", policy.RemoveDuplicates, err)
	}
	return &removeDuplicates{selection: selection, excluded: sets.New(a.ExcludeOwnerKinds...)}, nil
}

type removeDuplicates struct {
	selection selection
	// excluded are the kinds of owners, direct or top-level, whose pods are not moved.
	excluded sets.Set[string]
}

// Deschedule implements strategy.Strategy.
func (s *removeDuplicates) Deschedule(ctx context.Context, session strategy.Session) error {
	p := newProposer(session)
	return inPasses(p, s.groups(session.State()), func(g *duplicates) (bool, error) { return s.spread(ctx, p, g) })
}

// groups returns the duplicates of which some node has more than the limit, by workload.
func (s *removeDuplicates) groups(state *strategy.State) []*duplicates {
	known := map[duplicateKey]*duplicates{}
	samples := map[*duplicates]*corev1.Pod{}
	for _, node := range state.Nodes() {
		for _, pod := range node.Pods {
			if cluster.Leaving(pod) || !s.selection.matches(pod) {
				continue
			}
			workload := state.Workload(pod)
			if workload == nil || s.excludes(pod, workload) {
				continue
			}
			key := duplicateKey{workload.UID, imagesOf(pod)}
			g := known[key]
			if g == nil {
				g = &duplicates{duplicateKey: key, workload: workload, on: map[string]int{}}
				known[key], samples[g] = g, pod
			}
			g.on[node.Name]++
		}
	}
	eligible := newEligibleNodes(state)
	var groups []*duplicates
	for _, g := range known {
		pods, most := 0, 0
		for _, n := range g.on {
			pods, most = pods+n, max(most, n)
		}
		if most < 2 {
			continue
		}
		nodes := eligible.nodes(samples[g])
		if len(nodes) == 0 {
			continue
		}
		if g.limit = (pods + len(nodes) - 1) / len(nodes); most <= g.limit {
			continue
		}
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b *duplicates) int {
		return cmp.Or(
			cmp.Compare(a.workload.Namespace, b.workload.Namespace), cmp.Compare(a.workload.Kind, b.workload.Kind),
			cmp.Compare(a.workload.Name, b.workload.Name), cmp.Compare(a.images, b.images),
		)
	})
	return groups
}

func (s *removeDuplicates) excludes(pod *corev1.Pod, workload *strategy.Workload) bool {
	if s.excluded.Has(workload.Kind) {
		return true
	}
	return slices.ContainsFunc(pod.OwnerReferences, func(o metav1.OwnerReference) bool { return s.excluded.Has(o.Kind) })
}

// spread moves pods above the limit to nodes that stay within it. Only if the scheduler has no
// such node, they go to any node that has fewer than theirs. It says whether pods are left
// because there is no better node.
func (s *removeDuplicates) spread(ctx context.Context, p *proposer, g *duplicates) (stuck bool, err error) {
	retry := false
	for _, limit := range []int{g.limit, math.MaxInt} {
		pods := s.above(p.session.State(), g)
		stuck, retry = false, false
		for {
			node := g.fullest(pods)
			if node == "" {
				break
			}
			pod := pods[node][0]
			pods[node] = pods[node][1:]
			proposal := strategy.Proposal{
				Pod: pod, Objective: fewerDuplicates{g.duplicateKey, limit},
				Reason: fmt.Sprintf("node %s has %d pods of %s with the same images, more than %d", node, g.on[node], g.workload, g.limit),
			}
			v, err := p.propose(ctx, proposal, fmt.Sprintf("%d %s", limit, node))
			switch {
			case err != nil || p.full:
				return false, err
			case v == moved:
				g.on[node]--
				if to := p.destination; to != nil {
					g.on[to.Name]++
				}
			}
			stuck = stuck || v.stuck()
			retry = retry || v == worse
		}
		if !retry {
			break
		}
	}
	return stuck, nil
}

// above returns the pods that can be proposed on nodes above the limit, in order of eviction.
func (s *removeDuplicates) above(state *strategy.State, g *duplicates) map[string][]*corev1.Pod {
	above := map[string][]*corev1.Pod{}
	for name, n := range g.on {
		if n <= g.limit {
			continue
		}
		var pods []*corev1.Pod
		for _, pod := range state.Node(name).Pods {
			if g.isOf(state, pod) && s.selection.takes(state, pod) {
				pods = append(pods, pod)
			}
		}
		slices.SortFunc(pods, compareForEviction)
		above[name] = pods
	}
	return above
}
