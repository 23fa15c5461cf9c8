package cluster

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestGangs(t *testing.T) {
	labelled := func(labels ...string) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.Labels = map[string]string{}
			for i := 0; i < len(labels); i += 2 {
				pod.Labels[labels[i]] = labels[i+1]
			}
		}
	}
	grouped := func(pod *corev1.Pod) {
		pod.Spec.SchedulingGroup = &corev1.PodSchedulingGroup{PodGroupName: ptr.To("ring")}
	}
	annotated := func(key string) func(*corev1.Pod) {
		return func(pod *corev1.Pod) { pod.Annotations = map[string]string{key: "ring"} }
	}
	ended := func(pod *corev1.Pod) { grouped(pod); pod.Status.Phase = corev1.PodSucceeded }
	elsewhere := func(pod *corev1.Pod) { grouped(pod); pod.Namespace = "other" }
	groupOf := func(set, index string) func(*corev1.Pod) {
		return labelled("leaderworkerset.sigs.k8s.io/name", set, "leaderworkerset.sigs.k8s.io/group-index", index)
	}
	inBoth := func(pod *corev1.Pod) { // a Job of its own in a JobSet
		labelled("jobset.sigs.k8s.io/jobset-name", "train")(pod)
		pod.Spec.SchedulingGroup = &corev1.PodSchedulingGroup{PodGroupName: ptr.To("train-" + pod.Name)}
	}
	tests := []struct {
		name   string
		a, b   func(*corev1.Pod)
		want   string
		wantOK bool
	}{
		{name: "pods without a gang", a: labelled("app", "web"), b: labelled("app", "web")},
		{name: "a scheduling group", a: grouped, b: grouped, want: "scheduling group default/ring", wantOK: true},
		{name: "a group of the same name in another namespace is another one", a: grouped, b: elsewhere},
		{name: "a pod whose others have come to their end is alone", a: grouped, b: ended},
		{name: "one that has come to its end itself is not missed", a: ended, b: grouped},
		{name: "a JobSet", a: labelled("jobset.sigs.k8s.io/jobset-name", "train"), b: labelled("jobset.sigs.k8s.io/jobset-name", "train"), want: "JobSet default/train", wantOK: true},
		{name: "a JobSet whose Jobs are scheduled one by one", a: inBoth, b: inBoth, want: "JobSet default/train", wantOK: true},
		{name: "a leader and its worker", a: groupOf("serve", "1"), b: groupOf("serve", "1"), want: "LeaderWorkerSet group default/serve-1", wantOK: true},
		{name: "two leaders of a LeaderWorkerSet", a: groupOf("serve", "0"), b: groupOf("serve", "1")},
		{name: "a pod group of Kueue", a: labelled("kueue.x-k8s.io/pod-group-name", "ring"), b: labelled("kueue.x-k8s.io/pod-group-name", "ring"), want: "Kueue pod group default/ring", wantOK: true},
		{name: "a job of Volcano", a: labelled("volcano.sh/job-name", "ring"), b: labelled("volcano.sh/job-name", "ring"), want: "Volcano job default/ring", wantOK: true},
		{name: "a group of Volcano", a: annotated("scheduling.k8s.io/group-name"), b: annotated("scheduling.k8s.io/group-name"), want: "PodGroup default/ring", wantOK: true},
		{name: "a group of Volcano by its own key", a: annotated("scheduling.volcano.sh/group-name"), b: annotated("scheduling.volcano.sh/group-name"), want: "PodGroup default/ring", wantOK: true},
		{name: "a group of the coscheduling plugin", a: labelled("scheduling.x-k8s.io/pod-group", "ring"), b: labelled("scheduling.x-k8s.io/pod-group", "ring"), want: "PodGroup default/ring", wantOK: true},
		{name: "a group of the coscheduling plugin as it was once", a: labelled("pod-group.scheduling.sigs.k8s.io", "ring"), b: labelled("pod-group.scheduling.sigs.k8s.io", "ring"), want: "PodGroup default/ring", wantOK: true},
		{name: "and as it was at first", a: labelled("pod-group.scheduling.sigs.k8s.io/name", "ring"), b: labelled("pod-group.scheduling.sigs.k8s.io/name", "ring"), want: "PodGroup default/ring", wantOK: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, b := podOf("a"), podOf("b")
			tt.a(a)
			tt.b(b)
			gang, ok := NewGangs([]*corev1.Pod{a, b}).Of(a)
			if ok != tt.wantOK || ok && gang.String() != tt.want {
				t.Errorf("gang %v, %t; want %q, %t", gang, ok, tt.want, tt.wantOK)
			}
		})
	}
}
