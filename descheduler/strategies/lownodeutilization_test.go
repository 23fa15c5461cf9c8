package strategies

import (
	"context"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/descheduler/strategy/strategytest"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

var testContext = context.Background()

// What the pod that makes room may go to, when the hot node was 20 points above the
// target of 50.
func TestGainOfReturn(t *testing.T) {
	small := sizedPod("cold", "small", 100)
	picture := &cluster.Snapshot{
		Nodes: []*corev1.Node{fullNode("hot", 1000), fullNode("cold", 1000), fullNode("warm", 1000), fullNode("full", 1000)},
		Pods:  []*corev1.Pod{sizedPod("hot", "stays", 550), sizedPod("warm", "w", 400), sizedPod("full", "f", 450)},
	}
	state := strategy.NewState(picture, labels.Everything())
	scale := newUtilizationScale(state, policy.ResourceThresholds{corev1.ResourceCPU: 50})
	gain := func(before float64, to string) float64 {
		o := &lowReturn{lowObjective: lowObjective{scale: scale, target: points{50}}, hot: "hot", before: before}
		return math.Round(o.Gain(state, small, to))
	}
	for _, tt := range []struct {
		name   string
		before float64
		to     string
		want   float64
	}{
		{"the hot node, which ends 15 points above", 20, "hot", 5},
		{"the hot node, which was 10 points above and ends 15", 10, "hot", -5},
		{"a node within the target: the hot one ends 5 points above", 20, "warm", 15},
		{"a node that ends above the target", 20, "full", 0},
		{"its own node", 20, "cold", 0},
		{"a node that is not known", 20, "gone", 0},
	} {
		if got := gain(tt.before, tt.to); got != tt.want {
			t.Errorf("%s: gain %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestLowNodeUtilization(t *testing.T) {
	nodes := func(names ...string) []*corev1.Node {
		var all []*corev1.Node
		for _, name := range names {
			all = append(all, fullNode(name, 1000))
		}
		return all
	}
	daemon := ownedBy("DaemonSet", "ds")
	tests := []struct {
		name   string
		args   *policy.LowNodeUtilizationArgs
		nodes  []*corev1.Node
		pods   []*corev1.Pod
		change func(*strategytest.Session)
		// schedule is spreadByCPU where it is nil.
		schedule func(*strategy.State, *corev1.Pod) string
		want     []string
		// idle is why there is nothing to look at; it is not compared where it is empty.
		idle string
	}{
		{
			name: "one pod that suffices goes, the smallest such", nodes: nodes("hot", "cold"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 100), sizedPod("hot", "b", 150), sizedPod("hot", "c", 160), sizedPod("hot", "d", 200)},
			want: []string{"b hot>cold"},
		},
		{
			name: "the fewest that suffice go, the largest first and the smallest last", nodes: nodes("hot", "cold", "cold2"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 60), sizedPod("hot", "b", 100), sizedPod("hot", "c", 120), sizedPod("hot", "d", 200), sizedPod("hot", "e", 220), sizedPod("hot", "f", 240)},
			want: []string{"f hot>cold", "d hot>cold2"},
		},
		{
			name: "of lower priority go first where that costs no move", nodes: nodes("hot", "cold"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 150, withPriority(10)), sizedPod("hot", "b", 300), sizedPod("hot", "c", 350, withPriority(10))},
			want: []string{"b hot>cold"},
		},
		{
			name: "of higher priority go where two of lower would have to", nodes: nodes("hot", "cold", "cold2"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 300, withPriority(10)), sizedPod("hot", "b", 200), sizedPod("hot", "c", 200)},
			want: []string{"b hot>cold"},
		},
		{
			name: "pods that would rather stay go last", nodes: nodes("hot", "cold", "cold2"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 300, preferringToStay("true")), sizedPod("hot", "b", 150), sizedPod("hot", "c", 200), sizedPod("hot", "d", 100, preferringToStay("false"))},
			want: []string{"c hot>cold", "d hot>cold2"},
		},
		{
			name: "a node underutilized is needed", nodes: nodes("hot", "warm"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 300), sizedPod("hot", "b", 300), sizedPod("warm", "c", 210)},
		},
		{
			name: "a node that is cordoned is not underutilized", nodes: []*corev1.Node{fullNode("hot", 1000), fullNode("warm", 1000), fullNode("cold", 1000, cordonedNode)},
			pods: []*corev1.Pod{sizedPod("hot", "a", 300), sizedPod("hot", "b", 260), sizedPod("warm", "c", 210)},
			idle: "no node is underutilized, not counting 1 cordoned",
		},
		{
			name: "all nodes are cordoned", nodes: []*corev1.Node{fullNode("hot", 1000, cordonedNode), fullNode("cold", 1000, cordonedNode)},
			pods: []*corev1.Pod{sizedPod("hot", "a", 300), sizedPod("hot", "b", 260)},
			idle: "no node can take a pod: all are cordoned",
		},
		{
			name: "a node that is not ready is not underutilized", nodes: []*corev1.Node{fullNode("hot", 1000), fullNode("warm", 1000), fullNode("cold", 1000, notReadyNode)},
			pods: []*corev1.Pod{sizedPod("hot", "a", 300), sizedPod("hot", "b", 260), sizedPod("warm", "c", 210)},
		},
		{
			name: "a destination need not be underutilized", nodes: nodes("hot", "cold", "warm"),
			pods:     []*corev1.Pod{sizedPod("hot", "a", 300), sizedPod("hot", "b", 260), sizedPod("warm", "c", 210)},
			schedule: func(*strategy.State, *corev1.Pod) string { return "warm" },
			want:     []string{"b hot>warm"},
		},
		{
			name: "no more nodes than numberOfNodes are underutilized", nodes: nodes("hot", "cold", "cold2"),
			args: func() *policy.LowNodeUtilizationArgs { a := cpuThresholds(20, 50); a.NumberOfNodes = 2; return a }(),
			pods: []*corev1.Pod{sizedPod("hot", "a", 300), sizedPod("hot", "b", 300)},
		},
		{
			name: "a destination must not end above the target: the next candidate", nodes: nodes("hot", "cold"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 400), sizedPod("hot", "b", 250), sizedPod("hot", "c", 300), sizedPod("cold", "d", 190, daemon)},
			want: []string{"c hot>cold"},
		},
		{
			name: "a destination may end right at the target", nodes: nodes("hot", "cold"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 300), sizedPod("hot", "b", 330), sizedPod("cold", "c", 190, daemon), sizedPod("cold", "d", 9), sizedPod("cold", "e", 1)},
			args: cpuThresholds(20, 50),
			want: []string{"a hot>cold"},
		},
		{
			name: "pods swap where no single pod fits", nodes: nodes("hot", "cold"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 350), sizedPod("hot", "b", 350), sizedPod("cold", "c", 100), sizedPod("cold", "d", 150)},
			args: cpuThresholds(25, 50),
			want: []string{"a hot>cold", "c cold>hot"},
		},
		{
			name: "evictable pods are needed", nodes: nodes("hot", "cold"),
			pods:   []*corev1.Pod{sizedPod("hot", "a", 300), sizedPod("hot", "b", 300)},
			change: func(s *strategytest.Session) { s.Keep = func(pod *corev1.Pod) string { return "kept" } },
		},
		{
			name: "pods of excluded namespaces count and stay", nodes: nodes("hot", "cold"),
			args: func() *policy.LowNodeUtilizationArgs {
				a := cpuThresholds(20, 50)
				a.EvictableNamespaces = &policy.Namespaces{Exclude: []string{"kube-system"}}
				return a
			}(),
			pods: []*corev1.Pod{sizedPod("hot", "a", 100, ofNamespace("kube-system")), sizedPod("hot", "b", 500)},
			want: []string{"b hot>cold"},
		},
		{
			name: "no more pods of a node than evictionLimits say", nodes: nodes("hot", "cold", "cold2", "cold3"),
			args: func() *policy.LowNodeUtilizationArgs {
				a := cpuThresholds(20, 50)
				a.EvictionLimits = &policy.EvictionLimits{Node: ptr.To(uint(2))}
				return a
			}(),
			pods: []*corev1.Pod{sizedPod("hot", "a", 90), sizedPod("hot", "b", 91), sizedPod("hot", "c", 92), sizedPod("hot", "d", 600, daemon)},
			want: []string{"c hot>cold", "b hot>cold2"},
		},
		{
			name: "thresholds are distances from the mean", nodes: nodes("hot", "cold", "warm"),
			args: func() *policy.LowNodeUtilizationArgs {
				a := cpuThresholds(10, 10)
				a.UseDeviationThresholds = true
				return a
			}(), // the mean is 40 %
			pods: []*corev1.Pod{sizedPod("hot", "a", 100), sizedPod("hot", "b", 500), sizedPod("hot", "c", 80), sizedPod("warm", "d", 390), sizedPod("cold", "e", 130)},
			want: []string{"a hot>cold", "c hot>cold"},
		},
		{
			name: "of a resource that few nodes have, the mean is theirs", nodes: []*corev1.Node{fullNode("hot", 1000, withGPUs(10)), fullNode("cold", 1000, withGPUs(10)), fullNode("plain", 1000), fullNode("plain2", 1000)},
			args: &policy.LowNodeUtilizationArgs{
				Thresholds: policy.ResourceThresholds{gpu: 15}, TargetThresholds: policy.ResourceThresholds{gpu: 15}, UseDeviationThresholds: true,
			}, // the mean is 50 %
			pods: []*corev1.Pod{sizedPod("hot", "a", 1, requestingGPUs(6)), sizedPod("hot", "b", 1, requestingGPUs(2)), sizedPod("cold", "c", 1, requestingGPUs(2), daemon), sizedPod("plain", "d", 900)},
			want: []string{"b hot>cold"}, schedule: fixed("cold"),
		},
		{
			name: "nodes without the resource are not underutilized", nodes: []*corev1.Node{fullNode("hot", 1000, withGPUs(10)), fullNode("warm", 1000, withGPUs(10)), fullNode("plain", 1000)},
			args: &policy.LowNodeUtilizationArgs{Thresholds: policy.ResourceThresholds{gpu: 20}, TargetThresholds: policy.ResourceThresholds{gpu: 50}},
			pods: []*corev1.Pod{sizedPod("hot", "a", 1, requestingGPUs(3)), sizedPod("hot", "b", 1, requestingGPUs(3)), sizedPod("warm", "c", 1, requestingGPUs(3))},
			idle: "no node that offers example.com/gpu is underutilized",
		},
		{
			name: "a node that offers none of what its pods hold is not hot", nodes: []*corev1.Node{fullNode("hot", 1000, withGPUs(0)), fullNode("cold", 1000, withGPUs(8))},
			pods: []*corev1.Pod{sizedPod("hot", "a", 400, requestingGPUs(4)), sizedPod("hot", "b", 400, requestingGPUs(4))},
			idle: "no node is overutilized; 1 node is skipped: hot offers none of the example.com/gpu that its pods hold",
		},
		{
			name: "nor is one that offers less of it than they hold, be it the resource that has the threshold", nodes: []*corev1.Node{fullNode("hot", 1000, withGPUs(5)), fullNode("cold", 1000, withGPUs(8))},
			args: &policy.LowNodeUtilizationArgs{Thresholds: policy.ResourceThresholds{gpu: 20}, TargetThresholds: policy.ResourceThresholds{gpu: 50}},
			pods: []*corev1.Pod{sizedPod("hot", "a", 100, requestingGPUs(4)), sizedPod("hot", "b", 100, requestingGPUs(4))},
			idle: "no node is overutilized; 1 node is skipped: hot offers 5 of the 8 example.com/gpu that its pods hold",
		},
		{
			name: "one that offers less cpu or memory than they request is", nodes: nodes("hot", "cold"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 700), sizedPod("hot", "b", 500)},
			want: []string{"b hot>cold"},
		},
		{
			name: "what is on its way out makes no node hot", nodes: nodes("hot", "cold"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 200), sizedPod("hot", "b", 200), sizedPod("hot", "c", 500, terminating)},
			idle: "no node is overutilized, because terminating pods do not count",
		},
		{
			name: "as many go as are needed when what is on its way out is gone", nodes: nodes("hot", "cold"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 300), sizedPod("hot", "b", 250), sizedPod("hot", "c", 450, terminating)},
			want: []string{"b hot>cold"},
		},
		{
			name: "what is on its way out holds its room on a destination", nodes: nodes("hot", "cold", "warm"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 300), sizedPod("hot", "b", 250), sizedPod("warm", "c", 400, terminating)}, schedule: fixed("warm"),
		},
		{
			name: "what is on its way out keeps a node from being underutilized", nodes: nodes("hot", "warm"),
			pods: []*corev1.Pod{sizedPod("hot", "a", 300), sizedPod("hot", "b", 250), sizedPod("warm", "c", 210, terminating)},
			idle: "no node is underutilized",
		},
		{
			name: "the resource that is above its target counts", nodes: nodes("hot", "cold"),
			args: &policy.LowNodeUtilizationArgs{
				Thresholds:       policy.ResourceThresholds{corev1.ResourceCPU: 20, corev1.ResourceMemory: 20},
				TargetThresholds: policy.ResourceThresholds{corev1.ResourceCPU: 50, corev1.ResourceMemory: 50},
			},
			pods: []*corev1.Pod{sizedPod("hot", "a", 300, withMemory(100)), sizedPod("hot", "b", 100, withMemory(2000)), sizedPod("hot", "c", 1, withMemory(3500))},
			want: []string{"b hot>cold"},
		},
		{
			name: "the run's limit of evictions ends it", nodes: nodes("hot", "hot2", "cold"),
			pods:   []*corev1.Pod{sizedPod("hot", "a", 300), sizedPod("hot", "b", 300), sizedPod("hot2", "c", 300), sizedPod("hot2", "d", 310)},
			change: func(s *strategytest.Session) { s.Limit = 1 },
			want:   []string{"c hot2>cold"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.args == nil {
				tt.args = cpuThresholds(20, 50)
			}
			if tt.schedule == nil {
				tt.schedule = spreadByCPU
			}
			if tt.change == nil {
				tt.change = func(*strategytest.Session) {}
			}
			if tt.want == nil {
				tt.want = []string{}
			}
			picture := &cluster.Snapshot{Nodes: tt.nodes, Pods: tt.pods}
			got := balance(t, lowStrategy(t, tt.args, strategy.Env{}), picture, tt.schedule, func(s *strategytest.Session) {
				tt.change(s)
				keep := s.Keep
				s.Keep = func(pod *corev1.Pod) string {
					if cluster.BelongsToNode(pod) {
						return "it belongs to a DaemonSet"
					}
					if keep != nil {
						return keep(pod)
					}
					return ""
				}
			})
			if diff := cmp.Diff(tt.want, movesOf(got)); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.idle, got.IdleFor); tt.idle != "" && diff != "" {
				t.Errorf("why it is idle (-want +got):\n%s", diff)
			}
		})
	}
}
