package candidatenodes_test

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stowage-k8s/stowage/internal/cluster/clustertest"
)

// AddNode, and what else makes an engine a randomcluster.Cluster, tell the API server.
// To settle is up to the test.
func (e *engine) AddNode(node *corev1.Node) {
	if e.filled {
		node = node.DeepCopy()
		clustertest.FillTrimmed(node)
	}
	e.put(node)
}

func (e *engine) RemoveNode(node *corev1.Node) error { e.remove(node); return nil }

func (e *engine) AddPod(pod *corev1.Pod) error {
	pod = e.known(pod)
	e.start(pod)
	e.put(pod)
	return nil
}

func (e *engine) UpdatePod(_, after *corev1.Pod) error {
	before := e.pod(after.Namespace, after.Name)
	if before == nil {
		return nil // a victim
	}
	after = e.known(after)
	if before.DeletionTimestamp != nil {
		after.DeletionTimestamp = before.DeletionTimestamp
	}
	after.Status = *before.Status.DeepCopy()
	e.put(after)
	return nil
}

func (e *engine) RemovePod(pod *corev1.Pod) error { e.remove(pod); return nil }

func (e *engine) Store(obj runtime.Object) error { e.put(obj.DeepCopyObject()); return nil }

func (e *engine) Forget(obj runtime.Object) error { e.remove(obj); return nil }

// known returns the pod as an API server would have it.
func (e *engine) known(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	if pod.Spec.SchedulerName == "" {
		pod.Spec.SchedulerName = "stowage"
	}
	if pod.DeletionTimestamp != nil {
		pod.DeletionTimestamp = &metav1.Time{Time: firstStart}
	}
	if e.filled {
		clustertest.FillTrimmed(pod)
	}
	return pod
}

// submit adds a pod that waits to be scheduled.
func (e *engine) submit(pod *corev1.Pod) {
	e.t.Helper()
	e.put(e.known(pod))
}
