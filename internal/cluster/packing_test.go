package cluster

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

const gpu = corev1.ResourceName("nvidia.com/gpu")

// list makes a resource list of cpus, GiB of memory and GPUs; 0 means without.
func list(cpu, memory, gpus int64) corev1.ResourceList {
	l := corev1.ResourceList{}
	for name, amount := range map[corev1.ResourceName]int64{"cpu": cpu, "memory": memory << 30, gpu: gpus} {
		if amount > 0 {
			l[name] = *resource.NewQuantity(amount, resource.DecimalSI)
		}
	}
	return l
}

func testNode(name string, allocatable corev1.ResourceList, taints ...corev1.Taint) *corev1.Node {
	allocatable["pods"] = resource.MustParse("110")
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"name": name}},
		Spec:       corev1.NodeSpec{Taints: taints},
		Status:     corev1.NodeStatus{Allocatable: allocatable},
	}
}

func testPod(node string, requests corev1.ResourceList, change ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{Spec: corev1.PodSpec{
		NodeName:   node,
		Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: requests}}},
	}}
	for _, c := range change {
		c(pod)
	}
	return pod
}

func tolerateAll(pod *corev1.Pod) {
	pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
}

func succeeded(pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded }

func onlyOn(node string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.NodeSelector = map[string]string{"name": node} }
}

var gpuTaint = corev1.Taint{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}

func repeat(n int, make func(i int) *corev1.Pod) []*corev1.Pod {
	var pods []*corev1.Pod
	for i := range n {
		pods = append(pods, make(i))
	}
	return pods
}

func TestLowerBound(t *testing.T) {
	equal := []*corev1.Node{testNode("a", list(4, 8, 0)), testNode("b", list(4, 8, 0)), testNode("c", list(4, 8, 0))}
	tests := []struct {
		name  string
		nodes []*corev1.Node
		pods  []*corev1.Pod
		want  int
	}{
		{"no pods need no nodes", equal, nil, 0},
		{
			"equal nodes: the scarcest resource rounded up", equal,
			repeat(5, func(int) *corev1.Pod { return testPod("", list(1, 1, 0)) }),
			2, // 5 of 4 cpus
		},
		{
			"memory can be the scarcest", equal,
			repeat(5, func(int) *corev1.Pod { return testPod("", list(1, 4, 0)) }),
			3, // 20 of 8 GiB
		},
		{
			"the pods of a node can be the scarcest", equal,
			repeat(111, func(int) *corev1.Pod { return testPod("", nil) }),
			2,
		},
		{
			"of unequal nodes the largest are taken first",
			[]*corev1.Node{testNode("small", list(2, 64, 0)), testNode("large", list(16, 64, 0))},
			repeat(17, func(int) *corev1.Pod { return testPod("", list(1, 1, 0)) }),
			2,
		},
		{
			"pods on tainted nodes and others add up",
			[]*corev1.Node{testNode("plain", list(16, 64, 0)), testNode("gpu", list(16, 64, 8), gpuTaint)},
			[]*corev1.Pod{testPod("", list(1, 1, 1), tolerateAll), testPod("", list(1, 1, 0))},
			2,
		},
		{
			"pods that may share nodes do not add up",
			[]*corev1.Node{testNode("plain", list(16, 64, 0)), testNode("gpu", list(16, 64, 8), gpuTaint)},
			[]*corev1.Pod{testPod("", list(1, 1, 1), tolerateAll), testPod("", list(1, 1, 0), tolerateAll)},
			1,
		},
		{
			"classes are joined through a third that shares nodes with both",
			[]*corev1.Node{testNode("a", list(4, 8, 0)), testNode("b", list(4, 8, 0))},
			[]*corev1.Pod{testPod("", list(1, 1, 0), onlyOn("a")), testPod("", list(1, 1, 0), onlyOn("b")), testPod("", list(1, 1, 0))},
			1,
		},
		{
			"more than there is room for: one node more than there are", equal,
			repeat(13, func(int) *corev1.Pod { return testPod("", list(1, 1, 0)) }),
			4,
		},
		{
			"a pod that fits nowhere does not count", equal,
			[]*corev1.Pod{testPod("", list(5, 1, 0)), testPod("", list(1, 1, 0))},
			1,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := (&Snapshot{Nodes: tt.nodes}).LowerBound(tt.pods); got != tt.want {
				t.Errorf("lower bound %d, want %d", got, tt.want)
			}
		})
	}
}

