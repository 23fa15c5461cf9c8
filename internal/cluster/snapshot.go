// Package cluster reads snapshots of a cluster's nodes, pods, owners and budgets, from a live
// API server or from a dump, and computes figures from them.
package cluster

import (
	"context"
	"fmt"
	"iter"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
)

// Snapshot is the state of a cluster at one point in time. Its objects must not be modified.
type Snapshot struct {
	// Taken is the time of the snapshot; zero if it is unknown, as for the output of kubectl.
	Taken time.Time
	// Kubernetes is the version of the API server, such as v1.35.8; "" if it is unknown, as
	// for the output of kubectl.
	Kubernetes string

	Nodes []*corev1.Node
	Pods  []*corev1.Pod

	// Budgets are the PodDisruptionBudgets.
	Budgets    []*policyv1.PodDisruptionBudget
	Namespaces []*corev1.Namespace

	Deployments            []*appsv1.Deployment
	ReplicaSets            []*appsv1.ReplicaSet
	StatefulSets           []*appsv1.StatefulSet
	ReplicationControllers []*corev1.ReplicationController
	Jobs                   []*batchv1.Job

	// Others are the other objects that the scheduler's plugins read: services, volumes with
	// their claims and classes, resource claims and slices.
	Others []runtime.Object
}

// Take lists only the cluster's nodes and pods.
func Take(ctx context.Context, client kubernetes.Interface) (*Snapshot, error) {
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	pods, err := client.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("listing pods: %w", err)
	}
	s := &Snapshot{Taken: time.Now()}
	for i := range nodes.Items {
		s.Nodes = append(s.Nodes, &nodes.Items[i])
	}
	for i := range pods.Items {
		s.Pods = append(s.Pods, &pods.Items[i])
	}
	return s, nil
}

// NamespaceDeleted reports whether a namespace is being deleted.
func NamespaceDeleted(namespace *corev1.Namespace) bool {
	return namespace.DeletionTimestamp != nil || namespace.Status.Phase == corev1.NamespaceTerminating
}

// DeletedNamespaces returns the names of the namespaces that are being deleted. Their pods
// will be deleted and not replaced, so they must not be evicted.
func (s *Snapshot) DeletedNamespaces() map[string]bool {
	deleted := map[string]bool{}
	for _, namespace := range s.Namespaces {
		if NamespaceDeleted(namespace) {
			deleted[namespace.Name] = true
		}
	}
	return deleted
}

// Holds reports whether a pod uses or requests room on a node: whether it has not ended.
func Holds(pod *corev1.Pod) bool {
	return pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// BesidesPods yields all objects except nodes and pods.
func (s *Snapshot) BesidesPods() iter.Seq[runtime.Object] {
	return func(yield func(runtime.Object) bool) {
		_ = each(s.Namespaces, yield) && each(s.Budgets, yield) && each(s.Deployments, yield) && each(s.ReplicaSets, yield) &&
			each(s.StatefulSets, yield) && each(s.ReplicationControllers, yield) && each(s.Jobs, yield) && each(s.Others, yield)
	}
}

func each[T runtime.Object](objects []T, yield func(runtime.Object) bool) bool {
	for _, obj := range objects {
		if !yield(obj) {
			return false
		}
	}
	return true
}

// SameVersion reports whether two objects of the same name are known to be the same version.
func SameVersion(a, b metav1.Object) bool {
	return a == b || a.GetUID() == b.GetUID() && a.GetResourceVersion() != "" && a.GetResourceVersion() == b.GetResourceVersion()
}
