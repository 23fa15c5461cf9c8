package target

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

func isReady(pod *corev1.Pod) {
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
}

// degraded is a picture of a ReplicaSet that wants so many pods and has some that are ready
// and some that are not, the first of them.
func degraded(kind string, wants int32, ready, unready int) *Picture {
	s := &cluster.Snapshot{}
	meta := metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: ownerOf(kind, "web").UID}
	switch kind {
	case "ReplicaSet":
		s.ReplicaSets = []*appsv1.ReplicaSet{{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Replicas: &wants}}}
	case "Job":
		s.Jobs = []*batchv1.Job{{ObjectMeta: meta, Spec: batchv1.JobSpec{Parallelism: &wants}}}
	}
	for i := range unready + ready {
		pod := newPod("shop", fmt.Sprint("web-", i), owned(kind, "web"), labelled("app", "web"))
		if i >= unready {
			isReady(pod)
		}
		s.Pods = append(s.Pods, pod)
	}
	return NewPicture(s, now)
}

func TestSpare(t *testing.T) {
	const waits = "whose workload still waits for the replacement of shop/web-x"
	waiting := func(p *Picture) { p.Waiting = map[string]string{"ReplicaSet shop/web": "shop/web-x"} }
	budget := func(p *Picture) {
		p.Budgets = []*policyv1.PodDisruptionBudget{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
			Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
		}}
	}
	for _, tt := range []struct {
		name     string
		picture  *Picture
		change   []func(*Picture)
		deletes  bool
		several  bool
		want     []string
		excluded map[string]int
	}{
		{name: "a workload that is whole can spare any pod", picture: degraded("ReplicaSet", 2, 2, 0), want: []string{"web-0", "web-1"}},
		{name: "one that waits for a replacement can spare none", picture: degraded("ReplicaSet", 3, 2, 0), change: []func(*Picture){waiting}, excluded: map[string]int{waits: 2}},
		{name: "nor where several are to go", picture: degraded("ReplicaSet", 3, 2, 0), change: []func(*Picture){waiting}, several: true, excluded: map[string]int{waits: 2}},
		{name: "its budget decides, where there is one", picture: degraded("ReplicaSet", 3, 1, 0), change: []func(*Picture){waiting, budget}, want: []string{"web-0"}},
		{name: "deletion asks no budget", picture: degraded("ReplicaSet", 3, 2, 0), change: []func(*Picture){waiting, budget}, deletes: true, excluded: map[string]int{waits: 2}},
		{name: "the last ready pod of several stays", picture: degraded("ReplicaSet", 3, 1, 2), want: []string{"web-0", "web-1"}, excluded: map[string]int{whyLast: 1}},
		{name: "also where the others are not even there", picture: degraded("ReplicaSet", 2, 1, 0), excluded: map[string]int{whyLast: 1}},
		{name: "but not where several are to go", picture: degraded("ReplicaSet", 2, 1, 1), several: true, want: []string{"web-0", "web-1"}},
		{name: "a workload that wants one loses it", picture: degraded("ReplicaSet", 1, 1, 0), want: []string{"web-0"}},
		{name: "where nobody knows how many it wants, its pods say", picture: degraded("Rollout", 0, 1, 1), want: []string{"web-0"}, excluded: map[string]int{whyLast: 1}},
		{name: "a single pod of such a workload goes", picture: degraded("Rollout", 0, 1, 0), want: []string{"web-0"}},
		{name: "a Job's pods come to their end anyhow", picture: degraded("Job", 2, 1, 0), want: []string{"web-0"}},
		{name: "another workload's wait is nothing to it", picture: degraded("ReplicaSet", 2, 2, 0), change: []func(*Picture){func(p *Picture) {
			p.Waiting = map[string]string{"ReplicaSet shop/api": "shop/api-x"}
		}}, want: []string{"web-0", "web-1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, change := range tt.change {
				change(tt.picture)
			}
			selected := compile(t, Pods{All: true}).Pods(tt.picture)
			got := NewSpare(tt.picture, !tt.deletes).Of(selected, tt.several)
			if diff := cmp.Diff(tt.want, names(got.Pods)); diff != "" {
				t.Errorf("spared (-want, +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.excluded, got.Excluded); len(tt.excluded)+len(got.Excluded) > 0 && diff != "" {
				t.Errorf("excluded (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestWaitingWorkloadsAreOneReason(t *testing.T) {
	for _, tt := range []struct {
		name    string
		waiting map[string]string
		want    map[string]int
	}{
		{"a single lost pod is named", map[string]string{"ReplicaSet shop/a": "shop/a-x"},
			map[string]int{"whose workload still waits for the replacement of shop/a-x": 1}},
		{"several are not", map[string]string{"ReplicaSet shop/a": "shop/a-x", "ReplicaSet shop/b": "shop/b-x"},
			map[string]int{"whose workload still waits for a replacement": 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := NewPicture(&cluster.Snapshot{Pods: []*corev1.Pod{
				newPod("shop", "a-0", owned("ReplicaSet", "a")), newPod("shop", "b-0", owned("ReplicaSet", "b")),
			}}, now)
			p.Waiting = tt.waiting
			got := NewSpare(p, false).Of(compile(t, Pods{All: true}).Pods(p), false)
			if diff := cmp.Diff(tt.want, got.Excluded); diff != "" {
				t.Errorf("excluded (-want, +got):\n%s", diff)
			}
		})
	}
}

// TestNobodyLosesItsLastPod takes pods of random workloads that are never replaced, one after
// another, and looks that each keeps one that is ready, and loses one at most.
func TestNobodyLosesItsLastPod(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &cluster.Snapshot{}
		ready := map[string]int{}
		for w := range rapid.IntRange(1, 4).Draw(t, "workloads") {
			name := fmt.Sprint("w", w)
			wants := rapid.IntRange(2, 4).Draw(t, "replicas")
			s.ReplicaSets = append(s.ReplicaSets, &appsv1.ReplicaSet{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: ownerOf("ReplicaSet", name).UID},
				Spec:       appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(wants))},
			})
			for i := range rapid.IntRange(1, wants).Draw(t, "pods") {
				pod := newPod("shop", fmt.Sprintf("%s-%d", name, i), owned("ReplicaSet", name))
				if rapid.Bool().Draw(t, "ready") {
					isReady(pod)
					ready["ReplicaSet shop/"+name]++
				}
				s.Pods = append(s.Pods, pod)
			}
		}
		waiting, taken := map[string]string{}, map[string]int{}
		for range rapid.IntRange(1, 8).Draw(t, "draws") {
			p := NewPicture(s, now)
			p.Waiting = waiting
			spared := NewSpare(p, rapid.Bool().Draw(t, "asks budgets")).Of(Selected{Pods: All(p), Excluded: map[string]int{}}, false)
			if len(spared.Pods) == 0 {
				continue
			}
			i := rapid.IntRange(0, len(spared.Pods)-1).Draw(t, "which")
			pod := spared.Pods[i]
			key := pod.WorkloadKey()
			waiting[key] = pod.Namespace + "/" + pod.Name
			if taken[key]++; taken[key] > 1 {
				t.Fatalf("%s loses %d pods, and none was replaced", key, taken[key])
			}
			if disruption.Ready(pod.Pod) {
				if ready[key]--; ready[key] == 0 {
					t.Fatalf("%s loses its last ready pod", key)
				}
			}
			var left []*corev1.Pod
			for _, other := range s.Pods {
				if other.UID != pod.UID {
					left = append(left, other)
				}
			}
			s = &cluster.Snapshot{ReplicaSets: s.ReplicaSets, Pods: left}
		}
	})
}

