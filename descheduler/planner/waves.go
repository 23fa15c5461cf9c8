package planner

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/disruption"
)

// waves cuts the moves into waves by what the budgets allow now.
func (r *run) waves(limits disruption.Limits) [][]int {
	index := make(map[types.UID]int, len(r.moves))
	pods := make([]*corev1.Pod, len(r.moves))
	for i := range r.moves {
		pods[i] = r.moves[i].Object
		index[pods[i].UID] = i
	}
	waves := [][]int{}
	cut := r.ledger.Waves(pods, limits)
	for _, wave := range cut.Waves {
		indices := make([]int, len(wave))
		for i, pod := range wave {
			indices[i] = index[pod.UID]
		}
		waves = append(waves, indices)
	}
	return waves
}
