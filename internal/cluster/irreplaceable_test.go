package cluster

import (
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
			pod: podOf("a", owned("ReplicaSet", "web-1")), want: "it is being deleted, and makes no more pods"},
		{name: "a ReplicaSet that is being deleted, and its Deployment is not", picture: &Snapshot{
			Deployments: []*appsv1.Deployment{{ObjectMeta: meta("Deployment", "web")}}, ReplicaSets: []*appsv1.ReplicaSet{{ObjectMeta: deleted(meta("ReplicaSet", "web-1", owned("Deployment", "web")))}},
		}, pod: podOf("a", owned("ReplicaSet", "web-1")), want: "its ReplicaSet web-1 is being deleted, and makes no more pods"},
		{name: "another ReplicaSet of that Deployment", picture: &Snapshot{
			Deployments: []*appsv1.Deployment{{ObjectMeta: meta("Deployment", "web")}}, ReplicaSets: []*appsv1.ReplicaSet{
				{ObjectMeta: deleted(meta("ReplicaSet", "web-1", owned("Deployment", "web")))}, {ObjectMeta: meta("ReplicaSet", "web-2", owned("Deployment", "web"))},
			},
		}, pod: podOf("a", owned("ReplicaSet", "web-2"))},
		{name: "a StatefulSet that is being deleted", picture: &Snapshot{StatefulSets: []*appsv1.StatefulSet{{ObjectMeta: deleted(meta("StatefulSet", "db"))}}},
			pod: podOf("a", owned("StatefulSet", "db")), want: "it is being deleted, and makes no more pods"},
		{name: "a ReplicationController that is being deleted", picture: &Snapshot{ReplicationControllers: []*corev1.ReplicationController{{ObjectMeta: deleted(meta("ReplicationController", "old"))}}},
			pod: podOf("a", owned("ReplicationController", "old")), want: "it is being deleted, and makes no more pods"},
		{name: "a Job with work left", picture: jobs(), pod: jobPod("p")},
		{name: "a Job that is being deleted", picture: jobs(func(j *batchv1.Job) { j.ObjectMeta = deleted(j.ObjectMeta) }), pod: jobPod("p"), want: "it is being deleted, and makes no more pods"},
		{name: "a Job that is over", picture: jobs(withCondition(batchv1.JobFailed)), pod: jobPod("p"), want: "it is over, and makes no more pods"},
		{name: "a Job that has met its success policy", picture: jobs(withCondition(batchv1.JobSuccessCriteriaMet)), pod: jobPod("p"), want: "it is about to be over, and makes no more pods"},
		{name: "a Job that is failing", picture: jobs(withCondition(batchv1.JobFailureTarget)), pod: jobPod("p"), want: "it is about to be over, and makes no more pods"},
		{name: "a suspended Job", picture: jobs(func(j *batchv1.Job) { j.Spec.Suspend = ptr.To(true) }), pod: jobPod("p"), want: "it is suspended, and makes no pods"},
		{name: "a Job with all of its completions", picture: jobs(func(j *batchv1.Job) { j.Status.Succeeded = 6 }), pod: jobPod("p"), want: "it makes no more pods, since as many have succeeded as it needs"},
		{name: "a work queue of which no pod has succeeded", picture: jobs(queue(0)), pod: jobPod("p")},
		{name: "a work queue of which one has", picture: jobs(queue(1)), pod: jobPod("p"), want: "it makes no more pods, since one of them has succeeded, and its spec has no completions"},
		{name: "a work queue of which one has, and the sum does not show it yet", picture: jobs(queue(0), func(j *batchv1.Job) {
			j.Status.UncountedTerminatedPods = &batchv1.UncountedTerminatedPods{Succeeded: []types.UID{"q"}}
		}), pod: jobPod("p"), want: "it makes no more pods, since one of them has succeeded, and its spec has no completions"},
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
