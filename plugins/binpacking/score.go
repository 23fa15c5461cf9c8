package binpacking

import (
	"cmp"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// fullnessScale is the raw score of a node that is full in every resource: fine
// enough to tell a byte of a terabyte, coarse enough to hide the rounding of sums.
const fullnessScale = 1 << 42

// demand is what a pod requests of one resource, and how much that resource counts.
type demand struct {
	resource corev1.ResourceName
	request  int64
	weight   int64
}

// fullness returns the weighted mean, over the demands, of the fraction of the
// node's allocatable that would be requested with the pod on it:
//
//	Σ wᵢ · min(1, (requestedᵢ + requestᵢ) / allocatableᵢ) / Σ wᵢ
//
// in units of 1/fullnessScale. Resources that the node does not have count
// neither way; a node that has none of them scores 0.
func fullness(demands []demand, node fwk.NodeInfo) int64 {
	var sum, weights float64
	for _, d := range demands {
		requested, allocatable := usage(node, d.resource)
		if allocatable <= 0 {
			continue
		}
		fraction := float64(requested+d.request) / float64(allocatable)
		sum += float64(d.weight) * min(1, fraction)
		weights += float64(d.weight)
	}
	if weights == 0 {
		return 0
	}
	return int64(math.Round(sum / weights * fullnessScale))
}

// usage returns what is requested of a resource on the node and what is allocatable.
func usage(node fwk.NodeInfo, resource corev1.ResourceName) (requested, allocatable int64) {
	if resource == corev1.ResourcePods {
		return int64(len(node.GetPods())), int64(node.GetAllocatable().GetAllowedPodNumber())
	}
	return quantity(node.GetRequested(), resource), quantity(node.GetAllocatable(), resource)
}

// quantity returns the amount of one resource, in the engine's units.
func quantity(r fwk.Resource, name corev1.ResourceName) int64 {
	switch name {
	case corev1.ResourceCPU:
		return r.GetMilliCPU()
	case corev1.ResourceMemory:
		return r.GetMemory()
	case corev1.ResourceEphemeralStorage:
		return r.GetEphemeralStorage()
	default:
		return r.GetScalarResources()[name]
	}
}

// normalize brings raw scores into 0..MaxScore. The best node gets the most, the
// others in proportion to it, and each at least one point less than the next
// better one, down to 0: nodes that differ too little for a whole point keep their
// order. Equal nodes stay equal. A node's score depends on better nodes only, so
// leaving out worse ones changes nothing.
func normalize(scores fwk.NodeScoreList) {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(scores[b].Score, scores[a].Score) })

	var best, raw, score int64
	for rank, i := range order {
		switch {
		case rank == 0:
			best, raw, score = scores[i].Score, scores[i].Score, fwk.MaxScore
			if best <= 0 {
				score = 0
			}
		case scores[i].Score < raw:
			raw = scores[i].Score
			proportional := int64(math.Round(float64(raw) / float64(best) * float64(fwk.MaxScore)))
			score = max(fwk.MinScore, min(proportional, score-1))
		}
		scores[i].Score = score
	}
}
