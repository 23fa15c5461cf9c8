package cluster

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The change of a workload that is in progress, as a phrase; "" if there is none. Pods that
// are not ready do not count as a change: waiting for a workload that is permanently broken
// would never end, nor for a rollout that has exceeded its deadline, nor for replicas that
// exceed a quota. A paused rollout counts, because somebody is expected to resume it.

func deploymentRollout(d *appsv1.Deployment) string {
	if phrase := firstSteps(d, d.Status.ObservedGeneration); phrase != "" {
		return phrase
	}
	desired, status := replicas(d.Spec.Replicas), d.Status
	old := int(status.Replicas - status.UpdatedReplicas)
	switch {
	case old > 0 && d.Spec.Paused:
		return fmt.Sprintf("paused in mid-rollout: %d of %d replicas updated", status.UpdatedReplicas, desired)
	case old > 0 && progress(d) == stalled:
		return ""
	case old > 0:
		return fmt.Sprintf("being rolled out: %d old replicas left, %d of %d updated", old, status.UpdatedReplicas, desired)
	case int(status.Replicas) != desired:
		return scaled(status.Replicas, desired, deploymentRefusal(d))
	case progress(d) == underWay && int(status.AvailableReplicas) < desired:
		return fmt.Sprintf("being rolled out: %d of %d replicas available", status.AvailableReplicas, desired)
	}
	return ""
}

// progressing is the progress of a rollout according to the deployment controller.
type progressing int

const (
	over     progressing = iota // or not reported
	underWay                    // not all new replicas are available
	stalled                     // has exceeded its deadline
)

// progress returns the result of the Progressing condition. A rollout that has completed
// remains complete, whatever happens to the pods.
func progress(d *appsv1.Deployment) progressing {
	for _, c := range d.Status.Conditions {
		switch {
		case c.Type != appsv1.DeploymentProgressing:
		case c.Status == corev1.ConditionFalse:
			return stalled
		case c.Status == corev1.ConditionTrue && c.Reason != "NewReplicaSetAvailable":
			return underWay
		}
	}
	return over
}

func statefulSetRollout(s *appsv1.StatefulSet) string {
	if phrase := firstSteps(s, s.Status.ObservedGeneration); phrase != "" {
		return phrase
	}
	desired, status := replicas(s.Spec.Replicas), s.Status
	// The pods below the partition keep the former revision permanently.
	partition := 0
	if rolling := s.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.Partition != nil {
		partition = int(*rolling.Partition)
	}
	updating := max(0, desired-partition)
	// With OnDelete, pods only change when they are deleted by somebody.
	moves := s.Spec.UpdateStrategy.Type != appsv1.OnDeleteStatefulSetStrategyType && status.CurrentRevision != status.UpdateRevision
	switch {
	case moves && int(status.UpdatedReplicas) < updating:
		return fmt.Sprintf("being rolled out: %d of %d replicas updated", status.UpdatedReplicas, updating)
	case int(status.Replicas) != desired:
		return scaled(status.Replicas, desired, refusal{})
	case moves && partition == 0 && int(status.ReadyReplicas) < desired:
		return fmt.Sprintf("being rolled out: %d of %d replicas ready", status.ReadyReplicas, desired)
	}
	return ""
}

func replicaSetRollout(s *appsv1.ReplicaSet) string {
	if phrase := firstSteps(s, s.Status.ObservedGeneration); phrase != "" {
		return phrase
	}
	return scaled(s.Status.Replicas, replicas(s.Spec.Replicas), replicaSetRefusal(s))
}

// replicaSetsRollout is for a controller that is only known by its ReplicaSets: if several of
// them are in use, it is moving from one to another.
func replicaSetsRollout(sets []*appsv1.ReplicaSet) string {
	phrase, used := "", 0
	for _, set := range sets {
		if replicas(set.Spec.Replicas) > 0 || set.Status.Replicas > 0 {
			used++
		}
		if phrase == "" {
			phrase = replicaSetRollout(set)
		}
	}
	if used > 1 {
		return fmt.Sprintf("being rolled out: %d ReplicaSets have replicas", used)
	}
	return phrase
}

func replicationControllerRollout(c *corev1.ReplicationController) string {
	if phrase := firstSteps(c, c.Status.ObservedGeneration); phrase != "" {
		return phrase
	}
	return scaled(c.Status.Replicas, replicas(c.Spec.Replicas), replicationControllerRefusal(c))
}

// firstSteps is what must happen before a status is meaningful.
func firstSteps(object metav1.Object, observed int64) string {
	if phrase := beingDeleted(object); phrase != "" {
		return phrase
	}
	if observed < object.GetGeneration() {
		return "its controller has not observed its latest spec yet"
	}
	return ""
}

func beingDeleted(object metav1.Object) string {
	if object.GetDeletionTimestamp() != nil {
		return "being deleted"
	}
	return ""
}

// scaled returns the difference between actual and desired replicas that is in progress.
// Replicas that exceed a quota are not.
func scaled(from int32, to int, refused refusal) string {
	if int(from) == to || int(from) < to && refused.byQuota() {
		return ""
	}
	return fmt.Sprintf("being scaled: %d of %d replicas exist", from, to)
}
