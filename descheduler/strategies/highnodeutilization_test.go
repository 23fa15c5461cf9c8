package strategies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

func TestHighNodeUtilization(t *testing.T) {
	gpuNode := func(name string) *corev1.Node { return fullNode(name, 1000, withGPUs(4)) }
	low := []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n1", "b", 50), sizedPod("n2", "c", 600)}
	tests := []struct {
		name     string
		args     policy.HighNodeUtilizationArgs
		nodes    []*corev1.Node
		pods     []*corev1.Pod
		schedule func(*strategy.State, *corev1.Pod) string
		want     []string
		// idle is why there is nothing to look at, where that is so.
		idle string
	}{
		{name: "an underutilized node is drained into one that is not", pods: low, want: []string{"a n1>n2", "b n1>n2"}},
		{
			name: "not where all nodes are underutilized", args: policy.HighNodeUtilizationArgs{Thresholds: policy.ResourceThresholds{corev1.ResourceCPU: 70}}, pods: low,
			idle: "every node is underutilized, 3 of 3, so none is drained: Consolidate packs such nodes",
		},
		{
			name: "where only one of them is in use, or none takes pods, nothing else drains them", nodes: []*corev1.Node{fullNode("n1", 1000), fullNode("n2", 1000), fullNode("n3", 1000)},
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 100, ownedBy("DaemonSet", "ds"))},
			idle: "every node is underutilized, 3 of 3, so none is drained",
		},
		{
			name: "all nodes are cordoned", nodes: []*corev1.Node{fullNode("n1", 1000, cordonedNode), fullNode("n2", 1000, cordonedNode)},
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 50)},
			idle: "every node is underutilized, 2 of 2, so none is drained",
		},
		{
			name: "equally full ones are packed once one is cordoned", nodes: []*corev1.Node{fullNode("n1", 1000), fullNode("n2", 1000)},
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 100)},
			idle: "every node is underutilized, 2 of 2, so none is drained: Consolidate packs such nodes if one of them is cordoned, because they are equally full",
		},
		{
			name: "one is cordoned", nodes: []*corev1.Node{fullNode("n1", 1000, cordonedNode), fullNode("n2", 1000)},
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 100)},
			idle: "every node is underutilized, 2 of 2, so none is drained: Consolidate packs such nodes",
		},
		{
			name: "of a resource that not all offer, it is those that do", args: policy.HighNodeUtilizationArgs{Thresholds: policy.ResourceThresholds{gpu: 90}},
			nodes: []*corev1.Node{fullNode("n1", 1000), gpuNode("n2")}, pods: low,
			idle: "every node that offers example.com/gpu is underutilized, 1 of 1, so none is drained",
		},
		{
			name: "not where no more than numberOfNodes are", args: policy.HighNodeUtilizationArgs{NumberOfNodes: 2}, pods: low,
			idle: "too few nodes are underutilized: 2, and numberOfNodes requires more than 2",
		},
		{
			name: "not where none is", nodes: []*corev1.Node{fullNode("n1", 1000)}, pods: []*corev1.Pod{sizedPod("n1", "a", 600)},
			idle: "no node is underutilized",
		},
		{
			name: "a node without the resource that has the threshold is not judged by it", args: policy.HighNodeUtilizationArgs{Thresholds: policy.ResourceThresholds{gpu: 30}},
			nodes: []*corev1.Node{fullNode("n1", 1000), gpuNode("n2")},
			pods:  []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 600, requestingGPUs(3))},
			idle:  "no node that offers example.com/gpu is underutilized",
		},
		{
			name: "no node may have the resource", args: policy.HighNodeUtilizationArgs{Thresholds: policy.ResourceThresholds{gpu: 30}}, pods: low,
			idle: "no ready node can be classified by example.com/gpu",
		},
		{
			name:  "of several resources those that the node has count",
			args:  policy.HighNodeUtilizationArgs{Thresholds: policy.ResourceThresholds{gpu: 30, corev1.ResourceCPU: 20}},
			nodes: []*corev1.Node{fullNode("n1", 1000), gpuNode("n2"), fullNode("n3", 1000)},
			pods:  []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 100, requestingGPUs(3)), sizedPod("n3", "c", 600)},
			want:  []string{"a n1>n3"},
		},
		{
			name: "a node that has just registered is not underutilized, nor is one whose device plugin restarts",
			args: policy.HighNodeUtilizationArgs{NumberOfNodes: 1}, nodes: []*corev1.Node{fullNode("n1", 1000), fullNode("n2", 1000), fullNode("n3", 0, registeringNode), fullNode("n4", 1000, withGPUs(0))},
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n2", "b", 600), sizedPod("n4", "c", 100, requestingGPUs(1))},
			idle: "too few nodes are underutilized: 1, and numberOfNodes requires more than 1; 1 node is skipped: n4 offers none of the example.com/gpu that its pods hold",
		},
		{
			name:  "of several nodes that are left alone the first is named",
			nodes: []*corev1.Node{fullNode("n1", 1000, withGPUs(2)), fullNode("n2", 1000), fullNode("n3", 1000)},
			pods:  []*corev1.Pod{sizedPod("n1", "a", 100, requestingGPUs(3)), sizedPod("n2", "b", 100, requestingGPUs(1)), sizedPod("n3", "c", 600)},
			idle:  "no node is underutilized; 2 nodes are skipped, the first because n1 offers 2 of the 3 example.com/gpu that its pods hold",
		},
		{
			name: "that a node ends no fuller than another was is no gain", nodes: []*corev1.Node{fullNode("n1", 1000), fullNode("n2", 1000), fullNode("n3", 1000)},
			pods: []*corev1.Pod{sizedPod("n1", "a", 0), sizedPod("n2", "b", 0, ofNamespace("kept")), sizedPod("n3", "c", 600, ofNamespace("kept"))}, schedule: fixed("n2"),
		},
		{
			name: "a node is as full as when pods on their way out are gone", schedule: fixed("n2"),
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n1", "b", 700, terminating), sizedPod("n2", "c", 600), sizedPod("n3", "d", 300)},
			want: []string{"a n1>n2"},
		},
		{name: "not with a scheduler that spreads", pods: low, schedule: spreadByCPU},
		{
			name: "underutilized ones are drained into fuller ones too", nodes: []*corev1.Node{fullNode("n1", 1000), fullNode("n2", 1000), fullNode("n3", 1000)},
			pods: []*corev1.Pod{sizedPod("n1", "a", 120), sizedPod("n2", "b", 100), sizedPod("n3", "c", 980)}, want: []string{"b n2>n1"},
		},
		{
			name: "not into one that is emptier", nodes: []*corev1.Node{fullNode("n1", 1000), fullNode("n2", 1000), fullNode("n3", 1000)},
			pods: []*corev1.Pod{sizedPod("n1", "a", 150), sizedPod("n2", "b", 100, ofNamespace("kept")), sizedPod("n3", "c", 980)},
		},
		{
			name: "a node that keeps a pod of an excluded namespace is left alone",
			args: policy.HighNodeUtilizationArgs{EvictableNamespaces: &policy.Namespaces{Exclude: []string{"other"}}},
			pods: []*corev1.Pod{sizedPod("n1", "a", 100), sizedPod("n1", "b", 50, ofNamespace("other")), sizedPod("n2", "c", 600)},
		},
		{
			name: "only pods that request what has a threshold, if that is all that is asked for",
			args: policy.HighNodeUtilizationArgs{
				Thresholds: policy.ResourceThresholds{gpu: 30}, EvictionModes: []policy.EvictionMode{policy.OnlyThresholdingResources},
			},
			nodes: []*corev1.Node{gpuNode("n1"), gpuNode("n2")},
			pods: []*corev1.Pod{
				sizedPod("n1", "a", 100, requestingGPUs(1)), sizedPod("n1", "b", 100, ofNamespace("kept")),
				sizedPod("n2", "c", 400, requestingGPUs(1)), sizedPod("n2", "d", 100, requestingGPUs(1)),
			},
			want: []string{"a n1>n2"},
		},
		{
			name: "not where a pod that need not go is one that autoscalers leave",
			args: policy.HighNodeUtilizationArgs{
				Thresholds: policy.ResourceThresholds{gpu: 30}, EvictionModes: []policy.EvictionMode{policy.OnlyThresholdingResources},
			},
			nodes: []*corev1.Node{gpuNode("n1"), gpuNode("n2")},
			pods: []*corev1.Pod{
				sizedPod("n1", "a", 100, requestingGPUs(1)), sizedPod("n1", "b", 100, annotated("cluster-autoscaler.kubernetes.io/safe-to-evict", "false")),
				sizedPod("n2", "c", 400, requestingGPUs(1)), sizedPod("n2", "d", 100, requestingGPUs(1)),
			},
		},
		{
			name: "without that mode its other pods keep it", args: policy.HighNodeUtilizationArgs{Thresholds: policy.ResourceThresholds{gpu: 30}},
			nodes: []*corev1.Node{gpuNode("n1"), gpuNode("n2")},
			pods: []*corev1.Pod{
				sizedPod("n1", "a", 100, requestingGPUs(1)), sizedPod("n1", "b", 100, ofNamespace("kept")),
				sizedPod("n2", "c", 400, requestingGPUs(1)), sizedPod("n2", "d", 100, requestingGPUs(1)),
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.nodes == nil {
				tt.nodes = []*corev1.Node{fullNode("n1", 1000), fullNode("n2", 1000), fullNode("n3", 1000)}
			}
			if tt.args.Thresholds == nil {
				tt.args.Thresholds = policy.ResourceThresholds{corev1.ResourceCPU: 20}
			}
			if tt.schedule == nil {
				tt.schedule = packByCPU
			}
			if tt.want == nil {
				tt.want = []string{}
			}
			run, err := NewHighNodeUtilization(&tt.args, strategy.Env{})
			if err != nil {
				t.Fatal(err)
			}
			got := balance(t, run, &cluster.Snapshot{Nodes: tt.nodes, Pods: tt.pods}, tt.schedule, keepingDaemons)
			if diff := cmp.Diff(tt.want, movesOf(got)); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.idle, got.IdleFor); diff != "" {
				t.Errorf("why it is idle (-want +got):\n%s", diff)
			}
		})
	}
}
