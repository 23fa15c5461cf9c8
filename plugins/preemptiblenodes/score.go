package preemptiblenodes

import (
	"context"
	"errors"
	"math"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// wish is the preference of a pod's policy.
type wish int

const (
	noWish wish = iota
	wishPreemptible
	wishOnDemand
)

// wish returns the preference of the policy at the current number of replicas: above a cap,
// nodes that are not preemptible.
func (s *state) wish() wish {
	switch {
	case s.tally.preemptible >= s.softCap || s.policy.Mode == preemptible.Never:
		return wishOnDemand
	case s.policy.Mode == preemptible.Prefer || s.policy.Mode == preemptible.Require:
		return wishPreemptible
	}
	return noWish
}

// PreScore finds the pool with the fewest of the workload's replicas. It skips the pod if all
// nodes would get the same score.
func (pl *PreemptibleNodes) PreScore(ctx context.Context, cycleState fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) *fwk.Status {
	s, err := readState(cycleState)
	if errors.Is(err, fwk.ErrNotFound) {
		return fwk.NewStatus(fwk.Skip) // as a DaemonSet's
	}
	if err != nil {
		return fwk.AsStatus(err)
	}
	groups := make([]scan.Group, len(nodes))
	for i, node := range nodes {
		groups[i] = scan.Group{Node: scan.Node{Info: node}, Count: 1}
	}
	fewest, alike := s.compare(groups)
	if alike {
		return fwk.NewStatus(fwk.Skip)
	}
	scored := *s
	scored.fewest = fewest
	cycleState.Write(stateKey, &scored)
	return nil
}

// compare returns the number of replicas in the pool with the fewest, among the pools that
// fit, and whether all nodes get the same score.
func (s *state) compare(groups []scan.Group) (int, bool) {
	fewest, most, ofKind := math.MaxInt, 0, 0
	for _, group := range groups {
		if f := s.facts[group.Info.Node().Name]; f != nil && f.preemptible {
			ofKind++
			fewest, most = min(fewest, s.tally.pools[f.pool]), max(most, s.tally.pools[f.pool])
		}
	}
	bothKinds := ofKind > 0 && ofKind < len(groups)
	return fewest, fewest >= most && (s.wish() == noWish || !bothKinds)
}

// Score returns 100, minus 50 for a node of the kind that the policy does not prefer, and
// minus up to 50 for a preemptible node in a pool with more of the workload's replicas than
// another:
//
//	100 - 50·[not preferred] - 50·e / (1 + e)
//
// where e is the number of replicas in the node's pool beyond those in the pool with the
// fewest.
func (pl *PreemptibleNodes) Score(_ context.Context, cycleState fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	s, err := readState(cycleState)
	if err != nil {
		return 0, fwk.AsStatus(err)
	}
	return s.score(node), nil
}

func (s *state) score(node fwk.NodeInfo) int64 {
	score := fwk.MaxScore
	f := s.facts[node.Node().Name]
	if f == nil {
		return score
	}
	if wish := s.wish(); wish == wishOnDemand && f.preemptible || wish == wishPreemptible && !f.preemptible {
		score -= fwk.MaxScore / 2
	}
	if f.preemptible {
		excess := int64(max(0, s.tally.pools[f.pool]-s.fewest))
		score -= fwk.MaxScore / 2 * excess / (1 + excess)
	}
	return score
}

// ScoreExtensions returns nil, because scores are in range.
func (pl *PreemptibleNodes) ScoreExtensions() fwk.ScoreExtensions {
	return nil
}
