package strategies

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// utilizationKind identifies pods that the scheduler treats alike: pods of the same template and
// size. A pod with its own claims, or without a controller, is a kind by itself.
type utilizationKind struct {
	owner       types.UID
	cpu, memory int64
}

func utilizationKindOf(pod *corev1.Pod) utilizationKind {
	owner := metav1.GetControllerOfNoCopy(pod)
	claims := slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil || v.Ephemeral != nil })
	if owner == nil || claims || len(pod.Spec.ResourceClaims) > 0 {
		return utilizationKind{owner: pod.UID}
	}
	requests := cluster.Requests(pod)
	return utilizationKind{owner: owner.UID, cpu: requests[corev1.ResourceCPU], memory: requests[corev1.ResourceMemory]}
}

// utilizationTries is on how many nodes in a row a kind of pods may be refused before it is given
// up.
const utilizationTries = 3

// utilizationKinds counts the refusals of kinds of pods.
type utilizationKinds map[utilizationKind]int

// note records the result of a proposal. Only the scheduler's results apply to the whole kind.
func (k utilizationKinds) note(kind utilizationKind, outcome strategy.Outcome) {
	switch {
	case outcome.Kept:
		delete(k, kind)
	case utilizationSimulated(outcome.Rule):
		k[kind]++
	}
}

func (k utilizationKinds) hopeless(kind utilizationKind) bool { return k[kind] >= utilizationTries }

// utilizationSimulated says whether the rule is a result of simulating the scheduler, which is
// the same for alike pods.
func utilizationSimulated(rule strategy.Rule) bool {
	switch rule {
	case strategy.NoDestination, strategy.WouldReturn, strategy.NoImprovement, strategy.UnknownScheduler:
		return true
	}
	return false
}
