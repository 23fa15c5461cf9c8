package binpacking

import (
	fwk "k8s.io/kube-scheduler/framework"
)

// How much growth counts against dotProduct, whose 1 is the whole of a node. By
// replays: with the first, nodes are filled one by one unless that costs much; with
// the second, growth alone decides, and dotProduct between nodes where it is the same.
const (
	growthWithFewNodes = 16
	growthFirst        = 1 << 10
)

// fragmentation returns the strategy that minimises the growth of capacity that
// typical pods can no longer use, against dotProduct at the given weight:
//
//	(dotProduct + weight·(1 - growth)) / (1 + 2·weight)   with growth = F(after) - F(before), from -1 to 1
//
// What a typical pod m cannot use of a node is all that is free there, if m does
// not fit, and nothing if it does. Each resource counts with its weight, as a part
// of what an average node that has it has (Weng et al., "Beware of Fragmentation",
// USENIX ATC 2023, where the one resource is GPU):
//
//	F(node) = Σ pₘ · Σ wᵢ · freeᵢ/averageᵢ, over the m that do not fit, / Σ wᵢ
//
// with pₘ the share of m among the pods.
//
// The demands are those of all resources to pack by, whether the pod requests them
// or not, and the others are in their order.
func fragmentation(weight float64, all []demand, typical []shape, averages []float64) strategy {
	return func(demands []demand, node fwk.NodeInfo) float64 {
		growth := 0.0
		if len(typical) > 0 {
			growth = growthOn(node, all, typical, averages)
		}
		return (dotProduct(demands, node) + weight*(1-max(-1, min(1, growth)))) / (1 + 2*weight)
	}
}

// shape is what a typical pod requests of each resource, and its share among the
// pods, from 0 to 1.
type shape struct {
	requests []int64
	share    float64
}

// growthOn returns by how much F grows on the node with the pod of the demands.
func growthOn(node fwk.NodeInfo, demands []demand, typical []shape, averages []float64) float64 {
	before := make([]int64, len(demands), 2*len(demands))
	after := before[len(demands) : 2*len(demands)]
	var sizeBefore, sizeAfter, weights float64
	for i, d := range demands {
		requested, allocatable := usage(node, d.resource)
		before[i] = max(0, allocatable-requested)
		after[i] = max(0, before[i]-d.request)
		if averages[i] > 0 {
			sizeBefore += d.weight * float64(before[i]) / averages[i]
			sizeAfter += d.weight * float64(after[i]) / averages[i]
			weights += d.weight
		}
	}
	if weights == 0 {
		return 0
	}
	growth := 0.0
	for _, m := range typical {
		switch {
		case !m.fits(before): // nor after: what the pod takes was out of reach
			growth -= m.share * (sizeBefore - sizeAfter)
		case !m.fits(after):
			growth += m.share * sizeAfter
		}
	}
	return growth / weights
}

func (s shape) fits(free []int64) bool {
	for i, request := range s.requests {
		if request > free[i] {
			return false
		}
	}
	return true
}
