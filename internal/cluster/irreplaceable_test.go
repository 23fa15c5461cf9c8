package cluster

import (
	"cmp"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

func TestControllersThatMakeNoMorePods(t *testing.T) {
	deleted := func(m metav1.ObjectMeta) metav1.ObjectMeta {
		m.DeletionTimestamp = &metav1.Time{}
		return m
	}
	jobs := func(changes ...func(*batchv1.Job)) *Snapshot {
		return &Snapshot{Jobs: []*batchv1.Job{job(changes...)}}
	}
	queue := func(succeeded int32) func(*batchv1.Job) {
		return func(j *batchv1.Job) { j.Spec.Completions, j.Status.Succeeded, j.Status.Active = nil, succeeded, 2 }
	}
	tests := []struct {
		name    string
		picture *Snapshot
		pod     *corev1.Pod
		want    string
	}{
		{name: "a pod without a controller", picture: &Snapshot{}, pod: podOf("a")},
		{name: "a controller that is not known", picture: &Snapshot{}, pod: podOf("a", owned("Cluster", "pg"))},
		{name: "a ReplicaSet that is being deleted", picture: &Snapshot{ReplicaSets: []*appsv1.ReplicaSet{{ObjectMeta: deleted(meta("ReplicaSet", "web-1"))}}},
			pod: podOf("a", owned("ReplicaSet", "web-1")), want: "it is being deleted and creates no more pods"},
		{name: "a ReplicaSet that is being deleted, and its Deployment is not", picture: &Snapshot{
			Deployments: []*appsv1.Deployment{{ObjectMeta: meta("Deployment", "web")}}, ReplicaSets: []*appsv1.ReplicaSet{{ObjectMeta: deleted(meta("ReplicaSet", "web-1", owned("Deployment", "web")))}},
		}, pod: podOf("a", owned("ReplicaSet", "web-1")), want: "its ReplicaSet web-1 is being deleted and creates no more pods"},
		{name: "another ReplicaSet of that Deployment", picture: &Snapshot{
			Deployments: []*appsv1.Deployment{{ObjectMeta: meta("Deployment", "web")}}, ReplicaSets: []*appsv1.ReplicaSet{
				{ObjectMeta: deleted(meta("ReplicaSet", "web-1", owned("Deployment", "web")))}, {ObjectMeta: meta("ReplicaSet", "web-2", owned("Deployment", "web"))},
			},
		}, pod: podOf("a", owned("ReplicaSet", "web-2"))},
		{name: "a StatefulSet that is being deleted", picture: &Snapshot{StatefulSets: []*appsv1.StatefulSet{{ObjectMeta: deleted(meta("StatefulSet", "db"))}}},
			pod: podOf("a", owned("StatefulSet", "db")), want: "it is being deleted and creates no more pods"},
		{name: "a ReplicationController that is being deleted", picture: &Snapshot{ReplicationControllers: []*corev1.ReplicationController{{ObjectMeta: deleted(meta("ReplicationController", "old"))}}},
			pod: podOf("a", owned("ReplicationController", "old")), want: "it is being deleted and creates no more pods"},
		{name: "a Job with work left", picture: jobs(), pod: jobPod("p")},
		{name: "a Job that is being deleted", picture: jobs(func(j *batchv1.Job) { j.ObjectMeta = deleted(j.ObjectMeta) }), pod: jobPod("p"), want: "it is being deleted and creates no more pods"},
		{name: "a Job that is over", picture: jobs(withCondition(batchv1.JobFailed)), pod: jobPod("p"), want: "it has ended and creates no more pods"},
		{name: "a Job that has met its success policy", picture: jobs(withCondition(batchv1.JobSuccessCriteriaMet)), pod: jobPod("p"), want: "it is about to end and creates no more pods"},
		{name: "a Job that is failing", picture: jobs(withCondition(batchv1.JobFailureTarget)), pod: jobPod("p"), want: "it is about to end and creates no more pods"},
		{name: "a suspended Job", picture: jobs(func(j *batchv1.Job) { j.Spec.Suspend = ptr.To(true) }), pod: jobPod("p"), want: "it is suspended and creates no pods"},
		{name: "a Job with all of its completions", picture: jobs(func(j *batchv1.Job) { j.Status.Succeeded = 6 }), pod: jobPod("p"), want: "it creates no more pods, because enough have succeeded"},
		{name: "a work queue of which no pod has succeeded", picture: jobs(queue(0)), pod: jobPod("p")},
		{name: "a work queue of which one has", picture: jobs(queue(1)), pod: jobPod("p"), want: "it creates no more pods, because one has succeeded and spec.completions is not set"},
		{name: "a work queue of which one has, and the sum does not show it yet", picture: jobs(queue(0), func(j *batchv1.Job) {
			j.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{Succeeded: []types.UID{"q"}}
		}), pod: jobPod("p"), want: "it creates no more pods, because one has succeeded and spec.completions is not set"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			owners := NewOwners(tt.picture)
			if got := owners.Irreplaceable(tt.pod); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
			if got := owners.Keeps(tt.pod); tt.want != "" && got != tt.want {
				t.Errorf("kept for %q, want %q", got, tt.want)
			}
		})
	}
}

