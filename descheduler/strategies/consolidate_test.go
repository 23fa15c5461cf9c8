package strategies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/descheduler/strategy/strategytest"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

func keepingDaemons(s *strategytest.Session) {
	s.Keep = func(pod *corev1.Pod) string {
		switch {
		case cluster.BelongsToNode(pod):
			return "it belongs to its node"
		case pod.Namespace == "kept":
			return "it is kept"
		}
		return ""
	}
}

func TestConsolidate(t *testing.T) {
	daemon := ownedBy("DaemonSet", "ds")
	mirror := func(pod *corev1.Pod) { pod.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"} }
	succeeded := func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded }
	tests := []struct {
		name     string
		of       corev1.ResourceName
		max      *uint
		nodes    []*corev1.Node
		pods     []*corev1.Pod
		others   []runtime.Object
		schedule func(*strategy.State, *corev1.Pod) string
		want     []string
	}{
		{
			name: "a node's pods go all together, the largest first, to a node in use",
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n1", "b", 200), sizedPod("n2", "c", 600)},
			want: []string{"b n1>n2", "a n1>n2"},
		},
		{
			name: "a node whose pods do not all fit keeps them all",
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n1", "b", 200), sizedPod("n2", "c", 750)},
		},
		{
			name: "a node with a pod that stays is left alone",
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n1", "b", 100, ofNamespace("kept")), sizedPod("n2", "c", 600)},
		},
		{
			name: "pods that belong to a node, and those that are on their way out, do not keep it",
			pods: []*corev1.Pod{
				sizedPod("n1", "a", 100), sizedPod("n1", "b", 10, daemon), sizedPod("n1", "c", 10, mirror),
				sizedPod("n1", "d", 10, terminating), sizedPod("n1", "e", 10, succeeded), sizedPod("n2", "f", 600),
			},
			want: []string{"a n1>n2"},
		},
		{
			name: "a node with no pods but its own is not in use", nodes: []*corev1.Node{fullNode("n1", 1000), fullNode("n2", 1000)},
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 600, daemon)},
		},
		{
			name: "nodes with the fewest pods go first, into those that stay",
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n1", "b", 100), sizedPod("n2", "c", 300), sizedPod("n3", "d", 150), sizedPod("n3", "e", 150)},
			want: []string{"c n2>n3", "a n1>n3", "b n1>n3"},
		},
		{
			name: "no more nodes than maxNodes", max: ptr.To(uint(1)),
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n1", "b", 100), sizedPod("n2", "c", 300), sizedPod("n3", "d", 150), sizedPod("n3", "e", 150)},
			want: []string{"c n2>n3"},
		},
		{
			name: "nodes above a threshold stay",
			pods: []*corev1.Pod{sizedPod("n1", "a", 510), sizedPod("n2", "b", 40), sizedPod("n2", "c", 520)},
		},
		{
			name:  "a node that autoscalers are asked to leave would be emptied for nothing",
			nodes: []*corev1.Node{fullNode("n1", 1000, annotatedNode("cluster-autoscaler.kubernetes.io/scale-down-disabled", "true")), fullNode("n2", 1000), fullNode("n3", 1000)},
			pods:  []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 200), sizedPod("n3", "c", 600)},
			want:  []string{"b n2>n3"},
		},
		{
			name: "so would one with a pod of its own that autoscalers leave",
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n1", "b", 10, daemon, annotated("karpenter.sh/do-not-disrupt", "true")), sizedPod("n2", "c", 600)},
		},
		{
			name: "a pod of its own that is not safe to evict goes with its node",
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n1", "b", 10, daemon, annotated("cluster-autoscaler.kubernetes.io/safe-to-evict", "false")), sizedPod("n2", "c", 600)},
			want: []string{"a n1>n2"},
		},
		{
			name:  "a node that is on its way out is not emptied, and takes no pods",
			nodes: []*corev1.Node{fullNode("n1", 1000, beingDeleted), fullNode("n2", 1000), fullNode("n3", 1000, taintedNode("karpenter.sh/disrupted"))},
			pods:  []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 200), sizedPod("n3", "c", 600)},
		},
		{
			name: "a node without the resource that has the threshold is not judged by it", of: gpu,
			nodes: []*corev1.Node{fullNode("n1", 1000), fullNode("n2", 1000, withGPUs(4))},
			pods:  []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 600, requestingGPUs(3))},
		},
		{
			name:  "a node that offers none of what its pods hold keeps them, whatever the threshold is of",
			nodes: []*corev1.Node{fullNode("n1", 1000, withGPUs(0)), fullNode("n2", 1000, withGPUs(4))},
			pods:  []*corev1.Pod{sizedPod("n1", "a", 100, requestingGPUs(1)), sizedPod("n2", "b", 600)},
		},
		{
			name:  "no GPUs that nobody asks for are no reason to keep a node",
			nodes: []*corev1.Node{fullNode("n1", 1000, withGPUs(0)), fullNode("n2", 1000)},
			pods:  []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 600)},
			want:  []string{"a n1>n2"},
		},
		{
			name: "whether it lists it or not", schedule: fixed("n2"),
			pods: []*corev1.Pod{sizedPod("n1", "a", 100, requestingGPUs(1)), sizedPod("n2", "b", 600)},
		},
		{
			name:  "so does one that offers fewer GPUs than its pods hold",
			nodes: []*corev1.Node{fullNode("n1", 1000, withGPUs(1)), fullNode("n2", 1000, withGPUs(4))},
			pods:  []*corev1.Pod{sizedPod("n1", "a", 100, requestingGPUs(2)), sizedPod("n2", "b", 600)},
		},
		{
			name: "devices that the scheduler has made a claim for are none of the node's", schedule: fixed("n2"),
			pods: []*corev1.Pod{sizedPod("n1", "a", 100, requestingGPUs(1), withGPUsByClaim), sizedPod("n2", "b", 600)},
			want: []string{"a n1>n2"},
		},
		{
			name: "nor are those that a DeviceClass names", schedule: fixed("n2"), others: []runtime.Object{gpuClass()},
			pods: []*corev1.Pod{sizedPod("n1", "a", 100, requestingGPUs(1)), sizedPod("n2", "b", 600)},
			want: []string{"a n1>n2"},
		},
		{
			name: "unless the node lists them", schedule: fixed("n2"), others: []runtime.Object{gpuClass()},
			nodes: []*corev1.Node{fullNode("n1", 1000, withGPUs(0)), fullNode("n2", 1000)},
			pods:  []*corev1.Pod{sizedPod("n1", "a", 100, requestingGPUs(1)), sizedPod("n2", "b", 600)},
		},
		{
			name: "a node that is within the threshold when pods on their way out are gone is emptied", schedule: fixed("n2"),
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n1", "b", 700, terminating), sizedPod("n2", "c", 550)},
			want: []string{"a n1>n2"},
		},
		{
			name: "a node whose only pods are on their way out is as good as empty", schedule: fixed("n2"),
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 700, terminating)},
		},
		{
			name: "a scheduler that spreads fills an empty node: nothing is gained", schedule: spreadByCPU,
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "c", 600)},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.nodes == nil {
				tt.nodes = []*corev1.Node{fullNode("n1", 1000), fullNode("n2", 1000), fullNode("n3", 1000)}
			}
			if tt.schedule == nil {
				tt.schedule = packByCPU
			}
			if tt.want == nil {
				tt.want = []string{}
			}
			if tt.of == "" {
				tt.of = corev1.ResourceCPU
			}
			run, err := NewConsolidate(&policy.ConsolidateArgs{Thresholds: policy.ResourceThresholds{tt.of: 50}, MaxNodes: tt.max}, strategy.Env{})
			if err != nil {
				t.Fatal(err)
			}
			got := balance(t, run, &cluster.Snapshot{Nodes: tt.nodes, Pods: tt.pods, Others: tt.others}, tt.schedule, keepingDaemons)
			if diff := cmp.Diff(tt.want, movesOf(got)); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
		})
	}
}

