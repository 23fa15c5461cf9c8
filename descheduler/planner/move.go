package planner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// move adds one move to the attempt, if it is an improvement wherever the scheduler puts the
// replacement.
func (s *session) move(ctx context.Context, a *attempt, p strategy.Proposal) (strategy.Outcome, error) {
	if outcome := s.hindrance(p.Pod, s.profile); outcome.Rule != "" {
		return outcome, nil
	}
	if p.Objective != strategy.Gone && p.Objective != strategy.Anywhere && cluster.Holds(p.Pod) && !replaced(p.Pod) {
		return irreplaceable, nil
	}
	if p.Objective == strategy.Gone || !replaced(p.Pod) {
		if verdict := s.ledger.May(p.Pod); !verdict.Allowed {
			return strategy.Outcome{Rule: strategy.OverBudget, Reason: verdict.Reason}, nil
		}
		if err := s.depart(a, p.Pod); err != nil {
			return strategy.Outcome{}, err
		}
		s.note(a, p, simulation.Decision{}, nil, 1)
		return strategy.Outcome{}, nil
	}
	replacement := s.state.Replacement(p.Pod)
	if outcome := s.unplaced(replacement); outcome.Rule != "" {
		return outcome, nil
	}
	beside, evict, _ := s.ways(p.Pod, s.profile)
	if beside {
		by := &attempt{}
		outcome, err := s.besides(ctx, by, p, replacement)
		if err != nil || outcome.Rule == "" || !evict {
			a.add(by)
			return outcome, err
		}
		if err := by.revert(); err != nil {
			return strategy.Outcome{}, err
		}
	}
	terminating, err := s.whileTerminating(ctx, []*corev1.Pod{p.Pod}, []*corev1.Pod{replacement})
	if err != nil {
		return asOutcome(err)
	}
	if err := s.depart(a, p.Pod); err != nil {
		return strategy.Outcome{}, err
	}
	return s.place(ctx, a, p, replacement, terminating[0])
}

// replaced says whether a controller will create a replacement that needs a node.
func replaced(pod *corev1.Pod) bool {
	return metav1.GetControllerOfNoCopy(pod) != nil && cluster.Holds(pod) && pod.Spec.NodeName != ""
}

// unplaced returns a refusal if no scheduler would consider the replacement: it cannot be
// created, or the scheduling gates of its template must be removed first.
func (s *session) unplaced(replacement *corev1.Pod) strategy.Outcome {
	if refused := s.state.Owners().Refused(replacement); refused != "" {
		return strategy.Outcome{Rule: strategy.NoDestination, Reason: refused}
	}
	gates := cluster.Gates(replacement)
	if gates == "" {
		return strategy.Outcome{}
	}
	return strategy.Outcome{Rule: strategy.NoDestination, Reason: "its replacement would wait for the scheduling gates of its template: " + gates}
}

var (
	irreplaceable = strategy.Outcome{Rule: strategy.NoDestination, Reason: "no controller would replace it"}
	wouldPreempt  = strategy.Outcome{Rule: strategy.NoDestination, Reason: "while it terminates, no node has room for its replacement, which would preempt other pods"}
	noSwap        = strategy.Outcome{Rule: strategy.NoStandIn, Reason: "both pods of a swap must be evicted at once, and it may only be moved by a stand-in"}
	notAtOnce     = strategy.Outcome{Rule: strategy.OverLimit, Reason: "both pods of a swap must be evicted at once, which a budget, a workload without a budget or --wave-size does not allow"}
)

