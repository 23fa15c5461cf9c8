package preemptiblenodes

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// part returns the plugin's part of a scan for the pod.
func (pl *PreemptibleNodes) part(s *state) scan.Part {
	return scan.Part{
		Labels: keys(pl.nodes.recognizer),
		Admits: func(node scan.Node) bool {
			f := s.facts[node.Info.Node().Name]
			if f == nil {
				return false
			}
			_, reason := s.rejects(f)
			return reason == ""
		},
		Scorer: &scorer{state: *s},
	}
}

// keys are the labels that distinguish pools of preemptible nodes from each other and from
// other nodes.
func keys(r preemptible.Recognizer) []string {
	keys := []string{corev1.LabelTopologyZone, corev1.LabelInstanceTypeStable}
	for _, label := range r.Labels {
		keys = append(keys, label.Key)
	}
	return keys
}

// scorer scores the nodes of a scan for one pod.
type scorer struct {
	state
}

var _ scan.Scorer = &scorer{}

// Prepare finds the pool with the fewest of the workload's replicas.
func (s *scorer) Prepare(groups []scan.Group) {
	s.fewest, _ = s.compare(groups)
}

// Score returns the node's score.
func (s *scorer) Score(node scan.Node) int64 {
	return s.score(node.Info)
}

// Normalize does nothing, because scores are in range.
func (s *scorer) Normalize([]scan.Group, []int64) {}
