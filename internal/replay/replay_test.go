package replay

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// figures are those of each result in a line: nodes used, removable and kept, pods placed and
// pending.
func figures(a *Answer) []string {
	var lines []string
	for _, r := range a.Results {
		lines = append(lines, fmt.Sprintf("%s: %d/%d/%d nodes, %d+%d pods", r.Name, r.NodesUsed, r.NodesRemovable, r.NodesKept, r.Placed, r.Pending))
	}
	return lines
}

func TestNodesThatProfilesNeed(t *testing.T) {
	four := nodes(4)
	for _, tt := range []struct {
		name    string
		picture *cluster.Snapshot
		want    []string
	}{
		{
			"pods that fit on one node are packed by all but the default and the profile that spreads",
			&cluster.Snapshot{Nodes: four, Pods: onEach(four, "web", "cpu=1 memory=1Gi")},
			[]string{
				"now: 4/0/0 nodes, 4+0 pods", "default: 4/0/0 nodes, 4+0 pods", "most-allocated-all: 1/3/0 nodes, 4+0 pods",
				"stowage: 1/3/0 nodes, 4+0 pods", "stowage-spread: 4/0/0 nodes, 4+0 pods", "stowage-preemptible-first: 1/3/0 nodes, 4+0 pods",
			},
		},
		{
			"a cluster without pods needs no node",
			&cluster.Snapshot{Nodes: four},
			[]string{
				"now: 0/4/0 nodes, 0+0 pods", "default: 0/4/0 nodes, 0+0 pods", "most-allocated-all: 0/4/0 nodes, 0+0 pods",
				"stowage: 0/4/0 nodes, 0+0 pods", "stowage-spread: 0/4/0 nodes, 0+0 pods", "stowage-preemptible-first: 0/4/0 nodes, 0+0 pods",
			},
		},
		{
			"a cluster without nodes places no pod",
			&cluster.Snapshot{Pods: []*corev1.Pod{newPod("web-1", "", "cpu=1")}},
			[]string{
				"now: 0/0/0 nodes, 0+1 pods", "default: 0/0/0 nodes, 0+1 pods", "most-allocated-all: 0/0/0 nodes, 0+1 pods",
				"stowage: 0/0/0 nodes, 0+1 pods", "stowage-spread: 0/0/0 nodes, 0+1 pods", "stowage-preemptible-first: 0/0/0 nodes, 0+1 pods",
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, figures(run(t, tt.picture, Options{}))); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPodsThatArePlacedAnew(t *testing.T) {
	two := nodes(2)
	for _, tt := range []struct {
		name string
		pods []*corev1.Pod
		want string
		note string
	}{
		{"pods of DaemonSets and static pods stay, and take room", append(onEach(two, "agent", "cpu=3", daemon), newPod("proxy", "node-0", "cpu=1", annotated(corev1.MirrorPodAnnotationKey, "x")), newPod("web-1", "node-0", "cpu=1"), newPod("web-2", "", "cpu=1")), "1/1/0 nodes, 1+1 pods", ""},
		{"a pod that waits is placed, whatever its scheduler", []*corev1.Pod{newPod("web-1", "", "cpu=1", func(p *corev1.Pod) { p.Spec.SchedulerName = "unknown" })}, "1/1/0 nodes, 1+0 pods", ""},
		{"a pod that no scheduler looks at is left out", []*corev1.Pod{newPod("web-1", "", "cpu=1", func(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "quota"}} })}, "0/2/0 nodes, 0+0 pods", "1 pod with scheduling gates left out"},
		{"pods that are deleted are left out", []*corev1.Pod{newPod("web-1", "node-0", "cpu=4", func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.NewTime(noon)) }), newPod("web-2", "node-0", "cpu=4")}, "1/1/0 nodes, 1+0 pods", "1 pod left out: being deleted, or on a node that is gone"},
		{"so are those on a node that is gone", []*corev1.Pod{newPod("web-1", "gone", "cpu=4")}, "0/2/0 nodes, 0+0 pods", "1 pod left out: being deleted, or on a node that is gone"},
		{"pods that have ended do not count", []*corev1.Pod{newPod("web-1", "node-0", "cpu=4", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })}, "0/2/0 nodes, 0+0 pods", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			answer := run(t, &cluster.Snapshot{Nodes: two, Pods: tt.pods}, Options{Subjects: shipped(t, "stowage")})
			if diff := cmp.Diff("stowage: "+tt.want, figures(answer)[1]); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if tt.note != "" && !slices.Contains(answer.Notes, tt.note) {
				t.Errorf("the notes are %q, want %q", answer.Notes, tt.note)
			}
		})
	}
}

