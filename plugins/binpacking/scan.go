package binpacking

import (
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// scorer scores the nodes of a scan for one pod.
type scorer struct {
	state *preScoreState
}

var _ scan.Remembered = scorer{}

// Prepare does nothing, because scores do not depend on which nodes fit.
func (scorer) Prepare([]scan.Group) {}

// Score returns the node's raw score.
func (s scorer) Score(node scan.Node) int64 {
	return s.state.rawScore(node.Info, node.Empty)
}

// Version returns the version of the typical pods.
func (s scorer) Version() int64 {
	return s.state.version
}

// Normalize scales raw scores to 0..MaxScore.
func (scorer) Normalize(_ []scan.Group, scores []int64) {
	normalize(scores)
}
