package binpacking

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/internal/changes"
)

var censusResources = []config.ResourceSpec{cpu, spec(gpu, 1)}

// counts is what a census keeps.
type counts struct {
	Kinds    map[string]int // by what is requested of each resource
	Pods     int
	Have     []int
	Total    []int64
	Averages []float64
}

// kept returns what the census has counted of the nodes.
func kept(c *census, nodes []fwk.NodeInfo) counts {
	_, averages, _ := c.look(nodes)
	return counts{Kinds: maps.Clone(c.kinds), Pods: c.pods, Have: slices.Clone(c.have), Total: slices.Clone(c.total), Averages: averages}
}

// recount counts the same from scratch, from the objects themselves.
func recount(nodes []fwk.NodeInfo) counts {
	r := counts{Kinds: map[string]int{}, Have: make([]int, 2), Total: make([]int64, 2), Averages: make([]float64, 2)}
	for _, n := range nodes {
		allocatable := n.Node().Status.Allocatable
		for i, amount := range []int64{allocatable.Cpu().MilliValue(), allocatable.Name(gpu, "").Value()} {
			if amount > 0 {
				r.Have[i]++
				r.Total[i] += amount
			}
		}
		for _, p := range n.GetPods() {
			requests := p.GetPod().Spec.Containers[0].Resources.Requests
			r.Kinds[kind(requests.Cpu().MilliValue(), requests.Name(gpu, "").Value())]++
			r.Pods++
		}
	}
	for i := range r.Have {
		if r.Have[i] > 0 {
			r.Averages[i] = float64(r.Total[i]) / float64(r.Have[i])
		}
	}
	return r
}

// kind is the key of pods that request that much.
func kind(requests ...int64) string {
	var key []byte
	for _, r := range requests {
		key = binary.BigEndian.AppendUint64(key, uint64(r))
	}
	return string(key)
}

// TestCensusAgainstRecount draws clusters whose nodes and pods come and go, and
// compares what the census has kept count of with a count from scratch.
func TestCensusAgainstRecount(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := sharedCensus(&changes.Feed{}, censusResources, nil)
		cluster := map[string]*framework.NodeInfo{}
		born := 0
		for range rapid.IntRange(1, 10).Draw(rt, "snapshots") {
			for range rapid.IntRange(0, 8).Draw(rt, "changes") {
				name := fmt.Sprint("n", rapid.IntRange(0, 5).Draw(rt, "node"))
				n, known := cluster[name]
				if !known {
					cluster[name] = node(name, drawAmounts(rt, "node", 8, "cpu", gpu))
					continue
				}
				switch change := rapid.SampledFrom([]string{"pod comes", "pod comes", "pod goes", "node changes", "node goes"}).Draw(rt, "change"); change {
				case "pod comes":
					born++
					p := pod(drawAmounts(rt, "pod", 2, "cpu", gpu))
					p.UID = types.UID(fmt.Sprint("pod-", born))
					n.AddPod(p)
				case "pod goes":
					if pods := n.GetPods(); len(pods) > 0 {
						if err := n.RemovePod(klog.Background(), pods[rapid.IntRange(0, len(pods)-1).Draw(rt, "pod")].GetPod()); err != nil {
							rt.Fatal(err)
						}
					}
				case "node changes":
					n.SetNode(node(name, drawAmounts(rt, "node", 8, "cpu", gpu)).Node())
				case "node goes":
					delete(cluster, name)
				}
			}
			var nodes []fwk.NodeInfo
			for _, name := range slices.Sorted(maps.Keys(cluster)) {
				nodes = append(nodes, cluster[name])
			}
			if diff := cmp.Diff(recount(nodes), kept(c, nodes)); diff != "" {
				rt.Fatalf("census (-recount +kept):\n%s", diff)
			}
		}
	})
}

// podsOf returns pods, as many of each kind as it says.
func podsOf(kinds map[string]int) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, cpus := range slices.Sorted(maps.Keys(kinds)) {
		for range kinds[cpus] {
			p := pod(amounts{"cpu": cpus})
			p.UID = types.UID(fmt.Sprint(cpus, "-", len(pods)))
			pods = append(pods, p)
		}
	}
	return pods
}

