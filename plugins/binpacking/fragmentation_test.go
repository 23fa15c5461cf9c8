package binpacking

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// keeping returns arguments of Fragmentation with one kind of typical pods.
func keeping(typical amounts, specs ...config.ResourceSpec) *config.BinPackingArgs {
	args := packBy(config.Fragmentation, specs...)
	args.TypicalPods = []config.TypicalPod{{Requests: quantities(typical), Weight: 1}}
	return args
}

func TestFragmentation(t *testing.T) {
	// A rating is (⌊(1 - growth)/2 · 1024⌋ + dot product) / 1025.
	tests := []scoreTest{
		{
			name: "a node that typical pods would no longer fit on is left alone",
			args: keeping(amounts{"cpu": "4"}, cpu),
			pod:  pod(amounts{"cpu": "2"}),
			nodes: []fwk.NodeInfo{
				node("still fits one", amounts{"cpu": "8"}, pod(amounts{"cpu": "2"})),   // 512 + 2/8
				node("fits one no more", amounts{"cpu": "8"}, pod(amounts{"cpu": "3"})), // grows by 3/8: 320 + 3/8
			},
			want: map[string]int64{"still fits one": 100, "fits one no more": 63},
		},
		{
			name: "what typical pods cannot use anyway is used first",
			args: keeping(amounts{"cpu": "4"}, cpu),
			pod:  pod(amounts{"cpu": "2"}),
			nodes: []fwk.NodeInfo{
				node("fits one", amounts{"cpu": "8"}, pod(amounts{"cpu": "2"})),  // 512 + 2/8
				node("fits none", amounts{"cpu": "8"}, pod(amounts{"cpu": "5"})), // grows by 1/8 - 3/8: 640 + 5/8
			},
			want: map[string]int64{"fits none": 100, "fits one": 80},
		},
		{
			name: "where nothing is lost the dot product decides",
			args: keeping(amounts{"cpu": "1"}, cpu),
			pod:  pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{
				node("a quarter", amounts{"cpu": "8"}, pod(amounts{"cpu": "2"})),
				node("half", amounts{"cpu": "8"}, pod(amounts{"cpu": "4"})),
			},
			want: map[string]int64{"half": 100, "a quarter": 99},
		},
		{
			name: "typical pods are those in the cluster, if none are given",
			args: packBy(config.Fragmentation, cpu),
			pod:  pod(amounts{"cpu": "2"}),
			nodes: []fwk.NodeInfo{
				node("still fits one", amounts{"cpu": "10"}, pod(amounts{"cpu": "4"})),  // 512 + 4/10
				node("fits one no more", amounts{"cpu": "9"}, pod(amounts{"cpu": "4"})), // grows by 3/9.5: 350 + 4/9
			},
			want: map[string]int64{"still fits one": 100, "fits one no more": 68},
		},
		{
			name: "in a cluster without pods the dot product decides, and empty nodes are alike",
			args: packBy(config.Fragmentation, cpu),
			pod:  pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{
				node("small", amounts{"cpu": "2"}),
				node("large", amounts{"cpu": "8"}),
			},
			want: map[string]int64{"small": 100, "large": 100},
		},
		{
			name: "given typical pods count, not those in the cluster",
			args: keeping(amounts{"cpu": "1"}, cpu),
			pod:  pod(amounts{"cpu": "2"}),
			nodes: []fwk.NodeInfo{
				node("six free", amounts{"cpu": "10"}, pod(amounts{"cpu": "4"})), // 512 + 4/10
				node("five free", amounts{"cpu": "9"}, pod(amounts{"cpu": "4"})), // 512 + 4/9
			},
			want: map[string]int64{"five free": 100, "six free": 99},
		},
		{
			name: "nodes with GPU are kept for pods that need GPU and cpu together",
			args: keeping(amounts{"cpu": "4", gpu: "1"}, cpu, spec(gpu, 1)),
			pod:  pod(amounts{"cpu": "3"}),
			nodes: []fwk.NodeInfo{
				// A typical pod still fits, one of two GPUs being in use: 512
				node("gpu", amounts{"cpu": "8", gpu: "2"}, pod(amounts{gpu: "1"})),
				// It never does: what it cannot use shrinks by 3/8 of cpu, half of the weight: 608
				node("plain", amounts{"cpu": "8"}),
			},
			want: map[string]int64{"plain": 100, "gpu": 84},
		},
		{
			name: "every typical pod takes up one of a node's pods",
			args: keeping(amounts{"cpu": "2"}, cpu, spec("pods", 1)),
			pod:  pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{
				// Room for no other: 7 of 10 cpus are lost, half of the weight: 332 + 0.45
				node("the last pod", amounts{"cpu": "10", "pods": "2"}, pod(amounts{"cpu": "2"})),
				node("some left", amounts{"cpu": "10", "pods": "10"}, pod(amounts{"cpu": "2"})), // 512 + 0.15
			},
			want: map[string]int64{"some left": 100, "the last pod": 65},
		},
	}
	runScoreTests(t, tests)
}

