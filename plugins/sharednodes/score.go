package sharednodes

import (
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
	"github.com/stowage-k8s/stowage/plugins/internal/usage"
)

// mostDistance is the part of a node, one by so many, that is kept free for others at most.
const mostDistance = 4

// outlook is what others are about to do, as far as what they have just done tells.
type outlook struct {
	version int64
	// packing says that they fill nodes, as BinPacking does, and so are after the same ones.
	// Those who spread go where most is free, so that nobody gets in another's way.
	packing bool
	// distance is what they may have taken of a node without its being known here, and
	// smallest the least that one of their pods takes.
	distance, smallest cluster.Amounts
}

// scorer scores nodes for a pod that requests so much.
type scorer struct {
	outlook
	requests cluster.Amounts
}

var _ scan.Remembered = &scorer{}

// Clone returns the same: nothing changes it.
func (s *scorer) Clone() fwk.StateData {
	return s
}

// Prepare does nothing: which nodes take the pod does not matter.
func (s *scorer) Prepare([]scan.Group) {}

// Score returns the node's score.
func (s *scorer) Score(node scan.Node) int64 {
	return s.score(node.Info)
}

// Normalize does nothing: scores are in range as they are.
func (s *scorer) Normalize([]scan.Group, []int64) {}

// Version returns the version of the outlook.
func (s *scorer) Version() int64 {
	return s.version
}

// score returns how much of the distance is left on the node beside the pod, in hundredths;
// all of it where no pod of others has room anyway.
func (s *scorer) score(node fwk.NodeInfo) int64 {
	for name, least := range s.smallest {
		if requested, allocatable := usage.Of(node, name); least > allocatable-requested {
			return fwk.MaxScore
		}
	}
	score := fwk.MaxScore
	for name, own := range s.requests {
		requested, allocatable := usage.Of(node, name)
		if distance := min(s.distance[name], allocatable/mostDistance); own > 0 && distance > 0 {
			score = min(score, fwk.MaxScore*(allocatable-requested-own)/distance)
		}
	}
	return max(score, fwk.MinScore)
}
