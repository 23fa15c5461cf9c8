package topology

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// AffinityPart returns the pod's part of a scan for inter-pod affinity. The filter is the
// pod's.
func (c *Cluster) AffinityPart(pod *corev1.Pod, f *AffinityFilter) (scan.Part, error) {
	s, err := c.AffinityScorer(pod)
	if err != nil {
		return scan.Part{}, err
	}
	var part scan.Part
	var counts []*Counts
	var held []*heldTerm
	if f != nil {
		counts, held = slices.Concat(f.affinity, f.antiAffinity), slices.Clone(f.against)
		part.Admits = func(node scan.Node) bool { return f.Feasible(node.Info).IsSuccess() }
	}
	if s != nil {
		for _, own := range s.own {
			counts = append(counts, own.counts)
		}
		for _, other := range s.others {
			held = append(held, other.held)
		}
		part.Scorer = affinityScan{s}
	}
	part.Labels, part.Exceptions = c.labelsAndExceptions(counts, held)
	return part, nil
}

// SpreadPart returns the pod's part of a scan for topology spread constraints. The filter is
// the pod's.
func (c *Cluster) SpreadPart(pod *corev1.Pod, f *SpreadFilter) (scan.Part, error) {
	s, err := c.unweighted(pod)
	if err != nil {
		return scan.Part{}, err
	}
	var part scan.Part
	var counts []*Counts
	if f != nil {
		for _, limit := range f.limits {
			counts = append(counts, limit.counts)
		}
		part.Admits = func(node scan.Node) bool { return f.Feasible(node.Info).IsSuccess() }
	}
	if s != nil {
		for _, own := range s.parts {
			counts = append(counts, own.counts)
		}
		part.Scorer = spreadScan{s}
	}
	part.Labels, part.Exceptions = c.labelsAndExceptions(counts, nil)
	return part, nil
}

// affinityScan scores groups of nodes by affinity.
type affinityScan struct {
	scorer *AffinityScorer
}

func (affinityScan) Prepare([]scan.Group) {}

func (s affinityScan) Score(node scan.Node) int64 {
	return s.scorer.Score(node.Info)
}

func (s affinityScan) Normalize(groups []scan.Group, scores []int64) {
	normalizeGroups(groups, scores, s.scorer.Normalize)
}

// spreadScan scores groups of nodes by spread constraints.
type spreadScan struct {
	scorer *SpreadScorer
}

func (s spreadScan) Prepare(groups []scan.Group) {
	feasible := make([]fwk.NodeInfo, len(groups))
	for i, group := range groups {
		feasible[i] = group.Info
	}
	s.scorer.weigh(feasible, func(i int) int { return groups[i].Count })
}

func (s spreadScan) Score(node scan.Node) int64 {
	return s.scorer.Score(node.Info)
}

func (s spreadScan) Normalize(groups []scan.Group, scores []int64) {
	normalizeGroups(groups, scores, s.scorer.Normalize)
}

// labelsAndExceptions returns the labels that counts and held terms use, and, for hostname
// labels, a function that yields the nodes with pods that count.
func (s *store) labelsAndExceptions(counts []*Counts, held []*heldTerm) ([]string, func(func(int))) {
	var keys []string
	byHostname := false
	add := func(key string) {
		if key == corev1.LabelHostname {
			byHostname = true
		} else if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	for _, own := range counts {
		add(own.term.Key)
	}
	for _, other := range held {
		add(other.term.TopologyKey)
	}
	if !byHostname {
		return keys, nil
	}
	return keys, func(exception func(slot int)) {
		for _, own := range counts {
			s.exceptionsOf(own, exception)
		}
		for _, other := range held {
			if other.term.TopologyKey != corev1.LabelHostname {
				continue
			}
			for value := range other.domains {
				for _, slot := range s.hostnames[value] {
					exception(slot)
				}
			}
		}
	}
}

// exceptionsOf yields the nodes with pods that count, and the nodes that share their
// hostname.
func (s *store) exceptionsOf(counts *Counts, exception func(slot int)) {
	if counts.term.Key != corev1.LabelHostname {
		return
	}
	for slot := range counts.slots {
		exception(slot)
		if d := counts.partition.domain(slot); d != nil && d.nodes > 1 {
			for _, twin := range s.hostnames[d.value] {
				exception(twin)
			}
		}
	}
}

// normalizeGroups normalizes the scores of groups like those of nodes.
func normalizeGroups(groups []scan.Group, scores []int64, normalize func(fwk.NodeScoreList)) {
	list := make(fwk.NodeScoreList, len(groups))
	for i, group := range groups {
		list[i] = fwk.NodeScore{Name: group.Info.Node().Name, Score: scores[i]}
	}
	normalize(list)
	for i := range list {
		scores[i] = list[i].Score
	}
}
