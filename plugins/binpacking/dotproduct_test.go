package binpacking

import (
	"testing"

	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

func TestDotProduct(t *testing.T) {
	tests := []scoreTest{
		{
			name: "what the pod asks most of should be least free",
			args: packBy(config.DotProduct, cpu, memory),
			pod:  pod(amounts{"cpu": "3", "memory": "1Gi"}),
			nodes: []fwk.NodeInfo{
				// Both are as full: 3/4 of the pod is cpu. 1 - (3·2 + 1·6)/8/4 = 5/8
				node("little cpu", amounts{"cpu": "8", "memory": "8Gi"}, pod(amounts{"cpu": "6", "memory": "2Gi"})),
				// 1 - (3·6 + 1·2)/8/4 = 3/8
				node("little memory", amounts{"cpu": "8", "memory": "8Gi"}, pod(amounts{"cpu": "2", "memory": "6Gi"})),
			},
			want: map[string]int64{"little cpu": 100, "little memory": 60},
		},
		{
			name: "a request counts as a fraction of what the node has",
			args: packBy(config.DotProduct, cpu, memory),
			pod:  pod(amounts{"cpu": "2", "memory": "2Gi"}),
			nodes: []fwk.NodeInfo{
				// 2/4 of its cpu, all free, 2/16 of its memory, half free: 1 - (8/16 + 1/16)/(10/16)
				node("cpu free", amounts{"cpu": "4", "memory": "16Gi"}, pod(amounts{"memory": "8Gi"})),
				// the other way round: 1 - (4/16 + 2/16)/(10/16)
				node("memory free", amounts{"cpu": "4", "memory": "16Gi"}, pod(amounts{"cpu": "2"})),
			},
			want: map[string]int64{"memory free": 100, "cpu free": 25},
		},
		{
			name: "weights shift the balance between resources",
			args: packBy(config.DotProduct, spec("cpu", 1), spec("memory", 4)),
			pod:  pod(amounts{"cpu": "2", "memory": "1Gi"}),
			nodes: []fwk.NodeInfo{
				// 1 - (2·2 + 4·1·6)/8/6 = 5/12 against 1 - (2·6 + 4·1·2)/8/6 = 7/12
				node("little cpu", amounts{"cpu": "8", "memory": "8Gi"}, pod(amounts{"cpu": "6", "memory": "2Gi"})),
				node("little memory", amounts{"cpu": "8", "memory": "8Gi"}, pod(amounts{"cpu": "2", "memory": "6Gi"})),
			},
			want: map[string]int64{"little memory": 100, "little cpu": 71},
		},
		{
			name: "a resource that a node does not have counts neither way",
			args: packBy(config.DotProduct, cpu, spec("ephemeral-storage", 1)),
			pod:  pod(amounts{"cpu": "1", "ephemeral-storage": "1Gi"}),
			nodes: []fwk.NodeInfo{
				node("no storage", amounts{"cpu": "4"}, pod(amounts{"cpu": "1"})),
				node("storage", amounts{"cpu": "4", "ephemeral-storage": "4Gi"}, pod(amounts{"cpu": "1", "ephemeral-storage": "1Gi"})),
			},
			want: map[string]int64{"no storage": 100, "storage": 100},
		},
		{
			name: "a pod that requests nothing goes to the fullest node",
			args: packBy(config.DotProduct, cpu, memory),
			pod:  pod(nil),
			nodes: []fwk.NodeInfo{
				node("a quarter", amounts{"cpu": "4", "memory": "4Gi"}, pod(amounts{"cpu": "1", "memory": "1Gi"})),
				node("half", amounts{"cpu": "4", "memory": "4Gi"}, pod(amounts{"cpu": "2", "memory": "2Gi"})),
			},
			want: map[string]int64{"half": 100, "a quarter": 50},
		},
		{
			name: "empty nodes of any size are alike: it has no preference for small ones",
			args: packBy(config.DotProduct, cpu, memory),
			pod:  pod(amounts{"cpu": "1", "memory": "3Gi"}),
			nodes: []fwk.NodeInfo{
				node("small", amounts{"cpu": "2", "memory": "4Gi"}),
				node("large", amounts{"cpu": "64", "memory": "64Gi"}),
			},
			want: map[string]int64{"small": 100, "large": 100},
		},
		{
			name: "a node with more on it than it has counts as full",
			args: packBy(config.DotProduct, cpu),
			pod:  pod(amounts{"cpu": "1"}),
			nodes: []fwk.NodeInfo{
				node("overfull", amounts{"cpu": "4"}, pod(amounts{"cpu": "6"})),
				node("half", amounts{"cpu": "4"}, pod(amounts{"cpu": "2"})),
			},
			want: map[string]int64{"overfull": 100, "half": 50},
		},
	}
	runScoreTests(t, tests)
}