// TestLowerBoundHolds draws clusters and places pods first fit: the nodes that
// takes can never be fewer than the bound.
func TestLowerBoundHolds(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := &Snapshot{}
		for i := range rapid.IntRange(1, 12).Draw(rt, "nodes") {
			node := testNode(fmt.Sprintf("n%d", i), list(rapid.Int64Range(1, 16).Draw(rt, "cpu"), rapid.Int64Range(1, 64).Draw(rt, "memory"), rapid.Int64Range(0, 2).Draw(rt, "gpu")))
			if rapid.Bool().Draw(rt, "tainted") {
				node.Spec.Taints = []corev1.Taint{gpuTaint}
			}
			s.Nodes = append(s.Nodes, node)
		}
		free := s.Free()
		var placed []*corev1.Pod
		used := map[int]bool{}
		for range rapid.IntRange(0, 40).Draw(rt, "pods") {
			pod := testPod("", list(rapid.Int64Range(0, 4).Draw(rt, "cpu"), rapid.Int64Range(0, 16).Draw(rt, "memory"), rapid.Int64Range(0, 1).Draw(rt, "gpu")))
			if rapid.Bool().Draw(rt, "tolerates") {
				tolerateAll(pod)
			}
			requests := Requests(pod)
			for i, node := range s.Nodes {
				if eligible(pod, requests, node, Allocatable(node)) && requests.fits(free[i]) {
					free[i].Add(requests, -1)
					used[i] = true
					placed = append(placed, pod)
					break
				}
			}
		}
		if bound := s.LowerBound(placed); bound > len(used) {
			rt.Fatalf("lower bound %d, but %d nodes were enough", bound, len(used))
		}
	})
}

func TestPacking(t *testing.T) {
	s := &Snapshot{
		Nodes: []*corev1.Node{
			testNode("full of cpu", list(4, 8, 0)),
			testNode("half full", list(4, 8, 0)),
			testNode("empty", list(4, 8, 0)),
		},
		Pods: []*corev1.Pod{
			testPod("full of cpu", list(2, 1, 0)),
			testPod("full of cpu", list(2, 1, 0)),
			testPod("half full", list(2, 2, 0)),
			testPod("half full", list(2, 2, 0), succeeded), // gone: neither counts nor takes room
			testPod("", list(2, 2, 0)),
		},
	}
	want := Packing{
		Pods: 4, Placed: 3, NodesUsed: 2, LowerBound: 2,
		Resources: []ResourcePacking{
			{Name: "cpu", Utilisation: 6.0 / 8, Stranded: 0},
			{Name: "memory", Utilisation: 4.0 / 16, Stranded: 6.0 / 24},
		},
	}
	got := s.Packing(func(*corev1.Pod) bool { return true })
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Errorf("packing (-want +got):\n%s", diff)
	}
}

// What pods hold of a resource that their node does not offer, as while its device plugin
// restarts, is not how full other nodes are.
func TestPackingLeavesNodesWithoutTheResourceOut(t *testing.T) {
	s := &Snapshot{
		Nodes: []*corev1.Node{testNode("with", list(4, 8, 4)), testNode("restarts", list(4, 8, 0))},
		Pods:  []*corev1.Pod{testPod("with", list(1, 1, 2)), testPod("restarts", list(1, 1, 2))},
	}
	if got := s.Packing(func(*corev1.Pod) bool { return true }).Resource(gpu).Utilisation; got != 0.5 {
		t.Errorf("utilisation of GPUs %v, want 0.5", got)
	}
}

func TestOverlooked(t *testing.T) {
	waiting := testPod("", list(2, 2, 0))
	tooLarge := testPod("", list(3, 2, 0))
	elsewhere := testPod("", list(1, 1, 0), onlyOn("full"))
	s := &Snapshot{
		Nodes: []*corev1.Node{testNode("full", list(4, 8, 0)), testNode("half", list(4, 8, 0))},
		Pods:  []*corev1.Pod{testPod("full", list(4, 1, 0)), testPod("half", list(2, 1, 0)), waiting, tooLarge, elsewhere},
	}
	if diff := cmp.Diff([]*corev1.Pod{waiting}, s.Overlooked()); diff != "" {
		t.Errorf("overlooked pods (-want +got):\n%s", diff)
	}
}
