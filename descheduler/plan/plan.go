// Package plan is what a descheduling plan consists of: the moves in waves, what was
// refused and why, and how full the nodes are before and after. It is what planner
// makes, executor carries out and explain shows.
package plan

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// Plan is a list of moves and how it came about.
type Plan struct {
	// Moves are the evictions, in the order in which they were planned: each supposes
	// those before it.
	Moves []Move `json:"moves"`
	// Waves hold indices of Moves. The pods of a wave may all be gone at once, when those
	// of earlier waves have been replaced.
	Waves [][]int `json:"waves"`
	// Refused are the candidates that stay, each once per strategy, for the first reason
	// that stopped it.
	Refused []Refusal `json:"refused"`
	// Idle are the strategies that moved nothing and said why, beside their refusals.
	Idle []Idle `json:"idle,omitempty"`
	// Before and After say how full the nodes are without the plan and with it.
	Before Picture `json:"before"`
	After  Picture `json:"after"`
	// Notes say what else is to know, such as that a limit was reached.
	Notes []string `json:"notes,omitempty"`
	// Took is how long planning took.
	Took time.Duration `json:"tookNanoseconds"`
}

// Move is one eviction, and what the scheduler is expected to do then.
type Move struct {
	Pod Pod `json:"pod"`
	// Profile and Strategy are who proposed it, Reason is why.
	Profile  string `json:"profile"`
	Strategy string `json:"strategy"`
	Reason   string `json:"reason"`
	// From is the pod's node, To where its replacement goes: empty where none is looked for.
	From string `json:"from"`
	To   string `json:"to,omitempty"`
	// Possible are all nodes that the scheduler could choose, by ties or sampling, To
	// among them; Choices is how many these are.
	Possible []string `json:"-"`
	Choices  int      `json:"choices,omitempty"`
	// Scheduler is the profile that places the replacement.
	Scheduler string `json:"scheduler,omitempty"`
	// Scores are those of the best nodes, and of From where it was scored; none where
	// only one node took the pod.
	Scores []Score `json:"scores,omitempty"`
	// Gain is the least that the objective gains on a possible node, Improves says it in
	// words.
	Gain     float64 `json:"gain"`
	Improves string  `json:"improves"`
	// Budget is the PodDisruptionBudget that it takes a disruption from; empty where none.
	Budget string `json:"budget,omitempty"`
	// Note says what had to be guessed of the replacement, such as that its controller is of
	// a kind that is not known; empty for nothing.
	Note string `json:"note,omitempty"`
	// Together is the number of a swap: its moves make room for each other, so the pods
	// leave in the same wave. 0 for a move by itself.
	Together int `json:"together,omitempty"`

	// Object is the pod as it was when the plan was made, Objective what the move is for.
	Object    *corev1.Pod        `json:"-"`
	Objective strategy.Objective `json:"-"`
}

// Pod names a pod.
type Pod struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	UID       types.UID `json:"uid"`
	// Workload is its top controller: "Deployment default/web"; empty where it has none.
	Workload string `json:"workload,omitempty"`
}

// Score is what the scheduler gives a node: the weighed sum, and the plugins' parts of it.
type Score struct {
	Node    string           `json:"node"`
	Total   int64            `json:"total"`
	Plugins map[string]int64 `json:"plugins,omitempty"`
}

// Refusal is a candidate that stays.
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

// Picture says how full nodes are, by requests. Pods on their way out do not count.
type Picture struct {
	// Nodes counts the nodes the policy looks at, Used those that have a pod that is not part
	// of them, as those of DaemonSets and static ones are.
	Nodes int `json:"nodes"`
	Used  int `json:"used"`
	// Resources are cpu, memory and pods, and others that pods request.
	Resources []Utilization `json:"resources"`
}

// Utilization is how one resource is requested over the nodes, in percent of what is
// allocatable.
type Utilization struct {
	Name corev1.ResourceName `json:"name"`
	// Histogram counts the nodes from 0 to 10 %, from 10 to 20 % and so on; the eleventh
	// figure those at 100 % and above.
	Histogram [11]int `json:"histogram"`
	Mean      float64 `json:"mean"`
	// StdDev is the standard deviation: how skewed the nodes are, in points.
	StdDev float64 `json:"stdDev"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Done is what a run has carried out so far. A new plan within the run counts it
// against the limits, and moves nothing twice.
type Done struct {
	// Moves are those whose pods were evicted, or may have been.
	Moves []Move
	// Replacements are the pods that came for them.
	Replacements map[types.UID]bool
	// Refused are the pods that may not be evicted, by what the API server said.
	Refused map[types.UID]string
}
