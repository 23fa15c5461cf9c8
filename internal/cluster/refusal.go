package cluster

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// refusal is that the API server refuses the pods which a controller wants to create, and
// what it says. The zero value is that it does not.
type refusal struct {
	refused bool
	message string
}

// hear takes a condition of a workload's status into account. Controllers of all kinds say
// it in the same words.
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

// byQuota reports whether a quota has no room for the pods: a pod that goes leaves the room
// that its replacement takes. A refusal without a message is taken to be one.
func (r refusal) byQuota() bool {
	return r.refused && (r.message == "" || strings.Contains(r.message, "exceeded quota"))
}

// irreplaceable says why pods that go would not be replaced; nothing where they would be.
func (r refusal) irreplaceable() string {
	if !r.refused || r.byQuota() {
		return ""
	}
	return "no pod can be created for it: " + r.message
}

// contend has workloads for which a quota has no room keep their pods where others of their
// namespace could take the room that a pod leaves: such workloads too, and those that are
// growing.
func contend(short, growing []*Workload) {
	rivals := slices.Concat(short, growing)
	for _, w := range short {
		i := slices.IndexFunc(rivals, func(other *Workload) bool { return other.Namespace == w.Namespace && other != w })
		if i >= 0 {
			w.Irreplaceable = fmt.Sprintf("a quota has no room for all of its replicas, and %s waits for that room too", rivals[i])
		}
	}
}
