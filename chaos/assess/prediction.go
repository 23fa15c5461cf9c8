// Package assess predicts what a loss would do: which pods go, where their replacements
// fit, what stays pending and why, which budgets run out, and how far each workload's
// availability falls. It makes no request.
package assess

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// How is how pods go.
type How string

const (
	// Evict asks for each pod, within budgets. What they do not allow at once waits.
	Evict How = "evict"
	// Delete takes pods whatever their budgets say.
	Delete How = "delete"
	// Drain cordons the nodes and evicts their pods, but for those of DaemonSets, those that
	// nothing would replace, and those that are marked not to be disrupted, in waves within
	// budgets, each when the replacements of the last are up.
	Drain How = "drain"
	// Down loses the nodes at once, with all pods on them that do not tolerate it.
	Down How = "down"
)

// Loss is what is taken away at once: pods, or nodes with what is on them.
type Loss struct {
	How How
	// Pods are those that Evict and Delete take, and Nodes those that Drain and Down do.
	Pods  []*corev1.Pod
	Nodes []*corev1.Node
	// Dead says of Down that nothing runs on the nodes any more, as when they are silent
	// or have lost power. Otherwise they carry DownTaint and their kubelets still obey.
	Dead bool
	// IncludeDoNotDisrupt says of Drain that pods go, too, that are marked not to be disrupted.
	IncludeDoNotDisrupt bool
}

// DownTaint is the key of the taint, of effect NoExecute, that takes a node down whose
// kubelet goes on.
const DownTaint = "chaos.stowage.dev/down"

// Fate is what becomes of a pod.
type Fate string

const (
	// Fits: the pod goes, and its replacement has room on Node.
	Fits Fate = "fits"
	// Pending: the pod goes, and its replacement finds no node.
	Pending Fate = "pending"
	// Unknown: the pod goes, and where its replacement finds room cannot be told from the
	// picture.
	Unknown Fate = "unknown"
	// Unreplaced: the pod goes, and nothing replaces it: a bare pod, or one too many.
	Unreplaced Fate = "unreplaced"
	// Kept: the budgets, or whatever Reason says, keep the pod.
	Kept Fate = "kept"
	// Stays: the pod stays on its node: of a DaemonSet, mirrored, or tolerating the loss.
	Stays Fate = "stays"
)

// PodFate is the fate of one pod.
type PodFate struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	// UID tells the pod from one of the same name that replaces it.
	UID types.UID `json:"uid"`
	// Workload is its workload as target.WorkloadKey names it.
	Workload string `json:"workload"`
	From     string `json:"from"`
	Fate     Fate   `json:"fate"`
	// Node is where the replacement goes, by the simulation. Choices is how many nodes the
	// scheduler could choose, and Possible are the first of them by name, 20 at most.
	Node     string   `json:"node,omitempty"`
	Choices  int      `json:"choices,omitempty"`
	Possible []string `json:"possible,omitempty"`
	// Preempts is how many less urgent pods the replacement pushes out. PreemptedBy names, of
	// such a pod, the lost one whose replacement does that.
	Preempts    int    `json:"preempts,omitempty"`
	PreemptedBy string `json:"preemptedBy,omitempty"`
	// Wave is when it goes, from 1, where budgets let only some go at once.
	Wave int `json:"wave,omitempty"`
	// AfterSeconds is how long the pod tolerates nodes that are down: so long after the loss
	// the control plane deletes it.
	AfterSeconds int64 `json:"afterSeconds,omitempty"`
	// Late says of a pending pod that its replacement is not even made before the pod, on a
	// dead node, is gone.
	Late bool `json:"late,omitempty"`
	// Leaving says that the pod was on its way out before the loss, which is none of the loss's doing.
	Leaving bool `json:"leaving,omitempty"`
	// Reason says why it is pending or kept, stays, is not replaced or not known.
	Reason string `json:"reason,omitempty"`
	// Note says what had to be guessed of its replacement, such as that its controller is of a
	// kind that is not known, or that the node which it goes to stays though it is being deleted.
	Note string `json:"note,omitempty"`
}

// WorkloadFate is how far a workload's availability falls.
type WorkloadFate struct {
	Workload string `json:"workload"`
	Desired  int    `json:"desired"`
	// Ready is how many pods are ready now, Floor how few are at the worst moment, and
	// After how many are in the end.
	Ready int `json:"ready"`
	Floor int `json:"floor"`
	After int `json:"after"`
}

// BudgetFate is what becomes of a PodDisruptionBudget.
type BudgetFate struct {
	Namespace string `json:"namespace"`
	Budget    string `json:"budget"`
	// Allowed is how many disruptions it allows now, and Spent how many it takes at once.
	Allowed int `json:"allowed"`
	Spent   int `json:"spent"`
	// Broken says that fewer pods than it demands are healthy at the worst moment: which
	// only a loss that asks no budget does.
	Broken bool `json:"broken"`
}

// Prediction is what a loss would do.
type Prediction struct {
	How       How            `json:"how"`
	Nodes     []string       `json:"nodes,omitempty"`
	Pods      []PodFate      `json:"pods,omitempty"`
	Workloads []WorkloadFate `json:"workloads,omitempty"`
	Budgets   []BudgetFate   `json:"budgets,omitempty"`
	// Waves is how many waves the budgets cut it into.
	Waves int `json:"waves"`
	// Waiting is how many pods have waited for a node since before the loss, and Admitted how
	// many of them get one, before replacements that are no more urgent.
	Waiting  int `json:"waiting,omitempty"`
	Admitted int `json:"admitted,omitempty"`
	// Simulated says what to know of how the schedulers were simulated, see simulation.Caveat.
	Simulated string `json:"simulated,omitempty"`
}

// Caveat says it in a sentence.
func (p *Prediction) Caveat() string { return "Where replacements go is " + p.Simulated + "." }

// Going returns how many pods go.
func (p *Prediction) Going() int {
	return p.Count(Fits) + p.Count(Pending) + p.Count(Unreplaced) + p.Count(Unknown)
}

// Count returns how many pods have the fate.
func (p *Prediction) Count(fate Fate) int {
	n := 0
	for _, pod := range p.Pods {
		if pod.Fate == fate {
			n++
		}
	}
	return n
}
