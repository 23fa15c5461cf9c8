package plan

import (
	"time"

	"github.com/stowage-k8s/stowage/internal/disruption"
)

// Result is the result of executing a plan.
type Result struct {
	// Evictions are the moves that were tried, in order. New plans within the run add theirs.
	Evictions []Eviction `json:"evictions"`
	// Dropped are planned moves that were not tried, because the cluster had changed and no
	// longer justified them.
	Dropped []Refusal `json:"dropped,omitempty"`
	// Waves counts the waves that were started, Replans the plans that were made after the
	// first one.
	Waves   int `json:"waves"`
	Replans int `json:"replans"`
	// Stopped says in a sentence why the run ended early. It is empty if it did not.
	Stopped string `json:"stopped,omitempty"`
	// Cause is Stopped in a word: NotStopped if it is empty.
	Cause Cause `json:"cause,omitempty"`
	// Safety says that it ended early because continuing could have done harm.
	Safety bool `json:"safety"`
	// Counts are the evictions by outcome.
	Counts disruption.Counts `json:"counts"`
	// After is the utilization of the nodes at the end of the run.
	After Picture `json:"after"`
	// WavesTook is how long each wave took, from its first eviction until its
	// replacements were ready or given up.
	WavesTook []time.Duration `json:"wavesTookNanoseconds,omitempty"`
	// Took is how long the run took.
	Took time.Duration `json:"tookNanoseconds"`
}

// The outcomes of moves by a stand-in.
const (
	// Moved: the stand-in was ready, and then the pod was deleted.
	Moved disruption.Outcome = "Moved"
	// NotMoved: the pod is where it was. Its stand-in is removed, unless the error says otherwise.
	NotMoved disruption.Outcome = "NotMoved"
)

// Eviction is a move that was tried, with its result.
type Eviction struct {
	Move Move `json:"move"`
	// Wave counts the waves of the run, from 1, across plans.
	Wave    int                `json:"wave"`
	Outcome disruption.Outcome `json:"outcome"`
	// Error says why the pod was not evicted or moved. It is empty if it was.
	Error string `json:"error,omitempty"`
	// LandedOn is the node of the replacement, if it was found on one.
	LandedOn string `json:"landedOn,omitempty"`
	// ReadyAfter is the time from the eviction until the replacement was ready, or 0 if it was
	// not.
	ReadyAfter time.Duration `json:"readyAfterNanoseconds,omitempty"`
	// Completed says that the pod of a Job completed when it was terminated, and needs no
	// replacement.
	Completed bool `json:"completed,omitempty"`
	// Useless says that the replacement landed on a node that is no better by the move's
	// objective, Returned that it is the pod's old node.
	Useless  bool `json:"useless"`
	Returned bool `json:"returned"`
}

// Cause is why a run ended early, in a word.
type Cause string

// The causes.
const (
	// NotStopped: the run was complete.
	NotStopped Cause = ""
	// Interrupted: it got SIGTERM, or its time was over.
	Interrupted Cause = "Interrupted"
	// PodsPending: replacements were not ready by the deadline of their wave.
	PodsPending Cause = "PodsPending"
	// NodesNotReady: nodes were deleted or became NotReady.
	NodesNotReady Cause = "NodesNotReady"
	// Refused: budgets or the API server refused too many evictions.
	Refused Cause = "Refused"
	// NoProgress: replacements landed on nodes that are no better.
	NoProgress Cause = "NoProgress"
	// Failed: the API server failed, or evictions are forbidden.
	Failed Cause = "Failed"
)

// Causes are all but NotStopped.
func Causes() []Cause {
	return []Cause{Interrupted, PodsPending, NodesNotReady, Refused, NoProgress, Failed}
}
