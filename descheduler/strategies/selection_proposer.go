package strategies

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// firstPatience is how many alike pods are proposed in vain before the others are assumed to have
// no better node either, because each proposal costs a simulation.
const firstPatience = 2

// verdict is the result of a proposal.
type verdict int

const (
	// stays: the pod may not be evicted, whatever the destination.
	stays verdict = iota
	// nowhere: there is no other node for it now.
	nowhere
	// worse: there is another node, but it is no better.
	worse
	// moved: it has a better node.
	moved
)

// stuck says whether another move may change the verdict.
func (v verdict) stuck() bool { return v == nowhere || v == worse }

// likeness identifies pods that the scheduler treats alike and that are equally badly placed.
type likeness struct {
	owner    types.UID
	revision string
	place    string
}

// likenessOf treats pods of one controller and revision as alike, except those with their own
// volumes or devices.
func likenessOf(pod *corev1.Pod, place string) likeness {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil || len(pod.Spec.ResourceClaims) > 0 {
		return likeness{owner: pod.UID, place: place}
	}
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim != nil {
			return likeness{owner: pod.UID, place: place}
		}
	}
	return likeness{owner: owner.UID, revision: pod.Labels["controller-revision-hash"], place: place}
}

// proposer passes a strategy's proposals to the session, one at a time, except hopeless ones.
type proposer struct {
	session strategy.Session
	// full says that no other proposal will be kept.
	full bool
	// vain counts how often alike pods were refused since one was moved.
	vain map[likeness]int
	// last is the verdict about the last of them.
	last map[likeness]verdict
	// fixed are the pods that must not be proposed again.
	fixed sets.Set[types.UID]
	// moves is how many were kept, destination the node of the last one.
	moves       int
	destination *strategy.Node
	// patience is after how many refusals alike pods are given up.
	patience int
}

func newProposer(session strategy.Session) *proposer {
	return &proposer{
		session: session, vain: map[likeness]int{}, last: map[likeness]verdict{},
		fixed: sets.New[types.UID](), patience: firstPatience,
	}
}

// propose proposes to move a pod. The place describes how badly it is placed: alike pods with
// the same place are refused alike.
func (p *proposer) propose(ctx context.Context, proposal strategy.Proposal, place string) (verdict, error) {
	pod := proposal.Pod
	if err := ctx.Err(); err != nil {
		return stays, context.Cause(ctx)
	}
	if p.full || p.fixed.Has(pod.UID) {
		return stays, nil
	}
	// If there is no node at all for a pod, its place makes no difference.
	somewhere, anywhere := likenessOf(pod, place), likenessOf(pod, "")
	for _, like := range []likeness{somewhere, anywhere} {
		if p.vain[like] >= p.patience {
			return p.last[like], nil
		}
	}
	if !p.session.Evictable(pod) {
		p.fixed.Insert(pod.UID)
		return stays, nil
	}
	outcome, err := p.session.Propose(ctx, proposal)
	if err != nil {
		return stays, fmt.Errorf("proposing to move pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	p.full = p.full || outcome.Full
	if outcome.Kept {
		delete(p.vain, somewhere)
		delete(p.vain, anywhere)
		p.fixed.Insert(pod.UID)
		p.moves++
		p.destination = p.session.State().Node(outcome.To[0])
		return moved, nil
	}
	switch outcome.Rule {
	case strategy.NoDestination:
		return p.refused(anywhere, nowhere), nil
	case strategy.WouldReturn:
		return p.refused(somewhere, nowhere), nil
	case strategy.NoImprovement:
		return p.refused(somewhere, worse), nil
	}
	p.fixed.Insert(pod.UID)
	return stays, nil
}

func (p *proposer) refused(like likeness, v verdict) verdict {
	p.vain[like]++
	p.last[like] = v
	return v
}

// inPasses attempts each unit of work. It retries those that are stuck after other moves, which
// may have made room or changed the scheduler's preferences. A second run then finds nothing.
func inPasses[U any](p *proposer, units []U, attempt func(U) (stuck bool, err error)) error {
	type waiting struct {
		unit U
		// moves is the number of moves at its last attempt.
		moves int
	}
	var queue []waiting
	for _, unit := range units {
		queue = append(queue, waiting{unit, -1})
	}
	for before := -1; before < p.moves; p.again() {
		before = p.moves
		var stuck []waiting
		for _, w := range queue {
			if w.moves < p.moves {
				w.moves = p.moves
				isStuck, err := attempt(w.unit)
				if err != nil || p.full {
					return err
				}
				if !isStuck {
					continue
				}
			}
			stuck = append(stuck, w)
		}
		queue = stuck
	}
	return nil
}

// again allows all pods to be proposed once more, with one refusal each.
func (p *proposer) again() {
	clear(p.vain)
	clear(p.last)
	p.patience = 1
}

// misplaced is a pod that is proposed alone.
type misplaced struct {
	strategy.Proposal
	place string
}

// proposeAll proposes pods in turn.
func (p *proposer) proposeAll(ctx context.Context, pods []misplaced) error {
	return inPasses(p, pods, func(m misplaced) (bool, error) {
		v, err := p.propose(ctx, m.Proposal, m.place)
		return v.stuck(), err
	})
}
