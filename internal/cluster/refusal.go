package cluster

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// refusal is the API server's refusal to create a controller's pods, with its message. The
// zero value means that there is none.
type refusal struct {
	refused bool
	message string
}

// hear evaluates a condition of a workload's status. Controllers of all kinds use the same
// condition.
func (r *refusal) hear(condition string, status corev1.ConditionStatus, reason, message string) {
	if condition == string(appsv1.DeploymentReplicaFailure) && status == corev1.ConditionTrue && reason == "FailedCreate" {
		*r = refusal{true, message}
	}
}

func deploymentRefusal(d *appsv1.Deployment) (r refusal) {
	for _, c := range d.Status.Conditions {
		r.hear(string(c.Type), c.Status, c.Reason, c.Message)
	}
	return r
}

func replicaSetRefusal(s *appsv1.ReplicaSet) (r refusal) {
	for _, c := range s.Status.Conditions {
		r.hear(string(c.Type), c.Status, c.Reason, c.Message)
	}
	return r
}

func replicationControllerRefusal(c *corev1.ReplicationController) (r refusal) {
	for _, c := range c.Status.Conditions {
		r.hear(string(c.Type), c.Status, c.Reason, c.Message)
	}
	return r
}

// byQuota reports whether a quota has no room for the pods: then the removal of a pod makes
// room for its replacement. A refusal without a message counts as one.
func (r refusal) byQuota() bool {
	return r.refused && (r.message == "" || strings.Contains(r.message, "exceeded quota"))
}

// irreplaceable returns why removed pods would not be replaced, or "" if they would be.
func (r refusal) irreplaceable() string {
	if !r.refused || r.byQuota() {
		return ""
	}
	return "its pods cannot be created: " + r.message
}

// contend marks workloads for which a quota has no room as irreplaceable if others in their
// namespace could use the room that a pod leaves: such workloads, and workloads that are
// growing.
func contend(short, growing []*Workload) {
	rivals := slices.Concat(short, growing)
	for _, w := range short {
		i := slices.IndexFunc(rivals, func(other *Workload) bool { return other.Namespace == w.Namespace && other != w })
		if i >= 0 {
			w.Irreplaceable = fmt.Sprintf("a quota has no room for all of its replicas, and %s also waits for room", rivals[i])
		}
	}
}
