package nodetable

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/plugins/internal/changes"
	"github.com/stowage-k8s/stowage/plugins/internal/plugintest"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// gpu is an extended resource that some nodes have.
const gpu = "example.com/gpu"

// newCluster returns a cluster of nodes that are often alike.
func newCluster(ctx context.Context, rt *rapid.T) *plugintest.Cluster {
	c := plugintest.NewCluster(ctx, rt)
	c.NewNode = func(name string) *corev1.Node { return newNode(rt, name) }
	c.NewPod = func(number int, node string) *corev1.Pod { return newPod(rt, fmt.Sprint(number), node) }
	return c
}

func draw[T any](rt *rapid.T, what string, of ...T) T {
	return rapid.SampledFrom(of).Draw(rt, what)
}

// newNode draws a node: few values of much, so that nodes are often alike.
func newNode(rt *rapid.T, name string) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	if draw(rt, "hostname", true, true, false) {
		node.Labels[corev1.LabelHostname] = name
	}
	for _, key := range []string{"zone", "pool"} {
		if value := draw(rt, key, "", "a", "b"); value != "" {
			node.Labels[key] = value
		}
	}
	if draw(rt, "tainted", true, false) {
		node.Spec.Taints = []corev1.Taint{{Key: draw(rt, "taint", "x", "y"), Effect: draw(rt, "effect", corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule)}}
	}
	node.Spec.Unschedulable = draw(rt, "unschedulable", true, false, false)
	node.Status.Allocatable = corev1.ResourceList{
		corev1.ResourceCPU: draw(rt, "cpu", resource.MustParse("4"), resource.MustParse("8")), corev1.ResourceMemory: resource.MustParse("8Gi"), corev1.ResourcePods: resource.MustParse("10"),
	}
	if draw(rt, "gpus", true, false) {
		node.Status.Allocatable[gpu] = draw(rt, "gpu", resource.MustParse("0"), resource.MustParse("2"))
	}
	return node
}

func newPod(rt *rapid.T, name, node string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)}, Spec: corev1.PodSpec{NodeName: node}}
	if draw(rt, "of a DaemonSet", true, false, false) {
		pod.OwnerReferences = []metav1.OwnerReference{{Kind: "DaemonSet", Name: "d", UID: "d", Controller: ptr.To(true)}}
	}
	requests := corev1.ResourceList{}
	if draw(rt, "requests", true, true, false) {
		requests[corev1.ResourceCPU] = draw(rt, "cpu", resource.MustParse("0"), resource.MustParse("1"), resource.MustParse("2"))
		requests[gpu] = draw(rt, "gpu", resource.MustParse("0"), resource.MustParse("1"))
	}
	pod.Spec.Containers = []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: requests}}}
	return pod
}

// described is all that may tell nodes apart, for the labels asked about, in words.
func described(node fwk.NodeInfo, labels []string) string {
	object := node.Node()
	asked := map[string]string{}
	for _, key := range labels {
		if value, has := object.Labels[key]; has {
			asked[key] = value
		}
	}
	_, named := object.Labels[corev1.LabelHostname]
	amounts := func(r fwk.Resource) string {
		scalars := maps.Clone(r.GetScalarResources())
		maps.DeleteFunc(scalars, func(_ corev1.ResourceName, amount int64) bool { return amount == 0 })
		return fmt.Sprint(r.GetMilliCPU(), r.GetMemory(), r.GetEphemeralStorage(), scalars)
	}
	return fmt.Sprint(asked, named, object.Spec.Taints, object.Spec.Unschedulable,
		amounts(node.GetAllocatable()), node.GetAllocatable().GetAllowedPodNumber(), amounts(node.GetRequested()), amounts(node.GetNonZeroRequested()),
		len(node.GetPods()), scan.Empty(node))
}

// grouping draws clusters that change, and compares the states that the table finds
// with what the nodes are like, each by itself.
func grouping(rt *rapid.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c, feed := newCluster(ctx, rt), &changes.Feed{}
	table := Of(feed)
	var labels []string
	for range rapid.IntRange(1, 15).Draw(rt, "snapshots") {
		for range rapid.IntRange(0, 5).Draw(rt, "changes") {
			c.Change()
		}
		if key := draw(rt, "label that is asked for", "", "", "zone", "pool"); key != "" && !slices.Contains(labels, key) {
			labels = append(labels, key)
		}
		nodes := c.Look()
		table.Update(nodes, labels)
		want, got := map[string][]string{}, map[string][]string{}
		for _, node := range nodes {
			words := described(node, labels)
			want[words] = append(want[words], node.Node().Name)
		}
		for _, names := range want {
			slices.Sort(names) // states have their nodes by name
		}
		ids := map[int]bool{}
		for _, state := range table.States() {
			if ids[state.ID] {
				rt.Fatalf("two states have the ID %d", state.ID)
			}
			ids[state.ID] = true
			words := described(table.Node(int(state.Slots[0])).Info, labels)
			for _, slot := range state.Slots {
				if table.StateOf(int(slot)) != state {
					rt.Fatalf("slot %d is in two states", slot)
				}
				got[words] = append(got[words], table.Node(int(slot)).Info.Node().Name)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("nodes by what they are like (-want +got):\n%s", diff)
		}
	}
}

func TestGroupsAnyCluster(t *testing.T) {
	rapid.Check(t, grouping)
}

func FuzzGrouping(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(grouping))
}

