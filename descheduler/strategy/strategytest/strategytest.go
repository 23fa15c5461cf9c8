// Package strategytest has a session for tests of strategies, with a simple scheduler instead of
// the real one.
package strategytest

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Session keeps proposals for which Schedule finds a node with a gain. A pod that is leaving is
// not evictable.
type Session struct {
	// Schedule returns the node of a pod, or nothing. The state has it on no node.
	Schedule func(state *strategy.State, pod *corev1.Pod) string
	// Keep says why a pod is not evictable, or nothing. Nil keeps none.
	Keep func(pod *corev1.Pod) string
	// Limit is the maximum number of moves; 0 means no limit.
	Limit int

	// Moves are those that were kept, as "namespace/name from>to: reason", in order.
	Moves []string
	// Refused are the pods that were proposed or asked about in vain, with the rule, as
	// "namespace/name rule", in order.
	Refused []string
	// IdleFor is why the strategy proposed nothing, where it said so.
	IdleFor string

	state *strategy.State
	moved map[types.UID]bool
	kept  int
}

// New returns a session on a picture.
func New(picture *cluster.Snapshot, schedule func(*strategy.State, *corev1.Pod) string) *Session {
	return &Session{
		Schedule: schedule,
		state:    strategy.NewState(picture, labels.Everything()),
		moved:    map[types.UID]bool{},
	}
}

var _ strategy.Session = &Session{}

// State implements strategy.Session.
func (s *Session) State() *strategy.State { return s.state }

// Evictable implements strategy.Session.
func (s *Session) Evictable(pod *corev1.Pod) bool {
	if s.moved[pod.UID] || s.state.Origin(pod) != nil {
		return false
	}
	if s.keeps(pod) {
		s.refuse(pod, strategy.NotEvictable)
		return false
	}
	return true
}

// Refuse implements strategy.Session.
func (s *Session) Refuse(pod *corev1.Pod, _ string) { s.refuse(pod, strategy.NotEvictable) }

func (s *Session) keeps(pod *corev1.Pod) bool {
	return cluster.Leaving(pod) || s.Keep != nil && s.Keep(pod) != ""
}

func (s *Session) refuse(pod *corev1.Pod, rule strategy.Rule) {
	s.Refused = append(s.Refused, fmt.Sprintf("%s/%s %s", pod.Namespace, pod.Name, rule))
}

// Idle implements strategy.Session.
func (s *Session) Idle(reason string) { s.IdleFor = reason }

// Propose implements strategy.Session.
func (s *Session) Propose(_ context.Context, proposals ...strategy.Proposal) (strategy.Outcome, error) {
	var undo []func()
	var places []string
	moves := len(s.Moves)
	for _, p := range proposals {
		to, rule := s.try(p, &undo)
		if rule == "" {
			places = append(places, to)
			continue
		}
		for i := len(undo) - 1; i >= 0; i-- {
			undo[i]()
		}
		s.Moves = s.Moves[:moves]
		s.refuse(p.Pod, rule)
		return strategy.Outcome{Rule: rule, Reason: string(rule), Full: rule == strategy.OverLimit}, nil
	}
	return strategy.Outcome{Kept: true, To: places}, nil
}

// Swap implements strategy.Session: both leave, then a is placed before b.
func (s *Session) Swap(ctx context.Context, a, b strategy.Proposal) (strategy.Outcome, error) {
	s.state.Remove(b.Pod)
	var undo []func()
	placeOfA, rule := s.try(a, &undo)
	s.state.Add(b.Pod)
	placeOfB := ""
	if rule == "" {
		placeOfB, rule = s.try(b, &undo)
	}
	if rule == "" {
		return strategy.Outcome{Kept: true, To: []string{placeOfA, placeOfB}}, nil
	}
	for i := len(undo) - 1; i >= 0; i-- {
		undo[i]()
		s.Moves = s.Moves[:len(s.Moves)-1]
	}
	s.refuse(a.Pod, rule)
	return strategy.Outcome{Rule: rule, Reason: string(rule)}, nil
}

// try returns where the pod goes, or the rule that keeps it.
func (s *Session) try(p strategy.Proposal, undo *[]func()) (string, strategy.Rule) {
	switch {
	case s.moved[p.Pod.UID] || s.state.Origin(p.Pod) != nil:
		return "", strategy.AlreadyMoved
	case s.keeps(p.Pod):
		return "", strategy.NotEvictable
	case s.Limit > 0 && s.kept >= s.Limit:
		return "", strategy.OverLimit
	}
	s.state.Remove(p.Pod)
	to := ""
	if p.Objective != strategy.Gone {
		to = s.Schedule(s.state, p.Pod)
		rule := strategy.Rule("")
		switch {
		case to == "":
			rule = strategy.NoDestination
		case p.Objective.Gain(s.state, p.Pod, to) > 0:
		case to == p.Pod.Spec.NodeName:
			rule = strategy.WouldReturn
		default:
			rule = strategy.NoImprovement
		}
		if rule != "" {
			s.state.Add(p.Pod)
			return "", rule
		}
	}
	replacement := s.state.Replacement(p.Pod).DeepCopy()
	replacement.Spec.NodeName = to
	s.state.AddReplacement(replacement, p.Pod)
	s.moved[p.Pod.UID] = true
	s.kept++
	s.Moves = append(s.Moves, fmt.Sprintf("%s/%s %s>%s: %s", p.Pod.Namespace, p.Pod.Name, p.Pod.Spec.NodeName, to, p.Reason))
	*undo = append(*undo, func() {
		s.state.RemoveReplacement(replacement)
		s.state.Add(p.Pod)
		delete(s.moved, p.Pod.UID)
		s.kept--
	})
	return to, ""
}
