package disruption

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Covering returns the names of the budgets that select the pod, in their order.
func (l *Ledger) Covering(pod *corev1.Pod) []types.NamespacedName {
	var names []types.NamespacedName
	for _, b := range l.covering(pod) {
		names = append(names, b.key())
	}
	return names
}

// Health returns how many pods of the budget are healthy, by the picture and without those
// that this run has evicted, and how many have to be, by its spec. It knows neither of a
// budget that is not in the picture or cannot be read.
func (l *Ledger) Health(name types.NamespacedName) (healthy, desired int, known bool) {
	b := l.budgets[name]
	if b == nil {
		return 0, 0, false
	}
	desired, err := b.desired()
	return b.healthy, desired, err == nil
}

// Behind says whether the budget's status is yet to show what the picture shows: it counts fewer
// pods as healthy, or lacks evictions of this run. The disruption controller takes a moment to
// count, and the API server allows nothing more meanwhile. A budget that is not in the picture, or
// that the controller cannot count, is not waited for.
func (l *Ledger) Behind(name types.NamespacedName) bool {
	b := l.budgets[name]
	if b == nil {
		return false
	}
	if _, failed := SyncFailed(b.PodDisruptionBudget); failed {
		return false
	}
	return !b.current() || b.uncounted > 0 || int(b.Status.CurrentHealthy) < b.healthy
}
