package preemptiblenodes

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

func TestWorkloadOfAPod(t *testing.T) {
	rollout := func(set *appsv1.ReplicaSet) *appsv1.ReplicaSet {
		return owned(set, "argoproj.io/v1alpha1", "Rollout", "canary", "canary")
	}
	completing := func(j *batchv1.Job, completions int) *batchv1.Job {
		j.Spec.Completions = int32p(completions)
		return j
	}
	uid := func(obj metav1.Object, uid types.UID) runtime.Object {
		obj.SetUID(uid)
		return obj.(runtime.Object)
	}
	p := func(apiVersion, kind, name string) *corev1.Pod {
		return owned(pod("p", nil), apiVersion, kind, name, types.UID(name))
	}
	tests := []struct {
		name        string
		objects     []runtime.Object
		pod         *corev1.Pod
		desired     int
		controllers []types.UID
		err         string
	}{
		{
			name:    "a pod without a controller is a workload of one",
			pod:     pod("p", nil),
			desired: 1,
		},
		{
			name: "an owner that is not the controller does not count",
			pod: func() *corev1.Pod {
				p := p("apps/v1", "StatefulSet", "db")
				p.OwnerReferences[0].Controller = nil
				return p
			}(),
			desired: 1,
		},
		{
			name:        "a StatefulSet",
			objects:     []runtime.Object{statefulSet("db", 3)},
			pod:         p("apps/v1", "StatefulSet", "db"),
			desired:     3,
			controllers: []types.UID{"db"},
		},
		{
			name:        "a number of replicas that is not given is one",
			objects:     []runtime.Object{&appsv1.StatefulSet{ObjectMeta: named("db")}},
			pod:         p("apps/v1", "StatefulSet", "db"),
			desired:     1,
			controllers: []types.UID{"db"},
		},
		{
			name:        "a Job wants what it runs side by side",
			objects:     []runtime.Object{completing(job("batch", 4), 10)},
			pod:         p("batch/v1", "Job", "batch"),
			desired:     4,
			controllers: []types.UID{"batch"},
		},
		{
			name:        "a Job never wants more than it has to complete",
			objects:     []runtime.Object{completing(job("batch", 10), 4)},
			pod:         p("batch/v1", "Job", "batch"),
			desired:     4,
			controllers: []types.UID{"batch"},
		},
		{
			name:        "a Job without a number of completions",
			objects:     []runtime.Object{job("batch", 5)},
			pod:         p("batch/v1", "Job", "batch"),
			desired:     5,
			controllers: []types.UID{"batch"},
		},
		{
			name:        "the Job of a CronJob stands for itself",
			objects:     []runtime.Object{owned(job("batch", 2), "batch/v1", "CronJob", "nightly", "nightly"), owned(job("last", 3), "batch/v1", "CronJob", "nightly", "nightly")},
			pod:         p("batch/v1", "Job", "batch"),
			desired:     2,
			controllers: []types.UID{"batch"},
		},
		{
			name:        "a ReplicationController",
			objects:     []runtime.Object{&corev1.ReplicationController{ObjectMeta: named("old"), Spec: corev1.ReplicationControllerSpec{Replicas: int32p(6)}}},
			pod:         p("v1", "ReplicationController", "old"),
			desired:     6,
			controllers: []types.UID{"old"},
		},
		{
			name:        "a ReplicaSet of none",
			objects:     []runtime.Object{replicaSet("lone", "", 2), replicaSet("other", "", 9)},
			pod:         p("apps/v1", "ReplicaSet", "lone"),
			desired:     2,
			controllers: []types.UID{"lone"},
		},
		{
			name: "a Deployment in a rollout counts all its ReplicaSets, and wants what it wants",
			objects: []runtime.Object{
				deployment("web", 4), replicaSet("web-1", "web", 3), replicaSet("web-2", "web", 2), replicaSet("web-0", "web", 0),
				deployment("api", 9), replicaSet("api-1", "api", 9),
			},
			pod:         p("apps/v1", "ReplicaSet", "web-2"),
			desired:     4,
			controllers: []types.UID{"web-0", "web-1", "web-2"},
		},
		{
			name:        "a controller of ReplicaSets of an unknown kind wants what it gives to them",
			objects:     []runtime.Object{rollout(replicaSet("canary-1", "", 3)), rollout(replicaSet("canary-2", "", 2))},
			pod:         p("apps/v1", "ReplicaSet", "canary-1"),
			desired:     5,
			controllers: []types.UID{"canary-1", "canary-2"},
		},
		{
			name:        "a Deployment of another group is none of ours",
			objects:     []runtime.Object{deployment("web", 9), owned(replicaSet("x", "", 3), "example.com/v1", "Deployment", "web", "web")},
			pod:         p("apps/v1", "ReplicaSet", "x"),
			desired:     3,
			controllers: []types.UID{"x"},
		},
		{
			name:        "a controller of pods of an unknown kind",
			pod:         p("kubeflow.org/v1", "PyTorchJob", "train"),
			desired:     unknownReplicas,
			controllers: []types.UID{"train"},
		},
		{
			name:        "a StatefulSet of another group is unknown",
			objects:     []runtime.Object{statefulSet("db", 3)},
			pod:         p("apps.kruise.io/v1beta1", "StatefulSet", "db"),
			desired:     unknownReplicas,
			controllers: []types.UID{"db"},
		},
		{
			name: "a ReplicaSet that is not in the scheduler's cache yet",
			pod:  p("apps/v1", "ReplicaSet", "web-1"),
			err:  "ReplicaSet web-1 is not in the scheduler's cache yet",
		},
		{
			name:    "a Deployment that is not in the scheduler's cache yet",
			objects: []runtime.Object{replicaSet("web-1", "web", 3)},
			pod:     p("apps/v1", "ReplicaSet", "web-1"),
			err:     "Deployment web is not in the scheduler's cache yet",
		},
		{
			name: "a StatefulSet that is not in the scheduler's cache yet",
			pod:  p("apps/v1", "StatefulSet", "db"),
			err:  "StatefulSet db is not in the scheduler's cache yet",
		},
		{
			name: "a Job that is not in the scheduler's cache yet",
			pod:  p("batch/v1", "Job", "batch"),
			err:  "Job batch is not in the scheduler's cache yet",
		},
		{
			name: "a ReplicationController that is not in the scheduler's cache yet",
			pod:  p("v1", "ReplicationController", "old"),
			err:  "ReplicationController old is not in the scheduler's cache yet",
		},
		{
			name:    "a StatefulSet of the same name, made anew",
			objects: []runtime.Object{uid(statefulSet("db", 3), "db anew")},
			pod:     p("apps/v1", "StatefulSet", "db"),
			err:     "StatefulSet db is not in the scheduler's cache yet",
		},
		{
			name:    "a ReplicaSet of the same name, made anew",
			objects: []runtime.Object{deployment("web", 3), uid(replicaSet("web-1", "web", 3), "web-1 anew")},
			pod:     p("apps/v1", "ReplicaSet", "web-1"),
			err:     "ReplicaSet web-1 is not in the scheduler's cache yet",
		},
		{
			name:    "a Deployment of the same name, made anew",
			objects: []runtime.Object{uid(deployment("web", 3), "web anew"), replicaSet("web-1", "web", 3)},
			pod:     p("apps/v1", "ReplicaSet", "web-1"),
			err:     "Deployment web is not in the scheduler's cache yet",
		},
		{
			name:    "a Job of the same name, made anew",
			objects: []runtime.Object{uid(job("batch", 3), "batch anew")},
			pod:     p("batch/v1", "Job", "batch"),
			err:     "Job batch is not in the scheduler's cache yet",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, "")
			c.store(tt.objects...)
			got, err := c.plugin.workloads.of(tt.pod)
			if tt.err != "" {
				if err == nil || err.Error() != tt.err {
					t.Fatalf("error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var controllers []types.UID
			for uid := range got.controllers {
				controllers = append(controllers, uid)
			}
			slices.Sort(controllers)
			if got.desired != tt.desired {
				t.Errorf("%d replicas desired, want %d", got.desired, tt.desired)
			}
			if diff := cmp.Diff(tt.controllers, controllers); diff != "" {
				t.Errorf("controllers (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAPodOfAnUnknownWorkloadWaits keeps a pod whose workload is not known from
// going anywhere, as nobody could say how many may.
func TestAPodOfAnUnknownWorkloadWaits(t *testing.T) {
	c := newCluster(t, "")
	c.addNodes(node("a"))
	p := podsOf("web-1", 1, nil)[0]
	steps := []struct {
		stored runtime.Object
		want   map[string]int
	}{
		{nil, map[string]int{"the pod's ReplicaSet web-1 is not in the scheduler's cache yet": 1}},
		{replicaSet("web-1", "web", 1), map[string]int{"the pod's Deployment web is not in the scheduler's cache yet": 1}},
		{deployment("web", 1), map[string]int{}},
	}
	for _, step := range steps {
		if step.stored != nil {
			c.store(step.stored)
		}
		if diff := cmp.Diff(step.want, c.schedule(p).Reasons); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
	}
}

// TestReplicasOfUnknownControllers lets as many of them be on preemptible nodes as
// the policy allows of those that there are.
func TestReplicasOfUnknownControllers(t *testing.T) {
	c := newCluster(t, "")
	c.addNodes(node("on-demand"), spot("spot", "z", "m"))
	var pods []*corev1.Pod
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		pods = append(pods, owned(pod(name, stringMap{PreemptibleAnnotation: "prefer", PreemptibleMaxAnnotation: "50%"}), "example.com/v1", "Game", "game", "game"))
	}
	if diff := cmp.Diff(map[string]int{"on-demand": 3, "spot": 3}, c.run(pods...)); diff != "" {
		t.Errorf("pods by node (-want +got):\n%s", diff)
	}
}
