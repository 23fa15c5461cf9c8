package binpacking

import (
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/usage"
)

// strategy rates a node for the pod of the demands, from 0 to 1; more is better.
type strategy func(demands []demand, node fwk.NodeInfo) float64

// bestFit returns the weighted mean, over the demands, of the fraction of the
// node's allocatable that would be requested with the pod on it:
//
//	Σ wᵢ · min(1, (requestedᵢ + requestᵢ) / allocatableᵢ) / Σ wᵢ
//
// Resources that the node does not have are ignored. A node that has none of them is rated 0.
func bestFit(demands []demand, node fwk.NodeInfo) float64 {
	var sum, weights float64
	for _, d := range demands {
		if filled, has := d.filled(node); has {
			sum += d.weight * filled
			weights += d.weight
		}
	}
	if weights == 0 {
		return 0
	}
	return sum / weights
}

// dotProduct returns how little is left of what the pod asks most of: one less
// the product of the pod's request and what is free on the node, both as fractions
// of the node's allocatable, over the size of the request:
//
//	1 - Σ wᵢ·rᵢ·fᵢ / Σ wᵢ·rᵢ   with rᵢ = requestᵢ / allocatableᵢ, fᵢ = freeᵢ / allocatableᵢ
//
// If the pod requests nothing that the node has, it is the same as bestFit.
//
// The product is that of Tetris (Grandl et al., "Multi-resource packing for cluster
// schedulers", SIGCOMM 2014), which chooses the largest. As the FGD paper does, this
// chooses the smallest: the largest opens empty nodes before full ones.
func dotProduct(demands []demand, node fwk.NodeInfo) float64 {
	var product, size float64
	for _, d := range demands {
		requested, allocatable := usage.Of(node, d.resource)
		if allocatable <= 0 {
			continue
		}
		share := d.weight * float64(d.request) / float64(allocatable)
		product += share * max(0, 1-float64(requested)/float64(allocatable))
		size += share
	}
	if size == 0 {
		return bestFit(demands, node)
	}
	return 1 - product/size
}
