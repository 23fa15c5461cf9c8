package strategies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

func poolTerm(pool string) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "pool", Operator: corev1.NodeSelectorOpIn, Values: []string{pool}}}}
}

func nodeAffinityIn(pod *corev1.Pod) *corev1.NodeAffinity {
	if pod.Spec.Affinity == nil {
		pod.Spec.Affinity = &corev1.Affinity{}
	}
	if pod.Spec.Affinity.NodeAffinity == nil {
		pod.Spec.Affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	return pod.Spec.Affinity.NodeAffinity
}

func requiring(pool string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		nodeAffinityIn(pod).RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{poolTerm(pool)}}
	}
}

func preferring(pool string, weight int32) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		affinity := nodeAffinityIn(pod)
		affinity.PreferredDuringSchedulingIgnoredDuringExecution = append(affinity.PreferredDuringSchedulingIgnoredDuringExecution,
			corev1.PreferredSchedulingTerm{Weight: weight, Preference: poolTerm(pool)})
	}
}

// preferringScheduler chooses the node that weighs most for the pod.
func preferringScheduler(_ *strategy.State, pod *corev1.Pod, nodes []*strategy.Node) *strategy.Node {
	best := nodes[0]
	for _, node := range nodes {
		if weights := weightsOf(pod); weights != nil && weights.Score(node.Node) > weights.Score(best.Node) {
			best = node
		}
	}
	return best
}

func TestRemovePodsViolatingNodeAffinity(t *testing.T) {
	onlyRequired, onlyPreferred := []string{policy.RequiredNodeAffinity}, []string{policy.PreferredNodeAffinity}
	a, b := placedNode("a1", 9, "pool=a"), placedNode("b1", 9, "pool=b")
	selecting := func(pod *corev1.Pod) { pod.Spec.NodeSelector = map[string]string{"pool": "b"} }
	tests := []struct {
		name    string
		types   []string
		nodes   []*corev1.Node
		pods    []*corev1.Pod
		choose  placedChoice
		want    []string
		refused []string
	}{
		{
			name: "a pod goes whose required affinity or node selector matches its node no longer", types: onlyRequired, nodes: []*corev1.Node{a, b},
			pods: []*corev1.Pod{placedPod("p", "a1", "p", requiring("b")), placedPod("q", "a1", "q", requiring("a")), placedPod("r", "a1", "r", selecting), placedPod("s", "a1", "s")},
			want: []string{"p a1>b1", "r a1>b1"},
		},
		{
			name: "what is preferred does not count when only what is required does", types: onlyRequired, nodes: []*corev1.Node{a, b},
			pods: []*corev1.Pod{placedPod("p", "a1", "p", preferring("b", 9))},
		},
		{
			name: "what is required does not count when only what is preferred does", types: onlyPreferred, nodes: []*corev1.Node{a, b},
			pods: []*corev1.Pod{placedPod("p", "a1", "p", requiring("b"), preferring("b", 9))},
		},
		{
			name: "a pod goes to a node that it prefers more", types: onlyPreferred, nodes: []*corev1.Node{a, b, placedNode("c1", 9, "pool=c")},
			pods: []*corev1.Pod{placedPod("p", "a1", "p", preferring("a", 3), preferring("b", 4)), placedPod("q", "b1", "q", preferring("a", 3), preferring("b", 4))},
			want: []string{"p a1>b1"},
		},
		{
			name: "nothing is proposed for the sake of nodes that the pod may not be on", types: onlyPreferred,
			nodes: []*corev1.Node{a, placedNode("b1", 9, "pool=b", corev1.Taint{Key: "k", Effect: corev1.TaintEffectNoSchedule})},
			pods:  []*corev1.Pod{placedPod("p", "a1", "p", preferring("b", 4))}, refused: []string{},
		},
		{
			name: "a node that the scheduler likes better for other reasons is no improvement", types: onlyPreferred, nodes: []*corev1.Node{a, b, placedNode("c1", 9, "pool=c")},
			choose:  func(state *strategy.State, _ *corev1.Pod, _ []*strategy.Node) *strategy.Node { return state.Node("c1") },
			pods:    []*corev1.Pod{placedPod("p", "a1", "w", preferring("b", 4)), placedPod("q", "a1", "w", preferring("b", 4)), placedPod("r", "a1", "w", preferring("b", 4))},
			refused: []string{"shop/p NoImprovement", "shop/q NoImprovement"},
		},
		{
			name: "what is required comes first, then the greatest gain, and last those that would rather stay", types: []string{policy.PreferredNodeAffinity, policy.RequiredNodeAffinity}, nodes: []*corev1.Node{a, b},
			pods: []*corev1.Pod{placedPod("p", "a1", "p", preferring("b", 4)), placedPod("q", "a1", "q", preferring("b", 5)), placedPod("r", "a1", "r", requiring("b")), placedPod("s", "a1", "s", preferring("b", 9), placedReluctant(""))},
			want: []string{"r a1>b1", "q a1>b1", "p a1>b1", "s a1>b1"},
		},
		{
			name: "a pod goes in the place of one that leaves later", types: onlyPreferred, nodes: []*corev1.Node{placedNode("a1", 1, "pool=a"), placedNode("b1", 1, "pool=b"), placedNode("c1", 1, "pool=c")},
			pods: []*corev1.Pod{placedPod("p", "a1", "p", preferring("b", 9)), placedPod("q", "b1", "q", preferring("c", 4))},
			want: []string{"q b1>c1", "p a1>b1"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			choose := tt.choose
			if choose == nil {
				choose = preferringScheduler
			}
			session := placedSession(tt.nodes, tt.pods, choose)
			args := &policy.RemovePodsViolatingNodeAffinityArgs{NodeAffinityType: tt.types}
			placedRun(t, NewRemovePodsViolatingNodeAffinity, args, session)
			if diff := cmp.Diff(tt.want, placedMoves(session)); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.refused, append([]string{}, session.Refused...)); tt.refused != nil && diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
			placedAgain(t, NewRemovePodsViolatingNodeAffinity, args, session)
		})
	}
}
