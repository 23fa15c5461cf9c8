package strategies

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

func image(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.Containers[0].Image = name }
}

func TestRemoveDuplicates(t *testing.T) {
	three := []*corev1.Node{placedNode("n1", 9, ""), placedNode("n2", 9, ""), placedNode("n3", 9, "")}
	noSchedule := corev1.Taint{Key: "k", Effect: corev1.TaintEffectNoSchedule}
	tests := []struct {
		name    string
		args    policy.RemoveDuplicatesArgs
		nodes   []*corev1.Node
		pods    []*corev1.Pod
		keep    string
		limit   int
		want    []string
		refused []string
	}{
		{
			name: "all but one of a node's go to nodes without", nodes: three,
			pods: []*corev1.Pod{placedPod("a", "n1", "web"), placedPod("b", "n1", "web"), placedPod("c", "n1", "web")},
			want: []string{"a n1>n2", "b n1>n3"},
		},
		{
			name: "as many stay as there have to be on some node", nodes: three[:2],
			pods: []*corev1.Pod{placedPod("a", "n1", "web"), placedPod("b", "n1", "web"), placedPod("c", "n1", "web")},
			want: []string{"a n1>n2"},
		},
		{
			name: "pods of other workloads, with other images or without a workload are no duplicates", nodes: three,
			pods: []*corev1.Pod{placedPod("a", "n1", "web"), placedPod("b", "n1", "db"), placedPod("c", "n1", "web", image("web:2")), placedPod("d", "n1", ""), placedPod("e", "n1", "")},
		},
		{
			name: "a pod on its way out is none", nodes: three,
			pods: []*corev1.Pod{placedPod("a", "n1", "web"), placedPod("b", "n1", "web", placedTerminating)},
		},
		{
			name: "nodes that the pods may not be on do not count", nodes: []*corev1.Node{three[0], placedNode("n2", 9, "", noSchedule)},
			pods: []*corev1.Pod{placedPod("a", "n1", "web"), placedPod("b", "n1", "web")},
		},
		{
			name: "where the only node with room has no fewer, nothing moves", nodes: []*corev1.Node{three[0], three[1], placedNode("n3", 0, "")},
			pods: []*corev1.Pod{placedPod("a", "n1", "web"), placedPod("b", "n1", "web"), placedPod("c", "n2", "web")},
		},
		{
			name: "where nodes within the limit are full, a node with fewer will do", nodes: []*corev1.Node{three[0], three[1], placedNode("n3", 0, ""), placedNode("n4", 0, "")},
			pods: []*corev1.Pod{
				placedPod("a", "n1", "web"), placedPod("b", "n1", "web"), placedPod("c", "n1", "web"), placedPod("d", "n1", "web"), placedPod("e", "n1", "web"),
				placedPod("f", "n2", "web"), placedPod("g", "n2", "web"),
			},
			want:    []string{"a n1>n2"},
			refused: []string{"shop/a NoImprovement", "shop/b NoImprovement", "shop/b WouldReturn", "shop/c WouldReturn", "shop/b WouldReturn", "shop/f WouldReturn"},
		},
		{
			name: "the direct owner's kind is excluded", nodes: three, args: policy.RemoveDuplicatesArgs{ExcludeOwnerKinds: []string{"ReplicaSet"}},
			pods: []*corev1.Pod{placedPod("a", "n1", "web"), placedPod("b", "n1", "web")},
		},
		{
			name: "the namespace is excluded", nodes: three, args: policy.RemoveDuplicatesArgs{Namespaces: &policy.Namespaces{Exclude: []string{"shop"}}},
			pods: []*corev1.Pod{placedPod("a", "n1", "web"), placedPod("b", "n1", "web")},
		},
		{
			name: "those that would rather stay go last, those of low priority first", nodes: three,
			pods: []*corev1.Pod{placedPod("a", "n1", "web", placedReluctant("")), placedPod("b", "n1", "web", placedPriority(5)), placedPod("c", "n1", "web", placedReluctant("false"))},
			want: []string{"c n1>n2", "b n1>n3"},
		},
		{
			name: "in place of a pod that is kept another goes", nodes: three, keep: "a",
			pods: []*corev1.Pod{placedPod("a", "n1", "web"), placedPod("b", "n1", "web")},
			want: []string{"b n1>n2"}, refused: []string{"shop/a NotEvictable"},
		},
		{
			name: "with the limit reached nothing else is proposed", nodes: three, limit: 1,
			pods: []*corev1.Pod{placedPod("a", "n1", "web"), placedPod("b", "n1", "web"), placedPod("c", "n1", "web"), placedPod("d", "n2", "db"), placedPod("e", "n2", "db")},
			want: []string{"d n2>n3"}, refused: []string{"shop/a OverLimit"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			session := placedSession(tt.nodes, tt.pods, nil)
			session.Limit = tt.limit
			session.Keep = func(pod *corev1.Pod) string {
				if pod.Name == tt.keep {
					return "kept"
				}
				return ""
			}
			placedRun(t, NewRemoveDuplicates, &tt.args, session)
			if diff := cmp.Diff(tt.want, placedMoves(session)); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.refused, session.Refused); tt.refused != nil && diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
		})
	}
}