// swap adds two moves to the attempt, if both are improvements in whatever order the scheduler
// places the replacements.
func (s *session) swap(ctx context.Context, a *attempt, pair []strategy.Proposal) (*corev1.Pod, strategy.Outcome, error) {
	if pair[0].Pod.UID == pair[1].Pod.UID {
		return pair[0].Pod, strategy.Outcome{Rule: strategy.AlreadyMoved, Reason: "it is both pods of a swap"}, nil
	}
	var pods, replacements []*corev1.Pod
	for _, p := range pair {
		if outcome := s.hindrance(p.Pod, s.profile); outcome.Rule != "" {
			return p.Pod, outcome, nil
		}
		if !replaced(p.Pod) {
			return p.Pod, irreplaceable, nil
		}
		if _, evict, _ := s.ways(p.Pod, s.profile); !evict {
			return p.Pod, noSwap, nil
		}
		replacement := s.state.Replacement(p.Pod)
		if outcome := s.unplaced(replacement); outcome.Rule != "" {
			return p.Pod, outcome, nil
		}
		pods, replacements = append(pods, p.Pod), append(replacements, replacement)
	}
	if !s.atOnce(pods) {
		return pods[0], notAtOnce, nil
	}
	terminating, err := s.whileTerminating(ctx, pods, replacements)
	if err != nil {
		outcome, err := asOutcome(err)
		return pods[0], outcome, err
	}
	for _, pod := range pods {
		if err := s.depart(a, pod); err != nil {
			return pod, strategy.Outcome{}, err
		}
	}
	inOrder := func(a *attempt, order ...int) (*corev1.Pod, strategy.Outcome, error) {
		for _, i := range order {
			if outcome, err := s.place(ctx, a, pair[i], replacements[i], terminating[i]); err != nil || outcome.Rule != "" {
				return pods[i], outcome, err
			}
		}
		return nil, strategy.Outcome{}, nil
	}
	rehearsal := &attempt{}
	pod, outcome, err := inOrder(rehearsal, 1, 0)
	if undone := rehearsal.revert(); err == nil {
		err = undone
	}
	if err != nil || outcome.Rule != "" {
		return pod, outcome, err
	}
	return inOrder(a, 0, 1)
}

// place adds the move of a pod that has left to the attempt. The nodes that the scheduler could
// choose while the pod terminates are possible, too.
func (s *session) place(ctx context.Context, a *attempt, p strategy.Proposal, replacement *corev1.Pod, terminating simulation.Decision) (strategy.Outcome, error) {
	if terminating.Node == "" && !s.state.Owners().ReplacedWhenGone(p.Pod) && s.preempts(replacement) {
		return wouldPreempt, nil
	}
	decision, err := s.sim.Ask(ctx, replacement, simulation.Question{Scores: shownScores, Of: p.Pod.Spec.NodeName})
	if err != nil {
		return asOutcome(err)
	}
	return s.settle(a, p, replacement, decision, union(decision.Possible, terminating.Possible))
}

// depart takes the pod away and counts its eviction.
func (s *session) depart(a *attempt, pod *corev1.Pod) error {
	back, err := s.leave(pod)
	if err != nil {
		return err
	}
	s.count(pod, pod.Spec.NodeName, true)
	s.jobs.Lose(pod, cluster.Disrupted)
	a.onUndo(func() error {
		s.count(pod, pod.Spec.NodeName, false)
		s.jobs.Regain(pod)
		return back()
	})
	return nil
}

// settle puts the replacement where the scheduler would, if all nodes that it could
// choose gain.
func (s *session) settle(a *attempt, p strategy.Proposal, replacement *corev1.Pod, decision simulation.Decision, possible []string) (strategy.Outcome, error) {
	if decision.Node == "" {
		reason := "its replacement fits on no node"
		if why := decision.Refusals(); why != "" {
			reason += ": " + why
		}
		return strategy.Outcome{Rule: strategy.NoDestination, Reason: reason}, nil
	}
	least, outcome := s.gain(p, possible)
	if outcome.Rule != "" {
		return outcome, nil
	}
	decision.Node = decision.Drawn(p.Pod.UID)
	back, err := s.arrive(replacement, p.Pod, decision.Node)
	if err != nil {
		return strategy.Outcome{}, err
	}
	a.onUndo(back)
	s.note(a, p, decision, possible, least)
	return strategy.Outcome{}, nil
}

