package deschedule

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// template returns the pod template of the workload's ReplicaSet, which has the label
// of its revision.
func (w Workload) template() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{appLabel: w.Name, appsv1.DefaultDeploymentUniqueLabelKey: w.revision()}},
		Spec:       *w.Spec.DeepCopy(),
	}
}

// revision is what a Deployment would make up for its first revision.
func (w Workload) revision() string { return "first" }

// pods returns the replicas where they begin.
func (w Workload) pods(namespace string) []*corev1.Pod {
	var pods []*corev1.Pod
	for i, node := range w.Nodes {
		t := w.template()
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("%s-%s-%d", w.Name, w.revision(), i), Labels: t.Labels}, Spec: t.Spec}
		pod.Spec.NodeName = node
		pods = append(pods, pod)
	}
	return pods
}

// replicaSet returns the ReplicaSet that the replicas belong to.
func (w Workload) replicaSet(namespace string) *appsv1.ReplicaSet {
	t := w.template()
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: w.Name + "-" + w.revision(), Labels: t.Labels},
		Spec:       appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(len(w.Nodes))), Selector: &metav1.LabelSelector{MatchLabels: t.Labels}, Template: t},
	}
}

// deployment returns the Deployment that the ReplicaSet belongs to.
func (w Workload) deployment(namespace string) *appsv1.Deployment {
	t := w.template()
	delete(t.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: w.Name, Labels: t.Labels},
		Spec:       appsv1.DeploymentSpec{Replicas: ptr.To(int32(len(w.Nodes))), Selector: &metav1.LabelSelector{MatchLabels: t.Labels}, Template: t},
	}
}

// budget returns the PodDisruptionBudget, or nil where the workload has none.
func (w Workload) budget(namespace string) *policyv1.PodDisruptionBudget {
	if w.MaxUnavailable == 0 && !w.Frozen {
		return nil
	}
	labels := map[string]string{appLabel: w.Name}
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: w.Name, Labels: labels},
		Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: ptr.To(intstr.FromInt(w.MaxUnavailable)), Selector: &metav1.LabelSelector{MatchLabels: labels}},
	}
}
