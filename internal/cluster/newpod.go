package cluster

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// NewPod returns a pod made of a template as it comes to the scheduler: with the defaults of the
// API server, and with what admission adds as far as the picture has it (LimitRanges,
// RuntimeClasses and PriorityClasses). The note says what could not be added.
func (o *Owners) NewPod(from *corev1.PodTemplateSpec, namespace, name string) (pod *corev1.Pod, note string) {
	blank := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID("new/" + namespace + "/" + name)}}
	pod, note = o.makers.complete(&template{PodTemplateSpec: from}, blank)
	pod.Spec.NodeName = ""
	pod.Status = corev1.PodStatus{Phase: corev1.PodPending}
	return pod, note
}
