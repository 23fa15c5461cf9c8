package disruption

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/report"
)

// budget is a PodDisruptionBudget with what the ledger counts of it.
type budget struct {
	*policyv1.PodDisruptionBudget
	selector labels.Selector
	// healthy is how many pods of the picture count as available.
	healthy int
	// uncounted is how many evictions of this run the status does not show.
	uncounted int
}

// newBudget returns nil for an invalid selector: the API server treats it as selecting
// nothing. A nil selector selects nothing either; an empty one selects all pods.
func newBudget(pdb *policyv1.PodDisruptionBudget) *budget {
	selector, err := metav1.LabelSelectorAsSelector(pdb.Spec.Selector)
	if err != nil {
		return nil
	}
	return &budget{PodDisruptionBudget: pdb, selector: selector}
}

func (b *budget) key() types.NamespacedName {
	return types.NamespacedName{Namespace: b.Namespace, Name: b.Name}
}

// SyncFailed says whether the disruption controller cannot count the budget's pods, so that
// it allows no disruptions, and returns the controller's message.
func SyncFailed(pdb *policyv1.PodDisruptionBudget) (message string, failed bool) {
	c := meta.FindStatusCondition(pdb.Status.Conditions, policyv1.DisruptionAllowedCondition)
	if c == nil || c.Status == metav1.ConditionTrue || c.Reason != policyv1.SyncFailedReason {
		return "", false
	}
	return c.Message, true
}

// current says whether the status was computed from the spec as it is.
func (b *budget) current() bool { return b.Status.ObservedGeneration == b.Generation }

// countsAsHealthy says whether the pod is one of those that keep the budget. Pending
// pods are none. Those that are about to be deleted are none, as for the disruption
// controller, which knows nothing of those whose eviction goes on in the background; the map
// is by name, so a successor of the same name is none either. A stand-in is none yet: that the
// budget has one more meanwhile is for the pod that it stands in for.
func (b *budget) countsAsHealthy(pod *corev1.Pod) bool {
	_, disrupted := b.Status.DisruptedPods[pod.Name]
	return !disrupted && !cluster.Leaving(pod) && !cluster.IsStandIn(pod) && guarded(pod) && Ready(pod)
}

// desired returns how many pods must stay healthy. Both percentages are rounded up,
// as the disruption controller does: 50 % of 3 unavailable are 2 pods.
func (b *budget) desired() (int, error) {
	expected := int(b.Status.ExpectedPods)
	switch spec := b.Spec; {
	case spec.MaxUnavailable != nil:
		unavailable, err := intstr.GetScaledValueFromIntOrPercent(spec.MaxUnavailable, expected, true)
		return max(0, expected-unavailable), err
	case spec.MinAvailable != nil:
		return intstr.GetScaledValueFromIntOrPercent(spec.MinAvailable, expected, true)
	}
	return expected, nil // neither is set: the disruption controller allows no disruptions
}

// allowed is Ledger.Allowed.
func (b *budget) allowed() int {
	desired, err := b.desired()
	if err != nil || !b.current() || b.Status.ExpectedPods <= 0 {
		return 0
	}
	return max(0, min(int(b.Status.DisruptionsAllowed)-b.uncounted, b.healthy-desired))
}

// keeps says whether the budget has all the healthy pods that it needs, by its status
// and by the picture, and whether it needs any.
func (b *budget) keeps() (kept, needs bool) {
	desired, err := b.desired()
	kept = err == nil && b.healthy >= desired && b.Status.CurrentHealthy >= b.Status.DesiredHealthy
	return kept, desired > 0 && b.Status.DesiredHealthy > 0
}

// why says in words what the budget allows and how much of it this run has used.
func (b *budget) why() string {
	// First, since the status of a budget that could never be counted stays behind its spec.
	if message, failed := SyncFailed(b.PodDisruptionBudget); failed {
		return fmt.Sprintf("budget %s allows no disruptions, because the disruption controller cannot count its pods: %s", b.key(), message)
	}
	if !b.current() {
		return fmt.Sprintf("budget %s was changed, and the disruption controller has not updated its status yet: wait for it", b.key())
	}
	desired, err := b.desired()
	if err != nil {
		return fmt.Sprintf("budget %s allows no disruptions, because it is invalid: %v", b.key(), err)
	}
	allows := "no disruptions"
	if b.Status.DisruptionsAllowed > 0 {
		allows = report.Count(int(b.Status.DisruptionsAllowed), "disruption")
	}
	if b.uncounted > 0 {
		allows += fmt.Sprintf(", and this run has used %d", b.uncounted)
	}
	return fmt.Sprintf("budget %s needs %s and has %d; its status allows %s", b.key(), report.Count(desired, "healthy pod"), b.healthy, allows)
}

// terminal says whether the pod has finished.
func terminal(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

func isPending(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodPending }

// guarded says whether the API server asks a budget before it evicts the pod.
func guarded(pod *corev1.Pod) bool { return !terminal(pod) && !isPending(pod) }

// Ready says whether the pod is ready by its condition.
func Ready(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}
