package binpacking

import (
	"math/big"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	fwk "k8s.io/kube-scheduler/framework"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/internal/plugintest"
)

// TestBestFit covers what the strategies have in common, too: which resources count.
func TestBestFit(t *testing.T) {
	tests := []scoreTest{
		{
			name: "the fuller of two equal nodes gets the most, the other in proportion",
			args: packBy(config.BestFit, cpu, memory),
			pod:  pod(amounts{"cpu": "1", "memory": "1Gi"}),
			nodes: []fwk.NodeInfo{
				node("empty", amounts{"cpu": "4", "memory": "4Gi"}),
				node("half", amounts{"cpu": "4", "memory": "4Gi"}, pod(amounts{"cpu": "2", "memory": "2Gi"})),
			},
			want: map[string]int64{"half": 100, "empty": 33},
		},
		{
			name: "the smaller of two empty nodes is preferred",
			args: packBy(config.BestFit, cpu, memory),
			pod:  pod(amounts{"cpu": "1", "memory": "1Gi"}),
			nodes: []fwk.NodeInfo{
				node("small", amounts{"cpu": "2", "memory": "2Gi"}),
				node("large", amounts{"cpu": "8", "memory": "8Gi"}),
			},
			want: map[string]int64{"small": 100, "large": 25},
		},
		{
			name: "nodes that differ by a hundredth of a percent keep their order",
			args: packBy(config.BestFit, cpu, memory),
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
			args: packBy(config.BestFit, cpu, memory),
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
			args: packBy(config.BestFit, cpu, spec("memory", 3)),
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
			args: packBy(config.BestFit, cpu, spec(gpu, 1)),
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
			args: packBy(config.BestFit, cpu, spec(gpu, 1)),
			pod:  pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{
				node("most gpus in use", amounts{"cpu": "8", gpu: "8"}, pod(amounts{"cpu": "1", gpu: "6"})),
				node("half of the gpus in use", amounts{"cpu": "8", gpu: "8"}, pod(amounts{"cpu": "3", gpu: "4"})),
			},
			want: map[string]int64{"half of the gpus in use": 100, "most gpus in use": 50},
		},
		{
			name: "a resource that a node does not have counts neither way",
			args: packBy(config.BestFit, cpu, spec("ephemeral-storage", 1)),
			pod:  pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{
				node("no storage", amounts{"cpu": "4"}, pod(amounts{"cpu": "1"})),
				node("storage", amounts{"cpu": "4", "ephemeral-storage": "10Gi"}, pod(amounts{"cpu": "1", "ephemeral-storage": "5Gi"})),
			},
			want: map[string]int64{"no storage": 100, "storage": 100},
		},
		{
			name: "every pod takes up one of a node's pods",
			args: packBy(config.BestFit, spec("pods", 1)),
			pod:  pod(nil),
			nodes: []fwk.NodeInfo{
				node("one", amounts{"pods": "10"}, pod(nil)),
				node("four", amounts{"pods": "10"}, pod(nil), pod(nil), pod(nil), pod(nil)),
			},
			want: map[string]int64{"four": 100, "one": 40},
		},
		{
			name: "overhead and pod-level requests count as the engine counts them",
			args: packBy(config.BestFit, cpu),
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
			args:  packBy(config.BestFit, spec(gpu, 1)),
			pod:   pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{node("a", amounts{"cpu": "4", "memory": "4Gi", gpu: "1"})},
			want:  nil,
		},
		{
			name: "a pod that requests nothing goes to a node in use",
			args: packBy(config.BestFit, cpu, memory),
			pod:  pod(nil),
			nodes: []fwk.NodeInfo{
				node("empty", amounts{"cpu": "4", "memory": "4Gi"}),
				node("in use", amounts{"cpu": "4", "memory": "4Gi"}, pod(amounts{"cpu": "1"})),
			},
			want: map[string]int64{"in use": 100, "empty": 0},
		},
		{
			name:  "a single node gets the most",
			args:  packBy(config.BestFit, cpu, memory),
			pod:   pod(amounts{"cpu": "1m"}),
			nodes: []fwk.NodeInfo{node("a", amounts{"cpu": "1000", "memory": "1Ti"})},
			want:  map[string]int64{"a": 100},
		},
		{
			name: "nodes that have none of the resources are equal",
			args: packBy(config.BestFit, cpu),
			pod:  pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{
				node("a", amounts{"memory": "1Gi"}),
				node("b", amounts{"memory": "1Gi"}),
			},
			want: map[string]int64{"a": 100, "b": 100},
		},
	}
	runScoreTests(t, tests)
}

// TestBestFitAgainstExactArithmetic draws clusters and compares the order of the
// scores with that of the same means in exact fractions: a fuller node scores
// more, down to where scores end.
func TestBestFitAgainstExactArithmetic(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		weights := map[corev1.ResourceName]int64{
			"cpu":    rapid.Int64Range(1, 100).Draw(rt, "weight of cpu"),
			"memory": rapid.Int64Range(1, 100).Draw(rt, "weight of memory"),
		}
		pl := newPlugin(t, packBy(config.BestFit, spec("cpu", weights["cpu"]), spec("memory", weights["memory"])))
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
		scores := plugintest.Scores(t, pl, p, nodes...)
		for a, scoreA := range scores {
			for b, scoreB := range scores {
				if exact[a].Cmp(exact[b]) > 0 && scoreA <= scoreB && (scoreA > 0 || scoreB > 0) {
					rt.Fatalf("%s is fuller than %s, %v > %v, but scores %d against %d", a, b, exact[a], exact[b], scoreA, scoreB)
				}
			}
		}
	})
}

// exactFullness is the formula of BestFit in fractions, for cpu and memory.
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
