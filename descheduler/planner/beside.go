package planner

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/internal/standin"
)

// standIns says which pods may be moved by a stand-in.
type standIns struct {
	*standin.Candidates
	// moves is how each profile moves pods.
	moves map[string]policy.Moves
	// allowed are the namespaces in which stand-ins may be created; nil means all.
	allowed map[string]bool
}

func newStandIns(p *policy.Policy, picture *cluster.Snapshot) (*standIns, error) {
	s := &standIns{moves: map[string]policy.Moves{}}
	for _, profile := range p.Profiles {
		s.moves[profile.Name] = profile.Moves
	}
	if p.StandIns == nil {
		return s, nil
	}
	s.Candidates = standin.NewCandidates(picture)
	if p.StandIns.NamespaceLabelSelector == nil {
		return s, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(p.StandIns.NamespaceLabelSelector)
	if err != nil {
		return nil, err
	}
	s.allowed = map[string]bool{}
	for _, namespace := range picture.Namespaces {
		s.allowed[namespace.Name] = selector.Matches(labels.Set(namespace.Labels))
	}
	return s, nil
}

// ways says how the profile can move the pod: by a stand-in, by an eviction, or by both, and then
// preferably by a stand-in. There is a refusal if it cannot be moved at all. Pods without a
// replacement are evicted, since nothing could stand in for them.
func (r *run) ways(pod *corev1.Pod, profile string) (beside, evict bool, refused strategy.Outcome) {
	moves, verdict := r.standIns.moves[profile], r.ledger.May(pod)
	if moves == policy.MakeBeforeBreak || moves == policy.Prefer {
		beside = replaced(pod)
	}
	evict = verdict.Allowed && (moves != policy.MakeBeforeBreak || !beside)
	if !beside {
		if !evict {
			refused = strategy.Outcome{Rule: strategy.OverBudget, Reason: verdict.Reason}
		}
		return false, evict, refused
	}
	why := r.noStandIn(pod)
	switch beside = why == ""; {
	case beside || evict:
	case moves == policy.MakeBeforeBreak:
		refused = strategy.Outcome{Rule: strategy.NoStandIn, Reason: why}
	default:
		refused = strategy.Outcome{Rule: strategy.OverBudget, Reason: cluster.Notes(verdict.Reason, "no stand-in: "+why)}
	}
	return beside, evict, refused
}

// noStandIn says why no stand-in can replace the pod. It is empty if one can.
func (r *run) noStandIn(pod *corev1.Pod) string {
	if r.standIns.allowed != nil && !r.standIns.allowed[pod.Namespace] {
		return "standIns.namespaceLabelSelector does not match namespace " + pod.Namespace
	}
	if verdict := r.ledger.MayBeside(pod); !verdict.Allowed {
		return verdict.Reason
	}
	return r.standIns.Hindrance(pod)
}

// besides moves a pod by a stand-in: the pod is there until the stand-in is ready, so that there
// must be room for both. The stand-in is bound to a node. Of those that the scheduler could
// choose, that is the one with the largest gain, and of several the one that it likes best.
func (s *session) besides(ctx context.Context, a *attempt, p strategy.Proposal, replacement *corev1.Pod) (strategy.Outcome, error) {
	decision, err := s.sim.Schedule(ctx, replacement)
	switch {
	case err != nil:
		return asOutcome(err)
	case decision.Node == "":
		return noRoomBeside(decision), nil
	}
	if err := s.depart(a, p.Pod); err != nil {
		return strategy.Outcome{}, err
	}
	best, possible := 0.0, []string{decision.Drawn(p.Pod.UID)}
	for _, score := range decision.Scores {
		if slices.Contains(decision.Possible, score.Name) {
			possible = append(possible, score.Name)
		}
	}
	for _, node := range possible {
		if gain, outcome := s.gain(p, []string{node}); outcome.Rule == "" && gain > best {
			best, decision.Node = gain, node
		}
	}
	if best <= 0 {
		_, outcome := s.gain(p, decision.Possible)
		return outcome, nil
	}
	back, err := s.arrive(replacement, p.Pod, decision.Node)
	if err != nil {
		return strategy.Outcome{}, err
	}
	a.onUndo(back)
	s.note(a, p, decision, []string{decision.Node}, best)
	m := &a.moves[len(a.moves)-1]
	m.StandIn, m.Budget = true, ""
	return strategy.Outcome{}, nil
}

func noRoomBeside(decision simulation.Decision) strategy.Outcome {
	reason := "its stand-in fits on no node"
	if why := decision.Refusals(); why != "" {
		reason += ": " + why
	}
	return strategy.Outcome{Rule: strategy.NoDestination, Reason: reason}
}

// pinned returns the replacement as a stand-in for one node.
func pinned(replacement *corev1.Pod, node string) *corev1.Pod {
	standIn := replacement.DeepCopy()
	cluster.Pin(&standIn.Spec, node)
	return standIn
}
