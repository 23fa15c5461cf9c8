package binpacking

import (
	"math"

	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/usage"
)

// The amounts that a node's raw score loses for each reason to prefer other nodes, in tiers.
// Each is larger than the sum of the previous ones.
const (
	opensNode = 1 << iota
	strandsResource
	passesCeiling
)

// rawScore returns the node's raw score: its rating, minus a tier if the pod would open an
// empty node, strand resources that it does not request, or exceed a ceiling. A node in use
// loses as much as an empty one if filling it costs more capacity than opening another node.
func (s *preScoreState) rawScore(node fwk.NodeInfo, empty bool) int64 {
	rating, staked, tiers := 0.0, 0.0, 0
	if excess := s.excess(node); excess > 0 {
		// Over the ceiling the least full node is the one to take.
		rating, tiers = 1-excess, passesCeiling
	} else {
		rating, staked = s.rated(node)
	}
	if s.emptyLast && (empty || staked > worthANode) {
		tiers += opensNode
	}
	if s.strands(node) {
		tiers += strandsResource
	}
	return int64(math.Round(rating*scale)) - int64(tiers)*tier
}

// rated returns the node's rating, from 0 to 1, and the growth of unusable capacity that is
// at stake, which is only used by Fragmentation.
func (s *preScoreState) rated(node fwk.NodeInfo) (rating, staked float64) {
	rating = s.rate(s.demands, node)
	if s.fragmentation == nil {
		return rating, 0
	}
	growth, staked := s.fragmentation.growth(node)
	return s.fragmentation.rating(rating, growth), staked
}

// excess returns by how much of its allocatable the node would go over a ceiling:
// the most over all demands, 0 where it stays below.
func (s *preScoreState) excess(node fwk.NodeInfo) float64 {
	most := 0.0
	for _, d := range s.demands {
		if d.ceiling == 1 {
			continue
		}
		if filled, has := d.filled(node); has {
			most = max(most, filled-d.ceiling)
		}
	}
	return most
}

// strands reports whether the pod would leave, relative to allocatable, less of its own
// resources than of an extended resource that it does not request: for example GPUs without
// the cpu to use them.
func (s *preScoreState) strands(node fwk.NodeInfo) bool {
	for _, name := range s.unasked {
		requested, allocatable := usage.Of(node, name)
		if allocatable <= 0 {
			continue
		}
		free := 1 - float64(requested)/float64(allocatable)
		for _, d := range s.demands {
			// What the pod does not take, it does not strand anything by.
			if d.request == 0 {
				continue
			}
			if filled, has := d.filled(node); has && 1-filled < free {
				return true
			}
		}
	}
	return false
}
