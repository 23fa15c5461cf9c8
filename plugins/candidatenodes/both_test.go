package candidatenodes_test

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stowage-k8s/stowage/plugins/internal/randomcluster"
)

// both tells two clusters the same.
type both [2]randomcluster.Cluster

func (b both) AddNode(node *corev1.Node) {
	b[0].AddNode(node)
	b[1].AddNode(node)
}

func (b both) RemoveNode(node *corev1.Node) error {
	return b.each(func(c randomcluster.Cluster) error { return c.RemoveNode(node) })
}

func (b both) AddPod(pod *corev1.Pod) error {
	return b.each(func(c randomcluster.Cluster) error { return c.AddPod(pod) })
}

func (b both) UpdatePod(before, after *corev1.Pod) error {
	return b.each(func(c randomcluster.Cluster) error { return c.UpdatePod(before, after) })
}

func (b both) RemovePod(pod *corev1.Pod) error {
	return b.each(func(c randomcluster.Cluster) error { return c.RemovePod(pod) })
}

func (b both) Store(obj runtime.Object) error {
	return b.each(func(c randomcluster.Cluster) error { return c.Store(obj) })
}

func (b both) Forget(obj runtime.Object) error {
	return b.each(func(c randomcluster.Cluster) error { return c.Forget(obj) })
}

func (b both) each(tell func(randomcluster.Cluster) error) error {
	if err := tell(b[0]); err != nil {
		return err
	}
	return tell(b[1])
}