// Where the scheduler could choose the node again that is to be emptied, nothing is evicted
// in vain, and the report says what helps.
func TestConsolidateWherePodsCouldComeBack(t *testing.T) {
	for _, tt := range []struct {
		name string
		node []func(*corev1.Node)
		want []string
		idle bool
	}{
		{name: "all nodes are equally full", want: []string{}, idle: true},
		{name: "one of them is cordoned", node: []func(*corev1.Node){cordonedNode}, want: []string{"a n1>n2"}},
	} {
		picture := &cluster.Snapshot{
			Nodes: []*corev1.Node{fullNode("n1", 1000, tt.node...), fullNode("n2", 1000)}, Pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 100)},
		}
		// As long as a pod is on its way out its node is as full as the other is.
		same := func(state *strategy.State, pod *corev1.Pod) string {
			if !state.Node(pod.Spec.NodeName).Spec.Unschedulable {
				return pod.Spec.NodeName
			}
			return packByCPU(state, pod)
		}
		got := balance(t, &consolidate{args: &policy.ConsolidateArgs{Thresholds: policy.ResourceThresholds{corev1.ResourceCPU: 50}}}, picture, same)
		if diff := cmp.Diff(tt.want, movesOf(got)); diff != "" || tt.idle != (got.IdleFor != "") {
			t.Errorf("%s: moves (-want +got):\n%s\nidle for %q", tt.name, diff, got.IdleFor)
		}
	}
}

