package cluster

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func TestOwnersOf(t *testing.T) {
	set := func(name string, number *int32, owners ...metav1.OwnerReference) *appsv1.ReplicaSet {
		s := &appsv1.ReplicaSet{ObjectMeta: meta("ReplicaSet", name, owners...), Spec: appsv1.ReplicaSetSpec{Replicas: number}}
		s.Status.Replicas = int32(replicas(number))
		return s
	}
	job := func(name string, spec batchv1.JobSpec, status batchv1.JobStatus) *batchv1.Job {
		return &batchv1.Job{ObjectMeta: meta("Job", name, owned("CronJob", "nightly")), Spec: spec, Status: status}
	}
	s := &Snapshot{
		Deployments: []*appsv1.Deployment{{ObjectMeta: meta("Deployment", "web"), Spec: appsv1.DeploymentSpec{Replicas: ptr.To(int32(5))}, Status: appsv1.DeploymentStatus{Replicas: 5, UpdatedReplicas: 5}}},
		ReplicaSets: []*appsv1.ReplicaSet{
			set("web-1", ptr.To(int32(2)), owned("Deployment", "web")), set("web-2", ptr.To(int32(4)), owned("Deployment", "web")),
			set("canary-1", ptr.To(int32(3)), owned("Rollout", "canary")), set("canary-2", ptr.To(int32(1)), owned("Rollout", "canary")),
			set("blue-1", ptr.To(int32(3)), owned("Rollout", "blue")), set("blue-2", ptr.To(int32(0)), owned("Rollout", "blue")),
			set("orphan-1", ptr.To(int32(7)), owned("Deployment", "orphan")),
			set("alone", nil),
		},
		StatefulSets:           []*appsv1.StatefulSet{{ObjectMeta: meta("StatefulSet", "db"), Spec: appsv1.StatefulSetSpec{Replicas: ptr.To(int32(3))}, Status: appsv1.StatefulSetStatus{Replicas: 3}}},
		ReplicationControllers: []*corev1.ReplicationController{{ObjectMeta: meta("ReplicationController", "old"), Spec: corev1.ReplicationControllerSpec{Replicas: ptr.To(int32(2))}, Status: corev1.ReplicationControllerStatus{Replicas: 2}}},
		Jobs: []*batchv1.Job{
			job("queue", batchv1.JobSpec{Parallelism: ptr.To(int32(4))}, batchv1.JobStatus{Succeeded: 9, Active: 3}),
			job("few", batchv1.JobSpec{Parallelism: ptr.To(int32(4)), Completions: ptr.To(int32(3))}, batchv1.JobStatus{}),
			job("ending", batchv1.JobSpec{Parallelism: ptr.To(int32(4)), Completions: ptr.To(int32(10))}, batchv1.JobStatus{Succeeded: 8}),
			job("one", batchv1.JobSpec{}, batchv1.JobStatus{}),
			job("suspended", batchv1.JobSpec{Parallelism: ptr.To(int32(4)), Suspend: ptr.To(true)}, batchv1.JobStatus{}),
			job("succeeding", batchv1.JobSpec{Parallelism: ptr.To(int32(4))}, batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: batchv1.JobSuccessCriteriaMet, Status: "True"}}}),
			job("done", batchv1.JobSpec{Parallelism: ptr.To(int32(4))}, batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: "True"}}}),
		},
	}
	tests := []struct {
		name        string
		kind, owner string
		want        *Workload
	}{
		{"of a ReplicaSet its Deployment, with its replicas", "ReplicaSet", "web-1", &Workload{Kind: "Deployment", Name: "web", Desired: 5}},
		{"of a ReplicaSet that is controlled by another kind that, with what its ReplicaSets have", "ReplicaSet", "canary-2", &Workload{Kind: "Rollout", Name: "canary", Desired: 4, Rollout: "being rolled out: 2 ReplicaSets have replicas"}},
		{"one that has moved to one of its ReplicaSets is settled", "ReplicaSet", "blue-1", &Workload{Kind: "Rollout", Name: "blue", Desired: 3}},
		{"of a ReplicaSet whose Deployment is not known the same", "ReplicaSet", "orphan-1", &Workload{Kind: "Deployment", Name: "orphan", Desired: 7}},
		{"a ReplicaSet for itself, with one replica where it does not say", "ReplicaSet", "alone", &Workload{Kind: "ReplicaSet", Name: "alone", Desired: 1}},
		{"a ReplicaSet that is not known", "ReplicaSet", "gone", &Workload{Kind: "ReplicaSet", Name: "gone", Desired: -1}},
		{"a StatefulSet", "StatefulSet", "db", &Workload{Kind: "StatefulSet", Name: "db", Desired: 3}},
		{"a ReplicationController", "ReplicationController", "old", &Workload{Kind: "ReplicationController", Name: "old", Desired: 2}},
		{"a DaemonSet has as many as there are nodes for it", "DaemonSet", "agent", &Workload{Kind: "DaemonSet", Name: "agent", Desired: -1}},
		{"an operator's own kind", "Machine", "robot", &Workload{Kind: "Machine", Name: "robot", Desired: -1}},
		{"a Job, not its CronJob, with as many pods as run once one of a queue has succeeded", "Job", "queue", &Workload{Kind: "Job", Name: "queue", Desired: 3}},
		{"a Job runs no more pods than it has completions", "Job", "few", &Workload{Kind: "Job", Name: "few", Desired: 3}},
		{"a Job runs no more pods than it has completions left", "Job", "ending", &Workload{Kind: "Job", Name: "ending", Desired: 2}},
		{"a Job runs one pod where it does not say", "Job", "one", &Workload{Kind: "Job", Name: "one", Desired: 1}},
		{"a suspended Job wants none", "Job", "suspended", &Workload{Kind: "Job", Name: "suspended", Desired: 0}},
		{"a Job that is about to be done wants none", "Job", "succeeding", &Workload{Kind: "Job", Name: "succeeding", Desired: 0}},
		{"a Job that is done wants none", "Job", "done", &Workload{Kind: "Job", Name: "done", Desired: 0}},
	}
	owners := NewOwners(s)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := owners.Of(podOf("a", owned(tt.kind, tt.owner)))
			of := owned(tt.want.Kind, tt.want.Name)
			tt.want.Group = OwnerKind(&of).Group
			tt.want.Namespace, tt.want.UID = "default", types.UID(tt.want.Kind+"/"+tt.want.Name)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("workload (-want +got):\n%s", diff)
			}
			if again := owners.Of(podOf("b", owned(tt.kind, tt.owner))); again != got {
				t.Error("another pod of it has another workload")
			}
		})
	}
	if owners.Of(podOf("a", owned("ReplicaSet", "web-1"))) != owners.Of(podOf("b", owned("ReplicaSet", "web-2"))) {
		t.Error("pods of two ReplicaSets of a Deployment have different workloads")
	}
	if got := owners.Of(podOf("a")); got != nil {
		t.Errorf("a pod without a controller has workload %v", got)
	}
	bystander := owned("ReplicaSet", "web-1")
	bystander.Controller = nil
	if got := owners.Of(podOf("a", bystander)); got != nil {
		t.Errorf("a pod with an owner that is no controller has workload %v", got)
	}
}