// fewestDuplicateMoves is how many pods are above what there has to be on some node.
func fewestDuplicateMoves(nodes []*corev1.Node, pods []*corev1.Pod) int {
	on, of := map[[2]string]int{}, map[string]int{}
	for _, pod := range pods {
		on[[2]string{pod.Labels["app"], pod.Spec.NodeName}]++
		of[pod.Labels["app"]]++
	}
	moves := 0
	for at, n := range on {
		moves += max(0, n-(of[at[0]]+len(nodes)-1)/len(nodes))
	}
	return moves
}

func sumOfSquares(state *strategy.State) int {
	sum := 0
	for _, node := range state.Nodes() {
		counts := map[string]int{}
		for _, pod := range node.Pods {
			counts[pod.Labels["app"]]++
		}
		for _, n := range counts {
			sum += n * n
		}
	}
	return sum
}

func TestRemoveDuplicatesRandomly(t *testing.T) {
	for _, ample := range []bool{true, false} {
		t.Run(fmt.Sprintf("ample room: %v", ample), rapid.MakeCheck(func(t *rapid.T) {
			most := int64(99)
			if !ample {
				most = 5
			}
			var nodes []*corev1.Node
			for _, name := range placedNames("n", rapid.IntRange(1, 5).Draw(t, "nodes")) {
				nodes = append(nodes, placedNode(name, most, ""))
			}
			var pods []*corev1.Pod
			for _, name := range placedNames("p", rapid.IntRange(0, min(20, len(nodes)*int(most))).Draw(t, "pods")) {
				node := nodes[rapid.IntRange(0, len(nodes)-1).Draw(t, name+" on")].Name
				pods = append(pods, placedPod(name, node, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, name+" of")))
			}
			var choose placedChoice
			if ample {
				choose = placedSpread
			}
			session := placedSession(nodes, pods, choose)
			before := sumOfSquares(session.State())
			placedRun(t, NewRemoveDuplicates, &policy.RemoveDuplicatesArgs{}, session)
			if after := sumOfSquares(session.State()); after > before || after == before && len(session.Moves) > 0 {
				t.Errorf("the sum of squares was %d and is %d after %v", before, after, session.Moves)
			}
			if want := fewestDuplicateMoves(nodes, pods); ample && len(session.Moves) != want {
				t.Errorf("%d moves, the fewest are %d: %v", len(session.Moves), want, session.Moves)
			}
			placedAgain(t, NewRemoveDuplicates, &policy.RemoveDuplicatesArgs{}, session)
		}))
	}
}