// TestTellsApart covers differences that random clusters seldom draw alone.
func TestTellsApart(t *testing.T) {
	metrics.Register()
	requesting := func(cpu string) *corev1.Pod {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "pod", UID: "pod"}, Spec: corev1.PodSpec{NodeName: "n", Containers: []corev1.Container{{Name: "main"}}}}
		if cpu != "" {
			pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
		}
		return pod
	}
	ofDaemonSet := requesting("1")
	ofDaemonSet.OwnerReferences = []metav1.OwnerReference{{Kind: "DaemonSet", Name: "d", UID: "d", Controller: ptr.To(true)}}
	tainted := func(value string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "k", Value: value}}}}
	}
	plain := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	tests := []struct {
		name           string
		nodes          [2]*corev1.Node
		pods           [2]*corev1.Pod
		alikeIsCorrect bool
	}{
		{"a pod that requests no cpu, and one without requests", [2]*corev1.Node{plain, plain}, [2]*corev1.Pod{requesting("0"), requesting("")}, false},
		{"a pod of a DaemonSet, and another", [2]*corev1.Node{plain, plain}, [2]*corev1.Pod{ofDaemonSet, requesting("1")}, false},
		{"a taint's values", [2]*corev1.Node{tainted("a"), tainted("b")}, [2]*corev1.Pod{}, false},
		{"a taint, and none", [2]*corev1.Node{tainted("a"), plain}, [2]*corev1.Pod{}, false},
		{"nothing", [2]*corev1.Node{tainted("a"), tainted("a")}, [2]*corev1.Pod{requesting("1"), requesting("1000m")}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			logger, c, snapshot := klog.Background(), cache.New(t.Context(), nil, false, false), cache.NewEmptySnapshot()
			for i, node := range tt.nodes {
				node = node.DeepCopy()
				node.Name = fmt.Sprint(i)
				c.AddNode(logger, node)
				if pod := tt.pods[i]; pod != nil {
					pod = pod.DeepCopy()
					pod.Name, pod.UID, pod.Spec.NodeName = node.Name, types.UID(node.Name), node.Name
					if err := c.AddPod(logger, pod); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := c.UpdateSnapshot(logger, snapshot); err != nil {
				t.Fatal(err)
			}
			nodes, err := snapshot.List()
			if err != nil {
				t.Fatal(err)
			}
			table := Of(&changes.Feed{})
			table.Update(nodes)
			if alike := len(table.States()) == 1; alike != tt.alikeIsCorrect {
				t.Errorf("both nodes are in one state: %t, want %t", alike, tt.alikeIsCorrect)
			}
		})
	}
}

// TestForgetsStatesOfThePast covers that states that no node is in any more do not pile
// up, and that IDs then are of another epoch.
func TestForgetsStatesOfThePast(t *testing.T) {
	metrics.Register()
	logger, c, snapshot := klog.Background(), cache.New(t.Context(), nil, false, false), cache.NewEmptySnapshot()
	feed := &changes.Feed{}
	table := Of(feed)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	c.AddNode(logger, node)
	for i := range 5_000 {
		changed := node.DeepCopy()
		changed.Status.Allocatable = corev1.ResourceList{corev1.ResourceCPU: *resource.NewQuantity(int64(i+1), resource.DecimalSI)}
		c.UpdateNode(logger, node, changed)
		node = changed
		if err := c.UpdateSnapshot(logger, snapshot); err != nil {
			t.Fatal(err)
		}
		nodes, err := snapshot.List()
		if err != nil {
			t.Fatal(err)
		}
		table.Update(nodes)
		if len(table.States()) != 1 || table.Node(0).Info.GetAllocatable().GetMilliCPU() != int64(1000*(i+1)) {
			t.Fatalf("after %d changes, the node is not in a state of its own", i)
		}
	}
	if len(table.states) > 1_100 {
		t.Errorf("%d states are kept for one node", len(table.states))
	}
	if table.Epoch() == 0 {
		t.Error("IDs were given anew, but the epoch is the same")
	}
}

// BenchmarkMemory is what the table takes per node, where all nodes are alike and where
// no two are.
func BenchmarkMemory(b *testing.B) {
	metrics.Register()
	for _, test := range []struct {
		name string
		cpu  func(i int) int64
	}{
		{"alike", func(int) int64 { return 8 }},
		{"all different", func(i int) int64 { return int64(i + 1) }},
	} {
		b.Run(test.name, func(b *testing.B) {
			const count = 5_000
			c, snapshot := cache.New(b.Context(), nil, false, false), cache.NewEmptySnapshot()
			for i := range count {
				c.AddNode(klog.Background(), &corev1.Node{
					ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%d", i)},
					Status:     corev1.NodeStatus{Allocatable: corev1.ResourceList{corev1.ResourceCPU: *resource.NewQuantity(test.cpu(i), resource.DecimalSI)}},
				})
			}
			if err := c.UpdateSnapshot(klog.Background(), snapshot); err != nil {
				b.Fatal(err)
			}
			nodes, err := snapshot.List()
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				before := heap()
				table := Of(&changes.Feed{})
				table.Update(nodes, []string{"zone", "pool"})
				b.ReportMetric(float64(heap()-before)/count, "B/node")
				runtime.KeepAlive(table)
			}
		})
	}
}

// heap returns how many bytes are in use.
func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
