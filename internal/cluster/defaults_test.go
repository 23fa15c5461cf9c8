package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

// TestReplacementHasWhatAdmissionGives: what LimitRanges and RuntimeClasses of the picture
// say holds, and not what they once gave to the pod.
func TestReplacementHasWhatAdmissionGives(t *testing.T) {
	const resized = "requests that neither its template nor a LimitRange in the snapshot sets are copied from the pod, which may have been resized"
	limits := func(namespace string, item corev1.LimitRangeItem) *corev1.LimitRange {
		return &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "limits"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{item}}}
	}
	micro := &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "vm"}, Overhead: &nodev1.Overhead{PodFixed: cpu("500m")}, Scheduling: &nodev1.Scheduling{
		NodeSelector: map[string]string{"vm": "yes"}, Tolerations: []corev1.Toleration{{Key: "vm", Operator: corev1.TolerationOpExists}},
	}}
	inVM := func(s *corev1.PodSpec) { s.RuntimeClassName = ptr.To("vm") }
	unsized := func(s *corev1.PodSpec) { s.Containers[0].Resources = corev1.ResourceRequirements{} }
	for _, tt := range []struct {
		name       string
		objects    []runtime.Object
		template   func(*corev1.PodSpec)
		pod        func(*corev1.PodSpec)
		generation int64
		// want is what it requests of cpu, overhead in it, and where it may go.
		want        string
		selector    map[string]string
		tolerations []corev1.Toleration
		note        string
	}{
		{name: "a LimitRange gives its default again, whatever the pod was resized to", objects: []runtime.Object{limits("default", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, DefaultRequest: cpu("4")})},
			template: unsized, generation: 2, want: "4"},
		{name: "without a default request it is the default limit", objects: []runtime.Object{limits("default", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Default: cpu("3")})},
			template: unsized, generation: 2, want: "3"},
		{name: "a pod that nobody has changed has what a webhook has made of it", objects: []runtime.Object{limits("default", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, DefaultRequest: cpu("4")})},
			template: unsized, generation: 1, want: "1"},
		{name: "what the template says goes before", objects: []runtime.Object{limits("default", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, DefaultRequest: cpu("4")})},
			generation: 2, want: "1"},
		{name: "a LimitRange of another namespace, or of pods, gives nothing", objects: []runtime.Object{
			limits("other", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, DefaultRequest: cpu("4")}), limits("default", corev1.LimitRangeItem{Type: corev1.LimitTypePod, Max: cpu("4")}),
		}, template: unsized, generation: 2, want: "1", note: resized},
		{name: "without a LimitRange the pod says it, and it may have been resized", template: unsized, generation: 2, want: "1", note: resized},
		{name: "a RuntimeClass that the template has now", objects: []runtime.Object{micro}, template: inVM, want: "1500m", selector: map[string]string{"vm": "yes"}, tolerations: micro.Scheduling.Tolerations},
		{name: "a RuntimeClass as it is now", objects: []runtime.Object{micro}, template: inVM, pod: func(s *corev1.PodSpec) { inVM(s); s.Overhead = cpu("2") },
			want: "1500m", selector: map[string]string{"vm": "yes"}, tolerations: micro.Scheduling.Tolerations},
		{name: "tolerations that it gave are no patch", objects: []runtime.Object{micro}, template: inVM, pod: func(s *corev1.PodSpec) { inVM(s); s.Tolerations = micro.Scheduling.Tolerations },
			generation: 2, want: "1500m", selector: map[string]string{"vm": "yes"}, tolerations: micro.Scheduling.Tolerations},
		{name: "a RuntimeClass that the picture does not have, and the pod did not", template: inVM, want: "1",
			note: "RuntimeClass vm is not in the snapshot: its effect on the replacement is unknown"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			template := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{requesting("main", cpu("1"))}}}
			pod := podOf("app-0", owned("ReplicaSet", "app"))
			pod.Namespace, pod.Generation, pod.Spec = "default", tt.generation, *template.Spec.DeepCopy()
			if tt.template != nil {
				tt.template(&template.Spec)
			}
			if tt.pod != nil {
				tt.pod(&pod.Spec)
			}
			s := &Snapshot{Others: tt.objects}
			controllerOf(s, "ReplicaSet", template, owned("Deployment", "app"))
			got, note := NewOwners(s).Replacement(pod)
			if note != tt.note {
				t.Errorf("note %q, want %q", note, tt.note)
			}
			want := resource.MustParse(tt.want)
			if asked := Requests(got)[corev1.ResourceCPU]; asked != want.MilliValue() {
				t.Errorf("it requests %d millicores, want %s", asked, tt.want)
			}
			if diff := cmp.Diff(tt.selector, got.Spec.NodeSelector); diff != "" {
				t.Errorf("selector (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.tolerations, got.Spec.Tolerations); diff != "" {
				t.Errorf("tolerations (-want +got):\n%s", diff)
			}
		})
	}
}
