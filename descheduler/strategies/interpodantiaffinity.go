package strategies

import (
	"container/heap"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// NewRemovePodsViolatingInterPodAntiAffinity returns the strategy that moves pods that violate
// required anti-affinity. Its arguments are RemovePodsViolatingInterPodAntiAffinityArgs.
func NewRemovePodsViolatingInterPodAntiAffinity(args policy.Args, _ strategy.Env) (strategy.Strategy, error) {
	a, ok := args.(*policy.RemovePodsViolatingInterPodAntiAffinityArgs)
	if !ok {
		return nil, fmt.Errorf("%s: arguments are %T, not %T", policy.RemovePodsViolatingInterPodAntiAffinity, args, a)
	}
	selection, err := newSelection(a.Namespaces, a.LabelSelector)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", policy.RemovePodsViolatingInterPodAntiAffinity, err)
	}
	return &interPodAntiAffinity{selection: selection}, nil
}

type interPodAntiAffinity struct{ selection selection }

// Deschedule implements strategy.Strategy. Either of two conflicting pods may be moved. To move
// few, it first moves those that conflict with pods that cannot be moved, then those with the
// most conflicts.
func (s *interPodAntiAffinity) Deschedule(ctx context.Context, session strategy.Session) error {
	state := session.State()
	terms := newAntiTerms(state)
	terms.readAll()
	p := newProposer(session)
	for before := -1; before < p.moves; p.again() {
		before = p.moves
		stuck, err := s.separate(ctx, p, newAntiQueue(newAntiGraph(state, terms)), terms)
		if err != nil || p.full || !stuck {
			return err
		}
	}
	return nil
}

// separate proposes moves until none could resolve another conflict. It says whether conflicts
// are left because there is no better node.
func (s *interPodAntiAffinity) separate(ctx context.Context, p *proposer, q *antiQueue, terms *antiTerms) (stuck bool, err error) {
	for _, pod := range q.graph.pods() {
		// To ask is cheap, and tells the pods that have to go from those that may.
		if p.fixed.Has(pod.UID) || !s.selection.takes(terms.state, pod) || !p.session.Evictable(pod) {
			p.fixed.Insert(pod.UID)
			q.stays(pod)
		}
	}
	var refused []*corev1.Pod
	for pod := q.next(); pod != nil; pod = q.next() {
		proposal := strategy.Proposal{Pod: pod, Reason: q.graph.reason(pod), Objective: fewerConflicts{terms}}
		v, err := p.propose(ctx, proposal, "conflict")
		switch {
		case err != nil || p.full:
			return false, err
		case v == moved:
			q.leaves(pod)
			continue
		case v.stuck():
			refused = append(refused, pod)
		}
		q.stays(pod)
	}
	return slices.ContainsFunc(refused, func(pod *corev1.Pod) bool { return q.graph.conflicts(pod) > 0 }), nil
}

// antiQueue is the pods in conflict, in the order in which they should go.
type antiQueue struct {
	graph *antiGraph
	// forced are those in conflict with a pod that stays.
	forced  []*corev1.Pod
	waiting map[*corev1.Pod]bool // whether a pod is or was among the forced
	heap    antiHeap
	done    map[*corev1.Pod]bool
}

func newAntiQueue(graph *antiGraph) *antiQueue {
	q := &antiQueue{graph: graph, done: map[*corev1.Pod]bool{}, waiting: map[*corev1.Pod]bool{}}
	for _, pod := range graph.pods() {
		q.heap = append(q.heap, antiEntry{pod, graph.conflicts(pod)})
	}
	heap.Init(&q.heap)
	return q
}

// next takes the next pod, or nil when no conflict is left that a move could end.
func (q *antiQueue) next() *corev1.Pod {
	for len(q.forced) > 0 {
		pod := q.forced[0]
		q.forced = q.forced[1:]
		if !q.done[pod] && q.graph.conflicts(pod) > 0 {
			q.done[pod] = true
			return pod
		}
	}
	for len(q.heap) > 0 {
		top := &q.heap[0]
		if now := q.graph.conflicts(top.pod); now != top.conflicts && !q.done[top.pod] && now > 0 {
			top.conflicts = now // others have left since
			heap.Fix(&q.heap, 0)
			continue
		}
		pod := heap.Pop(&q.heap).(antiEntry).pod
		if !q.done[pod] && q.graph.conflicts(pod) > 0 {
			q.done[pod] = true
			return pod
		}
	}
	return nil
}

// stays records that a pod is not moved: those that conflict with it must be.
func (q *antiQueue) stays(pod *corev1.Pod) {
	q.done[pod] = true
	var forced []*corev1.Pod
	for _, c := range q.graph.clashes[pod] {
		for _, other := range c.neighbours(pod) {
			if !q.done[other] && !q.waiting[other] {
				q.waiting[other] = true
				forced = append(forced, other)
			}
		}
	}
	slices.SortFunc(forced, compareForEviction)
	q.forced = append(q.forced, forced...)
}

// leaves records that a pod is moved: its conflicts are resolved.
func (q *antiQueue) leaves(pod *corev1.Pod) { q.graph.remove(pod) }

// antiEntry is a pod with its conflicts when they were last counted.
type antiEntry struct {
	pod       *corev1.Pod
	conflicts int
}

// antiHeap has the pod with most conflicts first.
type antiHeap []antiEntry

func (h antiHeap) Len() int { return len(h) }
func (h antiHeap) Less(i, j int) bool {
	if h[i].conflicts != h[j].conflicts {
		return h[i].conflicts > h[j].conflicts
	}
	return compareForEviction(h[i].pod, h[j].pod) < 0
}
func (h antiHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *antiHeap) Push(x any)   { *h = append(*h, x.(antiEntry)) }
func (h *antiHeap) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
