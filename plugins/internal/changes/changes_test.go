package changes

import (
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"pgregory.net/rapid"
)

func newNode(name string, pods int) *framework.NodeInfo {
	var on []*corev1.Pod
	for range pods {
		on = append(on, &corev1.Pod{})
	}
	info := framework.NewNodeInfo(on...)
	info.SetNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}})
	return info
}

// TestFollowsAnySequence draws clusters whose nodes come, go, change and change
// places, and compares what a follower has gathered with the cluster itself.
func TestFollowsAnySequence(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		follower, gathered := Follower{}, map[string]int{}
		cluster := map[string]*framework.NodeInfo{}
		for range rapid.IntRange(1, 12).Draw(rt, "snapshots") {
			touched := map[string]bool{}
			for range rapid.IntRange(0, 5).Draw(rt, "changes") {
				name := fmt.Sprintf("n%d", rapid.IntRange(0, 7).Draw(rt, "node"))
				touched[name] = true
				if rapid.Bool().Draw(rt, "goes") {
					delete(cluster, name)
				} else {
					cluster[name] = newNode(name, rapid.IntRange(0, 3).Draw(rt, "pods"))
				}
			}
			var names []string
			for name := range cluster {
				names = append(names, name)
			}
			var nodes []fwk.NodeInfo
			if len(names) > 0 {
				for _, name := range rapid.Permutation(names).Draw(rt, "order") {
					nodes = append(nodes, cluster[name])
				}
			}
			follower.Follow(nodes, func(n fwk.NodeInfo) {
				name := n.Node().Name
				if !touched[name] {
					rt.Fatalf("%s has not changed", name)
				}
				gathered[name] = len(n.GetPods())
			}, func(name string) { delete(gathered, name) })
			want := map[string]int{}
			for name, n := range cluster {
				want[name] = len(n.GetPods())
			}
			if diff := cmp.Diff(want, maps.Clone(gathered)); diff != "" {
				rt.Fatalf("pods by node (-want +got):\n%s", diff)
			}
		}
	})
}

func BenchmarkFollowNothing(b *testing.B) {
	var nodes []fwk.NodeInfo
	for i := range 5000 {
		nodes = append(nodes, newNode(fmt.Sprintf("node-%d", i), 0))
	}
	follower, none := Follower{}, func(string) {}
	follower.Follow(nodes, func(fwk.NodeInfo) {}, none)
	for b.Loop() {
		follower.Follow(nodes, func(fwk.NodeInfo) { b.Fatal("nothing changed") }, none)
	}
}
