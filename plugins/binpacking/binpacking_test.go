package binpacking

import (
	"context"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

const gpu = "nvidia.com/gpu"

// resources builds arguments from name, weight pairs.
func resources(specs ...config.ResourceSpec) *config.BinPackingArgs {
	return &config.BinPackingArgs{Resources: specs}
}

var cpuAndMemory = resources(config.ResourceSpec{Name: "cpu", Weight: 1}, config.ResourceSpec{Name: "memory", Weight: 1})

func newPlugin(t testing.TB, args *config.BinPackingArgs) *BinPacking {
	t.Helper()
	pl, err := New(context.Background(), args, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pl.(*BinPacking)
}

func quantities(list map[corev1.ResourceName]string) corev1.ResourceList {
	parsed := corev1.ResourceList{}
	for name, text := range list {
		parsed[name] = resource.MustParse(text)
	}
	return parsed
}

// amounts is a list of quantities by resource, as text.
type amounts map[corev1.ResourceName]string

func pod(requests amounts) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "pod"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name:      "main",
			Resources: corev1.ResourceRequirements{Requests: quantities(requests)},
		}}},
	}
}

// node returns a node that has what is allocatable, with the pods on it.
func node(name string, allocatable amounts, pods ...*corev1.Pod) *framework.NodeInfo {
	info := framework.NewNodeInfo(pods...)
	info.SetNode(&corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Status:     corev1.NodeStatus{Allocatable: quantities(allocatable)},
	})
	return info
}

// scoresOf runs the plugin as the engine does, and returns the node scores.
func scoresOf(t testing.TB, pl *BinPacking, p *corev1.Pod, nodes ...fwk.NodeInfo) map[string]int64 {
	t.Helper()
	ctx, state := context.Background(), framework.NewCycleState()
	status := pl.PreScore(ctx, state, p, nodes)
	if status.IsSkip() {
		return nil
	}
	if !status.IsSuccess() {
		t.Fatal(status)
	}
	var list fwk.NodeScoreList
	for _, n := range nodes {
		score, status := pl.Score(ctx, state, p, n)
		if !status.IsSuccess() {
			t.Fatal(status)
		}
		list = append(list, fwk.NodeScore{Name: n.Node().Name, Score: score})
	}
	if status := pl.ScoreExtensions().NormalizeScore(ctx, state, p, list); !status.IsSuccess() {
		t.Fatal(status)
	}
	scores := map[string]int64{}
	for _, s := range list {
		scores[s.Name] = s.Score
	}
	return scores
}

