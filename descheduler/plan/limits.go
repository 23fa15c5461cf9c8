package plan

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// Limits returns the limits of a wave of these moves, in addition to the budgets and to others:
// a workload without a budget loses at most one pod at a time. A workload that has a stand-in
// loses no other pod meanwhile: its controller might delete the stand-in instead of the pod that
// it stands in for.
func Limits(others disruption.Limits, ledger *disruption.Ledger, owners *cluster.Owners, moves []Move) disruption.Limits {
	beside, moving := map[types.UID]bool{}, map[types.UID]bool{}
	for i := range moves {
		if m := &moves[i]; m.StandIn {
			beside[m.Pod.UID], moving[owners.UIDOf(m.Object)] = true, true
		}
	}
	one := ledger.OneWithoutBudget(owners.UIDOf)
	others.OnePer = func(pod *corev1.Pod) types.UID {
		if workload := owners.UIDOf(pod); moving[workload] {
			return workload
		}
		return one(pod)
	}
	others.Beside = func(pod *corev1.Pod) bool { return beside[pod.UID] }
	return others
}