// gain returns the smallest gain on the nodes, or why there is none. A node that is being
// removed has no gain, whatever the objective. If the pod's own node is among those without a
// gain, the refusal names it, because that explains most.
func (s *session) gain(p strategy.Proposal, possible []string) (float64, strategy.Outcome) {
	least, worse, why := 0.0, "", ""
	for i, node := range possible {
		gain, noGain := p.Objective.Gain(s.state, p.Pod, node), "is no better"
		if n := s.state.Node(node); n != nil && cluster.NodeLeaving(n.Node) != "" {
			gain, noGain = 0, cluster.NodeLeaving(n.Node)
		}
		if i == 0 || gain < least {
			least = gain
		}
		if gain <= 0 && (worse == "" || node == p.Pod.Spec.NodeName) {
			worse, why = node, noGain
		}
	}
	would, scheduler := "would", s.state.Replacement(p.Pod).Spec.SchedulerName
	if len(possible) > 1 {
		would = "could"
	}
	switch {
	case worse == "":
		return least, strategy.Outcome{}
	case worse == p.Pod.Spec.NodeName:
		return 0, strategy.Outcome{Rule: strategy.WouldReturn, Reason: fmt.Sprintf("scheduler %s %s put its replacement on the same node", scheduler, would)}
	}
	return 0, strategy.Outcome{Rule: strategy.NoImprovement, Reason: fmt.Sprintf("scheduler %s %s choose node %s, which %s", scheduler, would, worse, why)}
}

// note adds the move to the attempt.
func (s *session) note(a *attempt, p strategy.Proposal, decision simulation.Decision, possible []string, gain float64) {
	m := plan.Move{
		Pod: nameOf(s.state, p.Pod), Profile: s.profile, Strategy: s.strategy, Reason: p.Reason,
		From: p.Pod.Spec.NodeName, To: decision.Node, Possible: possible, Choices: len(possible),
		Scores: scoresOf(decision.Scores, p.Pod.Spec.NodeName), Gain: gain, Improves: p.Objective.Describe(gain),
		Object: p.Pod, Objective: p.Objective,
	}
	if decision.Node != "" {
		replacement, guessed := s.state.Owners().Replacement(p.Pod)
		m.Scheduler, m.Note = replacement.Spec.SchedulerName, cluster.Notes(guessed, decision.Assumed)
	}
	if verdict := s.ledger.May(p.Pod); verdict.Budget.Name != "" {
		m.Budget = verdict.Budget.String()
	}
	a.moves = append(a.moves, m)
}

// shownScores is how many of the best nodes a move has the scores of.
const shownScores = 3

// scoresOf returns the scores of the best nodes, and of the pod's own.
func scoresOf(scores []fwk.NodePluginScores, own string) []plan.Score {
	var shown []plan.Score
	for i, score := range scores {
		if i >= shownScores && score.Name != own {
			continue
		}
		plugins := make(map[string]int64, len(score.Scores))
		for _, plugin := range score.Scores {
			plugins[plugin.Name] = plugin.Score
		}
		shown = append(shown, plan.Score{Node: score.Name, Total: score.TotalScore, Plugins: plugins})
	}
	return shown
}

// asOutcome turns an error about an unknown scheduler, device or volume into a refusal.
func asOutcome(err error) (strategy.Outcome, error) {
	if errors.Is(err, simulation.ErrUnknownScheduler) {
		return strategy.Outcome{Rule: strategy.UnknownScheduler, Reason: err.Error() + ": pass its configuration with --scheduler-config"}, nil
	}
	if errors.Is(err, simulation.ErrIncomplete) {
		return strategy.Outcome{Rule: strategy.NoDestination, Reason: err.Error()}, nil
	}
	return strategy.Outcome{}, err
}

// union returns the names of both sorted lists, sorted, each once.
func union(a, b []string) []string {
	all := append(slices.Clone(a), b...)
	slices.Sort(all)
	return slices.Compact(all)
}