func TestTheProgramsOwnPodAndNode(t *testing.T) {
	p := degraded("ReplicaSet", 3, 3, 0)
	p.Own = p.Pods[1]
	got := compile(t, Pods{All: true, IncludeSystem: true, IncludeBarePods: true, IncludeDaemonSets: true, IncludeStatic: true}).Pods(p)
	if diff := cmp.Diff([]string{"web-0", "web-2"}, names(got.Pods)); diff != "" || got.Excluded[WhyOwn] != 1 {
		t.Errorf("its own pod is selected (-want, +got), %v:\n%s", got.Excluded, diff)
	}
	for _, tt := range []struct {
		name  string
		nodes Nodes
		want  []string
	}{
		{"its node is not among all", Nodes{All: true, IncludeControlPlane: true}, []string{"master-1", "old-master-1", "worker-2", "spot-1", "spot-2", "nowhere"}},
		{"nor in its zone", Nodes{Zone: "zone-a"}, []string{"spot-1"}},
		{"nor among those with its labels", Nodes{Labels: "pool=web"}, []string{"worker-2"}},
		{"its name asks for it", Nodes{Names: []string{"worker-1", "worker-2"}}, []string{"worker-1", "worker-2"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pool := pool()
			pool.Own = newPod("chaos", "own", func(pod *corev1.Pod) { pod.Spec.NodeName = "worker-1" })
			selection, err := tt.nodes.Compile()
			if err != nil {
				t.Fatal(err)
			}
			selected, err := selection.Nodes(pool, preemptible.Known())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, nodeNames(selected.Nodes)); diff != "" {
				t.Errorf("selected (-want, +got):\n%s", diff)
			}
		})
	}
}