// TestTypicalPodsAreRenewed changes a cluster of 128 pods by one after the other.
func TestTypicalPodsAreRenewed(t *testing.T) {
	c := sharedCensus(&changes.Feed{}, []config.ResourceSpec{cpu}, nil)
	n := node("a", amounts{"cpu": "1000"}, podsOf(map[string]int{"1": 96, "2": 32})...)
	shares := func() map[int64]float64 {
		typical, _, _ := c.look([]fwk.NodeInfo{n})
		byCPU := map[int64]float64{}
		for _, s := range typical {
			byCPU[s.requests[0]] = s.share
		}
		return byCPU
	}
	before := map[int64]float64{1000: 0.75, 2000: 0.25}
	if diff := cmp.Diff(before, shares()); diff != "" {
		t.Errorf("shares at first (-want +got):\n%s", diff)
	}
	n.AddPod(podsOf(map[string]int{"3": 1})[0])
	if diff := cmp.Diff(before, shares()); diff != "" {
		t.Errorf("shares after one pod of 128, too few to matter (-want +got):\n%s", diff)
	}
	for _, p := range podsOf(map[string]int{"4": 2}) {
		n.AddPod(p)
	}
	want := map[int64]float64{1000: 96.0 / 131, 2000: 32.0 / 131, 3000: 1.0 / 131, 4000: 2.0 / 131}
	if diff := cmp.Diff(want, shares()); diff != "" {
		t.Errorf("shares after three (-want +got):\n%s", diff)
	}
	n = node("a", amounts{"cpu": "1000"})
	if diff := cmp.Diff(map[int64]float64{}, shares()); diff != "" {
		t.Errorf("shares when all pods are gone (-want +got):\n%s", diff)
	}
}

func TestCommonest(t *testing.T) {
	kinds := map[string]int{}
	for i := range 40 {
		kinds[kind(int64(i), 7)] = 100 + i
	}
	got := commonest(kinds)
	if len(got) != maxShapes {
		t.Fatalf("%d kinds, want the %d commonest", len(got), maxShapes)
	}
	sum := 0.0
	for i, s := range got {
		if diff := cmp.Diff([]int64{int64(39 - i), 7}, s.requests); diff != "" {
			t.Errorf("requests of number %d (-want +got):\n%s", i, diff)
		}
		sum += s.share
	}
	if math.Abs(sum-1) > 1e-12 {
		t.Errorf("the shares add up to %v, want 1", sum)
	}
	if commonest(map[string]int{}) != nil {
		t.Error("there are typical pods where there are no pods")
	}
}

func TestGivenTypicalPods(t *testing.T) {
	resources := []config.ResourceSpec{cpu, memory, spec(gpu, 1), spec("pods", 1)}
	c := sharedCensus(&changes.Feed{}, resources, []config.TypicalPod{
		{Requests: quantities(amounts{"cpu": "1500m", "memory": "1Gi"}), Weight: 3},
		{Requests: quantities(amounts{"cpu": "4", gpu: "2"}), Weight: 1},
	})
	typical, averages, _ := c.look([]fwk.NodeInfo{
		node("a", amounts{"cpu": "2", "memory": "4Gi", gpu: "4", "pods": "10"}, podsOf(map[string]int{"1": 5})...),
		node("b", amounts{"cpu": "6", "memory": "4Gi", "pods": "30"}),
	})
	want := []shape{{requests: []int64{1500, 1 << 30, 0, 1}, share: 0.75}, {requests: []int64{4000, 0, 2, 1}, share: 0.25}}
	if diff := cmp.Diff(want, typical, cmp.AllowUnexported(shape{})); diff != "" {
		t.Errorf("typical pods (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]float64{4000, 4 << 30, 4, 20}, averages); diff != "" {
		t.Errorf("averages (-want +got):\n%s", diff)
	}
}
