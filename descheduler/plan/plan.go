// Package plan has the types of a descheduling plan: the moves in waves, what was refused and
// why, and the utilization of the nodes before and after. The planner makes plans, the executor
// executes them, and explain shows them.
package plan

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// Plan is a list of moves, with the reasons for them.
type Plan struct {
	// Moves are the evictions, in the order in which they were planned: each assumes that
	// those before it are done.
	Moves []Move `json:"moves"`
	// Waves contain indices of Moves. The pods of a wave may all be evicted at once, when those
	// of earlier waves have been replaced.
	Waves [][]int `json:"waves"`
	// Refused are the candidates that are not moved, each once per strategy, with the first
	// reason.
	Refused []Refusal `json:"refused"`
	// Idle are the strategies that moved nothing and gave a reason, apart from their refusals.
	Idle []Idle `json:"idle,omitempty"`
	// Before and After are the utilization of the nodes without and with the plan.
	Before Picture `json:"before"`
	After  Picture `json:"after"`
	// Notes are other remarks, such as that a limit was reached.
	Notes []string `json:"notes,omitempty"`
	// Took is how long planning took.
	Took time.Duration `json:"tookNanoseconds"`
}

// Move is one eviction, and what the scheduler is expected to do then.
type Move struct {
	Pod Pod `json:"pod"`
	// Profile and Strategy proposed it, Reason says why.
	Profile  string `json:"profile"`
	Strategy string `json:"strategy"`
	Reason   string `json:"reason"`
	// From is the pod's node, To that of its replacement. To is empty if no node is needed.
	From string `json:"from"`
	To   string `json:"to,omitempty"`
	// Possible are all nodes that the scheduler could choose, because of ties or sampling,
	// including To. Choices is their number.
	Possible []string `json:"-"`
	Choices  int      `json:"choices,omitempty"`
	// Scheduler is the profile that places the replacement.
	Scheduler string `json:"scheduler,omitempty"`
	// Scores are the scores of the best nodes, and of From if it was scored. There are none if
	// the pod fits on only one node.
	Scores []Score `json:"scores,omitempty"`
	// Gain is the smallest gain of the objective on a possible node. Improves describes it in
	// words.
	Gain     float64 `json:"gain"`
	Improves string  `json:"improves"`
	// Budget is the PodDisruptionBudget that it takes a disruption from, if any.
	Budget string `json:"budget,omitempty"`
	// Note says what had to be guessed about the replacement, such as that its controller has
	// an unknown kind. It is empty if nothing was guessed.
	Note string `json:"note,omitempty"`
	// StandIn says that a stand-in on To is ready before the pod is deleted, instead of an
	// eviction.
	StandIn bool `json:"standIn,omitempty"`
	// Together is the number of a swap: its moves make room for each other, so the pods
	// are evicted in the same wave. It is 0 for a single move.
	Together int `json:"together,omitempty"`

	// Object is the pod at the time of the plan, Objective the objective of the move.
	Object    *corev1.Pod        `json:"-"`
	Objective strategy.Objective `json:"-"`
}

// Pod names a pod.
type Pod struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	UID       types.UID `json:"uid"`
	// Workload is its top-level controller, if any: "Deployment default/web".
	Workload string `json:"workload,omitempty"`
}

// Score is the scheduler's score of a node: the weighted sum, and the shares of the plugins.
type Score struct {
	Node    string           `json:"node"`
	Total   int64            `json:"total"`
	Plugins map[string]int64 `json:"plugins,omitempty"`
}

// Refusal is a candidate that is not moved.
type Refusal struct {
	Pod      Pod           `json:"pod"`
	Node     string        `json:"node,omitempty"`
	Profile  string        `json:"profile"`
	Strategy string        `json:"strategy"`
	Rule     strategy.Rule `json:"rule"`
	Reason   string        `json:"reason"`
}

// Idle is a strategy that moved nothing, and why.
type Idle struct {
	Profile  string `json:"profile"`
	Strategy string `json:"strategy"`
	Reason   string `json:"reason"`
}

// Picture is the utilization of nodes, by requests. Terminating pods do not count.
type Picture struct {
	// Nodes counts the nodes that the policy selects, Used those with pods other than static
	// ones and those of DaemonSets.
	Nodes int `json:"nodes"`
	Used  int `json:"used"`
	// Resources are cpu, memory and pods, and others that pods request.
	Resources []Utilization `json:"resources"`
}

// Utilization is the share of one resource that is requested on the nodes, in percent of
// allocatable.
type Utilization struct {
	Name corev1.ResourceName `json:"name"`
	// Histogram counts the nodes from 0 to 10 %, from 10 to 20 % and so on. The eleventh number
	// counts those at 100 % and above.
	Histogram [11]int `json:"histogram"`
	Mean      float64 `json:"mean"`
	// StdDev is the standard deviation, in percentage points.
	StdDev float64 `json:"stdDev"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Done is what a run has done so far. A new plan within the run counts it against the limits,
// and moves nothing twice.
type Done struct {
	// Moves are the moves whose pods were evicted, or may have been.
	Moves []Move
	// Replacements are the replacements of these pods.
	Replacements map[types.UID]bool
	// Refused are the pods that may not be evicted, with the API server's error, and those for which
	// a stand-in was tried in vain, with the reason: they stay, also with moves: Prefer.
	Refused map[types.UID]string
}
