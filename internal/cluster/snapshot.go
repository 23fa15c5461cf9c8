// Package cluster answers what a cluster is: a picture of its nodes, pods, owners and
// budgets at one moment, from a live API server or from a dump, and figures drawn
// from it.
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

// Snapshot is a picture of a cluster. Nobody changes the objects in it.
type Snapshot struct {
	// Taken is when the picture was taken; zero where that is not known, as of what kubectl
	// shows.
	Taken time.Time
	// Kubernetes is the version of the API server, such as v1.35.8; empty where that is not
	// known, as of what kubectl shows.
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

	// Others are what else the scheduler's plugins look at: services, volumes and
	// their claims and classes, resource claims and slices.
	Others []runtime.Object
}

// Take lists the cluster's nodes and pods, and nothing else.
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

// DeletedNamespaces returns the names of the namespaces that are being deleted. Their pods are on
// their way out: nobody evicts them, and nothing replaces them.
func (s *Snapshot) DeletedNamespaces() map[string]bool {
	deleted := map[string]bool{}
	for _, namespace := range s.Namespaces {
		if NamespaceDeleted(namespace) {
			deleted[namespace.Name] = true
		}
	}
	return deleted
}

// Holds reports whether a pod takes up room on a node, or asks for it: whether it has
// not come to its end.
func Holds(pod *corev1.Pod) bool {
	return pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// BesidesPods yields everything but nodes and pods.
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
