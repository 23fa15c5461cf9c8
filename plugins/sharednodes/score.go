package sharednodes

import (
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
	"github.com/stowage-k8s/stowage/plugins/internal/usage"
)

// mostDistance limits the part of a node that is kept free for others, as its reciprocal.
const mostDistance = 4

// outlook predicts other schedulers from their recent bindings.
type outlook struct {
	version int64
	// packing reports that they fill nodes like BinPacking, so they choose the same nodes.
	// Schedulers that spread choose the emptiest nodes, so there is no conflict.
	packing bool
	// distance is the amount that they may have taken of a node without being visible here,
	// and smallest is the smallest request of one of their pods.
	distance, smallest cluster.Amounts
}

// scorer scores nodes for a pod with these requests.
type scorer struct {
	outlook
	requests cluster.Amounts
}

var _ scan.Remembered = &scorer{}

// Clone returns the state itself, which is not modified.
func (s *scorer) Clone() fwk.StateData {
	return s
}

// Prepare does nothing, because scores do not depend on which nodes fit.
func (s *scorer) Prepare([]scan.Group) {}

// Score returns the node's score.
func (s *scorer) Score(node scan.Node) int64 {
	return s.score(node.Info)
}

// Normalize does nothing, because scores are in range.
func (s *scorer) Normalize([]scan.Group, []int64) {}

// Version returns the version of the outlook.
func (s *scorer) Version() int64 {
	return s.version
}

// score returns how much of the distance remains on the node with the pod, in hundredths. It
// is 100 if no pod of another scheduler fits anyway.
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
