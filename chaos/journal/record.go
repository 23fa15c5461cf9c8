// Package journal keeps what a run of chaos did, as JSON lines: enough to report on it, to
// replay it, and to put back what it changed.
package journal

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// Record is one line. Exactly one of the pointers is set.
type Record struct {
	Time time.Time `json:"time"`
	// Step and Tick say what part of the run it belongs to, from 1; 0 is the run as a whole.
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
	End          *End               `json:"end,omitempty"`
}

// Start is the first record.
type Start struct {
	// ID is the run's, which is also on everything that it changes.
	ID      string `json:"id"`
	Version string `json:"version"`
	// Arguments are those of the command line, but for the program's name.
	Arguments []string `json:"arguments"`
	Seed      string   `json:"seed"`
	Cluster   string   `json:"cluster"`
	DryRun    bool     `json:"dryRun"`
	// FakeNodes says that nodes are fake, so that times cover control plane and scheduling only.
	FakeNodes bool `json:"fakeNodes"`
	// Scenario is the run's, as JSON: a command's too, which is a scenario of one step.
	Scenario json.RawMessage `json:"scenario"`
}

// StepBegin is the beginning of a step.
type StepBegin struct {
	Name string `json:"name"`
	// Kind is what it does: the name of a fault, or wait, probe, scale.
	Kind string `json:"kind"`
}

// Victim is a pod that was drawn.
type Victim struct {
	Namespace string `json:"namespace"`
	Pod       string `json:"pod"`
	UID       string `json:"uid"`
	Node      string `json:"node,omitempty"`
	// Workload and Rank are those of target.Pod: what a replay goes by. The rank of a pod
	// that was not drawn is not known, and -1.
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

// Choice is what a fault drew.
type Choice struct {
	Fault string `json:"fault"`
	// How is empty of a fault that takes nothing away.
	How assess.How `json:"how"`
	// Candidates is how many there were to choose from, and Excluded how many were not
	// among them, by why.
	Candidates int            `json:"candidates"`
	Excluded   map[string]int `json:"excluded,omitempty"`
	Victims    []Victim       `json:"victims,omitempty"`
	Nodes      []string       `json:"nodes,omitempty"`
}

// Empty says whether nothing was drawn.
func (c *Choice) Empty() bool { return len(c.Victims)+len(c.Nodes) == 0 }

// Title names what happens: how victims go, or the fault itself where it takes none away.
func (c *Choice) Title() string { return cmp.Or(string(c.How), c.Fault) }

// Request is written before a pod is evicted or deleted, and Answer after.
type Request struct {
	Victim Victim     `json:"victim"`
	How    assess.How `json:"how"`
}

// Answer is what came of a Request.
type Answer struct {
	Victim  Victim             `json:"victim"`
	Outcome disruption.Outcome `json:"outcome"`
	Budget  string             `json:"budget,omitempty"`
	Error   string             `json:"error,omitempty"`
}

// Change is a change of an object that is to be put back. It is written before the change
// is made, so it may not have been made. As Restored it says that all changes of the
// object were put back, and how.
type Change struct {
	// Object is kind, namespace and name, such as "Node worker-1".
	Object string `json:"object"`
	// What was changed, in a few words: cordoned, tainted, silenced, scaled, created.
	What string `json:"what"`
}

// Lost is a pod that is no longer ready, or gone, since the run began: drawn or not. The
// record's time is that of the loss.
type Lost struct {
	Victim Victim `json:"victim"`
	// Drawn says that the run chose it.
	Drawn bool `json:"drawn"`
	// Budgets names the PodDisruptionBudgets, of the pod's namespace, that select it.
	Budgets []string `json:"budgets,omitempty"`
}

// Recovered says that a replacement of a lost pod is ready.
type Recovered struct {
	Victim Victim `json:"victim"`
	// LostAt is when the eviction was accepted or, of a pod that was not drawn, when it was
	// seen to be lost.
	LostAt      time.Time `json:"lostAt"`
	Seconds     float64   `json:"seconds"`
	Replacement string    `json:"replacement"`
	// ReplacementUID tells a replacement of the same name from the pod itself, which may
	// have become ready again.
	ReplacementUID string `json:"replacementUID"`
	Node           string `json:"node"`
}

// Unneeded says that a lost pod is not waited for any more, since nothing is to replace it.
type Unneeded struct {
	Victim Victim `json:"victim"`
	Reason string `json:"reason"`
}

// Availability is how many pods of a workload are ready, whenever that changes.
type Availability struct {
	Workload string `json:"workload"`
	Desired  int    `json:"desired"`
	Ready    int    `json:"ready"`
}

// Budget is what a PodDisruptionBudget says, whenever that changes.
type Budget struct {
	Namespace string `json:"namespace"`
	Budget    string `json:"budget"`
	Healthy   int    `json:"healthy"`
	Desired   int    `json:"desired"`
	Allowed   int    `json:"allowed"`
}

// Check is a look at the steady state.
type Check struct {
	Probe string `json:"probe"`
	// Phase is before, during or after.
	Phase   string `json:"phase"`
	OK      bool   `json:"ok"`
	Message string `json:"message"`
}

// Note is something that a reader should know.
type Note struct {
	Message string `json:"message"`
}

// Verdict is how a run came out.
type Verdict string

// The verdicts; the exit codes of the command line are in this order, from 0.
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
	// NotRestored says that not everything could be put back, or that nobody could look.
	NotRestored bool `json:"notRestored,omitempty"`
}
