package dedicatednodes

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

const (
	// scale is the raw score of a node that is optimal in all parts.
	scale = 1 << 40
	// noise is the maximum difference between raw scores of equally good nodes due to
	// rounding.
	noise = 2
)

// weights are the weights of the parts of the score. Their sum is 1.
type weights struct {
	toleratedTaints, scarceResources, preferNoSchedule, shortStay float64
}

func newWeights(w config.DedicatedNodesWeights) weights {
	total := float64(w.ToleratedTaints + w.ScarceResources + w.PreferNoSchedule + w.ShortStay)
	return weights{
		toleratedTaints:  float64(w.ToleratedTaints) / total,
		scarceResources:  float64(w.ScarceResources) / total,
		preferNoSchedule: float64(w.PreferNoSchedule) / total,
		shortStay:        float64(w.ShortStay) / total,
	}
}

// preScoreState is the state that Score needs for one pod.
type preScoreState struct {
	*DedicatedNodes
	// tolerations are all tolerations of the pod, explicit those that name a dedication.
	tolerations, explicit []corev1.Toleration
	// requested are the scarce resources that the pod requests.
	requested sets.Set[corev1.ResourceName]
}

// Clone returns the state itself, which is not modified after PreScore.
func (s *preScoreState) Clone() fwk.StateData {
	return s
}

func (pl *DedicatedNodes) newState(pod *corev1.Pod) *preScoreState {
	s := &preScoreState{DedicatedNodes: pl, tolerations: pod.Spec.Tolerations, requested: sets.New(pl.scarce.requested(pod)...)}
	for _, toleration := range pod.Spec.Tolerations {
		if isDedication(toleration.Key) {
			s.explicit = append(s.explicit, toleration)
		}
	}
	return s
}

// allAlike reports whether all nodes get the same score.
func (s *preScoreState) allAlike(nodes []fwk.NodeInfo) bool {
	if len(nodes) == 0 {
		return true
	}
	first := s.rawScore(nodes[0])
	for _, node := range nodes[1:] {
		if s.rawScore(node) != first {
			return false
		}
	}
	return true
}

// rawScore returns the weighted mean of the parts of the node's score, from 0 to
// scale:
//
//	wₜ · (1 - ½^(own + 1/(1+foreign)))  taints that the pod tolerates by name, and others
//	wₛ · (1 - free)                     of the scarce resource with most left, which the pod does not request
//	wₚ · 1/(1 + Σ weights)              of PreferNoSchedule taints that the pod does not tolerate
//	wₙ · min(1, stay / horizon)         before a NoExecute taint evicts the pod
func (s *preScoreState) rawScore(node fwk.NodeInfo) int64 {
	taints, w := node.Node().Spec.Taints, s.weights
	mean := w.toleratedTaints*s.affinity(taints) +
		w.scarceResources*(1-s.scarce.free(node, s.requested)) +
		w.preferNoSchedule/(1+s.unwelcome(taints)) +
		w.shortStay*min(1, stay(s.tolerations, taints)/s.horizon)
	return int64(math.Round(mean * scale))
}

// normalize gives the best nodes MaxScore, and other nodes one point less for each started
// hundredth of scale that they are behind. So a node's score depends only on itself and the
// best node, and no worse node ties with the best.
func normalize(scores fwk.NodeScoreList) {
	var best int64
	for _, s := range scores {
		best = max(best, s.Score)
	}
	for i, s := range scores {
		scores[i].Score = normalized(s.Score, best)
	}
}

func normalized(raw, best int64) int64 {
	behind := max(0, best-raw-noise)
	return fwk.MaxScore - (behind*fwk.MaxScore+scale-1)/scale
}
