// Package journal stores the records of a chaos run as JSON lines, to report on the run, to
// replay it, and to restore what it changed.
package journal

import (
	"cmp"
	"encoding/json"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// Record is one line. Exactly one of the pointers is set.
type Record struct {
	Time time.Time `json:"time"`
	// Step and Tick are the part of the run that the record belongs to, from 1; 0 is the run as a
	// whole.
	Step int `json:"step,omitempty"`
	Tick int `json:"tick,omitempty"`

	Start        *Start             `json:"start,omitempty"`
	StepBegin    *StepBegin         `json:"stepBegin,omitempty"`
	Choice       *Choice            `json:"choice,omitempty"`
	Prediction   *assess.Prediction `json:"prediction,omitempty"`
	Request      *Request           `json:"request,omitempty"`
	Answer       *Answer            `json:"answer,omitempty"`
	Change       *Change            `json:"change,omitempty"`
	Restored     *Change            `json:"restored,omitempty"`
	Lost         *Lost              `json:"lost,omitempty"`
	Recovered    *Recovered         `json:"recovered,omitempty"`
	Unneeded     *Unneeded          `json:"unneeded,omitempty"`
	Availability *Availability      `json:"availability,omitempty"`
	Budget       *Budget            `json:"budget,omitempty"`
	Check        *Check             `json:"check,omitempty"`
	Note         *Note              `json:"note,omitempty"`
	Upgrade      *Upgrade           `json:"upgrade,omitempty"`
	Replacing    *Node              `json:"replacing,omitempty"`
	Replaced     *Replaced          `json:"replaced,omitempty"`
	End          *End               `json:"end,omitempty"`
}

// Start is the first record.
type Start struct {
	// ID is the ID of the run, which is also on every object that it changes.
	ID      string `json:"id"`
	Version string `json:"version"`
	// Arguments are the command line without the name of the program.
	Arguments []string `json:"arguments"`
	Seed      string   `json:"seed"`
	Cluster   string   `json:"cluster"`
	DryRun    bool     `json:"dryRun"`
	// FakeNodes means that all nodes are fake, so times cover only control plane and scheduling.
	FakeNodes bool `json:"fakeNodes"`
	// Scenario is the scenario as JSON. A command is a scenario with one step.
	Scenario json.RawMessage `json:"scenario"`
}

// StepBegin is the start of a step.
type StepBegin struct {
	Name string `json:"name"`
	// Kind is the kind of the step: the name of a fault, or wait, probe, scale or awaitRecovery.
	Kind string `json:"kind"`
}

// Victim is a pod that was drawn.
type Victim struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	UID       string `json:"uid"`
	Node      string `json:"node,omitempty"`
	// Workload and Rank are those of target.Pod, which a replay compares. For a pod that was not
	// drawn, the rank is unknown, and -1.
	Workload string `json:"workload"`
	Rank     int    `json:"rank"`
}

// VictimOf returns the pod as a victim.
func VictimOf(pod target.Pod) Victim {
	return Victim{
		Namespace: pod.Namespace, Pod: pod.Name, UID: string(pod.UID), Node: pod.Spec.NodeName,
		Workload: pod.WorkloadKey(), Rank: pod.Rank,
	}
}

// Choice is a draw of a fault.
type Choice struct {
	Fault string `json:"fault"`
	// How is empty for faults that remove nothing.
	How assess.How `json:"how"`
	// Candidates is the number of candidates. Excluded counts the others by reason.
	Candidates int            `json:"candidates"`
	Excluded   map[string]int `json:"excluded,omitempty"`
	Victims    []Victim       `json:"victims,omitempty"`
	Nodes      []string       `json:"nodes,omitempty"`
}

// Empty says whether nothing was drawn.
func (c *Choice) Empty() bool { return len(c.Victims)+len(c.Nodes) == 0 }

// Title returns how victims are removed, or the name of a fault that removes nothing.
func (c *Choice) Title() string { return cmp.Or(string(c.How), c.Fault) }

// ByStandIn means that a stand-in for the pod is created, and ready before the pod is deleted.
const ByStandIn assess.How = "standIn"

// The outcomes of a move by a stand-in.
const (
	// Moved: the stand-in has taken the place of the pod.
	Moved disruption.Outcome = "Moved"
	// NotMoved: there is no stand-in any more, and the pod may be evicted.
	NotMoved disruption.Outcome = "NotMoved"
)

// Request is written before a pod is evicted, deleted or moved, and Answer after.
type Request struct {
	Victim Victim     `json:"victim"`
	How    assess.How `json:"how"`
}

// Answer is the result of a Request.
type Answer struct {
	Victim  Victim             `json:"victim"`
	Outcome disruption.Outcome `json:"outcome"`
	Budget  string             `json:"budget,omitempty"`
	Error   string             `json:"error,omitempty"`
}

// Change is a change of an object that has to be restored. It is written before the change is
// made, so the change may not have happened. As Restored, it means that all changes of the object
// were restored, and says how.
type Change struct {
	// Object is kind, namespace and name, such as "Node worker-1".
	Object string `json:"object"`
	// What describes the change, such as cordoned, tainted, silenced, scaled or created.
	What string `json:"what"`
	// Move says that it is the end of a move by a stand-in, which is also restored while a loss lasts.
	Move bool `json:"move,omitempty"`
}