func TestScore(t *testing.T) {
	tests := []struct {
		name  string
		args  *config.BinPackingArgs
		pod   *corev1.Pod
		nodes []fwk.NodeInfo
		want  map[string]int64
	}{
		{
			name: "the fuller of two equal nodes gets the most, the other in proportion",
			args: cpuAndMemory,
			pod:  pod(amounts{"cpu": "1", "memory": "1Gi"}),
			nodes: []fwk.NodeInfo{
				node("empty", amounts{"cpu": "4", "memory": "4Gi"}),
				node("half", amounts{"cpu": "4", "memory": "4Gi"}, pod(amounts{"cpu": "2", "memory": "2Gi"})),
			},
			want: map[string]int64{"half": 100, "empty": 33},
		},
		{
			name: "the smaller of two empty nodes is preferred",
			args: cpuAndMemory,
			pod:  pod(amounts{"cpu": "1", "memory": "1Gi"}),
			nodes: []fwk.NodeInfo{
				node("small", amounts{"cpu": "2", "memory": "2Gi"}),
				node("large", amounts{"cpu": "8", "memory": "8Gi"}),
			},
			want: map[string]int64{"small": 100, "large": 25},
		},
		{
			name: "nodes that differ by a hundredth of a percent keep their order",
			args: cpuAndMemory,
			pod:  pod(amounts{"cpu": "100m", "memory": "1Mi"}),
			nodes: []fwk.NodeInfo{
				node("a", amounts{"cpu": "100", "memory": "100Gi"}, pod(amounts{"cpu": "50010m", "memory": "50Gi"})),
				node("b", amounts{"cpu": "100", "memory": "100Gi"}, pod(amounts{"cpu": "50030m", "memory": "50Gi"})),
				node("c", amounts{"cpu": "100", "memory": "100Gi"}, pod(amounts{"cpu": "50020m", "memory": "50Gi"})),
			},
			want: map[string]int64{"b": 100, "c": 99, "a": 98},
		},
		{
			name: "equal nodes score the same",
			args: cpuAndMemory,
			pod:  pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{
				node("a", amounts{"cpu": "3", "memory": "4Gi"}),
				node("b", amounts{"cpu": "3", "memory": "4Gi"}),
				node("twice the size, twice the use", amounts{"cpu": "6", "memory": "8Gi"}, pod(amounts{"cpu": "1"})),
			},
			want: map[string]int64{"a": 100, "b": 100, "twice the size, twice the use": 100},
		},
		{
			name: "weights shift the balance between resources",
			args: resources(config.ResourceSpec{Name: "cpu", Weight: 1}, config.ResourceSpec{Name: "memory", Weight: 3}),
			pod:  pod(amounts{"cpu": "1", "memory": "1Gi"}),
			nodes: []fwk.NodeInfo{
				// (3/4 + 3·1/4) / 4 = 0.375 against (1/4 + 3·3/4) / 4 = 0.625
				node("full of cpu", amounts{"cpu": "4", "memory": "4Gi"}, pod(amounts{"cpu": "2"})),
				node("full of memory", amounts{"cpu": "4", "memory": "4Gi"}, pod(amounts{"memory": "2Gi"})),
			},
			want: map[string]int64{"full of memory": 100, "full of cpu": 60},
		},
		{
			name: "an extended resource counts for a pod that requests it",
			args: resources(config.ResourceSpec{Name: "cpu", Weight: 1}, config.ResourceSpec{Name: gpu, Weight: 1}),
			pod:  pod(amounts{"cpu": "1", gpu: "1"}),
			nodes: []fwk.NodeInfo{
				node("gpus in use", amounts{"cpu": "8", gpu: "8"}, pod(amounts{"cpu": "1", gpu: "6"})),
				node("gpus free", amounts{"cpu": "8", gpu: "8"}, pod(amounts{"cpu": "2"})),
			},
			// (2/8 + 7/8) / 2 against (3/8 + 1/8) / 2
			want: map[string]int64{"gpus in use": 100, "gpus free": 44},
		},
		{
			name: "an extended resource does not count for a pod that does not request it",
			args: resources(config.ResourceSpec{Name: "cpu", Weight: 1}, config.ResourceSpec{Name: gpu, Weight: 1}),
			pod:  pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{
				node("gpus in use", amounts{"cpu": "8", gpu: "8"}, pod(amounts{"cpu": "1", gpu: "6"})),
				node("gpus free", amounts{"cpu": "8", gpu: "8"}, pod(amounts{"cpu": "3"})),
			},
			want: map[string]int64{"gpus free": 100, "gpus in use": 50},
		},
		{
			name: "a resource that a node does not have counts neither way",
			args: resources(config.ResourceSpec{Name: "cpu", Weight: 1}, config.ResourceSpec{Name: "ephemeral-storage", Weight: 1}),
			pod:  pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{
				node("no storage", amounts{"cpu": "4"}, pod(amounts{"cpu": "1"})),
				node("storage", amounts{"cpu": "4", "ephemeral-storage": "10Gi"}, pod(amounts{"cpu": "1", "ephemeral-storage": "5Gi"})),
			},
			want: map[string]int64{"no storage": 100, "storage": 100},
		},
		{
			name: "every pod takes up one of a node's pods",
			args: resources(config.ResourceSpec{Name: "pods", Weight: 1}),
			pod:  pod(nil),
			nodes: []fwk.NodeInfo{
				node("one", amounts{"pods": "10"}, pod(nil)),
				node("four", amounts{"pods": "10"}, pod(nil), pod(nil), pod(nil), pod(nil)),
			},
			want: map[string]int64{"four": 100, "one": 40},
		},
		{
			name: "overhead and pod-level requests count as the engine counts them",
			args: resources(config.ResourceSpec{Name: "cpu", Weight: 1}),
			pod: func() *corev1.Pod {
				p := pod(amounts{"cpu": "1"})
				p.Spec.Overhead = quantities(amounts{"cpu": "1"})
				p.Spec.Resources = &corev1.ResourceRequirements{Requests: quantities(amounts{"cpu": "3"})}
				return p
			}(),
			nodes: []fwk.NodeInfo{
				node("a", amounts{"cpu": "8"}, pod(amounts{"cpu": "4"})), // (4 + 3 + 1) / 8
				node("b", amounts{"cpu": "8"}),                           // (0 + 3 + 1) / 8
			},
			want: map[string]int64{"a": 100, "b": 50},
		},
		{
			name:  "a pod that requests none of the extended resources is left to other plugins",
			args:  resources(config.ResourceSpec{Name: gpu, Weight: 1}),
			pod:   pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{node("a", amounts{"cpu": "4", "memory": "4Gi", gpu: "1"})},
			want:  nil,
		},
		{
			name: "a pod that requests nothing goes to a node in use",
			args: cpuAndMemory,
			pod:  pod(nil),
			nodes: []fwk.NodeInfo{
				node("empty", amounts{"cpu": "4", "memory": "4Gi"}),
				node("in use", amounts{"cpu": "4", "memory": "4Gi"}, pod(amounts{"cpu": "1"})),
			},
			want: map[string]int64{"in use": 100, "empty": 0},
		},
		{
			name:  "a single node gets the most",
			args:  cpuAndMemory,
			pod:   pod(amounts{"cpu": "1m"}),
			nodes: []fwk.NodeInfo{node("a", amounts{"cpu": "1000", "memory": "1Ti"})},
			want:  map[string]int64{"a": 100},
		},
		{
			name: "nodes that have none of the resources score nothing",
			args: resources(config.ResourceSpec{Name: "cpu", Weight: 1}),
			pod:  pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{
				node("a", amounts{"memory": "1Gi"}),
				node("b", amounts{"memory": "1Gi"}),
			},
			want: map[string]int64{"a": 0, "b": 0},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := scoresOf(t, newPlugin(t, tt.args), tt.pod, tt.nodes...)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("scores (-want +got):\n%s", diff)
			}
		})
	}
}

