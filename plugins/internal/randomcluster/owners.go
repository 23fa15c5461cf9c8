package randomcluster

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// newOwnedWorkload draws the requirements of a workload's pods and, in a world with
// Everything, their owner.
func (w *World) newOwnedWorkload() *corev1.Pod {
	pod := w.newWorkload()
	if !w.options.Everything {
		return pod
	}
	meta := w.newMeta(pod.Namespace)
	switch w.IntN(15) {
	case 0: // no owner
	case 1:
		pod.OwnerReferences = owner("apps/v1", "DaemonSet", meta)
	case 2:
		pod.OwnerReferences = owner("apps/v1", "StatefulSet", meta)
		w.own(&appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Replicas: w.replicas()}})
	case 3:
		pod.OwnerReferences = owner("batch/v1", "Job", meta)
		w.own(&batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{Parallelism: w.replicas()}})
	case 4:
		pod.OwnerReferences = owner("example.com/v1", "Rollout", meta)
	default:
		w.own(&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: w.replicas()}})
		pod.OwnerReferences = w.newReplicaSet(pod.Namespace, owner("apps/v1", "Deployment", meta))
	}
	return pod
}

// newReplicaSet creates a ReplicaSet of an owner, and returns the owner reference for its
// pods.
func (w *World) newReplicaSet(namespace string, by []metav1.OwnerReference) []metav1.OwnerReference {
	meta := w.newMeta(namespace)
	meta.OwnerReferences = by
	w.own(&appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Replicas: w.replicas(), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "a"}}}})
	return owner("apps/v1", "ReplicaSet", meta)
}

func (w *World) newMeta(namespace string) metav1.ObjectMeta {
	w.made++
	name := fmt.Sprintf("owner-%d", w.made)
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name)}
}

func owner(apiVersion, kind string, meta metav1.ObjectMeta) []metav1.OwnerReference {
	return []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: meta.Name, UID: meta.UID, Controller: ptr.To(true)}}
}

func (w *World) own(obj runtime.Object) {
	w.store(obj)
	w.owners = append(w.owners, obj)
}

func (w *World) replicas() *int32 {
	return ptr.To(int32(w.IntN(12)))
}

// scale changes the desired replicas of a workload, starts a rollout, or replaces the
// workload.
func (w *World) scale() {
	if w.Chance(0.1) {
		w.workloads[w.IntN(len(w.workloads))] = w.newOwnedWorkload()
		return
	}
	if w.Chance(0.3) {
		pod := Pick(w, w.workloads...)
		if by := metav1.GetControllerOf(pod); by != nil && by.Kind == "ReplicaSet" {
			for _, obj := range w.owners {
				if set, ok := obj.(*appsv1.ReplicaSet); ok && set.UID == by.UID {
					pod.OwnerReferences = w.newReplicaSet(pod.Namespace, set.OwnerReferences)
					return
				}
			}
		}
	}
	if len(w.owners) == 0 {
		return
	}
	i := w.IntN(len(w.owners))
	obj := w.owners[i].DeepCopyObject()
	switch o := obj.(type) {
	case *appsv1.Deployment:
		o.Spec.Replicas = w.replicas()
	case *appsv1.ReplicaSet:
		o.Spec.Replicas = w.replicas()
	case *appsv1.StatefulSet:
		o.Spec.Replicas = w.replicas()
	case *batchv1.Job:
		o.Spec.Parallelism = w.replicas()
	}
	w.store(obj)
	w.owners[i] = obj
}

// newPolicyAnnotations draws the policy of a workload or a namespace for preemptible nodes,
// which is sometimes invalid.
func (w *World) newPolicyAnnotations(likely float64) map[string]string {
	if !w.Chance(likely) {
		return nil
	}
	annotations := map[string]string{}
	if w.Chance(0.6) {
		annotations["stowage.dev/preemptible"] = Pick(w, "never", "allow", "prefer", "prefer", "require")
	}
	if w.Chance(0.5) && annotations["stowage.dev/preemptible"] != "require" {
		annotations["stowage.dev/preemptible-max"] = Pick(w, "0", "1", "3", "50%", "67%", "100%")
	}
	if w.Chance(0.3) && annotations["stowage.dev/preemptible"] != "require" {
		annotations["stowage.dev/on-demand-min"] = Pick(w, "0", "1", "34%", "100%")
	}
	if w.Chance(0.02) {
		annotations["stowage.dev/preemptible-max"] = "many"
	}
	return annotations
}