func TestNodesThatTheClusterKeeps(t *testing.T) {
	picture := &cluster.Snapshot{
		Nodes: []*corev1.Node{
			newNode("a", "cpu=4 memory=8Gi"),
			newNode("control", "cpu=4 memory=8Gi", labelled("node-role.kubernetes.io/control-plane="), func(n *corev1.Node) {
				n.Spec.Taints = []corev1.Taint{{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}}
			}),
			newNode("leaving", "cpu=4 memory=8Gi", func(n *corev1.Node) {
				n.Spec.Taints = []corev1.Taint{{Key: "karpenter.sh/disrupted", Effect: corev1.TaintEffectNoSchedule}}
			}),
			newNode("marked", "cpu=4 memory=8Gi", func(n *corev1.Node) { n.Annotations = map[string]string{"karpenter.sh/do-not-disrupt": "true"} }),
			newNode("needed", "cpu=4 memory=8Gi"),
			newNode("unneeded", "cpu=4 memory=8Gi"),
		},
		Pods: []*corev1.Pod{
			newPod("agent-1", "needed", "cpu=100m", daemon, annotated("karpenter.sh/do-not-disrupt", "true")),
			newPod("web-1", "leaving", "cpu=1", annotated("cluster-autoscaler.kubernetes.io/safe-to-evict", "false")),
		},
	}
	answer := run(t, picture, Options{Subjects: shipped(t, "stowage")})
	want := []Kept{
		{"control", "it is a control plane node"},
		{"leaving", "it is being removed already: it has the taint karpenter.sh/disrupted"},
		{"marked", `it has the annotation karpenter.sh/do-not-disrupt: "true"`},
		{"needed", `pod shop/agent-1, which stays there, has the annotation karpenter.sh/do-not-disrupt: "true"`},
	}
	if diff := cmp.Diff(want, answer.Kept); diff != "" {
		t.Errorf("kept nodes (-want +got):\n%s", diff)
	}
	now, packed := answer.Results[0], answer.Results[1]
	if now.NodesUsed != 1 || now.NodesKept != 3 || !slices.Equal(now.Removable, []string{"a", "unneeded"}) {
		t.Errorf("now %s, removable %q", figures(answer)[0], now.Removable)
	}
	if packed.NodesUsed != 1 || packed.Pending != 0 || slices.Contains(packed.Removable, "needed") || slices.Contains(packed.Removable, "leaving") {
		t.Errorf("%s, removable %q", figures(answer)[1], packed.Removable)
	}
}

// The first pod takes the room of the second.
func TestTheOrderOfPods(t *testing.T) {
	picture := &cluster.Snapshot{Nodes: nodes(1), Pods: []*corev1.Pod{newPod("large", "", "cpu=3", created(2)), newPod("small", "", "cpu=2", created(1)), newPod("tiny", "", "cpu=1", created(3))}}
	for _, subject := range shipped(t) {
		c := divided(picture, nil)
		pods, reasons, err := c.place(t.Context(), subject, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, pod := range pods {
			got = append(got, pod.Name+" "+pod.Spec.NodeName)
		}
		if diff := cmp.Diff([]string{"small node-0", "large ", "tiny node-0"}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", subject.Name, diff)
		}
		if diff := cmp.Diff(map[string]int{"Insufficient cpu": 1}, reasons); diff != "" {
			t.Errorf("%s: reasons (-want +got):\n%s", subject.Name, diff)
		}
	}
	orders := map[string]bool{}
	for seed := range uint64(20) {
		first, second := divided(picture, &seed), divided(picture, &seed)
		if order := listed(first.pods); order != listed(second.pods) {
			t.Errorf("seed %d gives the orders %s and %s", seed, order, listed(second.pods))
		} else {
			orders[order] = true
		}
	}
	if len(orders) < 3 {
		t.Errorf("20 seeds give the orders %v alone", orders)
	}
}

func listed(pods []*corev1.Pod) string {
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	return strings.Join(names, " ")
}

// divided returns the comparison of a picture before any pod is placed.
func divided(picture *cluster.Snapshot, seed *uint64) *comparison {
	c := &comparison{picture: picture, opts: Options{Registry: registry, Seed: seed, Progress: func(string, ...any) {}, Now: noon}, assumed: map[string]bool{}}
	c.sortNodes()
	c.divide()
	c.keep()
	return c
}

// A pod whose volume is in a zone goes to no other, and one whose volume is gone has a reason.
func TestVolumes(t *testing.T) {
	claiming := func(claim string) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}}
		}
	}
	zone := func(name string) func(*corev1.Node) { return labelled(corev1.LabelTopologyZone + "=" + name) }
	picture := &cluster.Snapshot{
		Nodes: []*corev1.Node{newNode("a", "cpu=4 memory=8Gi", zone("zone-a")), newNode("b", "cpu=4 memory=8Gi", zone("zone-b"))},
		Pods:  []*corev1.Pod{newPod("web-1", "a", "cpu=1", created(1)), newPod("db-0", "b", "cpu=1", created(2), claiming("data")), newPod("db-1", "b", "cpu=1", created(3), claiming("unknown"))},
		Others: []runtime.Object{
			&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "data", Annotations: map[string]string{"pv.kubernetes.io/bind-completed": "yes"}}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "disk"}, Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound}},
			&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "disk"}, Spec: corev1.PersistentVolumeSpec{
				ClaimRef: &corev1.ObjectReference{Namespace: "shop", Name: "data"},
				NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
					{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{"zone-b"}},
				}}}}},
			}},
		},
	}
	for _, subject := range shipped(t) {
		pods, reasons, err := divided(picture, nil).place(t.Context(), subject, 0)
		if err != nil {
			t.Fatal(err)
		}
		if on := pods[1].Spec.NodeName; on != "b" {
			t.Errorf("%s places the pod with the volume on %q, want b", subject.Name, on)
		}
		if diff := cmp.Diff(map[string]int{"its node cannot be predicted: the snapshot has no PersistentVolumeClaim unknown": 1}, reasons); diff != "" {
			t.Errorf("%s: reasons (-want +got):\n%s", subject.Name, diff)
		}
	}
}

