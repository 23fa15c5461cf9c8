package assess

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const tight = "budget default/web needs 2 healthy pods and has 2; its status allows 1 disruption, and this run has used 1"

func TestPredict(t *testing.T) {
	tolerating := func(seconds ...*int64) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			for _, seconds := range seconds {
				pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: seconds})
			}
		}
	}
	for _, tt := range []struct {
		name  string
		build *build
		how   How
		dead  bool
		pods  []string
		nodes []string
		own   string
		want  []string
	}{{
		name:  "eviction spends the budget in the order of the list and keeps what it does not allow",
		build: new(build).node("a", "4").node("b", "4").pods("ReplicaSet", "web", "1", "a", "a", "a").budget("web", "web", 1),
		how:   Evict, pods: []string{"web-2", "web-0"},
		want: []string{"web-2 fits a>a", "web-0 kept: " + tight, "ReplicaSet default/web wants 3: 3, 2, 3", "budget web: 1 of 1"},
	}, {
		name:  "deletion does not ask the budget and breaks it",
		build: new(build).node("a", "8").pods("ReplicaSet", "web", "1", "a", "a", "a").budget("web", "web", 1),
		how:   Delete, pods: []string{"web-2", "web-0"},
		want: []string{"web-2 fits a>a", "web-0 fits a>a", "ReplicaSet default/web wants 3: 3, 1, 3", "budget web: 2 of 1, broken"},
	}, {
		name:  "deletion of no more than the budget allows does not break it",
		build: new(build).node("a", "8").pods("ReplicaSet", "web", "1", "a", "a", "a").budget("web", "web", 1),
		how:   Delete, pods: []string{"web-2"},
		want: []string{"web-2 fits a>a", "ReplicaSet default/web wants 3: 3, 2, 3", "budget web: 1 of 1"},
	}, {
		name: "what was short before is not broken by a pod that was not healthy",
		build: func() *build {
			b := new(build).node("a", "8").pods("ReplicaSet", "web", "1", "a", "a").budget("web", "web", 0)
			return b.change("web-0", func(pod *corev1.Pod) { pod.Status.Conditions = nil })
		}(),
		how: Delete, pods: []string{"web-0"},
		want: []string{"web-0 fits a>a", "ReplicaSet default/web wants 2: 1, 1, 2", "budget web: 0 of 0"},
	}, {
		name:  "a pod on its way out holds its room so the replacement goes to the emptier node",
		build: new(build).node("a", "2").node("b", "4").pods("ReplicaSet", "web", "2", "a"),
		how:   Evict, pods: []string{"web-0"},
		want: []string{"web-0 fits a>b", "ReplicaSet default/web wants 1: 1, 0, 1"},
	}, {
		name:  "a replacement that finds no other room gets that of the pod when it is gone",
		build: new(build).node("a", "2").node("b", "1").pods("ReplicaSet", "web", "2", "a"),
		how:   Evict, pods: []string{"web-0"},
		want: []string{"web-0 fits a>a", "ReplicaSet default/web wants 1: 1, 0, 1"},
	}, {
		name:  "the replacement of a StatefulSet's pod comes when the pod is gone and finds its room free",
		build: new(build).node("a", "2").node("b", "4").pods("StatefulSet", "db", "2", "a"),
		how:   Evict, pods: []string{"db-0"},
		want: []string{"db-0 fits a>a", "StatefulSet default/db wants 1: 1, 0, 1"},
	}, {
		name:  "a pod that was made smaller is replaced by one of its template's size, for which there is no room",
		build: new(build).node("a", "2").node("b", "2").pods("ReplicaSet", "web", "1", "a").template("web", "4"),
		how:   Evict, pods: []string{"web-0"},
		want: []string{"web-0 pending: 0/2 nodes are available for its replacement: 2 Insufficient cpu", "ReplicaSet default/web wants 1: 1, 0, 0"},
	}, {
		name:  "a pod that was made larger is replaced by one that fits elsewhere",
		build: new(build).node("a", "6").node("b", "1").pods("StatefulSet", "db", "5", "a").template("db", "1"),
		how:   Drain, nodes: []string{"a"},
		want: []string{"db-0 fits a>b", "StatefulSet default/db wants 1: 1, 0, 1"},
	}, {
		name: "a replacement waits for the gates of its template",
		build: new(build).node("a", "2").pods("ReplicaSet", "web", "1", "a").template("web", "1", func(spec *corev1.PodSpec) {
			spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/quota"}}
		}),
		how: Evict, pods: []string{"web-0"},
		want: []string{"web-0 pending: its replacement waits for the scheduling gates of its template: example.com/quota", "ReplicaSet default/web wants 1: 1, 0, 0"},
	}, {
		name: "a replacement whose template names a class that is not there is refused",
		build: func() *build {
			b := new(build).node("a", "2").pods("ReplicaSet", "web", "1", "a").template("web", "1", func(spec *corev1.PodSpec) { spec.PriorityClassName = "high" })
			b.Others = append(b.Others, &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "usual"}})
			return b
		}(),
		how: Evict, pods: []string{"web-0"},
		want: []string{"web-0 pending: its replacement cannot be created: PriorityClass high in its template does not exist", "ReplicaSet default/web wants 1: 1, 0, 0"},
	}, {
		name:  "an operator that names its pods itself makes no other one while the pod of a dead node is there",
		build: new(build).node("a", "2").node("b", "2").pods("Cluster", "db", "1", "a"),
		how:   Down, dead: true, nodes: []string{"a"},
		want: []string{"db-0 pending: its replacement waits until the node is back or its pods are force-deleted", "Cluster default/db wants -1: 1, 0, 0"},
	}, {
		name: "an operator that has names generated does",
		build: new(build).node("a", "2").node("b", "2").pods("Cluster", "db", "1", "a").change("db-0", func(pod *corev1.Pod) {
			pod.Name, pod.GenerateName = "db-x7k2q", "db-"
		}),
		how: Down, dead: true, nodes: []string{"a"},
		want: []string{"db-x7k2q fits a>b", "Cluster default/db wants -1: 1, 0, 1"},
	}, {
		name:  "a bare pod is gone for good",
		build: new(build).node("a", "4").pods("Pod", "solo", "1", "a"),
		how:   Evict, pods: []string{"solo-0"},
		want: []string{"solo-0 unreplaced: it has no controller", "Pod default/solo-0 wants 1: 1, 0, 0"},
	}, {
		name:  "a drain leaves a bare pod where it is",
		build: new(build).node("a", "4").pods("Pod", "solo", "1", "a"),
		how:   Drain, nodes: []string{"a"},
		want: []string{"solo-0 kept: it has no controller, so a drain skips it", "Pod default/solo-0 wants 1: 1, 1, 1"},
	}, {
		name: "a drain leaves a pod where it is that is marked not to be disrupted",
		build: new(build).node("a", "4").node("b", "4").pods("ReplicaSet", "web", "1", "a", "a").change("web-0", func(pod *corev1.Pod) {
			pod.Annotations = map[string]string{"karpenter.sh/do-not-disrupt": "true"}
		}),
		how: Drain, nodes: []string{"a"},
		want: []string{
			`web-0 kept: it has the annotation karpenter.sh/do-not-disrupt: "true", so a drain skips it`, "web-1 fits a>b", "ReplicaSet default/web wants 2: 2, 1, 2",
		},
	}, {
		name: "one pod too many is not replaced",
		build: func() *build {
			b := new(build).node("a", "4").pods("ReplicaSet", "web", "1", "a", "a", "a")
			b.ReplicaSets[0].Spec.Replicas = ptr.To[int32](2)
			return b
		}(),
		how: Delete, pods: []string{"web-0", "web-1"},
		want: []string{"web-0 fits a>a", "web-1 unreplaced: its controller has enough pods without it", "ReplicaSet default/web wants 2: 3, 1, 2"},
	}, {
		name: "a pod of a scheduler that is not simulated is pending",
		build: new(build).node("a", "4").pods("ReplicaSet", "web", "1", "a").change("web-0", func(pod *corev1.Pod) {
			pod.Spec.SchedulerName = "theirs"
		}),
		how: Evict, pods: []string{"web-0"},
		want: []string{"web-0 pending: scheduler theirs is not simulated: its configuration is missing", "ReplicaSet default/web wants 1: 1, 0, 0"},
	}, {
		name:  "a DaemonSet's pod comes back to its node",
		build: new(build).node("a", "4").pods("DaemonSet", "agent", "1", "a"),
		how:   Evict, pods: []string{"agent-0"},
		want: []string{"agent-0 fits a>a", "DaemonSet default/agent wants -1: 1, 0, 1"},
	}, {
		name:  "what a DaemonSet's pod leaves on its node is for its replacement only",
		build: new(build).node("a", "1").node("b", "1").pods("DaemonSet", "agent", "1", "a").pods("StatefulSet", "db", "1", "b"),
		how:   Delete, pods: []string{"agent-0", "db-0"},
		want: []string{"agent-0 fits a>a", "db-0 fits b>b", "DaemonSet default/agent wants -1: 1, 0, 1", "StatefulSet default/db wants 1: 1, 0, 1"},
	}, {
		name: "a Job without failures left ends with its pod",
		build: func() *build {
			b := new(build).node("a", "4").pods("Job", "batch", "1", "a", "a")
			b.Jobs[0].Spec.BackoffLimit, b.Jobs[0].Status = ptr.To[int32](2), batchv1.JobStatus{Failed: 1}
			return b
		}(),
		how: Evict, pods: []string{"batch-0", "batch-1"},
		want: []string{
			"batch-0 unreplaced: its Job would fail because of the loss of another pod",
			"batch-1 unreplaced: its Job would fail: it allows 2 failed pods and has had 2; then all of its pods are deleted",
			"Job default/batch wants 2: 2, 0, 0",
		},
	}, {
		name: "a Job of which one pod has succeeded makes no more, and neither does a ReplicaSet that is being deleted",
		build: func() *build {
			b := new(build).node("a", "4").node("b", "4").pods("Job", "batch", "1", "a").pods("ReplicaSet", "web", "1", "a")
			b.Jobs[0].Status = batchv1.JobStatus{Succeeded: 1, Active: 1}
			b.ReplicaSets[0].DeletionTimestamp = &metav1.Time{Time: now}
			return b
		}(),
		how: Drain, nodes: []string{"a"},
		want: []string{
			"batch-0 unreplaced: Job default/batch: it creates no more pods, because one has succeeded and spec.completions is not set",
			"web-0 unreplaced: ReplicaSet default/web: it is being deleted and creates no more pods",
			"Job default/batch wants 1: 1, 0, 0", "ReplicaSet default/web wants 1: 1, 0, 0",
		},
	}, {
		name: "of a Job that ignores disruptions, a pod that is deleted counts as a failure, since it is none",
		build: func() *build {
			b := new(build).node("a", "4").pods("Job", "batch", "1", "a", "a")
			b.Jobs[0].Spec.BackoffLimit = ptr.To[int32](0)
			b.Jobs[0].Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{{
				Action: batchv1.PodFailurePolicyActionIgnore, OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue}},
			}}}
			return b
		}(),
		how: Delete, pods: []string{"batch-0"},
		want: []string{"batch-0 unreplaced: its Job would fail: it allows no failed pods; then all of its pods are deleted", "Job default/batch wants 2: 2, 0, 0"},
	}, {
		name: "a Job that ends with a later wave has no pods left, not even what has replaced those of the first",
		build: func() *build {
			b := new(build).node("a", "4").node("b", "4").pods("Job", "batch", "1", "a", "a", "b").budget("batch", "batch", 1)
			b.Jobs[0].Spec.BackoffLimit = ptr.To[int32](1)
			return b
		}(),
		how: Drain, nodes: []string{"a"},
		want: []string{
			"batch-0 fits a>b",
			"batch-1 unreplaced wave 2: its Job would fail: it allows 1 failed pod and has had 1; then all of its pods are deleted",
			"Job default/batch wants 3: 3, 0, 0", "budget batch: 1 of 1",
		},
	}, {
		name:  "a pod that is listed twice goes once",
		build: new(build).node("a", "4").pods("ReplicaSet", "web", "1", "a", "a"),
		how:   Evict, pods: []string{"web-0", "web-0"},
		want: []string{"web-0 fits a>a", "ReplicaSet default/web wants 2: 2, 1, 2"},
	}, {
		name: "a pod that was not ready takes nothing from the floor and its replacement adds to the end",
		build: new(build).node("a", "4").pods("ReplicaSet", "web", "1", "a", "a").change("web-0", func(pod *corev1.Pod) {
			pod.Status.Conditions = nil
		}),
		how: Evict, pods: []string{"web-0"},
		want: []string{"web-0 fits a>a", "ReplicaSet default/web wants 2: 1, 1, 2"},
	}, {
		name: "a drain goes in waves and leaves DaemonSets mirrors and those under two budgets",
		build: new(build).node("a", "8").node("b", "8").pods("ReplicaSet", "web", "1", "a", "a", "b").pods("DaemonSet", "agent", "1", "a").
			pods("Pod", "static", "1", "a").pods("ReplicaSet", "twice", "1", "a").
			change("static-0", func(pod *corev1.Pod) {
				pod.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
			}).budget("web", "web", 1).budget("one", "twice", 1).budget("two", "twice", 1),
		how: Drain, nodes: []string{"a"},
		want: []string{
			"web-0 fits a>b", "web-1 fits a>b wave 2", "agent-0 stays: it belongs to a DaemonSet, which needs it only on this node",
			"static-0 stays: it is a static pod of its node",
			"twice-0 kept: 2 budgets select it (default/one, default/two), and the API server evicts no pod with several budgets: delete all but one",
			"ReplicaSet default/twice wants 1: 1, 1, 1", "ReplicaSet default/web wants 3: 3, 2, 3",
			"budget one: 0 of 1", "budget two: 0 of 1", "budget web: 1 of 1",
		},
	}, {
		name:  "a drain whose first wave finds no room keeps the rest since the budget is not given back",
		build: new(build).node("a", "8").node("b", "1").pods("ReplicaSet", "web", "2", "a", "a", "a").budget("web", "web", 1),
		how:   Drain, nodes: []string{"a"},
		want: []string{
			"web-0 pending: 0/2 nodes are available for its replacement: 1 Insufficient cpu, 1 node(s) were unschedulable",
			"web-1 kept: " + tight, "web-2 kept: " + tight,
			"ReplicaSet default/web wants 3: 3, 2, 2", "budget web: 1 of 1",
		},
	}, {
		name:  "a drain without budgets takes all at once",
		build: new(build).node("a", "8").node("b", "8").pods("ReplicaSet", "web", "1", "a", "a", "b"),
		how:   Drain, nodes: []string{"a"},
		want: []string{"web-0 fits a>b", "web-1 fits a>b", "ReplicaSet default/web wants 3: 3, 1, 3"},
	}, {
		name: "on a node that is down by a taint what tolerates it for ever goes on",
		build: new(build).node("a", "8").node("b", "8").pods("ReplicaSet", "web", "1", "a", "a").pods("StatefulSet", "db", "1", "a").
			change("web-0", tolerating(nil)).change("web-1", tolerating(ptr.To[int64](300))).budget("web", "web", 1),
		how: Down, nodes: []string{"a"},
		want: []string{
			"web-0 stays: it tolerates the node's taints forever",
			// It tolerates the taint for a while, so the scheduler may well choose the node again.
			"web-1 fits a>a after 300 s",
			"db-0 fits a>b",
			"ReplicaSet default/web wants 2: 2, 1, 2", "StatefulSet default/db wants 1: 1, 0, 1", "budget web: 1 of 1",
		},
	}, {
		name: "of the tolerations that match a taint the first decides whether a pod stays",
		build: new(build).node("a", "8").node("b", "8").pods("ReplicaSet", "web", "1", "a", "a").
			change("web-0", tolerating(ptr.To[int64](60), nil)).change("web-1", tolerating(nil, ptr.To[int64](60))),
		how: Down, dead: true, nodes: []string{"a"},
		want: []string{
			"web-0 fits a>b after 60 s",
			"web-1 stays: it tolerates the node's taints forever",
			"ReplicaSet default/web wants 2: 2, 0, 1",
		},
	}, {
		name: "of the taints that a node has already and those it gets the shortest time decides",
		build: new(build).node("a", "8").node("b", "8").taint("a", "maintenance", "yes", corev1.TaintEffectNoExecute).
			pods("ReplicaSet", "web", "1", "a", "a", "a").
			change("web-0", func(pod *corev1.Pod) {
				pod.Spec.Tolerations = []corev1.Toleration{
					{Key: "maintenance", Operator: corev1.TolerationOpExists, TolerationSeconds: ptr.To[int64](600)},
					{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute},
				}
			}).
			change("web-1", func(pod *corev1.Pod) {
				pod.Spec.Tolerations = []corev1.Toleration{
					{Key: "maintenance", Operator: corev1.TolerationOpExists, TolerationSeconds: ptr.To[int64](40)},
					{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](300)},
				}
			}).
			change("web-2", tolerating(nil)),
		how: Down, dead: true, nodes: []string{"a"},
		want: []string{
			"web-0 fits a>b after 600 s", "web-1 fits a>b after 40 s",
			"web-2 stays: it tolerates the node's taints forever",
			"ReplicaSet default/web wants 3: 3, 0, 2",
		},
	}, {
		name: "a toleration that compares numbers counts for the scheduler too",
		build: new(build).node("a", "8").node("b", "8").taint("b", "sla", "950", corev1.TaintEffectNoSchedule).
			pods("ReplicaSet", "web", "1", "a").
			change("web-0", func(pod *corev1.Pod) {
				pod.Spec.Tolerations = []corev1.Toleration{{Key: "sla", Operator: corev1.TolerationOpGt, Value: "900"}}
			}),
		how: Down, dead: true, nodes: []string{"a"},
		want: []string{"web-0 fits a>b", "ReplicaSet default/web wants 1: 1, 0, 1"},
	}, {
		name: "on a dead node nothing runs whatever it tolerates and StatefulSets wait",
		build: new(build).node("a", "8").node("b", "8").pods("ReplicaSet", "web", "1", "a", "a").pods("StatefulSet", "db", "1", "a").
			pods("DaemonSet", "agent", "1", "a").
			change("web-0", tolerating(nil)).change("web-1", tolerating(ptr.To[int64](300))).budget("web", "web", 1),
		how: Down, dead: true, nodes: []string{"a"},
		want: []string{
			"web-0 stays: it tolerates the node's taints forever",
			"web-1 fits a>b after 300 s",
			"db-0 pending: its replacement waits until the node is back or its pods are force-deleted",
			"agent-0 stays: it belongs to a DaemonSet, which needs it only on this node",
			"ReplicaSet default/web wants 2: 2, 0, 1", "StatefulSet default/db wants 1: 1, 0, 0", "budget web: 2 of 1, broken",
		},
	}, {
		name: "a pod that is on its way out already is neither ready nor replaced",
		build: new(build).node("a", "8").node("b", "8").pods("ReplicaSet", "web", "1", "a", "b").change("web-0", func(pod *corev1.Pod) {
			pod.DeletionTimestamp = &metav1.Time{Time: now}
		}),
		how: Down, nodes: []string{"a"},
		want: []string{"web-0 unreplaced leaving: it is already being deleted", "ReplicaSet default/web wants 2: 1, 1, 1"},
	}, {
		name: "the room of a pod that was on its way out before is free in the end",
		build: new(build).node("a", "2").node("b", "2").pods("ReplicaSet", "web", "2", "a").pods("ReplicaSet", "old", "2", "b").
			change("old-0", func(pod *corev1.Pod) { pod.DeletionTimestamp = &metav1.Time{Time: now.Add(30 * time.Second)} }),
		how: Down, nodes: []string{"a"},
		want: []string{"web-0 fits a>b", "ReplicaSet default/web wants 1: 1, 0, 1"},
	}, {
		name: "unless nobody is heard of its node",
		build: func() *build {
			b := new(build).node("a", "2").node("b", "2").pods("ReplicaSet", "web", "2", "a").pods("ReplicaSet", "old", "2", "b")
			b.Nodes[1].Status.Conditions[0].Status = corev1.ConditionUnknown
			return b.change("old-0", func(pod *corev1.Pod) { pod.DeletionTimestamp = &metav1.Time{Time: now.Add(30 * time.Second)} })
		}(),
		how: Down, nodes: []string{"a"},
		want: []string{
			"web-0 pending: 0/2 nodes are available for its replacement: 1 Insufficient cpu, 1 node(s) had untolerated taint(s)",
			"ReplicaSet default/web wants 1: 1, 0, 0",
		},
	}, {
		name: "nor is one whose namespace is being deleted",
		build: func() *build {
			b := new(build).node("a", "8").node("b", "8").pods("ReplicaSet", "web", "1", "a")
			b.Namespaces = append(b.Namespaces, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default", DeletionTimestamp: &metav1.Time{Time: now}}})
			return b
		}(),
		how: Drain, nodes: []string{"a"},
		want: []string{"web-0 unreplaced: its namespace is being deleted", "ReplicaSet default/web wants 1: 0, 0, 0"},
	}, {
		name: "the replacement of the higher priority gets the last room",
		build: new(build).node("a", "8").node("b", "1").pods("ReplicaSet", "low", "1", "a").pods("ReplicaSet", "high", "1", "a").
			change("high-0", func(pod *corev1.Pod) { pod.Spec.Priority = ptr.To[int32](10) }),
		how: Down, nodes: []string{"a"},
		want: []string{
			"low-0 pending: 0/2 nodes are available for its replacement: 1 Insufficient cpu, 1 node(s) had untolerated taint(s)", "high-0 fits a>b",
			"ReplicaSet default/high wants 1: 1, 0, 1", "ReplicaSet default/low wants 1: 1, 0, 0",
		},
	}, {
		name:  "a drain leaves the pod that it runs in",
		build: new(build).node("a", "4").node("b", "4").pods("ReplicaSet", "web", "1", "a", "a"),
		own:   "web-1",
		how:   Drain, nodes: []string{"a"},
		want: []string{"web-0 fits a>b", "web-1 kept: this program runs in it", "ReplicaSet default/web wants 2: 2, 1, 2"},
	}} {
		t.Run(tt.name, func(t *testing.T) {
			picture := tt.build.picture()
			if tt.own != "" {
				picture.Own = tt.build.named(tt.own)[0]
			}
			loss := Loss{How: tt.how, Dead: tt.dead, Pods: tt.build.named(tt.pods...), Nodes: tt.build.nodes(tt.nodes...)}
			got, err := newAssessor(t).Predict(t.Context(), picture, loss)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, shown(got)); diff != "" {
				t.Errorf("prediction (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPredictRefusesWhatItCannotSimulateAndGoesOn(t *testing.T) {
	b := new(build).node("a", "4").pods("ReplicaSet", "web", "1", "a")
	a := newAssessor(t)
	for name, tt := range map[string]struct {
		loss Loss
		want string
	}{
		"a way to go that there is not":         {Loss{How: "explode"}, `unknown kind of loss "explode": must be evict, delete, drain or down`},
		"a node that the picture does not have": {Loss{How: Drain, Nodes: new(build).node("gone", "1").Nodes}, "the snapshot has no node gone"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := a.Predict(t.Context(), b.picture(), tt.loss); err == nil || err.Error() != tt.want {
				t.Errorf("got error %v, want %s", err, tt.want)
			}
		})
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	loss := Loss{How: Evict, Pods: b.Pods}
	if _, err := a.Predict(over, b.picture(), loss); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want the context's", err)
	}
	got, err := a.Predict(t.Context(), b.picture(), loss)
	if err != nil {
		t.Fatal(err)
	}
	if got.Count(Fits) != 1 {
		t.Errorf("after the errors it predicts %v", shown(got))
	}
	if _, err := New(Options{}); err == nil {
		t.Error("an assessor without a scheduler is no error")
	}
}
