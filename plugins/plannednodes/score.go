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

// SignPod signs the pod by its requests, because nothing else is used.
func (pl *PlannedNodes) SignPod(_ context.Context, pod *corev1.Pod) ([]fwk.SignFragment, *fwk.Status) {
	return []fwk.SignFragment{{Key: requestsSignerName, Value: cluster.Requests(pod)}}, nil
}

// PreFilter reads the plans. It filters nothing.
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

// PreFilterExtensions returns nil, because there is no filter.
func (pl *PlannedNodes) PreFilterExtensions() fwk.PreFilterExtensions {
	return nil
}

// PreScore skips the pod if there are no recent plans.
func (pl *PlannedNodes) PreScore(_ context.Context, state fwk.CycleState, _ *corev1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	if _, err := cycle.Read[*scorer](state, stateKey); err != nil {
		return fwk.NewStatus(fwk.Skip)
	}
	return nil
}

// Score returns how well the pod fits the planned proportions of the node.
func (pl *PlannedNodes) Score(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	s, err := cycle.Read[*scorer](state, stateKey)
	if err != nil {
		return fwk.MaxScore, nil // no state if enabled only for Score
	}
	return s.score(node), nil
}

// ScoreExtensions returns nil, because scores are in range.
func (pl *PlannedNodes) ScoreExtensions() fwk.ScoreExtensions {
	return nil
}

// scorer scores nodes for a pod with these requests.
type scorer struct {
	plans    map[string]cluster.Amounts // by node name; not modified
	requests cluster.Amounts
}

var _ scan.Scorer = &scorer{}

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

// score returns 100 minus the imbalance in hundredths of the plan. Nodes without a recent
// plan get the maximum, so that existing nodes are filled first.
func (s *scorer) score(node fwk.NodeInfo) int64 {
	planned, is := s.plans[node.Node().Name]
	if !is {
		return fwk.MaxScore
	}
	return int64(math.Round(float64(fwk.MaxScore) * (1 - min(1, imbalance(planned, node, s.requests)))))
}

// imbalance returns the difference between the fractions of the planned cpu and memory that
// would be used with the pod on the node:
//
//	|(requested_cpu + request_cpu) / planned_cpu - (requested_memory + request_memory) / planned_memory|
//
// It is 0 if one of them was not planned.
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
