package strategy

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// Preemptible gives access to what the scheduler's plugin PreemptibleNodes knows.
type Preemptible interface {
	// Node says whether the platform may take the node back at short notice, and whether
	// it has announced that it will, by what the scheduler of that name knows.
	Node(scheduler string, node *corev1.Node) (preemptible, notified bool)
	// Want returns what holds for a pod of a workload with so many desired replicas. The
	// error says what is wrong with the annotations of the pod or of its namespace.
	Want(pod *corev1.Pod, desired int) (PreemptibleWant, error)
}

// PreemptibleWant is a workload's policy for preemptible nodes.
type PreemptibleWant = preemptible.Want

// What a workload may want of preemptible nodes, and the most replicas on them of one
// that has no limit.
const (
	PreemptibleNever     = preemptible.Never
	PreemptibleAllow     = preemptible.Allow
	PreemptiblePrefer    = preemptible.Prefer
	PreemptibleRequire   = preemptible.Require
	PreemptibleUnlimited = preemptible.Unlimited
)
