package topology

import (
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
)

// SpreadScorer scores nodes by a pod's topology spread constraints with ScheduleAnyway. A nil
// scorer does not score.
type SpreadScorer struct {
	store *store
	parts []spreadPart
	// keys are labels that a node must have to be scored.
	keys []string
	// unscored are the names of the nodes that lack one of the keys.
	unscored sets.Set[string]
}

// spreadPart is what one constraint adds to a score.
type spreadPart struct {
	counts *Counts
	// perNode reports that the pods on the node count, whether or not the node belongs to a
	// domain.
	perNode bool
	// weight compensates that topologies with many domains have few pods in each.
	weight float64
	base   float64
}

// SpreadScorer returns the scorer for the nodes that fit the pod: the weight of each
// constraint depends on the number of their domains.
func (c *Cluster) SpreadScorer(pod *corev1.Pod, feasible []fwk.NodeInfo) (*SpreadScorer, error) {
	s, err := c.unweighted(pod)
	if s != nil {
		s.weigh(feasible, func(int) int { return 1 })
	}
	return s, err
}

// unweighted returns the scorer before the nodes that fit are known.
func (c *Cluster) unweighted(pod *corev1.Pod) (*SpreadScorer, error) {
	constraints, err := c.constraints(pod, corev1.ScheduleAnyway)
	if err != nil || len(constraints) == 0 {
		return nil, err
	}
	// The engine's own defaults do not require keys that nodes lack.
	allKeys := len(pod.Spec.TopologySpreadConstraints) > 0 || !c.opts.SystemDefaulted
	terms, err := c.spreadTerms(pod, constraints, allKeys)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &SpreadScorer{keys: terms[0].Nodes.keys, store: c.store}
	for i, term := range terms {
		s.parts = append(s.parts, spreadPart{counts: c.counts(term), perNode: term.Key == corev1.LabelHostname, base: float64(constraints[i].maxSkew - 1)})
	}
	return s, nil
}

// weigh computes the weight of each constraint from the nodes that fit the pod. Each of them
// represents a number of equal nodes.
func (s *SpreadScorer) weigh(feasible []fwk.NodeInfo, number func(i int) int) {
	s.unscored = sets.New[string]()
	var scored []map[string]string
	nodes := 0
	for i, info := range feasible {
		if node := info.Node(); hasAll(node.Labels, s.keys) {
			scored = append(scored, node.Labels)
			nodes += number(i)
		} else {
			s.unscored.Insert(node.Name)
		}
	}
	for i := range s.parts {
		part := &s.parts[i]
		domains := nodes
		if !part.perNode {
			domains = countValues(scored, part.counts.term.Key)
		}
		part.weight = math.Log(float64(domains + 2))
	}
}

// countValues returns the number of different values of the key among the nodes. A missing
// key equals an empty value.
func countValues(nodes []map[string]string, key string) int {
	values := sets.New[string]()
	for _, labels := range nodes {
		values.Insert(labels[key])
	}
	return values.Len()
}

// Score returns the node's raw score, the lower the better: the weighted number of pods in
// its domains.
func (s *SpreadScorer) Score(info fwk.NodeInfo) int64 {
	if s == nil {
		return 0
	}
	labels := info.Node().Labels
	if !hasAll(labels, s.keys) {
		return 0
	}
	var score float64
	for _, part := range s.parts {
		value, has := labels[part.counts.term.Key]
		if !has {
			continue
		}
		var pods int
		if part.perNode {
			pods = part.counts.on(s.store.nodes[info.Node().Name].slot)
		} else {
			pods = part.counts.Pods(value)
		}
		score += float64(pods)*part.weight + part.base
	}
	return int64(math.Round(score))
}

// Normalize scales the scores of all nodes that fit the pod to 0..MaxScore, so that fewer
// pods score higher. Nodes that lack a key get 0.
func (s *SpreadScorer) Normalize(scores fwk.NodeScoreList) {
	if s == nil {
		return
	}
	least, most := int64(math.MaxInt64), int64(0)
	for _, score := range scores {
		if !s.unscored.Has(score.Name) {
			least, most = min(least, score.Score), max(most, score.Score)
		}
	}
	for i := range scores {
		switch {
		case s.unscored.Has(scores[i].Name):
			scores[i].Score = 0
		case most == 0:
			scores[i].Score = fwk.MaxScore
		default:
			scores[i].Score = fwk.MaxScore * (most + least - scores[i].Score) / most
		}
	}
}
