package planner

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// cut cuts pods into waves.
func (r *run) cut(pods []*corev1.Pod, moves []plan.Move) disruption.Plan {
	return r.ledger.Waves(pods, plan.Limits(r.planner.opts.Wave, r.ledger, r.state.Owners(), moves))
}

// waves cuts the moves into waves by what the budgets allow now.
func (r *run) waves() [][]int {
	index := make(map[types.UID]int, len(r.moves))
	pods := make([]*corev1.Pod, len(r.moves))
	for i := range r.moves {
		pods[i] = r.moves[i].Object
		index[pods[i].UID] = i
	}
	waves := [][]int{}
	cut := r.cut(pods, r.moves)
	for _, wave := range cut.Waves {
		indices := make([]int, len(wave))
		for i, pod := range wave {
			indices[i] = index[pod.UID]
		}
		waves = append(waves, indices)
	}
	r.reunite(waves)
	return waves
}

// reunite puts the pods of a swap that were cut apart into the later wave of the two.
func (r *run) reunite(waves [][]int) {
	later := map[int]int{} // by the number of the swap
	for wave, indices := range waves {
		for _, i := range indices {
			if swap := r.moves[i].Together; swap != 0 {
				later[swap] = wave
			}
		}
	}
	for wave := range waves {
		var stay []int
		for _, i := range waves[wave] {
			if swap := r.moves[i].Together; swap != 0 && later[swap] != wave {
				waves[later[swap]] = append(waves[later[swap]], i)
			} else {
				stay = append(stay, i)
			}
		}
		waves[wave] = stay
	}
}

// atOnce says whether the pods may leave in the same wave.
func (r *run) atOnce(pods []*corev1.Pod) bool {
	cut := r.cut(pods, nil)
	return len(cut.Waves) == 1 && len(cut.Waves[0]) == len(pods)
}
