package plannednodes

import (
	"context"
	"math"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/plugins/internal/cycle"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
	"github.com/stowage-k8s/stowage/plugins/internal/usage"
)

// SignPod signs the pod by what it requests: nothing else of it is read.
func (pl *PlannedNodes) SignPod(_ context.Context, pod *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	return []fwk.SignFragment{{Key: requestsSignerName, Value: cluster.Requests(pod)}}, nil
}

// PreFilter looks at what is planned. It filters nothing.
func (pl *PlannedNodes) PreFilter(_ context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	pl.Feed.Update(nodes)
	var part scan.Part
	if plans := pl.claims.plans(); len(plans) > 0 {
		s := &scorer{plans: plans, requests: cluster.Requests(pod)}
		state.Write(stateKey, s)
		part.Scorer = s
		part.Exceptions = func(each func(slot int)) {
			for node := range plans {
				if slot, known := pl.Feed.Slot(node); known {
					each(slot)
				}
			}
		}
	}
	scan.Write(state, Name, part)
	return nil, fwk.NewStatus(fwk.Skip)
}

// PreFilterExtensions returns nothing: there is no filter.
func (pl *PlannedNodes) PreFilterExtensions() fwk.PreFilterExtensions {
	return nil
}

// PreScore leaves the choice to other plugins where nothing has been planned of late.
func (pl *PlannedNodes) PreScore(_ context.Context, state fwk.CycleState, _ *corev1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	if _, err := cycle.Read[*scorer](state, stateKey); err != nil {
		return fwk.NewStatus(fwk.Skip)
	}
	return nil
}

// Score returns how well the pod keeps to what was planned for the node.
func (pl *PlannedNodes) Score(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	s, err := cycle.Read[*scorer](state, stateKey)
	if err != nil {
		return fwk.MaxScore, nil // enabled for Score alone, it has nothing to say
	}
	return s.score(node), nil
}

// ScoreExtensions returns nothing: scores are in range as they are.
func (pl *PlannedNodes) ScoreExtensions() fwk.ScoreExtensions {
	return nil
}

// scorer scores nodes for a pod that requests so much.
type scorer struct {
	plans    map[string]cluster.Amounts // by nodes; nothing changes it
	requests cluster.Amounts
}

var _ scan.Scorer = &scorer{}

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

// score returns how little imbalance there would be, in hundredths of the plan; all of it for a node
// that was not planned of late: those that were there before are to be filled first.
func (s *scorer) score(node fwk.NodeInfo) int64 {
	planned, is := s.plans[node.Node().Name]
	if !is {
		return fwk.MaxScore
	}
	return int64(math.Round(float64(fwk.MaxScore) * (1 - min(1, imbalance(planned, node, s.requests)))))
}

// imbalance returns how far apart the parts of the planned cpu and memory are that would be used
// with the pod on the node, as fractions of what was planned:
//
//	|(requested_cpu + request_cpu) / planned_cpu - (requested_memory + request_memory) / planned_memory|
//
// It is 0 where one of them was not planned.
func imbalance(planned cluster.Amounts, node fwk.NodeInfo, request cluster.Amounts) float64 {
	part := func(name corev1.ResourceName) float64 {
		requested, _ := usage.Of(node, name)
		return float64(requested+request[name]) / float64(planned[name])
	}
	if planned[corev1.ResourceCPU] <= 0 || planned[corev1.ResourceMemory] <= 0 {
		return 0
	}
	return math.Abs(part(corev1.ResourceCPU) - part(corev1.ResourceMemory))
}
