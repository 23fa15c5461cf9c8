// Package strategy is what a descheduling strategy is written against. A strategy
// looks at the cluster as the plan has it so far and proposes pods to move, with a
// reason and an objective; where each would go, whether that is any better and
// whether it may be evicted at all is decided behind Session.
package strategy

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// Strategy proposes evictions.
type Strategy interface {
	// Deschedule proposes until there is nothing more to gain, or the context ends. It
	// is called once per plan and keeps nothing from one call to the next. With the same
	// state it makes the same proposals in the same order.
	Deschedule(ctx context.Context, session Session) error
}

// Plugin is a strategy that policies can name.
type Plugin struct {
	// Plugin is what a policy has to know: its name, its extension point (deschedule or
	// balance) and its arguments.
	policy.Plugin
	// New returns the strategy for arguments that have been validated.
	New func(args policy.Args, env Env) (Strategy, error)
}

// Env is what strategies get of the world.
type Env struct {
	// Now is the moment of the picture.
	Now time.Time
	// Usage returns actual usage from the source that the arguments name. It is nil
	// where the policy has no metrics providers.
	Usage func(ctx context.Context, args *policy.MetricsUtilization) (Usage, error)
	// SpreadDefaults returns the topology spread constraints, hard or soft ones, that the
	// pod's scheduler has for it by default. It is nil where no scheduler is known.
	SpreadDefaults func(pod *corev1.Pod, when corev1.UnsatisfiableConstraintAction) SpreadDefaults
	// Preemptible tells preemptible nodes and what a workload's policy for them is.
	Preemptible Preemptible
}

// SpreadDefaults are constraints for pods without any of their own.
type SpreadDefaults = simulation.SpreadDefaults

// Usage is what nodes and pods actually use.
type Usage interface {
	// Node returns what a node uses, in the units of Amounts; false where it is not known.
	Node(name string) (Amounts, bool)
	// Pod returns what a pod uses; false where it is not known.
	Pod(namespace, name string) (Amounts, bool)
}

// Session takes proposals. Nothing is evicted by it: it extends the plan.
type Session interface {
	// State is the cluster as it would be after the moves that were kept so far.
	State() *State
	// Evictable says whether the pod could be proposed at all: by the evictor's
	// arguments, its budget, rollouts, limits and rests. Where it says no, the pod counts
	// as refused to the strategy. It simulates nothing and is cheap.
	Evictable(pod *corev1.Pod) bool
	// Refuse counts the pod as refused to the strategy, which has found by itself why it
	// stays: the rule is NotEvictable, and the reason for people.
	Refuse(pod *corev1.Pod, reason string)
	// Propose proposes moves, all or none of which are kept. They are tried one after
	// the other, each with those before it done. A move is kept only if every node that
	// the scheduler could choose gains.
	Propose(ctx context.Context, proposals ...Proposal) (Outcome, error)
	// Idle says why the strategy moves nothing, in a sentence without a full stop: "no node
	// is overutilized". It is for what the refusals of pods do not say.
	Idle(reason string)
	// Swap proposes two moves that make room for each other: both pods leave first.
	Swap(ctx context.Context, a, b Proposal) (Outcome, error)
}

// Proposal is a pod that should go.
type Proposal struct {
	Pod *corev1.Pod
	// Reason says why, for people: "node n1 is at 93 % of cpu, above the target of 50 %".
	Reason string
	// Objective says where the pod would be better off. Anywhere and Gone are ready ones.
	Objective Objective
}

// Objective measures what a move is good for.
type Objective interface {
	// Gain returns how much better it is to have the pod on node `to` than where it is
	// (pod.Spec.NodeName), in the objective's own unit. 0 or less is no improvement. What
	// comes to that node is state.Replacement(pod), which may ask for other things than the
	// pod does. The state has the pod on neither. It may be asked again later, with the state
	// of the day, to see whether a planned move is still worth it: it depends on its arguments
	// and on what was fixed when it was made, such as thresholds.
	Gain(state *State, pod *corev1.Pod, to string) float64
	// Describe says what a gain is, for people: "12 points of cpu less above the target".
	Describe(gain float64) string
}

// Outcome is what came of proposals.
type Outcome struct {
	// Kept says that they are in the plan, To where the replacements go then, in the order
	// of the proposals: empty for those that none is looked for.
	Kept bool
	To   []string
	// Rule is why not, in a word, and Reason in a sentence.
	Rule   Rule
	Reason string
	// Full says that the run's limit of evictions is reached: no other proposal will be kept.
	Full bool
}

// Rule is what refused a proposal.
type Rule string

// The rules.
const (
	// NotEvictable: the evictor's arguments keep the pod.
	NotEvictable Rule = "NotEvictable"
	// OverBudget: a PodDisruptionBudget keeps the pod.
	OverBudget Rule = "OverBudget"
	// Refused: the API server has refused to evict it in this run.
	Refused Rule = "Refused"
	// OverLimit: a limit of the policy is reached.
	OverLimit Rule = "OverLimit"
	// Rollout: the pod's workload is being rolled out, scaled or repaired, or could not
	// replace the pod now.
	Rollout Rule = "Rollout"
	// Resting: a pod of the workload was moved lately.
	Resting Rule = "Resting"
	// AlreadyMoved: the plan moves the pod already, or it stands for one that is moved.
	AlreadyMoved Rule = "AlreadyMoved"
	// Outdated: the pod is gone or on another node than when the move was planned.
	Outdated Rule = "Outdated"
	// UnknownScheduler: no configuration is known for the pod's scheduler.
	UnknownScheduler Rule = "UnknownScheduler"
	// NoDestination: the scheduler would find no node for the replacement.
	NoDestination Rule = "NoDestination"
	// WouldReturn: the scheduler would or could put the replacement on the same node.
	WouldReturn Rule = "WouldReturn"
	// NoImprovement: the scheduler would or could choose a node that is no better.
	NoImprovement Rule = "NoImprovement"
)

// Anywhere is the objective of moves whose point is that the pod starts anew: any node
// is good, the same one too.
var Anywhere Objective = ready{text: "starts anew"}

// Gone is the objective of pods whose point is that they go: nothing is looked for a
// node for them.
var Gone Objective = ready{text: "is removed"}

type ready struct{ text string }

func (ready) Gain(*State, *corev1.Pod, string) float64 { return 1 }
func (r ready) Describe(float64) string                { return r.text }
