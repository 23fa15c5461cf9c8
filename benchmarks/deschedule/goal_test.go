package deschedule

import (
	"fmt"
	"math"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// clusterOf returns a picture of nodes over the zones, n0 to n5, each with the pods given
// for it, as millicores by workload.
func clusterOf(pods ...map[string][]int64) *picture {
	s := &cluster.Snapshot{}
	for i := range 6 {
		s.Nodes = append(s.Nodes, &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("n%d", i), Labels: map[string]string{corev1.LabelTopologyZone: zones[i%len(zones)]}},
			Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
				"cpu": *resource.NewMilliQuantity(nodeMilliCPU, resource.DecimalSI), "memory": resource.MustParse("40Gi"), "pods": resource.MustParse("110"),
			}},
		})
		if i >= len(pods) {
			continue
		}
		for app, sizes := range pods[i] {
			for _, size := range sizes {
				pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{appLabel: app}}, Spec: podSpec(size)}
				pod.Spec.NodeName = s.Nodes[i].Name
				s.Pods = append(s.Pods, pod)
			}
		}
	}
	return newPicture(s)
}

func TestBound(t *testing.T) {
	tests := []struct {
		name   string
		goal   goal
		before *picture
		want   int
	}{
		{"a node at the target stays as it is", leveled{}, clusterOf(map[string][]int64{"a": {2500, 2500}}), 0},
		{"one pod just above the target goes", leveled{}, clusterOf(map[string][]int64{"a": {2500, 2501}}), 1},
		{"one large pod counts for many small ones", leveled{}, clusterOf(map[string][]int64{"a": {100, 200, 400, 400, 400, 1600, 1600, 3200}}), 1},
		{"of equal pods as many as it takes, on each node", leveled{}, clusterOf(map[string][]int64{"a": {1500, 1500}, "b": {1500, 1500, 1500}}, map[string][]int64{"a": {3000, 3000}}), 3},
		{"nothing is of use where no pod would go elsewhere", leveled{pointless: true}, clusterOf(map[string][]int64{"a": {9000}}), 0},
		{"duplicates beyond one on each node go", apart{}, clusterOf(map[string][]int64{"a": {1, 1, 1}, "b": {1}}, map[string][]int64{"a": {1, 1}}), 3},
		{"seven replicas on six nodes may have two on any", apart{}, clusterOf(map[string][]int64{"a": {1, 1, 1, 1, 1}}, map[string][]int64{"a": {1, 1}}), 3},
		{"a zone that has none gets its third", overZones{}, clusterOf(map[string][]int64{"a": {1, 1, 1}, "b": {1}}, map[string][]int64{"a": {1, 1, 1}}), 2},
		{"zones may differ by one", overZones{}, clusterOf(map[string][]int64{"a": {1, 1}}, map[string][]int64{"a": {1}}, map[string][]int64{"a": {1}}), 0},
		{
			"nodes below the threshold are emptied, those with the fewest pods first", emptied{},
			clusterOf(map[string][]int64{"a": {3000}}, map[string][]int64{"a": {1000, 1000}}, map[string][]int64{"a": {500, 500, 500}}, map[string][]int64{"a": {3500}}), 6,
		},
		{
			"no more nodes are emptied than the pods can do without", emptied{},
			clusterOf(map[string][]int64{"a": {3000}}, map[string][]int64{"a": {1000, 1000}}, map[string][]int64{"a": {9000}}, map[string][]int64{"a": {8000}}), 1,
		},
		{"a node at the threshold is none to empty", emptied{}, clusterOf(map[string][]int64{"a": {3500}}, map[string][]int64{"a": {3500}}), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.goal.bound(tt.before); got != tt.want {
				t.Errorf("bound %d, want %d", got, tt.want)
			}
		})
	}
}

func TestUseless(t *testing.T) {
	full, half := map[string][]int64{"a": {6000}}, map[string][]int64{"a": {2000}}
	tests := []struct {
		name          string
		goal          goal
		before, after *picture
		move          move
		want          bool
	}{
		{"on a node that is not above the target", leveled{}, clusterOf(full), clusterOf(nil, full, half), move{"a", "n0", "n2"}, false},
		{"on a node that was above the target, and is not any more", leveled{}, clusterOf(full, full), clusterOf(nil, half), move{"a", "n0", "n1"}, false},
		{"on a node that is above the target now", leveled{}, clusterOf(full), clusterOf(nil, full), move{"a", "n0", "n1"}, true},
		{"alone on a node", apart{}, clusterOf(), clusterOf(nil, map[string][]int64{"a": {1}}), move{"a", "n0", "n1"}, false},
		{"beside another of its workload", apart{}, clusterOf(), clusterOf(nil, map[string][]int64{"a": {1, 1}}), move{"a", "n0", "n1"}, true},
		{"in a zone that had none", overZones{}, clusterOf(map[string][]int64{"a": {1, 1}}, map[string][]int64{"a": {1}}), clusterOf(), move{"a", "n0", "n2"}, false},
		{"in a zone that had its third", overZones{}, clusterOf(map[string][]int64{"a": {1, 1}}, map[string][]int64{"a": {1}}), clusterOf(), move{"a", "n0", "n4"}, true},
		{"from a node that is empty now to one in use", emptied{}, clusterOf(half, half), clusterOf(nil, full), move{"a", "n0", "n1"}, false},
		{"from a node that is still in use", emptied{}, clusterOf(full, half), clusterOf(half, full), move{"a", "n0", "n1"}, true},
		{"to a node that was empty", emptied{}, clusterOf(half), clusterOf(nil, half), move{"a", "n0", "n1"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.goal.useless(tt.before, tt.after, tt.move); got != tt.want {
				t.Errorf("useless %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPicture(t *testing.T) {
	before := clusterOf(map[string][]int64{"a": {6000}}, map[string][]int64{"a": {3000, 3000}}, map[string][]int64{"b": {6000}})
	// 60, 60, 60, 0, 0 and 0 %: 30 points from the mean each.
	if got := before.imbalance(); math.Abs(got-30) > 1e-9 {
		t.Errorf("imbalance %v points, want 30", got)
	}
	over := clusterOf(map[string][]int64{"a": {6000}})
	over.snapshot.Pods[0].Status.Phase = corev1.PodFailed
	if p := newPicture(over.snapshot); p.used() != 0 || p.replicas["a"] != 0 {
		t.Errorf("%d nodes used and %d replicas where the only pod has failed, want none", p.used(), p.replicas["a"])
	}
	after := clusterOf(nil, map[string][]int64{"a": {3000}}, nil, map[string][]int64{"b": {6000}})
	if used, emptied := before.used(), before.emptiedBy(after); used != 3 || emptied != 2 {
		t.Errorf("%d nodes used and %d emptied, want 3 and 2", used, emptied)
	}
}
