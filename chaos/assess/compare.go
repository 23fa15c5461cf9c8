package assess

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/report"
)

// Reality is the observed effect of a loss, to compare with a prediction.
type Reality struct {
	// Gone are the removed pods: evicted, deleted or removed by the control plane.
	Gone map[types.UID]bool
	// Workloads are the observed workloads by key.
	Workloads map[string]WorkloadReality
}

// WorkloadReality is the observed availability of a workload.
type WorkloadReality struct {
	// Floor is the minimum number of ready pods, Ready the number at the end, and Pending the number of
	// lost pods without a ready replacement at the end.
	Floor, Ready, Pending int
}

// Accuracy is how accurate a prediction was.
type Accuracy struct {
	Statements int `json:"statements"`
	Right      int `json:"right"`
	// Wrong lists the wrong statements: what was predicted, and what happened.
	Wrong []string `json:"wrong,omitempty"`
}

// Percent returns the percentage of correct statements; false if there are none.
func (a Accuracy) Percent() (float64, bool) {
	if a.Statements == 0 {
		return 0, false
	}
	return 100 * float64(a.Right) / float64(a.Statements), true
}

// Add adds the statements of another prediction.
func (a *Accuracy) Add(other Accuracy) {
	a.Statements += other.Statements
	a.Right += other.Right
	a.Wrong = append(a.Wrong, other.Wrong...)
}

// Compare compares a prediction with reality. A prediction makes these statements:
//   - for each pod, except those that stay on their nodes, those that wait on a dead node until
//     somebody deletes them, and those that were already terminating: it is removed, or kept;
//   - for each observed workload: the number of ready pods never drops below the floor, the number
//     at the end, and the number of lost pods that wait for a replacement at the end. The last two
//     are left out if the node of a replacement is unknown, or if a pod is preempted.
func Compare(p *Prediction, reality Reality) Accuracy {
	var a Accuracy
	state := func(right bool, format string, args ...any) {
		a.Statements++
		if right {
			a.Right++
			return
		}
		a.Wrong = append(a.Wrong, fmt.Sprintf(format, args...))
	}
	pending, unknown := map[string]int{}, map[string]bool{}
	for _, pod := range p.Pods {
		if pod.PreemptedBy != "" {
			// One of several that would do: the scheduler looks at some nodes only.
			unknown[pod.Workload] = true
			continue
		}
		if pod.Leaving {
			continue
		}
		gone := reality.Gone[pod.UID]
		switch pod.Fate {
		case Stays:
			continue
		case Kept:
			state(!gone, "pod %s/%s was predicted to stay, but was removed", pod.Namespace, pod.Pod)
			continue
		case Unknown:
			unknown[pod.Workload] = true
		case Pending:
			if pending[pod.Workload]++; pod.Late {
				continue
			}
		}
		state(gone, "pod %s/%s was predicted to be removed, but is still there", pod.Namespace, pod.Pod)
	}
	for _, w := range p.Workloads {
		was, observed := reality.Workloads[w.Workload]
		if !observed {
			continue
		}
		state(was.Floor >= w.Floor, "%s: at least %s predicted, but %d at the worst moment", w.Workload, report.Count(w.Floor, "ready pod"), was.Floor)
		if unknown[w.Workload] {
			continue
		}
		state(was.Ready == w.After, "%s: %s predicted for the end, but there are %d", w.Workload, report.Count(w.After, "ready pod"), was.Ready)
		state(was.Pending == pending[w.Workload], "%s: %s predicted for the end, but there are %d", w.Workload, report.Count(pending[w.Workload], "pending pod"), was.Pending)
	}
	return a
}
