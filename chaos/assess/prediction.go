// Package assess predicts the effect of a loss: which pods are removed, where their replacements
// are scheduled, which stay pending and why, which budgets run out, and how far the availability
// of each workload drops. It makes no requests.
package assess

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// How is the way in which pods are removed.
type How string

const (
	// Evict evicts each pod within budgets. Evictions that are not allowed at once wait.
	Evict How = "evict"
	// Delete deletes pods, and ignores budgets.
	Delete How = "delete"
	// Drain cordons the nodes and evicts their pods in waves within budgets. Each wave waits for
	// the replacements of the previous one. Pods of DaemonSets, pods without a controller and
	// pods marked as do-not-disrupt stay.
	Drain How = "drain"
	// Down removes the nodes at once, with all pods on them that do not tolerate it.
	Down How = "down"
)

// Loss is what is removed at once: pods, or nodes with their pods.
type Loss struct {
	How How
	// Pods are removed by Evict and Delete, Nodes by Drain and Down.
	Pods  []*corev1.Pod
	Nodes []*corev1.Node
	// Dead applies to Down: nothing runs on the nodes any more, because they are silent or have
	// lost power. Otherwise they have DownTaint, and their kubelets keep running.
	Dead bool
	// IncludeDoNotDisrupt applies to Drain: it also evicts pods marked as do-not-disrupt.
	IncludeDoNotDisrupt bool
	// MakeBeforeBreak applies to Drain: pods that can have a stand-in are moved by one, if there is
	// room for both. The others are evicted.
	MakeBeforeBreak bool
}

// DownTaint is the key of the NoExecute taint that takes down a node whose kubelet keeps running.
const DownTaint = "chaos.stowage.dev/down"

// Fate is the outcome for a pod.
type Fate string

const (
	// Fits: the pod is removed, and its replacement is scheduled to Node.
	Fits Fate = "fits"
	// Pending: the pod is removed, and its replacement finds no node.
	Pending Fate = "pending"
	// Unknown: the pod is removed, and the node of its replacement cannot be predicted from the
	// picture.
	Unknown Fate = "unknown"
	// Unreplaced: the pod is removed and not replaced, such as a bare pod or a surplus one.
	Unreplaced Fate = "unreplaced"
	// Kept: the pod is not removed, because of budgets or for the given Reason.
	Kept Fate = "kept"
	// Stays: the pod stays on its node: it belongs to a DaemonSet, is a static pod, or tolerates
	// the loss.
	Stays Fate = "stays"
)

// PodFate is the fate of one pod.
type PodFate struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	// UID distinguishes the pod from a replacement of the same name.
	UID types.UID `json:"uid"`
	// Workload is its workload as target.WorkloadKey names it.
	Workload string `json:"workload"`
	From     string `json:"from"`
	Fate     Fate   `json:"fate"`
	// Node is the simulated node of the replacement. Choices is the number of nodes that the
	// scheduler could choose from, and Possible the first of them by name, at most 20.
	Node     string   `json:"node,omitempty"`
	Choices  int      `json:"choices,omitempty"`
	Possible []string `json:"possible,omitempty"`
	// StandIn means that the replacement is ready before the pod goes.
	StandIn bool `json:"standIn,omitempty"`
	// Preempts is the number of pods that the replacement preempts. For a preempted pod,
	// PreemptedBy names the lost pod whose replacement preempts it.
	Preempts    int    `json:"preempts,omitempty"`
	PreemptedBy string `json:"preemptedBy,omitempty"`
	// Wave is the wave in which the pod is removed, from 1, if budgets allow only some pods at
	// once.
	Wave int `json:"wave,omitempty"`
	// AfterSeconds is how long the pod tolerates that its node is down. After that time, the
	// control plane deletes it.
	AfterSeconds int64 `json:"afterSeconds,omitempty"`
	// Late applies to pending pods: the replacement is not created before the pod, on a dead
	// node, is gone.
	Late bool `json:"late,omitempty"`
	// Leaving means that the pod was already terminating before the loss.
	Leaving bool `json:"leaving,omitempty"`
	// Reason says why the pod is pending, kept, unaffected, not replaced or unknown.
	Reason string `json:"reason,omitempty"`
	// Note states an assumption about the replacement, for example that its controller is of an
	// unknown kind, or that its node stays although it is being deleted.
	Note string `json:"note,omitempty"`
}

// WorkloadFate is the predicted availability of a workload.
type WorkloadFate struct {
	Workload string `json:"workload"`
	Desired  int    `json:"desired"`
	// Ready is the current number of ready pods, Floor the minimum, and After the number at the
	// end.
	Ready int `json:"ready"`
	Floor int `json:"floor"`
	After int `json:"after"`
}

// BudgetFate is the predicted state of a PodDisruptionBudget.
type BudgetFate struct {
	Namespace string `json:"namespace"`
	Budget    string `json:"budget"`
	// Allowed is the number of disruptions that it allows now, and Spent the number that happen
	// at once.
	Allowed int `json:"allowed"`
	Spent   int `json:"spent"`
	// Broken means that there are fewer healthy pods than required at the worst moment. Only a
	// loss that ignores budgets can cause that.
	Broken bool `json:"broken"`
}

// Prediction is the predicted effect of a loss.
type Prediction struct {
	How       How            `json:"how"`
	Nodes     []string       `json:"nodes,omitempty"`
	Pods      []PodFate      `json:"pods,omitempty"`
	Workloads []WorkloadFate `json:"workloads,omitempty"`
	Budgets   []BudgetFate   `json:"budgets,omitempty"`
	// Waves is the number of waves, because of budgets.
	Waves int `json:"waves"`
	// Waiting is the number of pods that were already pending before the loss, and Admitted how
	// many of them get a node before replacements of the same or a lower priority.
	Waiting  int `json:"waiting,omitempty"`
	Admitted int `json:"admitted,omitempty"`
	// Simulated describes how the schedulers were simulated, see simulation.Caveat.
	Simulated string `json:"simulated,omitempty"`
}

// Caveat returns Simulated as a sentence.
func (p *Prediction) Caveat() string { return "Scheduling is " + p.Simulated + "." }

// Going returns the number of removed pods.
func (p *Prediction) Going() int {
	return p.Count(Fits) + p.Count(Pending) + p.Count(Unreplaced) + p.Count(Unknown)
}

// ByStandIn returns the number of pods that are moved by stand-ins.
func (p *Prediction) ByStandIn() int {
	n := 0
	for _, pod := range p.Pods {
		if pod.StandIn {
			n++
		}
	}
	return n
}

// Count returns the number of pods with the fate.
func (p *Prediction) Count(fate Fate) int {
	n := 0
	for _, pod := range p.Pods {
		if pod.Fate == fate {
			n++
		}
	}
	return n
}
