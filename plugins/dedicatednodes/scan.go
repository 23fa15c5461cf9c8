package dedicatednodes

import (
	"slices"

	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// scorer scores the nodes of a scan for one pod.
type scorer struct {
	state *preScoreState
}

var _ scan.Remembered = scorer{}

// Prepare does nothing: which nodes take the pod does not matter.
func (scorer) Prepare([]scan.Group) {}

// Score returns the node's raw score.
func (s scorer) Score(node scan.Node) int64 {
	return s.state.rawScore(node.Info)
}

// Version is always the same: scores depend on the arguments, the node and the pod.
func (scorer) Version() int64 {
	return 0
}

// Normalize scales raw scores to range as NormalizeScore does.
func (scorer) Normalize(_ []scan.Group, scores []int64) {
	best := slices.Max(scores)
	for i, raw := range scores {
		scores[i] = normalized(raw, best)
	}
}
