package binpacking

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	schedutil "k8s.io/kubernetes/pkg/scheduler/util"

	"github.com/stowage-k8s/stowage/plugins/internal/usage"
)

const (
	// growthWithFewNodes and growthFirst are the weights of growth relative to dotProduct,
	// where 1 is a whole node. According to replays, the first fills nodes unless that costs
	// much; with the second, growth decides, and dotProduct only breaks ties.
	growthWithFewNodes = 48
	growthFirst        = 1 << 10
	// worthANode is the growth of resources at stake, in average nodes, above which a pod may
	// open an empty node. According to replays, a lower value uses more nodes without
	// benefit, and a higher value loses capacity.
	worthANode = 0.02
	// tight is how close the mean demand for a resource comes to the one that is demanded
	// most, both in average nodes, if there is no surplus of it.
	tight = 0.7
	// fewDemands is the number of demands whose free amounts fit into an array on the stack.
	fewDemands = 8
)

// fragmentation is the state for the strategy Fragmentation: how much capacity a pod makes
// unusable for typical pods.
type fragmentation struct {
	// demands are those of all resources to pack by, whether or not the pod requests them.
	// Typical pods and averages are in the same order.
	demands  []demand
	typical  []shape
	averages []float64
	// weight is that of growth against dotProduct.
	weight float64
	// atStake reports for each resource whether the pod must not strand it at any cost: see
	// stakes.
	atStake []bool
}

// shape is what a typical pod requests of each resource, and its share among the
// pods, from 0 to 1.
type shape struct {
	requests []int64
	share    float64
}

// stakes returns which resources it would cost capacity to strand, even if that saved an
// empty node. It excludes the resource of which the pod takes the largest part, since smaller
// pods can use the rest, and resources that typical pods leave over in any case. Extended
// resources, and everything on their nodes, are always at stake, because few nodes have them.
func (f *fragmentation) stakes() []bool {
	means := make([]float64, len(f.demands))
	most, dominant := 0.0, -1
	for i, d := range f.demands {
		if f.averages[i] == 0 || extended(d.resource) {
			continue
		}
		for _, m := range f.typical {
			means[i] += m.share * float64(m.requests[i]) / f.averages[i]
		}
		most = max(most, means[i])
		if dominant < 0 || float64(d.request)/f.averages[i] > float64(f.demands[dominant].request)/f.averages[dominant] {
			dominant = i
		}
	}
	at := make([]bool, len(f.demands))
	for i := range at {
		at[i] = i != dominant && means[i] > 0 && means[i] >= tight*most
	}
	return at
}

// rating returns the node's rating from its dotProduct and by how much capacity out of
// reach grows there:
//
//	(dotProduct + weight·(1 - growth)) / (1 + 2·weight)
func (f *fragmentation) rating(dotProduct, growth float64) float64 {
	return (dotProduct + f.weight*(1-growth)) / (1 + 2*f.weight)
}

// growth returns by how much the capacity of the node that is out of reach of typical
// pods grows with the pod: F(after) - F(before), from -1 to 1; and how much of that is of
// resources that are at stake.
//
// A typical pod m can use nothing of a node's free capacity if it does not fit, and all of it
// if it does. Each resource counts with its weight, relative to an average node that has it
// (Weng et al., "Beware of Fragmentation", USENIX ATC 2023, where the only resource is GPU):
//
//	F(node) = Σ pₘ · Σ wᵢ · freeᵢ/averageᵢ, over the m that do not fit, / Σ wᵢ
//
// with pₘ the share of m among the pods. For the pod's own kind the room that it takes is
// not lost, but used: of that kind only what was out of reach before counts.
func (f *fragmentation) growth(node fwk.NodeInfo) (growth, staked float64) {
	var few [2 * fewDemands]int64
	both := few[:]
	if len(f.demands) > fewDemands {
		both = make([]int64, 2*len(f.demands))
	}
	before, after := both[:len(f.demands)], both[len(f.demands):2*len(f.demands)]
	var whole, part span
	var weights float64
	everything := false
	for i, d := range f.demands {
		requested, allocatable := usage.Of(node, d.resource)
		before[i] = max(0, allocatable-requested)
		after[i] = max(0, before[i]-d.request)
		if f.averages[i] > 0 {
			free := span{d.weight * float64(before[i]) / f.averages[i], d.weight * float64(after[i]) / f.averages[i]}
			whole.add(free)
			if f.atStake[i] {
				part.add(free)
			}
			weights += d.weight
		}
		everything = everything || allocatable > 0 && extended(d.resource)
	}
	if weights == 0 {
		return 0, 0
	}
	if everything {
		part = whole
	}
	for _, m := range f.typical {
		switch {
		case m.fits(after): // and before
		case !m.fits(before): // what the pod takes was unusable before
			growth -= m.share * (whole.before - whole.after)
			staked -= m.share * (part.before - part.after)
		case !m.isOf(f.demands):
			growth += m.share * whole.after
			staked += m.share * part.after
		}
	}
	return max(-1, min(1, growth/weights)), staked / weights
}

// span is how much is free before the pod and after.
type span struct{ before, after float64 }

func (s *span) add(free span) {
	s.before += free.before
	s.after += free.after
}

// extended reports whether only some nodes have the resource.
func extended(name corev1.ResourceName) bool { return schedutil.IsScalarResourceName(name) }

func (s shape) fits(free []int64) bool {
	for i, request := range s.requests {
		if request > free[i] {
			return false
		}
	}
	return true
}

// isOf reports whether the shape is that of the pod with the demands.
func (s shape) isOf(demands []demand) bool {
	return slices.EqualFunc(s.requests, demands, func(request int64, d demand) bool { return request == d.request })
}