// TestQuotasWithoutRoomForAReplacement: a pod of 1 cpu leaves, and its template asks for the
// same unless the case says otherwise.
func TestQuotasWithoutRoomForAReplacement(t *testing.T) {
	exceeded := func(figures string) string {
		return `pods "app-x" is forbidden: exceeded quota: team, requested: ` + figures
	}
	growing := func(namespace string, there int32) *appsv1.StatefulSet {
		set := &appsv1.StatefulSet{ObjectMeta: meta("StatefulSet", "db"), Spec: appsv1.StatefulSetSpec{Replicas: ptr.To(int32(3))}, Status: appsv1.StatefulSetStatus{Replicas: there}}
		set.Namespace = namespace
		return set
	}
	for _, tt := range []struct {
		name, message, template string
		phase                   corev1.PodPhase
		sets                    []*appsv1.StatefulSet
		want                    string
	}{
		{name: "a full quota gives the pod's room back", message: exceeded("cpu=1, used: cpu=4, limited: cpu=4")},
		{name: "a quota that does not say how full it is is taken to", message: ""},
		{name: "a quota that was lowered below what is used does not", message: exceeded("requests.cpu=1, used: requests.cpu=4, limited: requests.cpu=2"),
			want: "a quota has no room for its replacement: 4 of requests.cpu would be used, and the limit is 2"},
		{name: "nor does one that allows fewer pods than there are", message: exceeded("pods=1, used: pods=2, limited: pods=1"), want: "a quota has no room for its replacement: 2 of pods would be used, and the limit is 1"},
		{name: "nor one that allows none", message: exceeded("count/pods=1, used: count/pods=2, limited: count/pods=0"), want: "a quota has no room for its replacement: 2 of count/pods would be used, and the limit is 0"},
		{name: "a pod that asked for less than its template leaves too little", message: exceeded("cpu=2, used: cpu=4, limited: cpu=4"), template: "2", want: "a quota has no room for its replacement: 5 of cpu would be used, and the limit is 4"},
		{name: "one that asked for more leaves enough even of too little", message: exceeded("cpu=500m, used: cpu=4200m, limited: cpu=4"), template: "500m"},
		{name: "each resource counts", message: exceeded("cpu=1,pods=1, used: cpu=4,pods=5, limited: cpu=4,pods=3"), want: "a quota has no room for its replacement: 5 of pods would be used, and the limit is 3"},
		{name: "limits count by themselves", message: exceeded("limits.cpu=1, used: limits.cpu=5, limited: limits.cpu=4"), want: "a quota has no room for its replacement: 5 of limits.cpu would be used, and the limit is 4"},
		{name: "a pod that has ended takes no room", message: exceeded("pods=1, used: pods=2, limited: pods=1"), phase: corev1.PodFailed},
		{name: "a StatefulSet that grows could take the room", message: exceeded("cpu=1, used: cpu=4, limited: cpu=4"), sets: []*appsv1.StatefulSet{growing("default", 1)},
			want: "a quota has no room for all of its replicas, and StatefulSet default/db also waits for room"},
		{name: "one that is complete does not", message: exceeded("cpu=1, used: cpu=4, limited: cpu=4"), sets: []*appsv1.StatefulSet{growing("default", 3)}},
		{name: "one of another namespace has another quota", message: exceeded("cpu=1, used: cpu=4, limited: cpu=4"), sets: []*appsv1.StatefulSet{growing("other", 1)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &Snapshot{StatefulSets: tt.sets}
			controllerOf(s, "ReplicaSet", corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{requesting("main", cpu(cmp.Or(tt.template, "1")))}}})
			s.ReplicaSets[0].Status.Conditions = []appsv1.ReplicaSetCondition{{Type: appsv1.ReplicaSetReplicaFailure, Status: "True", Reason: "FailedCreate", Message: tt.message}}
			pod := podOf("app-0", owned("ReplicaSet", "app"))
			pod.Spec.Containers, pod.Status.Phase = []corev1.Container{requesting("main", cpu("1"))}, tt.phase
			if got := NewOwners(s).Irreplaceable(pod); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}