// TestScoreWithoutPreScore covers profiles that enable the plugin for Score alone.
func TestScoreWithoutPreScore(t *testing.T) {
	pl, p := newPlugin(t, cpuAndMemory), pod(amounts{"cpu": "1", "memory": "1Gi"})
	n := node("a", amounts{"cpu": "4", "memory": "2Gi"}, pod(amounts{"cpu": "1"}))
	got, status := pl.Score(context.Background(), framework.NewCycleState(), p, n)
	if !status.IsSuccess() {
		t.Fatal(status)
	}
	if want := int64(fullnessScale / 2); got != want {
		t.Errorf("score %d, want %d", got, want)
	}
}

func TestScoreRefusesForeignState(t *testing.T) {
	state := framework.NewCycleState()
	state.Write(preScoreStateKey, foreignState{})
	_, status := newPlugin(t, cpuAndMemory).Score(context.Background(), state, pod(nil), node("a", nil))
	if status.Code() != fwk.Error || !strings.Contains(status.Message(), "foreignState") {
		t.Errorf("status %v, want an error that names the type", status)
	}
}

type foreignState struct{}

func (s foreignState) Clone() fwk.StateData { return s }

func TestNormalize(t *testing.T) {
	tests := []struct {
		name      string
		raw, want []int64
	}{
		{"no nodes", nil, nil},
		{"all nothing", []int64{0, 0}, []int64{0, 0}},
		{"proportions are kept where there is room", []int64{1000, 500, 0}, []int64{100, 50, 0}},
		{"near ties are told apart", []int64{1000, 999, 998, 998}, []int64{100, 99, 98, 98}},
		{"the order ends where scores do", []int64{1000, 12, 11, 10}, []int64{100, 1, 0, 0}},
		{"a run of near ties pushes down those below it only as far as needed", []int64{1000, 999, 998, 990, 400}, []int64{100, 99, 98, 97, 40}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var list fwk.NodeScoreList
			for _, raw := range tt.raw {
				list = append(list, fwk.NodeScore{Score: raw})
			}
			normalize(list)
			var got []int64
			for _, s := range list {
				got = append(got, s.Score)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("normalize (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOrderAgainstExactArithmetic draws clusters and compares the order of the
// scores with that of the same means in exact fractions: a fuller node scores
// more, down to where scores end.
func TestOrderAgainstExactArithmetic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		weights := map[corev1.ResourceName]int64{
			"cpu":    rapid.Int64Range(1, 100).Draw(rt, "weight of cpu"),
			"memory": rapid.Int64Range(1, 100).Draw(rt, "weight of memory"),
		}
		pl := newPlugin(t, resources(
			config.ResourceSpec{Name: "cpu", Weight: weights["cpu"]},
			config.ResourceSpec{Name: "memory", Weight: weights["memory"]},
		))
		draw := func(of string, low, high int64) amounts {
			return amounts{
				"cpu":    resource.NewMilliQuantity(rapid.Int64Range(low, high).Draw(rt, of+" cpu"), resource.DecimalSI).String(),
				"memory": resource.NewQuantity(rapid.Int64Range(low, high).Draw(rt, of+" memory"), resource.BinarySI).String(),
			}
		}
		p := pod(draw("requested", 1, 1000))
		var nodes []fwk.NodeInfo
		exact := map[string]*big.Rat{}
		for i := range rapid.IntRange(1, 60).Draw(rt, "nodes") {
			name := string(rune('A' + i))
			n := node(name, draw("allocatable", 10_000, 10_100), pod(draw("used", 1, 5_000)))
			nodes, exact[name] = append(nodes, n), exactFullness(weights, p, n)
		}
		scores := scoresOf(t, pl, p, nodes...)
		for a, scoreA := range scores {
			for b, scoreB := range scores {
				if exact[a].Cmp(exact[b]) > 0 && scoreA <= scoreB && (scoreA > 0 || scoreB > 0) {
					rt.Fatalf("%s is fuller than %s, %v > %v, but scores %d against %d", a, b, exact[a], exact[b], scoreA, scoreB)
				}
			}
		}
	})
}

// exactFullness is the formula of fullness in fractions, for cpu and memory.
func exactFullness(weights map[corev1.ResourceName]int64, p *corev1.Pod, n fwk.NodeInfo) *big.Rat {
	sum, total := new(big.Rat), int64(0)
	requests, allocatable := p.Spec.Containers[0].Resources.Requests, n.Node().Status.Allocatable
	used := n.GetPods()[0].GetPod().Spec.Containers[0].Resources.Requests
	for name, weight := range weights {
		requested := requests[name].DeepCopy()
		requested.Add(used[name])
		available := allocatable[name]
		sum.Add(sum, big.NewRat(weight*requested.MilliValue(), available.MilliValue()))
		total += weight
	}
	return sum.Quo(sum, big.NewRat(total, 1))
}

func TestSignPod(t *testing.T) {
	pl := newPlugin(t, resources(config.ResourceSpec{Name: "cpu", Weight: 1}, config.ResourceSpec{Name: gpu, Weight: 1}))
	want := []fwk.SignFragment{{Key: "stowage.dev/BinPacking.requests", Value: []int64{1500, 2}}}
	got, status := pl.SignPod(context.Background(), pod(amounts{"cpu": "1500m", "memory": "1Gi", gpu: "2"}))
	if !status.IsSuccess() {
		t.Fatal(status)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fragments (-want +got):\n%s", diff)
	}
}

func TestNew(t *testing.T) {
	tests := []struct {
		name string
		args runtime.Object
		want string
	}{
		{"arguments of another plugin", &schedulerconfig.NodeResourcesFitArgs{}, "want the arguments of BinPacking to be of type BinPackingArgs, got *config.NodeResourcesFitArgs"},
		{"no resources", resources(), `pluginConfig[BinPacking].args.resources: Required value: at least one resource to pack by`},
		{
			"a weight of nothing",
			resources(config.ResourceSpec{Name: "cpu", Weight: 0}),
			`pluginConfig[BinPacking].args.resources[0].weight: Invalid value: 0: must be from 1 to 100`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(context.Background(), tt.args, nil)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

// BenchmarkScoring is the plugin's whole share of a scheduling cycle over 5,000 nodes.
func BenchmarkScoring(b *testing.B) {
	pl, p := newPlugin(b, cpuAndMemory), pod(amounts{"cpu": "500m", "memory": "1Gi"})
	var nodes []fwk.NodeInfo
	for i := range 5000 {
		used := resource.NewMilliQuantity(int64(i%160)*100, resource.DecimalSI).String()
		nodes = append(nodes, node("node", amounts{"cpu": "16", "memory": "64Gi"}, pod(amounts{"cpu": used})))
	}
	b.ReportAllocs()
	for b.Loop() {
		scoresOf(b, pl, p, nodes...)
	}
}
