// Package strategy is the API of descheduling strategies. A strategy looks at the cluster as
// it is after the moves planned so far, and proposes pods to move, with a reason and an
// objective. The Session decides where each pod would go, whether that is an improvement, and
// whether the pod may be evicted.
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
	// Plugin is what a policy needs to know: its name, its extension point (deschedule or
	// balance) and its arguments.
	policy.Plugin
	// New returns the strategy for arguments that have been validated.
	New func(args policy.Args, env Env) (Strategy, error)
}

// Env is the environment of strategies.
type Env struct {
	// Now is the time of the snapshot.
	Now time.Time
	// Usage returns actual usage from the source that the arguments name. It is nil if the
	// policy has no metrics providers.
	Usage func(ctx context.Context, args *policy.MetricsUtilization) (Usage, error)
	// SpreadDefaults returns the default topology spread constraints, hard or soft, of the
	// pod's scheduler. It is nil if no scheduler is known.
	SpreadDefaults func(pod *corev1.Pod, when corev1.UnsatisfiableConstraintAction) SpreadDefaults
	// Preemptible says which nodes are preemptible, and what policies workloads have for them.
	Preemptible Preemptible
}

// SpreadDefaults are constraints for pods without any of their own.
type SpreadDefaults = simulation.SpreadDefaults

// Usage is what nodes and pods actually use.
type Usage interface {
	// Node returns what a node uses, in the units of Amounts, or false if it is unknown.
	Node(name string) (Amounts, bool)
	// Pod returns what a pod uses, or false if it is unknown.
	Pod(namespace, name string) (Amounts, bool)
}

// Session accepts or refuses proposals. It evicts nothing: it extends the plan.
type Session interface {
	// State is the cluster as it would be after the moves that were kept so far.
	State() *State
	// Evictable says whether the pod could be proposed at all, by the evictor's arguments,
	// its budget, rollouts, limits and cooldowns. If not, the refusal is recorded for the
	// strategy. It simulates nothing and is cheap.
	Evictable(pod *corev1.Pod) bool
	// Refuse records a refusal that the strategy has decided itself, with the rule
	// NotEvictable. The reason is shown to people.
	Refuse(pod *corev1.Pod, reason string)
	// Propose proposes moves. Either all or none are kept. They are tried in order, each
	// with the previous ones done. A move is kept only if it gains on every node that the
	// scheduler could choose.
	Propose(ctx context.Context, proposals ...Proposal) (Outcome, error)
	// Idle says why the strategy moves nothing, in a sentence without a full stop: "no node
	// is overutilized". Use it for reasons that are not about single pods.
	Idle(reason string)
	// Swap proposes two moves that make room for each other: both pods leave first.
	Swap(ctx context.Context, a, b Proposal) (Outcome, error)
}

// Proposal is a pod that should be moved.
type Proposal struct {
	Pod *corev1.Pod
	// Reason says why, for people: "node n1 is at 93 % of cpu, above the target of 50 %".
	Reason string
	// Objective says which nodes are better for the pod. Anywhere and Gone are predefined.
	Objective Objective
}

// Objective measures the improvement of a move.
type Objective interface {
	// Gain returns how much better node `to` is for the pod than its current one
	// (pod.Spec.NodeName), in the objective's own unit. 0 or less is no improvement. The pod on
	// that node would be state.Replacement(pod), which may have other requests than the pod.
	// The state has the pod on neither node. Gain may be called again later with a newer state,
	// to check whether a planned move is still justified. It must depend only on its arguments
	// and on values that were fixed when the objective was created, such as thresholds.
	Gain(state *State, pod *corev1.Pod, to string) float64
	// Describe describes a gain for people: "CPU overshoot down 12 percentage points".
	Describe(gain float64) string
}

// Outcome is the result of proposals.
type Outcome struct {
	// Kept says that the moves are in the plan. To are then the nodes of the replacements, in
	// the order of the proposals. It is empty for pods that are only removed.
	Kept bool
	To   []string
	// Rule is why they were refused, in a word, and Reason in a sentence.
	Rule   Rule
	Reason string
	// Full says that the run's limit of evictions is reached: no other proposal will be kept.
	Full bool
}

// Rule is what refused a proposal.
type Rule string

// The rules.
const (
	// NotEvictable: the evictor's arguments protect the pod.
	NotEvictable Rule = "NotEvictable"
	// OverBudget: a PodDisruptionBudget does not allow it.
	OverBudget Rule = "OverBudget"
	// NoStandIn: the profile moves pods only by a stand-in, which the pod cannot have.
	NoStandIn Rule = "NoStandIn"
	// Refused: the API server has refused to evict it in this run, or a stand-in for it has failed.
	Refused Rule = "Refused"
	// OverLimit: a limit of the policy is reached.
	OverLimit Rule = "OverLimit"
	// Rollout: the pod's workload is being rolled out, scaled or repaired, or could not
	// replace the pod now.
	Rollout Rule = "Rollout"
	// Resting: a pod of the workload was moved recently, and the cooldown is not over.
	Resting Rule = "Resting"
	// AlreadyMoved: the plan already moves the pod, or it is the replacement of a moved one.
	AlreadyMoved Rule = "AlreadyMoved"
	// Outdated: the pod is gone or on another node than when the move was planned.
	Outdated Rule = "Outdated"
	// UnknownScheduler: there is no configuration of the pod's scheduler.
	UnknownScheduler Rule = "UnknownScheduler"
	// NoDestination: the scheduler would find no node for the replacement.
	NoDestination Rule = "NoDestination"
	// WouldReturn: the scheduler would or could put the replacement on the same node.
	WouldReturn Rule = "WouldReturn"
	// NoImprovement: the scheduler would or could choose a node that is no better.
	NoImprovement Rule = "NoImprovement"
)

// Anywhere is the objective of moves that only recreate the pod: any node is good, including
// the same one.
var Anywhere Objective = ready{text: "is recreated"}

// Gone is the objective of pods that are only removed: no node is needed for a replacement.
var Gone Objective = ready{text: "is removed"}

type ready struct{ text string }

func (ready) Gain(*State, *corev1.Pod, string) float64 { return 1 }
func (r ready) Describe(float64) string                { return r.text }