// TestOwnersFindsWhatASearchFinds compares with following references one by one.
func TestOwnersFindsWhatASearchFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawCluster(t)
		owners := NewOwners(s)
		pointers := map[types.UID]*Workload{}
		for _, pod := range s.Pods {
			w, want := owners.Of(pod), metav1.GetControllerOf(pod)
			for _, set := range s.ReplicaSets {
				if top := metav1.GetControllerOf(set); top != nil && want != nil && set.UID == want.UID {
					want = top
				}
			}
			if want == nil != (w == nil) {
				t.Fatalf("pod %s has workload %v, want %v", pod.Name, w, want)
			}
			if w == nil {
				continue
			}
			if w.UID != want.UID || w.Kind != want.Kind || w.Name != want.Name {
				t.Errorf("pod %s has workload %v, want %v", pod.Name, w, want)
			}
			if other, seen := pointers[w.UID]; seen && other != w {
				t.Errorf("%v is there twice", w)
			}
			pointers[w.UID] = w
		}
	})
}

func TestRollout(t *testing.T) {
	three := ptr.To(int32(3))
	progressing := func(status corev1.ConditionStatus, reason string) []appsv1.DeploymentCondition {
		return []appsv1.DeploymentCondition{{Type: "Available", Status: "False"}, {Type: appsv1.DeploymentProgressing, Status: status, Reason: reason}}
	}
	deployment := func(spec appsv1.DeploymentSpec, status appsv1.DeploymentStatus) string {
		return deploymentRollout(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Generation: 2}, Spec: spec, Status: status})
	}
	stateful := func(strategy appsv1.StatefulSetUpdateStrategy, status appsv1.StatefulSetStatus) string {
		return statefulSetRollout(&appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Generation: 2}, Spec: appsv1.StatefulSetSpec{Replicas: three, UpdateStrategy: strategy}, Status: status})
	}
	rolling := appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType}
	partition := appsv1.StatefulSetUpdateStrategy{Type: appsv1.RollingUpdateStatefulSetStrategyType, RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr.To(int32(2))}}
	onDelete := appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType}
	spec := appsv1.DeploymentSpec{Replicas: three}
	shortByQuota := appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: "True", Reason: "FailedCreate", Message: exceededQuota}
	tests := []struct{ name, got, want string }{
		{"a Deployment that is settled", deployment(spec, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 3, Conditions: progressing("True", "NewReplicaSetAvailable")}), ""},
		{"a settled Deployment whose pods are broken", deployment(spec, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, Conditions: progressing("True", "NewReplicaSetAvailable")}), ""},
		{"a new Deployment whose pods never came up in time", deployment(spec, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, Conditions: progressing("False", "ProgressDeadlineExceeded")}), ""},
		{"a Deployment of none", deployment(appsv1.DeploymentSpec{Replicas: ptr.To(int32(0))}, appsv1.DeploymentStatus{ObservedGeneration: 2}), ""},
		{"a Deployment with a new spec", deployment(spec, appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 3, UpdatedReplicas: 3}), "its controller has not observed its latest spec yet"},
		{"old replicas beside all new ones", deployment(spec, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 3}), "being rolled out: 1 old replicas left, 3 of 3 updated"},
		{"few new replicas", deployment(spec, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 1}), "being rolled out: 2 old replicas left, 1 of 3 updated"},
		{"a rollout past its deadline", deployment(spec, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 1, Conditions: progressing("False", "ProgressDeadlineExceeded")}), ""},
		{"new replicas that are not available yet", deployment(spec, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, AvailableReplicas: 2, Conditions: progressing("True", "ReplicaSetUpdated")}), "being rolled out: 2 of 3 replicas available"},
		{"a Deployment paused between", deployment(appsv1.DeploymentSpec{Replicas: three, Paused: true}, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 4, UpdatedReplicas: 1}), "paused in mid-rollout: 1 of 3 replicas updated"},
		{"a Deployment paused when settled", deployment(appsv1.DeploymentSpec{Replicas: three, Paused: true}, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3}), ""},
		{"a Deployment that grows", deployment(spec, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 1, UpdatedReplicas: 1}), "being scaled: 1 of 3 replicas exist"},
		{"a Deployment that a quota keeps from growing, though its rollout was over long ago", deployment(spec, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 1, UpdatedReplicas: 1, Conditions: append(progressing("True", "NewReplicaSetAvailable"), shortByQuota)}), ""},
		{"a Deployment that shrinks beside a quota without room", deployment(spec, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 5, UpdatedReplicas: 5, Conditions: []appsv1.DeploymentCondition{shortByQuota}}), "being scaled: 5 of 3 replicas exist"},
		{"a rollout that a quota holds up, within its deadline", deployment(spec, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 0, Conditions: append(progressing("True", "ReplicaSetUpdated"), shortByQuota)}), "being rolled out: 3 old replicas left, 0 of 3 updated"},
		{"a Deployment that shrinks", deployment(spec, appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 5, UpdatedReplicas: 5}), "being scaled: 5 of 3 replicas exist"},
		{
			"a Deployment that is deleted",
			deploymentRollout(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{Time: time.Unix(1, 0)}}, Spec: spec, Status: appsv1.DeploymentStatus{Replicas: 3, UpdatedReplicas: 3}}), "being deleted",
		},
		{"a StatefulSet that is settled", stateful(rolling, appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, ReadyReplicas: 3, CurrentRevision: "a", UpdateRevision: "a"}), ""},
		{"a settled StatefulSet with a broken pod", stateful(rolling, appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, ReadyReplicas: 2, CurrentRevision: "a", UpdateRevision: "a"}), ""},
		{"a StatefulSet with a new spec", stateful(rolling, appsv1.StatefulSetStatus{ObservedGeneration: 1, Replicas: 3, ReadyReplicas: 3}), "its controller has not observed its latest spec yet"},
		{"a StatefulSet between two revisions", stateful(rolling, appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 2, UpdatedReplicas: 1, CurrentRevision: "a", UpdateRevision: "b"}), "being rolled out: 1 of 3 replicas updated"},
		{"a StatefulSet that waits for its last replica", stateful(rolling, appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, ReadyReplicas: 2, UpdatedReplicas: 3, CurrentRevision: "a", UpdateRevision: "b"}), "being rolled out: 2 of 3 replicas ready"},
		{"a StatefulSet above its partition", stateful(partition, appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, ReadyReplicas: 3, CurrentRevision: "a", UpdateRevision: "b"}), "being rolled out: 0 of 1 replicas updated"},
		{"a StatefulSet that has come to its partition", stateful(partition, appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, ReadyReplicas: 2, UpdatedReplicas: 1, CurrentRevision: "a", UpdateRevision: "b"}), ""},
		{"a StatefulSet that changes only when pods are deleted", stateful(onDelete, appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 3, CurrentRevision: "a", UpdateRevision: "b"}), ""},
		{"such a StatefulSet that grows", stateful(onDelete, appsv1.StatefulSetStatus{ObservedGeneration: 2, Replicas: 2, CurrentRevision: "a", UpdateRevision: "b"}), "being scaled: 2 of 3 replicas exist"},
		{"a ReplicaSet that grows", replicaSetRollout(&appsv1.ReplicaSet{Spec: appsv1.ReplicaSetSpec{Replicas: three}}), "being scaled: 0 of 3 replicas exist"},
		{"a ReplicaSet with broken pods", replicaSetRollout(&appsv1.ReplicaSet{Spec: appsv1.ReplicaSetSpec{Replicas: three}, Status: appsv1.ReplicaSetStatus{Replicas: 3}}), ""},
		{"a ReplicationController that shrinks", replicationControllerRollout(&corev1.ReplicationController{Spec: corev1.ReplicationControllerSpec{Replicas: three}, Status: corev1.ReplicationControllerStatus{Replicas: 4}}), "being scaled: 4 of 3 replicas exist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.got != tt.want {
				t.Errorf("got %q, want %q", tt.got, tt.want)
			}
		})
	}
}

