package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestANewPodHasTheDefaultsOfItsNamespaceAndItsClass(t *testing.T) {
	cpu := func(amount string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}
	}
	owners := NewOwners(&Snapshot{Others: []runtime.Object{
		&corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "defaults"}, Spec: corev1.LimitRangeSpec{
			Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, DefaultRequest: cpu("250m")}},
		}},
		&schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "urgent"}, Value: 1000},
	}})
	pod, note := owners.NewPod(&corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{PriorityClassName: "urgent", Containers: []corev1.Container{{Name: "main"}}},
	}, "shop", "web-1")
	if note != "" || pod.Spec.SchedulerName != corev1.DefaultSchedulerName || pod.Spec.Priority == nil || *pod.Spec.Priority != 1000 {
		t.Errorf("scheduler %q, priority %v, note %q", pod.Spec.SchedulerName, pod.Spec.Priority, note)
	}
	if diff := cmp.Diff(Amounts{corev1.ResourceCPU: 250, corev1.ResourcePods: 1}, Requests(pod)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if pod.Namespace != "shop" || pod.Name != "web-1" || pod.Labels["app"] != "web" || pod.UID == "" {
		t.Errorf("it is %s/%s, UID %q, labels %v", pod.Namespace, pod.Name, pod.UID, pod.Labels)
	}
}
