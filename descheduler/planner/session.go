package planner

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// session is what a strategy of a profile proposes to.
type session struct {
	*run
	profile, strategy string
}

var _ strategy.Session = &session{}

func (r *run) session(profile *policy.Profile, name string) *session {
	return &session{run: r, profile: profile.Name, strategy: name}
}

// State implements strategy.Session.
func (s *session) State() *strategy.State { return s.state }

// Evictable implements strategy.Session.
func (s *session) Evictable(pod *corev1.Pod) bool {
	outcome := s.hindrance(pod, s.profile)
	if outcome.Rule == "" {
		return true
	}
	if outcome.Rule != strategy.AlreadyMoved {
		s.refuse(pod, outcome)
	}
	return false
}

// Refuse implements strategy.Session.
func (s *session) Refuse(pod *corev1.Pod, reason string) {
	s.refuse(pod, strategy.Outcome{Rule: strategy.NotEvictable, Reason: reason})
}

// Idle implements strategy.Session.
func (s *session) Idle(reason string) {
	s.idle[idler{s.profile, s.strategy}] = reason
}

func (s *session) refuse(pod *corev1.Pod, outcome strategy.Outcome) {
	s.refused.add(plan.Refusal{
		Pod: nameOf(s.state, pod), Node: pod.Spec.NodeName, Profile: s.profile, Strategy: s.strategy,
		Rule: outcome.Rule, Reason: outcome.Reason,
	})
}

// attempt is a set of moves that is being tried, and how to undo it.
type attempt struct {
	moves []plan.Move
	undo  []func() error
}

func (a *attempt) onUndo(undo func() error) { a.undo = append(a.undo, undo) }

// add adds another attempt.
func (a *attempt) add(other *attempt) {
	a.moves, a.undo = append(a.moves, other.moves...), append(a.undo, other.undo...)
}

func (a *attempt) revert() error {
	var errs []error
	for _, undo := range slices.Backward(a.undo) {
		errs = append(errs, undo())
	}
	return errors.Join(errs...)
}

// Propose implements strategy.Session.
func (s *session) Propose(ctx context.Context, proposals ...strategy.Proposal) (strategy.Outcome, error) {
	return s.try(ctx, proposals, func(a *attempt) (*corev1.Pod, strategy.Outcome, error) {
		for _, p := range proposals {
			if outcome, err := s.move(ctx, a, p); err != nil || outcome.Rule != "" {
				return p.Pod, outcome, err
			}
		}
		return nil, strategy.Outcome{}, nil
	})
}

// Swap implements strategy.Session.
func (s *session) Swap(ctx context.Context, a, b strategy.Proposal) (strategy.Outcome, error) {
	pair := []strategy.Proposal{a, b}
	outcome, err := s.try(ctx, pair, func(a *attempt) (*corev1.Pod, strategy.Outcome, error) { return s.swap(ctx, a, pair) })
	if outcome.Kept {
		s.swaps++
		for i := range s.moves[len(s.moves)-len(pair):] {
			s.moves[len(s.moves)-len(pair)+i].Together = s.swaps
		}
	}
	return outcome, err
}

// try keeps what the function moves if it moves all, and nothing otherwise.
func (s *session) try(ctx context.Context, proposals []strategy.Proposal, move func(*attempt) (*corev1.Pod, strategy.Outcome, error)) (strategy.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return strategy.Outcome{}, err
	}
	s.proposed += len(proposals)
	s.report()
	a := &attempt{}
	pod, outcome, err := move(a)
	if err != nil || outcome.Rule != "" {
		if undone := a.revert(); err == nil {
			err = undone
		}
		if err == nil && outcome.Rule != strategy.AlreadyMoved {
			s.refuse(pod, outcome)
		}
		return outcome, err
	}
	s.moves = append(s.moves, a.moves...)
	outcome = strategy.Outcome{Kept: true}
	for _, m := range a.moves {
		outcome.To = append(outcome.To, m.To)
	}
	return outcome, nil
}

func (s *session) report() {
	if progress := s.planner.opts.Progress; progress != nil {
		progress(Progress{Profile: s.profile, Strategy: s.strategy, Proposed: s.proposed, Kept: len(s.moves)})
	}
}
