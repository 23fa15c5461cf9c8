package binpacking

import (
	"testing"

	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// upTo is a resource with a ceiling.
func upTo(name string, ceiling int64) config.ResourceSpec {
	return config.ResourceSpec{Name: name, Weight: 1, Ceiling: ceiling}
}

func TestCeiling(t *testing.T) {
	used := func(name, cpu, memory string) fwk.NodeInfo {
		return node(name, amounts{"cpu": "10", "memory": "10Gi", gpu: "10"}, pod(amounts{"cpu": "0", "memory": memory}), pod(amounts{"cpu": cpu}))
	}
	onePod := pod(amounts{"cpu": "1"})
	tests := []scoreTest{
		{
			name:  "the fullest node below the ceiling is best, those above come last",
			args:  packBy(config.BestFit, upTo("cpu", 70)),
			pod:   onePod,
			nodes: []fwk.NodeInfo{used("to 90 %", "8", "0"), used("to 60 %", "5", "0"), used("to 30 %", "2", "0")},
			want:  map[string]int64{"to 60 %": 100, "to 30 %": 50, "to 90 %": 0},
		},
		{
			name:  "a node that is just at the ceiling is not above it",
			args:  packBy(config.BestFit, upTo("cpu", 70)),
			pod:   onePod,
			nodes: []fwk.NodeInfo{used("to 70 %", "6", "0"), used("to 71 %", "6100m", "0"), used("to 30 %", "2", "0")},
			want:  map[string]int64{"to 70 %": 100, "to 30 %": 43, "to 71 %": 0},
		},
		{
			name:  "where all are above, the one least above is best",
			args:  packBy(config.BestFit, upTo("cpu", 50)),
			pod:   onePod,
			nodes: []fwk.NodeInfo{used("to 90 %", "8", "0"), used("to 60 %", "5", "0")}, // (1 - 0.4) / (1 - 0.1)
			want:  map[string]int64{"to 60 %": 100, "to 90 %": 67},
		},
		{
			name:  "the resource that is most above its ceiling counts",
			args:  packBy(config.BestFit, upTo("cpu", 50), upTo("memory", 50)),
			pod:   onePod,
			nodes: []fwk.NodeInfo{used("cpu by 10 %, memory by 30 %", "5", "8Gi"), used("cpu by 20 %", "6", "0")}, // 0.7 / 0.8
			want:  map[string]int64{"cpu by 20 %": 100, "cpu by 10 %, memory by 30 %": 88},
		},
		{
			name: "the ceiling of GPU does not matter to a pod without",
			args: packBy(config.BestFit, cpu, upTo(gpu, 50)),
			pod:  onePod,
			nodes: []fwk.NodeInfo{
				node("gpus in use", amounts{"cpu": "10", gpu: "10"}, pod(amounts{"cpu": "5", gpu: "9"})),
				node("no gpus", amounts{"cpu": "10"}, pod(amounts{"cpu": "2"})),
			},
			want: map[string]int64{"gpus in use": 100, "no gpus": 50},
		},
		{
			name: "an empty node is opened before a ceiling is passed",
			args: func() *config.BinPackingArgs {
				args := packBy(config.BestFit, upTo("cpu", 50))
				args.EmptyNodes = config.LastResort
				return args
			}(),
			pod:   onePod,
			nodes: []fwk.NodeInfo{node("empty", amounts{"cpu": "10"}), used("to 60 %", "5", "0")},
			want:  map[string]int64{"empty": 100, "to 60 %": 0},
		},
	}
	for _, strategy := range []config.PackingStrategy{config.DotProduct, config.Fragmentation} {
		tests = append(tests, scoreTest{
			name:  "ceilings hold for " + string(strategy),
			args:  packBy(strategy, upTo("cpu", 70)),
			pod:   onePod,
			nodes: []fwk.NodeInfo{used("to 90 %", "8", "0"), used("to 60 %", "5", "0")},
			want:  map[string]int64{"to 60 %": 100, "to 90 %": 0},
		})
	}
	runScoreTests(t, tests)
}

func TestStranding(t *testing.T) {
	gpuNode := func(name, cpu, gpus string) fwk.NodeInfo {
		return node(name, amounts{"cpu": "8", "memory": "8Gi", gpu: "8"}, pod(amounts{"cpu": cpu, gpu: gpus}))
	}
	plain := node("plain", amounts{"cpu": "8", "memory": "8Gi"}, pod(amounts{"cpu": "1"}))
	tests := []scoreTest{
		{
			name:  "a pod without GPU does not take the cpu that goes with free GPUs",
			args:  packBy(config.BestFit, cpu, spec(gpu, 1)),
			pod:   pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{gpuNode("half of the GPUs free", "5", "4"), plain},
			want:  map[string]int64{"plain": 100, "half of the GPUs free": 0},
		},
		{
			name:  "it takes what is to spare",
			args:  packBy(config.BestFit, cpu, spec(gpu, 1)),
			pod:   pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{gpuNode("as much cpu left as GPUs", "3", "4"), plain},
			want:  map[string]int64{"as much cpu left as GPUs": 100, "plain": 50},
		},
		{
			name:  "nothing is stranded where all GPUs are in use",
			args:  packBy(config.BestFit, cpu, spec(gpu, 1)),
			pod:   pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{gpuNode("no GPUs free", "7", "8"), plain},
			want:  map[string]int64{"no GPUs free": 100, "plain": 25},
		},
		{
			name:  "a pod with GPU strands nothing",
			args:  packBy(config.BestFit, cpu, spec(gpu, 1)),
			pod:   pod(amounts{"cpu": "1", gpu: "1"}),
			nodes: []fwk.NodeInfo{gpuNode("more cpu in use than GPUs", "7", "4"), gpuNode("fewer", "1", "4")}, // (8/8 + 5/8) / 2, (2/8 + 5/8) / 2
			want:  map[string]int64{"more cpu in use than GPUs": 100, "fewer": 54},
		},
		{
			name:  "only resources to pack by are looked after",
			args:  packBy(config.BestFit, cpu),
			pod:   pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{gpuNode("half of the GPUs free", "5", "4"), plain},
			want:  map[string]int64{"half of the GPUs free": 100, "plain": 33},
		},
		{
			name:  "where all would strand something the strategy decides",
			args:  packBy(config.BestFit, cpu, spec(gpu, 1)),
			pod:   pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{gpuNode("seven of eight", "6", "2"), gpuNode("six of eight", "5", "2")},
			want:  map[string]int64{"seven of eight": 100, "six of eight": 86},
		},
		{
			name:  "a pod takes nothing of what it does not request",
			args:  packBy(config.BestFit, cpu, memory, spec(gpu, 1)),
			pod:   pod(amounts{"memory": "1Gi"}),
			nodes: []fwk.NodeInfo{gpuNode("out of cpu", "8", "4"), plain}, // (8/8 + 1/8) / 2, (1/8 + 1/8) / 2
			want:  map[string]int64{"out of cpu": 100, "plain": 22},
		},
	}
	for _, strategy := range strategies {
		args := packBy(strategy, cpu, spec(gpu, 1))
		args.EmptyNodes = config.LastResort
		tests = append(tests, scoreTest{
			name:  "an empty node is opened before GPUs are stranded, with " + string(strategy),
			args:  args,
			pod:   pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{gpuNode("half of the GPUs free", "5", "4"), node("empty", amounts{"cpu": "8"})},
			want:  map[string]int64{"empty": 100, "half of the GPUs free": 0},
		})
	}
	runScoreTests(t, tests)
}

func TestEmptyNodes(t *testing.T) {
	size := amounts{"cpu": "8"}
	nodes := []fwk.NodeInfo{
		node("nothing", amounts{"cpu": "4"}),
		node("a DaemonSet's", size, ownedBy("DaemonSet", pod(amounts{"cpu": "6"}))),
		node("a DaemonSet's and a static one", size, ownedBy("DaemonSet", pod(amounts{"cpu": "1"})), ownedBy("Node", pod(amounts{"cpu": "1"}))),
		node("a DaemonSet's and another", size, ownedBy("DaemonSet", pod(amounts{"cpu": "1"})), pod(amounts{"cpu": "1"})),
		node("a ReplicaSet's", size, ownedBy("ReplicaSet", pod(amounts{"cpu": "1"}))),
	}
	lastResort := func(strategy config.PackingStrategy) *config.BinPackingArgs {
		args := packBy(strategy, cpu)
		args.EmptyNodes = config.LastResort
		return args
	}
	both, withGPU := amounts{"cpu": "8", "memory": "8"}, amounts{"cpu": "8", gpu: "4"}
	cpuOnly := keeping(amounts{"cpu": "4"}, cpu)
	fewNodes := keeping(amounts{"cpu": "4", "memory": "4"}, cpu, memory)
	surplus := keeping(amounts{"cpu": "4", "memory": "2"}, cpu, memory)
	devices := keeping(amounts{"cpu": "4", gpu: "1"}, cpu, spec(gpu, 1))
	for _, args := range []*config.BinPackingArgs{cpuOnly, fewNodes, surplus, devices} {
		args.EmptyNodes = config.LastResort
	}
	onePod := pod(amounts{"cpu": "1"})
	tests := []scoreTest{
		{
			name:  "LikeAnyOther leaves it to the strategy",
			args:  packBy(config.BestFit, cpu),
			pod:   onePod,
			nodes: nodes,
			want: map[string]int64{
				"nothing": 29, "a DaemonSet's": 100, "a DaemonSet's and a static one": 43, "a DaemonSet's and another": 43, "a ReplicaSet's": 29,
			},
		},
		{
			name:  "LastResort takes nodes with pods first; those of DaemonSets and static ones are no pods",
			args:  lastResort(config.BestFit),
			pod:   onePod,
			nodes: nodes,
			want: map[string]int64{
				"nothing": 0, "a DaemonSet's": 0, "a DaemonSet's and a static one": 0, "a DaemonSet's and another": 100, "a ReplicaSet's": 67,
			},
		},
		{
			name:  "of empty nodes the strategy's choice is the best",
			args:  lastResort(config.BestFit),
			pod:   onePod,
			nodes: nodes[:3],
			want:  map[string]int64{"nothing": 29, "a DaemonSet's": 100, "a DaemonSet's and a static one": 43},
		},
		{
			name: "a node is in use, though its pods request nothing and it rates nothing",
			args: lastResort(config.DotProduct),
			pod:  onePod,
			nodes: []fwk.NodeInfo{
				node("nothing", size),
				node("a pod without requests", size, pod(nil)),
			},
			want: map[string]int64{"nothing": 0, "a pod without requests": 100},
		},
		{
			name: "an empty node is no worse than one where typical pods lose memory that it is worth",
			args: fewNodes,
			pod:  pod(amounts{"cpu": "2", "memory": "1"}),
			nodes: []fwk.NodeInfo{
				node("fits one no more", both, pod(amounts{"cpu": "3", "memory": "1"})), // grows by (3/8 + 6/8)/2: 21 + 14/48
				node("nothing", both), // 48
			},
			want: map[string]int64{"nothing": 100, "fits one no more": 44},
		},
		{
			name: "a node where they lose nothing is better than either",
			args: fewNodes,
			pod:  pod(amounts{"cpu": "2", "memory": "1"}),
			nodes: []fwk.NodeInfo{
				node("fits one no more", both, pod(amounts{"cpu": "3", "memory": "1"})),
				node("nothing", both),
				node("still fits one", both, pod(amounts{"cpu": "2", "memory": "1"})),
			},
			want: map[string]int64{"still fits one": 100, "nothing": 0, "fits one no more": 0},
		},
		{
			name: "what is left of the cpu that the pod has most of is no reason to open a node",
			args: cpuOnly,
			pod:  pod(amounts{"cpu": "2"}),
			nodes: []fwk.NodeInfo{
				node("fits one no more", size, pod(amounts{"cpu": "3"})),
				node("nothing", size),
			},
			want: map[string]int64{"fits one no more": 100, "nothing": 0},
		},
		{
			name: "nor is memory of which typical pods leave some over",
			args: surplus,
			pod:  pod(amounts{"cpu": "2", "memory": "1"}),
			nodes: []fwk.NodeInfo{
				node("fits one no more", both, pod(amounts{"cpu": "3", "memory": "1"})),
				node("nothing", both),
			},
			want: map[string]int64{"fits one no more": 100, "nothing": 0},
		},
		{
			name: "GPUs are at stake with all that is on their nodes",
			args: devices,
			pod:  pod(amounts{"cpu": "2", gpu: "1"}),
			nodes: []fwk.NodeInfo{
				// One GPU and three cpus are left for nobody, (3/8 + 1/4)/2: 33 + 7/16
				node("fits one no more", withGPU, pod(amounts{"cpu": "3", gpu: "2"})),
				node("nothing", withGPU),
			},
			want: map[string]int64{"nothing": 100, "fits one no more": 70},
		},
		{
			name: "the last of many alike goes to a node in use",
			args: cpuOnly,
			pod:  pod(amounts{"cpu": "4"}),
			nodes: []fwk.NodeInfo{
				node("nothing", size),
				node("fits one more", size, pod(amounts{"cpu": "3"})),
			},
			want: map[string]int64{"fits one more": 100, "nothing": 0},
		},
	}
	runScoreTests(t, tests)
}