// usedNodes returns how many pods nodes have that are not on their way out, by name.
func usedNodes(picture *cluster.Snapshot) map[string]int {
	used := map[string]int{}
	for _, pod := range picture.Pods {
		if pod.DeletionTimestamp == nil {
			used[pod.Spec.NodeName]++
		}
	}
	return used
}

// Every node that loses a pod ends empty, no empty node is filled, and a second run has
// nothing to do.
func TestDrainedNodesEndEmpty(t *testing.T) {
	emptied, again := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		picture := drawPicture(t, 1)
		thresholds := policy.ResourceThresholds{corev1.ResourceCPU: policy.Percentage(rapid.IntRange(20, 70).Draw(t, "threshold"))}
		if rapid.Bool().Draw(t, "GPUs too") {
			thresholds[gpu] = 30
		}
		var run strategy.Strategy = &consolidate{args: &policy.ConsolidateArgs{Thresholds: thresholds}}
		if rapid.Bool().Draw(t, "high") {
			run = &highNodeUtilization{args: &policy.HighNodeUtilizationArgs{Thresholds: thresholds}}
		}
		schedule := rapid.SampledFrom([]func(*strategy.State, *corev1.Pod) string{spreadByCPU, packByCPU}).Draw(t, "scheduler")
		first := balance(t, run, picture, schedule)
		after := pictureAfter(first, 1)
		was, is, alone := usedNodes(picture), usedNodes(after), unsettled(picture)
		for _, move := range movesOf(first) {
			if _, from := parted(move); is[from] > 0 || alone[from] {
				t.Fatalf("%q, and its node keeps %d pods, or offers fewer GPUs than they hold", move, is[from])
			}
		}
		for node := range is {
			if was[node] == 0 {
				t.Fatalf("node %s was empty and is not: %q", node, first.Moves)
			}
		}
		emptied += len(was) - len(is)
		if diff := cmp.Diff(first.Moves, balance(t, run, picture, schedule).Moves); diff != "" {
			t.Fatalf("not the same again (-first +second):\n%s", diff)
		}
		if second := balance(t, run, after, schedule); len(second.Moves) > 0 {
			again++
		}
	})
	t.Logf("%d nodes emptied; a second run had something to do %d times", emptied, again)
	if emptied == 0 {
		t.Error("no node was emptied")
	}
}
