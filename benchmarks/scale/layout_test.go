package scale

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

func TestLayout(t *testing.T) {
	pods, workloads, onNode := map[string]int{}, map[string]int{}, map[string]int{}
	for _, w := range layout(Pool(300).Nodes(), 9000) {
		tier, _, _ := strings.Cut(w.Name, "-")
		pods[tier] += len(w.Nodes)
		workloads[w.Namespace]++
		if w.Budgeted != (tier != "small") {
			t.Errorf("%s has a budget: %t", w.Name, w.Budgeted)
		}
		there := map[string]bool{}
		for _, node := range w.Nodes {
			if onNode[node]++; there[node] {
				t.Errorf("%s has more than one replica on node %s", w.Name, node)
			}
			there[node] = true
		}
	}
	nodes := map[int]int{} // by how many pods they have
	for _, n := range onNode {
		nodes[n]++
	}
	for _, diff := range []string{
		cmp.Diff(map[string]int{"small": 4590, "medium": 2160, "big": 2250}, pods),
		cmp.Diff(map[string]int{"team-000": 333, "team-001": 333, "team-002": 333}, workloads),
		cmp.Diff(map[int]int{sparsePods: 15, 31: 270, 32: 15}, nodes),
	} {
		if diff != "" {
			t.Errorf("pods by tier, workloads by namespace, nodes by pods (-want +got):\n%s", diff)
		}
	}
}

func TestVictimsAreFromAllOverTheCluster(t *testing.T) {
	b := &bench{size: Size{Nodes: 300, Pods: 9000}, workloads: layout(Pool(300).Nodes(), 9000)}
	var all []types.NamespacedName
	for _, w := range b.workloads {
		for replica := range w.Nodes {
			all = append(all, types.NamespacedName{Namespace: w.Namespace, Name: w.podName(replica)})
		}
	}
	var want []types.NamespacedName
	for i := 0; i < len(all); i += 100 {
		want = append(want, all[i])
	}
	if diff := cmp.Diff(want, b.victims(90)); diff != "" {
		t.Errorf("victims (-want +got):\n%s", diff)
	}
}
