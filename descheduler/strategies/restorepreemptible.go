package strategies

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// restorePreemptible moves replicas to where the policies of PreemptibleNodes want them.
type restorePreemptible struct {
	pods        selection
	preemptible strategy.Preemptible
}

// NewRestorePreemptible returns the strategy RestorePreemptible. It moves, in this order,
// replicas off nodes that are about to be removed (the evictor protects those that are already
// being drained), replicas on nodes that their policy forbids or above their workload's limit,
// and replicas that prefer preemptible nodes back to them, up to the limit.
//
// It ignores what the scheduler's plugin ignores: pods of DaemonSets, and workloads with invalid
// annotations. It also ignores pods without a controller, which would not be replaced, and those
// of Jobs, which would start their work again and finish anyway.
func NewRestorePreemptible(args policy.Args, env strategy.Env) (strategy.Strategy, error) {
	a := args.(*policy.RestorePreemptibleArgs)
	pods, err := newSelection(a.Namespaces, nil)
	if err != nil {
		return nil, err
	}
	return &restorePreemptible{pods: pods, preemptible: env.Preemptible}, nil
}

// Deschedule implements strategy.Strategy. Moves to perfect nodes come first, as long as they
// make room for each other. Only then do replicas leave nodes that are about to be removed for
// nodes that are not perfect either, because a pod is moved only once per plan.
func (s *restorePreemptible) Deschedule(ctx context.Context, session strategy.Session) error {
	if s.preemptible == nil {
		return errors.New("no scheduler configuration enables PreemptibleNodes, so preemptible nodes are unknown: pass one with --scheduler-config")
	}
	r := &restoreRun{
		pods:     s.pods,
		proposer: newProposer(session),
		replicas: newRestoreReplicas(session.State(), s.preemptible),
		full:     map[types.UID]int{},
	}
	defer r.replicas.close()
	for settling := true; ; {
		kept, err := r.pass(ctx, settling)
		switch {
		case err != nil || r.proposer.full:
			return err
		case kept:
			settling = true
		case settling:
			settling = false
		default:
			return nil
		}
		r.proposer.again()
	}
}

// restoreRun is one call of Deschedule.
type restoreRun struct {
	pods     selection
	proposer *proposer
	replicas *restoreReplicas
	// full are the workloads for which preemptible nodes had no room after so many moves.
	full map[types.UID]int
}

// pass proposes every badly placed replica once, the worst first, and says whether any was moved.
// With settling, only perfect nodes are accepted. Otherwise, any better node is accepted for
// replicas whose node is about to be removed.
func (r *restoreRun) pass(ctx context.Context, settling bool) (bool, error) {
	objective := &restoreObjective{replicas: r.replicas, preemptible: r.replicas.preemptible, settling: settling}
	kept := false
	for _, m := range r.misplaced() {
		// Moves of others may have corrected it meanwhile.
		fault := r.replicas.fault(m.workload, m.pod)
		if fault == 0 || !settling && fault < restoreLeaving || fault == restoreUnloved && !r.hasRoom(m) {
			continue
		}
		proposal := strategy.Proposal{Pod: m.pod, Reason: r.replicas.reason(m.workload, m.pod), Objective: objective}
		v, err := r.proposer.propose(ctx, proposal, fmt.Sprintf("%d on %s", fault, m.pod.Spec.NodeName))
		if err != nil || r.proposer.full {
			return kept, err
		}
		if v == moved {
			kept = true
			r.replicas.move(m.workload, m.pod, r.proposer.destination)
		}
	}
	return kept, nil
}

// hasRoom says whether a preemptible node that is not being removed may have room for a replica.
// It saves most simulations if these nodes are full: replicas of a workload have the same
// requests, so one look is enough for all of them until something moves.
func (r *restoreRun) hasRoom(m restoreMisplaced) bool {
	if moves, known := r.full[m.workload.UID]; known && moves == r.proposer.moves {
		return false
	}
	state := r.replicas.state
	requests := cluster.Requests(state.Replacement(m.pod))
	for _, node := range state.Nodes() {
		preemptible, notified := r.replicas.preemptible.Node(m.pod.Spec.SchedulerName, node.Node)
		if !preemptible || notified {
			continue
		}
		free := maps.Clone(node.Allocatable)
		free.Add(node.Requested, -1)
		if _, exceeds := requests.Exceeding(free); !exceeds {
			return true
		}
	}
	r.full[m.workload.UID] = r.proposer.moves
	return false
}

// restoreMisplaced is a replica that could be better placed.
type restoreMisplaced struct {
	pod         *corev1.Pod
	workload    *restoreWorkload
	fault       restoreFault
	preemptible bool
}

// misplaced returns the replicas that could be better placed, the worst first. Of those
// alike, the ones on preemptible nodes come first: they make room for themselves under
// the limit, so where these find no place, the others do not either.
func (r *restoreRun) misplaced() []restoreMisplaced {
	var all []restoreMisplaced
	for _, w := range r.replicas.workloads {
		for _, pod := range w.pods {
			if fault := r.replicas.fault(w, pod); fault > 0 && r.pods.takes(r.replicas.state, pod) {
				preemptible, _ := r.replicas.node(pod)
				all = append(all, restoreMisplaced{pod, w, fault, preemptible})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b restoreMisplaced) int {
		return cmp.Or(cmp.Compare(b.fault, a.fault), compareBools(!a.preemptible, !b.preemptible), compareForEviction(a.pod, b.pod))
	})
	return all
}