func TestSubjects(t *testing.T) {
	const own = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: %s
  plugins: {score: {disabled: [{name: ImageLocality}]}}
`
	for _, tt := range []struct{ name, file, want, failure string }{
		{"the rivals come first, and the default only once", "", "default most-allocated-all stowage stowage-spread stowage-preemptible-first", ""},
		{"a profile of the user's comes last", "mine", "default most-allocated-all stowage stowage-spread stowage-preemptible-first mine", ""},
		{"one that is shipped is the user's then", "stowage", "default most-allocated-all stowage stowage-spread stowage-preemptible-first", ""},
		{"a changed default-scheduler is compared with the default", "default-scheduler", "default most-allocated-all default-scheduler stowage stowage-spread stowage-preemptible-first", ""},
		{"the names of others are taken", "default", "", `a profile has the schedulerName "default", which stands for something else here: rename it`},
		{"that for today, too", "now", "", `a profile has the schedulerName "now", which stands for something else here: rename it`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			configurations := simulation.Configurations{BuiltIn: [][]byte{shippedConfiguration}, Registry: registry}
			if tt.file != "" {
				configurations.Files = []string{written(t, "scheduler.yaml", fmt.Sprintf(own, tt.file))}
			}
			profiles, err := simulation.Load(configurations)
			if err != nil {
				t.Fatal(err)
			}
			subjects, err := Subjects(profiles)
			failure := ""
			if err != nil {
				failure = err.Error()
			}
			if got := strings.Join(names(subjects), " "); got != tt.want || failure != tt.failure {
				t.Errorf("the subjects are %s, %s; want %s, %s", got, failure, tt.want, tt.failure)
			}
		})
	}
	_, err := Restrict(shipped(t), []string{"stowage", "stowage-sprad"})
	if want := `there is no profile "stowage-sprad" (did you mean "stowage-spread"?), only default, most-allocated-all, stowage, stowage-spread, stowage-preemptible-first`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestNotes(t *testing.T) {
	picture := &cluster.Snapshot{Nodes: nodes(101), Pods: []*corev1.Pod{newPod("web-1", "node-0", "cpu=1"), newPod("web-2", "", "cpu=5", func(p *corev1.Pod) { p.Spec.Priority = ptr.To[int32](1) })}}
	picture.Nodes[3].Spec.Unschedulable = true
	answer := run(t, picture, Options{Subjects: shipped(t, "default", "most-allocated-all", "stowage")})
	want := []string{
		"the pods are those that run or wait now, all placed from scratch: no autoscaler adds nodes, and no time passes in between. It is a comparison, and no plan to move pods",
		"1 node cordoned, not Ready or being removed: pods that are there now are placed elsewhere",
		"nothing is preempted: a scheduler could evict pods with a lower priority to make room for some that are pending here",
		"all nodes are scored. In a cluster of more than 100 nodes, a scheduler with the settings of default scores a sample of them",
	}
	if diff := cmp.Diff(want, answer.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}
