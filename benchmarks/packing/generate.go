package packing

import (
	"fmt"
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"
)

const (
	generatedNodes = 300
	generatedKinds = 2000
	gib            = 1 << 30
)

// Generated returns workloads that need no recorded data: always the same.
func Generated() []Workload {
	source := rand.New(rand.NewPCG(1, 0))
	uniform := func() *corev1.Pod {
		return newPod(100*(1+source.Int64N(80)), gib*(1+source.Int64N(32)), 0)
	}
	bimodal := func() *corev1.Pod {
		if source.IntN(10) < 8 {
			return newPod(100*(1+source.Int64N(5)), gib/4*(1+source.Int64N(8)), 0)
		}
		return newPod(1000*(6+source.Int64N(8)), gib*(24+source.Int64N(24)), 0)
	}
	cpuHeavy := func() *corev1.Pod {
		return newPod(1000*(2+source.Int64N(6)), gib*(1+source.Int64N(6)), 0)
	}
	memoryHeavy := func() *corev1.Pod {
		return newPod(250*(1+source.Int64N(6)), gib*(8+source.Int64N(24)), 0)
	}
	// either returns the one for so many of ten pods, and the other for the rest.
	either := func(tenths int, one, other func() *corev1.Pod) func() *corev1.Pod {
		return func() *corev1.Pod {
			if source.IntN(10) < tenths {
				return one()
			}
			return other()
		}
	}
	gpu := func() *corev1.Pod {
		devices := []int64{200, 500, 1000, 1000, 2000, 4000, 8000}[source.IntN(7)]
		return newPod(max(1000, devices*(2+source.Int64N(8))), gib*max(2, devices*(4+source.Int64N(24))/1000), devices)
	}
	noGPU := func() *corev1.Pod {
		return newPod(1000*(1+source.Int64N(8)), gib*(2+source.Int64N(30)), 0)
	}
	return []Workload{
		generate("uniform", corev1.ResourceCPU, plainNode, uniform),
		generate("bimodal", corev1.ResourceCPU, plainNode, bimodal),
		generate("cpu-heavy", corev1.ResourceCPU, plainNode, either(8, cpuHeavy, memoryHeavy)),
		generate("memory-heavy", corev1.ResourceMemory, plainNode, either(2, cpuHeavy, memoryHeavy)),
		generate("cpu-and-memory-heavy", corev1.ResourceCPU, plainNode, either(5, cpuHeavy, memoryHeavy)),
		generate("gpu", GPUMilli, mixedNode, either(5, noGPU, gpu)),
	}
}

func generate(name string, demand corev1.ResourceName, node func(i int) *corev1.Node, pod func() *corev1.Pod) Workload {
	w := Workload{Name: name, Demand: demand}
	for i := range generatedNodes {
		w.Nodes = append(w.Nodes, node(i))
	}
	for range generatedKinds {
		w.Kinds = append(w.Kinds, pod())
	}
	return w
}

// plainNode returns a node without GPU: two sizes in turn.
func plainNode(i int) *corev1.Node {
	size := int64(1 + i%2)
	return newNode(fmt.Sprintf("node-%03d", i), 16_000*size, 64*gib*size, 0, "")
}

// mixedNode returns a node without GPU, or, for every third, one with 8 devices.
func mixedNode(i int) *corev1.Node {
	if i%3 == 0 {
		return newNode(fmt.Sprintf("node-%03d", i), 96_000, 768*gib, 8000, "A")
	}
	return plainNode(i)
}
