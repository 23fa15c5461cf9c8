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

// firstPatience is how many pods that are alike are proposed in vain before the others of
// them are taken to have no better place either: each question costs a simulation.
const firstPatience = 2

// verdict is what came of a proposal.
type verdict int

const (
	// stays: the pod is not evicted whatever its place.
	stays verdict = iota
	// nowhere: there is no other place for it now.
	nowhere
	// worse: there is another place, and it is no better.
	worse
	// moved: it has a better place.
	moved
)

// stuck says whether another move may change the verdict.
func (v verdict) stuck() bool { return v == nowhere || v == worse }

// likeness is what pods have in common that the scheduler treats the same and that are
// equally badly placed.
type likeness struct {
	owner    types.UID
	revision string
	place    string
}

// likenessOf takes pods of one controller and revision to be alike, but for those bound
// to volumes or devices of their own.
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

// proposer puts a strategy's proposals to the session, one at a time, and spares it
// those that are hopeless.
type proposer struct {
	session strategy.Session
	// full says that no other proposal will be kept.
	full bool
	// vain has how often pods that are alike were refused since one was moved.
	vain map[likeness]int
	// last is what the last of them was refused for.
	last map[likeness]verdict
	// fixed are the pods that are not to be asked about again.
	fixed sets.Set[types.UID]
	// moves is how many were kept, destination where the last of them goes.
	moves       int
	destination *strategy.Node
	// patience is how many refusals of pods that are alike speak for all of them.
	patience int
}

func newProposer(session strategy.Session) *proposer {
	return &proposer{
		session: session, vain: map[likeness]int{}, last: map[likeness]verdict{},
		fixed: sets.New[types.UID](), patience: firstPatience,
	}
}

// propose proposes to move a pod. The place says how badly it is placed: pods that are
// alike and of one place are refused alike.
func (p *proposer) propose(ctx context.Context, proposal strategy.Proposal, place string) (verdict, error) {
	pod := proposal.Pod
	if err := ctx.Err(); err != nil {
		return stays, context.Cause(ctx)
	}
	if p.full || p.fixed.Has(pod.UID) {
		return stays, nil
	}
	// Where there is no node at all for a pod, its place makes no difference.
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

// inPasses attempts each unit of work, and those that are stuck again when other moves
// have been made since: they may have made room, or have changed what the scheduler
// likes best. So there is nothing left that a second run would find.
func inPasses[U any](p *proposer, units []U, attempt func(U) (stuck bool, err error)) error {
	type waiting struct {
		unit U
		// moves is how many had been made when it was last attempted.
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

// again lets everything be asked once more. One refusal is enough then.
func (p *proposer) again() {
	clear(p.vain)
	clear(p.last)
	p.patience = 1
}

// misplaced is a pod that is to be moved by itself.
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
