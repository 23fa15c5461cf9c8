package cluster

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Workload is what pods belong to: their top controller.
type Workload struct {
	Kind, Namespace, Name string
	UID                   types.UID
	// Desired is how many replicas it asks for, or -1 where that is not known.
	Desired int
	// Rollout says what is under way and should be waited for; empty where nothing is.
	Rollout string
}

func (w *Workload) String() string { return fmt.Sprintf("%s %s/%s", w.Kind, w.Namespace, w.Name) }

// Owners finds the workloads of a snapshot's pods.
type Owners struct {
	workloads map[types.UID]*Workload // by the UID of the pods' direct controller
}

// NewOwners returns the owners of a snapshot.
func NewOwners(s *Snapshot) *Owners {
	return &Owners{workloads: map[types.UID]*Workload{}}
}

// Of returns the workload of a pod: the Deployment of a ReplicaSet's pod, the
// controller itself otherwise. Nil where the pod has no controller.
func (o *Owners) Of(pod *corev1.Pod) *Workload {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return nil
	}
	if w, known := o.workloads[owner.UID]; known {
		return w
	}
	return &Workload{Kind: owner.Kind, Namespace: pod.Namespace, Name: owner.Name, UID: owner.UID, Desired: -1}
}
