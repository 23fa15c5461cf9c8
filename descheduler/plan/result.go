package plan

import (
	"time"

	"github.com/stowage-k8s/stowage/internal/disruption"
)

// Result is what came of carrying a plan out.
type Result struct {
	// Evictions are the moves that were tried, in the order in which they were. A plan
	// that was made anew within the run adds its moves to them.
	Evictions []Eviction `json:"evictions"`
	// Dropped are planned moves that were not tried, since the cluster as it was then no
	// longer justified them.
	Dropped []Refusal `json:"dropped,omitempty"`
	// Waves counts the waves that were begun, Replans the plans that were made after the
	// first one.
	Waves   int `json:"waves"`
	Replans int `json:"replans"`
	// Stopped says why the run ended early, in a sentence; empty when it did not.
	Stopped string `json:"stopped,omitempty"`
	// Cause is Stopped in a word: NotStopped when it is empty.
	Cause Cause `json:"cause,omitempty"`
	// Safety says that it ended early since going on could have done harm.
	Safety bool `json:"safety"`
	// Counts are the evictions by outcome.
	Counts disruption.Counts `json:"counts"`
	// After says how full the nodes are at the end of the run.
	After Picture `json:"after"`
	// WavesTook is how long each wave took, from its first eviction until its
	// replacements were ready or given up.
	WavesTook []time.Duration `json:"wavesTookNanoseconds,omitempty"`
	// Took is how long it all took.
	Took time.Duration `json:"tookNanoseconds"`
}

// Eviction is a move that was tried, and what came of it.
type Eviction struct {
	Move Move `json:"move"`
	// Wave counts the waves of the run, from 1, across plans.
	Wave    int                `json:"wave"`
	Outcome disruption.Outcome `json:"outcome"`
	// Error says why the pod was not evicted; empty where it was.
	Error string `json:"error,omitempty"`
	// LandedOn is the node of the replacement; empty where none was seen to have one.
	LandedOn string `json:"landedOn,omitempty"`
	// ReadyAfter is the time from the eviction until the replacement was ready; 0 where
	// it was not seen to be.
	ReadyAfter time.Duration `json:"readyAfterNanoseconds,omitempty"`
	// Completed says that the pod, of a Job, ended well when it was told to end: nothing has to
	// replace it.
	Completed bool `json:"completed,omitempty"`
	// Useless says that the replacement landed where it is no better by the move's
	// objective, Returned that it is the very node that the pod was on.
	Useless  bool `json:"useless"`
	Returned bool `json:"returned"`
}

// Cause is why a run ended early, in a word.
type Cause string

// The causes.
const (
	// NotStopped: the run came to its end.
	NotStopped Cause = ""
	// Interrupted: it was told to end, or its time was over.
	Interrupted Cause = "Interrupted"
	// PodsPending: replacements were not ready by the deadline of their wave.
	PodsPending Cause = "PodsPending"
	// NodesNotReady: nodes went away or were no longer ready.
	NodesNotReady Cause = "NodesNotReady"
	// Refused: budgets or the API server refused more evictions than they should.
	Refused Cause = "Refused"
	// NoProgress: replacements landed where they are no better.
	NoProgress Cause = "NoProgress"
	// Failed: the API server failed, or evictions are not permitted.
	Failed Cause = "Failed"
)

// Causes are all but NotStopped.
func Causes() []Cause {
	return []Cause{Interrupted, PodsPending, NodesNotReady, Refused, NoProgress, Failed}
}