// Lost is a pod that is gone or no longer ready, drawn or not. The time of the record is the time
// of the loss.
type Lost struct {
	Victim Victim `json:"victim"`
	// Drawn means that the run drew the pod.
	Drawn bool `json:"drawn"`
	// Budgets are the names of the PodDisruptionBudgets that select the pod.
	Budgets []string `json:"budgets,omitempty"`
}

// Recovered means that the replacement of a lost pod is ready.
type Recovered struct {
	Victim Victim `json:"victim"`
	// LostAt is when the eviction was accepted, or, for a pod that was not drawn, when the loss
	// was observed.
	LostAt      time.Time `json:"lostAt"`
	Seconds     float64   `json:"seconds"`
	Replacement string    `json:"replacement"`
	// ReplacementUID distinguishes a replacement of the same name from the pod itself, which may
	// have become ready again.
	ReplacementUID string `json:"replacementUID"`
	Node           string `json:"node"`
}

// Unneeded means that a lost pod needs no replacement.
type Unneeded struct {
	Victim Victim `json:"victim"`
	Reason string `json:"reason"`
}

// Availability is the number of ready pods of a workload, written on every change.
type Availability struct {
	Workload string `json:"workload"`
	Desired  int    `json:"desired"`
	Ready    int    `json:"ready"`
}

// Budget is the status of a PodDisruptionBudget, written on every change.
type Budget struct {
	Namespace string `json:"namespace"`
	Budget    string `json:"budget"`
	Healthy   int    `json:"healthy"`
	Desired   int    `json:"desired"`
	Allowed   int    `json:"allowed"`
}

// Check is a check of the steady state.
type Check struct {
	Probe string `json:"probe"`
	// Phase is before, during or after.
	Phase   string `json:"phase"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// Note is a message for the reader.
type Note struct {
	Message string `json:"message"`
}

// Upgrade is what a run that replaces nodes is to do, so that another one can continue it.
type Upgrade struct {
	// Cluster is the UID of the cluster's namespace kube-system.
	Cluster string `json:"cluster"`
	// Title names the nodes, such as "Pool general". They are those of Pool, by PoolLabel if it is
	// set, or those with the labels of Selector.
	Title     string `json:"title"`
	Pool      string `json:"pool,omitempty"`
	PoolLabel string `json:"poolLabel,omitempty"`
	Selector  string `json:"selector,omitempty"`
	// Nodes are all that are to be replaced, and Done those that earlier runs have replaced. Before
	// are the others of the cluster that were there at the beginning: they replace nothing.
	Nodes  []Node `json:"nodes"`
	Done   []Node `json:"done,omitempty"`
	Before []Node `json:"before,omitempty"`
	// Gone are nodes that an earlier run has drained and that are gone, but whose replacements it has
	// not seen. Credited are the nodes that have replaced others. Baselines are nodes as they were right
	// before their command.
	Gone      []Node `json:"gone,omitempty"`
	Credited  []Node `json:"credited,omitempty"`
	Baselines []Node `json:"baselines,omitempty"`
	// Taints are those of the nodes that replacements may have, too.
	Taints []string `json:"taints,omitempty"`

	Batch               int             `json:"batch"`
	Surge               bool            `json:"surge"`
	IncludeDoNotDisrupt bool            `json:"includeDoNotDisrupt,omitempty"`
	MakeBeforeBreak     bool            `json:"makeBeforeBreak,omitempty"`
	NodeReady           metav1.Duration `json:"nodeReady,omitzero"`
	// Command replaces a node, or upgrades it in place. ReplacedBy is the label of replacements, and
	// KubeletVersion their version.
	Command        string `json:"command,omitempty"`
	ReplacedBy     string `json:"replacedBy,omitempty"`
	InPlace        bool   `json:"inPlace,omitempty"`
	KubeletVersion string `json:"kubeletVersion,omitempty"`
	// Timeout is how long each part of a wave may take.
	Timeout metav1.Duration `json:"timeout"`
}

// Node is a node as it was.
type Node struct {
	Name   string `json:"name"`
	UID    string `json:"uid"`
	BootID string `json:"bootID,omitempty"`
	// MachineID tells nodes apart that run in containers of one machine, and share its boot ID.
	MachineID      string `json:"machineID,omitempty"`
	KubeletVersion string `json:"kubeletVersion,omitempty"`
}

// Replaced is a node that was replaced.
type Replaced struct {
	Node Node `json:"node"`
	// How says what is known of it: the node is gone, was upgraded in place, or is left cordoned.
	How string `json:"how"`
	// By is the node that counts as its replacement, if it was not upgraded in place.
	By *Node `json:"by,omitempty"`
}

// Verdict is the result of a run.
type Verdict string

// The verdicts, in the order of the exit codes of the command line, from 0.
const (
	Held         Verdict = "held"
	Failed       Verdict = "error"
	Broken       Verdict = "broken"
	Inconclusive Verdict = "inconclusive"
	Refused      Verdict = "refused"
)

// End is the last record.
type End struct {
	Verdict Verdict  `json:"verdict"`
	Reasons []string `json:"reasons,omitempty"`
	// NotRestored means that not everything was restored, or that this is unknown.
	NotRestored bool `json:"notRestored,omitempty"`
}