func TestGrowth(t *testing.T) {
	both := []demand{{resource: "cpu", request: 2000, weight: 1}, {resource: corev1.ResourceName(gpu), weight: 3}}
	cpuOnly := []demand{{resource: "cpu", request: 2000, weight: 1}}
	n := node("n", amounts{"cpu": "8", gpu: "4"}, pod(amounts{"cpu": "3", gpu: "1"}))
	tests := []struct {
		name     string
		demands  []demand
		typical  []shape
		averages []float64
		want     float64
	}{
		{"a kind that fits before and after loses nothing", cpuOnly, []shape{{requests: []int64{3000}, share: 1}}, []float64{8000}, 0},
		{"a kind that fits no more loses all that is left", cpuOnly, []shape{{requests: []int64{4000}, share: 1}}, []float64{8000}, 3.0 / 8},
		{
			"the pod's own kind loses nothing where it fits no more", []demand{{resource: "cpu", request: 3000, weight: 1}},
			[]shape{{requests: []int64{3000}, share: 0.75}, {requests: []int64{2500}, share: 0.25}},
			[]float64{8000}, 0.25 * 2 / 8,
		},
		{"a kind that never fitted loses less by what the pod takes", cpuOnly, []shape{{requests: []int64{6000}, share: 1}}, []float64{8000}, -2.0 / 8},
		{
			"kinds count by their shares", cpuOnly,
			[]shape{{requests: []int64{4000}, share: 0.75}, {requests: []int64{6000}, share: 0.25}},
			[]float64{8000}, 0.75*3/8 - 0.25*2/8,
		},
		{"a part of an average node, not of this one", cpuOnly, []shape{{requests: []int64{4000}, share: 1}}, []float64{16000}, 3.0 / 16},
		{
			"resources that the pod does not ask for are lost too, by weight", both,
			[]shape{{requests: []int64{4000, 1}, share: 1}},
			[]float64{8000, 4}, (3.0/8 + 3*3.0/4) / 4,
		},
		{
			"a resource that no node has does not count", both,
			[]shape{{requests: []int64{4000, 0}, share: 1}},
			[]float64{8000, 0}, 3.0 / 8,
		},
		{"nor does anything where no node has any of them", both, []shape{{requests: []int64{4000, 0}, share: 1}}, []float64{0, 0}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := fragmentation{demands: tt.demands, typical: tt.typical, averages: tt.averages}
			f.atStake = f.stakes()
			if got, _ := f.growth(n); math.Abs(got-tt.want) > 1e-12 {
				t.Errorf("growth %v, want %v", got, tt.want)
			}
		})
	}
}

func TestStakes(t *testing.T) {
	demands := []demand{{resource: "cpu", request: 1000, weight: 1}, {resource: "memory", request: 1, weight: 1}, {resource: corev1.ResourceName(gpu), weight: 1}}
	averages := []float64{8000, 8, 4}
	tests := []struct {
		name    string
		typical []shape
		want    []bool
	}{
		{"none without typical pods", nil, []bool{false, false, false}},
		{"memory, if as much of it is asked for as of cpu", []shape{{requests: []int64{4000, 4, 0}, share: 1}}, []bool{false, true, false}},
		{"not memory of which there is a surplus", []shape{{requests: []int64{4000, 2, 0}, share: 1}}, []bool{false, false, false}},
		{"memory, if it is what ends first", []shape{{requests: []int64{1000, 4, 0}, share: 1}}, []bool{false, true, false}},
		{
			"by the mean of the kinds",
			[]shape{{requests: []int64{4000, 1, 1}, share: 0.5}, {requests: []int64{1000, 4, 0}, share: 0.5}},
			[]bool{false, true, false},
		},
	}
	for _, tt := range tests {
		f := fragmentation{demands: demands, typical: tt.typical, averages: averages}
		if diff := cmp.Diff(tt.want, f.stakes()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
