package strategy

import corev1 "k8s.io/api/core/v1"

// Preemptible answers what the scheduler's plugin PreemptibleNodes knows.
type Preemptible interface {
	// Node says whether the platform may take the node back at short notice, and whether
	// it has announced that it will.
	Node(scheduler string, node *corev1.Node) (preemptible, notified bool)
	// Want returns what holds for a pod of a workload with so many desired replicas.
	Want(pod *corev1.Pod, desired int) (PreemptibleWant, error)
}

// PreemptibleWant is what a workload wants of preemptible nodes.
type PreemptibleWant struct {
	// Max is the most replicas that may be on preemptible nodes.
	Max int
	// Prefer says that they should be there, up to Max.
	Prefer bool
}