// exceededQuota is what the API server says.
const exceededQuota = `pods "web-1-x" is forbidden: exceeded quota: team, requested: cpu=1, used: cpu=4, limited: cpu=4`

func TestIrreplaceable(t *testing.T) {
	const forbidden = `pods "web-1-x" is forbidden: violates PodSecurity "restricted:latest"`
	failure := func(message string) []appsv1.DeploymentCondition {
		return []appsv1.DeploymentCondition{{Type: appsv1.DeploymentReplicaFailure, Status: "True", Reason: "FailedCreate", Message: message}}
	}
	deployment := func(namespace, name string, conditions ...appsv1.DeploymentCondition) *appsv1.Deployment {
		d := &appsv1.Deployment{ObjectMeta: meta("Deployment", name), Spec: appsv1.DeploymentSpec{Replicas: ptr.To(int32(6))}}
		d.Namespace, d.Status = namespace, appsv1.DeploymentStatus{Replicas: 4, UpdatedReplicas: 4, Conditions: conditions}
		return d
	}
	set := func(name, message string, owners ...metav1.OwnerReference) *appsv1.ReplicaSet {
		s := &appsv1.ReplicaSet{ObjectMeta: meta("ReplicaSet", name, owners...), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(6))}}
		s.Status = appsv1.ReplicaSetStatus{Replicas: 4, Conditions: []appsv1.ReplicaSetCondition{{Type: appsv1.ReplicaSetReplicaFailure, Status: "True", Reason: "FailedCreate", Message: message}}}
		return s
	}
	tests := []struct {
		name          string
		snapshot      *Snapshot
		of            metav1.OwnerReference
		rollout, want string
	}{
		{name: "a quota without room for more replicas gives a pod's room back to its replacement", snapshot: &Snapshot{
			Deployments: []*appsv1.Deployment{deployment("default", "web", failure(exceededQuota)...)}, ReplicaSets: []*appsv1.ReplicaSet{set("web-1", exceededQuota, owned("Deployment", "web"))},
		}, of: owned("ReplicaSet", "web-1")},
		{name: "of two workloads that wait for a quota's room either could take it", snapshot: &Snapshot{
			Deployments: []*appsv1.Deployment{deployment("default", "web", failure(exceededQuota)...)},
			ReplicaSets: []*appsv1.ReplicaSet{set("web-1", exceededQuota, owned("Deployment", "web")), set("alone", exceededQuota)},
		}, of: owned("ReplicaSet", "web-1"), want: "a quota has no room for all of its replicas, and ReplicaSet default/alone also waits for room"},
		{name: "a workload of another namespace has another quota", snapshot: &Snapshot{
			Deployments: []*appsv1.Deployment{deployment("other", "web", failure(exceededQuota)...)}, ReplicaSets: []*appsv1.ReplicaSet{set("alone", exceededQuota)},
		}, of: owned("ReplicaSet", "alone")},
		{name: "a Deployment whose pods are not let in any more", snapshot: &Snapshot{
			Deployments: []*appsv1.Deployment{deployment("default", "web", failure(forbidden)...)}, ReplicaSets: []*appsv1.ReplicaSet{set("web-1", forbidden, owned("Deployment", "web"))},
		}, of: owned("ReplicaSet", "web-1"), rollout: "being scaled: 4 of 6 replicas exist", want: "its pods cannot be created: " + forbidden},
		{name: "a ReplicaSet whose pods are not let in any more", snapshot: &Snapshot{ReplicaSets: []*appsv1.ReplicaSet{set("alone", forbidden)}},
			of: owned("ReplicaSet", "alone"), rollout: "being scaled: 4 of 6 replicas exist", want: "its pods cannot be created: " + forbidden},
		{name: "an operator's ReplicaSet whose pods are not let in any more", snapshot: &Snapshot{ReplicaSets: []*appsv1.ReplicaSet{set("canary-1", forbidden, owned("Rollout", "canary"))}},
			of: owned("ReplicaSet", "canary-1"), rollout: "being scaled: 4 of 6 replicas exist", want: "its pods cannot be created: " + forbidden},
		{name: "a ReplicationController whose pods are not let in any more", snapshot: &Snapshot{ReplicationControllers: []*corev1.ReplicationController{{
			ObjectMeta: meta("ReplicationController", "old"), Spec: corev1.ReplicationControllerSpec{Replicas: ptr.To(int32(2))},
			Status: corev1.ReplicationControllerStatus{Replicas: 2, Conditions: []corev1.ReplicationControllerCondition{{Type: corev1.ReplicationControllerReplicaFailure, Status: "True", Reason: "FailedCreate", Message: forbidden}}},
		}}}, of: owned("ReplicationController", "old"), want: "its pods cannot be created: " + forbidden},
		{name: "pods that cannot be deleted say nothing of new ones", snapshot: &Snapshot{Deployments: []*appsv1.Deployment{
			deployment("default", "web", appsv1.DeploymentCondition{Type: appsv1.DeploymentReplicaFailure, Status: "True", Reason: "FailedDelete", Message: forbidden}),
		}, ReplicaSets: []*appsv1.ReplicaSet{set("web-1", "", owned("Deployment", "web"))}}, of: owned("ReplicaSet", "web-1"), rollout: "being scaled: 4 of 6 replicas exist"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := NewOwners(tt.snapshot).Of(podOf("a", tt.of))
			if diff := cmp.Diff([]string{tt.rollout, tt.want}, []string{w.Rollout, w.Irreplaceable}); diff != "" {
				t.Errorf("rollout and why irreplaceable (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKeeps(t *testing.T) {
	waiting := func(reason string) *corev1.Pod {
		pod := podOf("a", owned("ReplicaSet", "web-1"))
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: 120, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}}
		return pod
	}
	inInit := podOf("a", owned("ReplicaSet", "web-1"))
	inInit.Status.InitContainerStatuses = waiting("CrashLoopBackOff").Status.ContainerStatuses
	rolling := Workload{Rollout: "being rolled out"}
	for _, tt := range []struct {
		name     string
		workload Workload
		pod      *corev1.Pod
		want     string
	}{
		{"nothing is under way", Workload{}, podOf("a", owned("ReplicaSet", "web-1")), ""},
		{"what is under way is waited for", rolling, podOf("a", owned("ReplicaSet", "web-1")), "being rolled out"},
		{"a pod that is about to start is what a rollout waits for", rolling, waiting("ContainerCreating"), "being rolled out"},
		{"a pod that crashes again and again is not", rolling, waiting("CrashLoopBackOff"), ""},
		{"nor is one whose init container does", rolling, inInit, ""},
		{"nor is one whose image cannot be pulled", rolling, waiting("ImagePullBackOff"), ""},
		{"nor is it between two tries", rolling, waiting("ErrImagePull"), ""},
		{"nor is one that cannot be configured", rolling, waiting("CreateContainerConfigError"), ""},
		{"one that waits for its init containers may come up", rolling, waiting("PodInitializing"), "being rolled out"},
		{"one that nothing would replace stays, broken or not", Workload{Rollout: "being scaled", Irreplaceable: "no pod can be created for it"}, waiting("CrashLoopBackOff"), "no pod can be created for it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			owners := NewOwners(&Snapshot{})
			owners.workloads["ReplicaSet/web-1"] = &tt.workload
			if got := owners.Keeps(tt.pod); got != tt.want {
				t.Errorf("kept for %q, want %q", got, tt.want)
			}
		})
	}
}
