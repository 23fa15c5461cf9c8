package assess

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"
)

// Reality is what came of a loss, to compare a prediction with.
type Reality struct {
	// Gone are the pods that went: evicted, deleted or removed by the control plane.
	Gone map[types.UID]bool
	// Workloads are those that were observed, by their keys.
	Workloads map[string]WorkloadReality
}

// WorkloadReality is how a workload did.
type WorkloadReality struct {
	// Floor is how few pods were ready at the worst moment, Ready how many in the end, and
	// Pending how many of those lost had no ready replacement in the end.
	Floor, Ready, Pending int
}

// Accuracy is how right a prediction was.
type Accuracy struct {
	Statements int `json:"statements"`
	Right      int `json:"right"`
	// Wrong says in a sentence each what was predicted and what came.
	Wrong []string `json:"wrong,omitempty"`
}

// Percent returns how much of what was said was right, from 0 to 100; false, where nothing
// was said.
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

// Compare holds a prediction against reality. The prediction makes these statements:
//   - of each pod that it is about, but for those that stay on their nodes, those that wait on
//     a dead one until somebody deletes them, and those that were on their way out before: that
//     it goes, or is kept;
//   - of each of its workloads that was observed: that its ready pods never are fewer than
//     the floor, which is the worst case; that so many are ready in the end; and that so
//     many of those lost wait for a replacement then. The last two are not said of a workload
//     that has a pod whose replacement's place is not known, or one that is pushed out.
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
			state(!gone, "pod %s/%s should have been kept, and went", pod.Namespace, pod.Pod)
			continue
		case Unknown:
			unknown[pod.Workload] = true
		case Pending:
			if pending[pod.Workload]++; pod.Late {
				continue
			}
		}
		state(gone, "pod %s/%s should have gone, and is still there", pod.Namespace, pod.Pod)
	}
	for _, w := range p.Workloads {
		was, observed := reality.Workloads[w.Workload]
		if !observed {
			continue
		}
		state(was.Floor >= w.Floor, "%s: no fewer than %d pods should have been ready, and %d were", w.Workload, w.Floor, was.Floor)
		if unknown[w.Workload] {
			continue
		}
		state(was.Ready == w.After, "%s: %d pods should be ready in the end, and %d are", w.Workload, w.After, was.Ready)
		state(was.Pending == pending[w.Workload], "%s: %d pods should be pending in the end, and %d are", w.Workload, pending[w.Workload], was.Pending)
	}
	return a
}
