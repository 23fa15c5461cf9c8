package topology

import (
	"fmt"
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// AffinityScorer scores nodes by the preferences of a pod and of existing pods. A nil scorer
// does not score.
type AffinityScorer struct {
	// own are the counts for the pod's preferred terms.
	own []weightedCounts
	// others are the terms of existing pods that match the pod.
	others []weightedHeld
}

type weightedCounts struct {
	counts *Counts
	weight int64 // negative for anti-affinity
}

type weightedHeld struct {
	held *heldTerm
	// factor is the weight of the domains, 1 for preferred terms.
	factor int64
}

// AffinityScorer returns the scorer for the pod.
func (c *Cluster) AffinityScorer(pod *corev1.Pod) (*AffinityScorer, error) {
	info, err := framework.NewPodInfo(pod)
	if err != nil {
		return nil, fmt.Errorf("parsing pod %s: %w", klog.KObj(pod), err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := &AffinityScorer{}
	if err := c.addOwn(s, info.GetPreferredAffinityTerms(), 1); err != nil {
		return nil, err
	}
	if err := c.addOwn(s, info.GetPreferredAntiAffinityTerms(), -1); err != nil {
		return nil, err
	}
	// Preferences of existing pods apply even if the pod has its own.
	if len(s.own) == 0 && c.opts.IgnorePreferredTermsOfExistingPods {
		return nil, nil
	}
	c.addOthers(s, pod)
	if len(s.own) == 0 && len(s.others) == 0 {
		return nil, nil
	}
	return s, nil
}

// addOwn adds the counts for preferred terms of the pod.
func (c *Cluster) addOwn(s *AffinityScorer, terms []fwk.WeightedAffinityTerm, sign int64) error {
	for _, term := range terms {
		resolved, err := resolve(term.AffinityTerm, c.opts.Namespaces)
		if err != nil {
			return err
		}
		counts := c.counts(affinityTerm(term.TopologyKey, []fwk.AffinityTerm{resolved}))
		s.own = append(s.own, weightedCounts{counts: counts, weight: sign * int64(term.Weight)})
	}
	return nil
}

// addOthers adds the terms of existing pods that match the pod.
func (c *Cluster) addOthers(s *AffinityScorer, pod *corev1.Pod) {
	namespace := c.namespaceLabels(pod)
	c.preferred.matching(pod, namespace, func(held *heldTerm) {
		s.others = append(s.others, weightedHeld{held: held, factor: 1})
	})
	weight := int64(c.opts.HardPodAffinityWeight)
	if weight == 0 {
		return
	}
	c.requiredAffinity.matching(pod, namespace, func(held *heldTerm) {
		s.others = append(s.others, weightedHeld{held: held, factor: weight})
	})
}

// Score returns the node's raw score: the weights of all pods in its domains with affinity,
// minus those with anti-affinity.
func (s *AffinityScorer) Score(info fwk.NodeInfo) int64 {
	if s == nil {
		return 0
	}
	labels, score := info.Node().Labels, int64(0)
	for _, own := range s.own {
		if value, has := labels[own.counts.term.Key]; has {
			score += own.weight * int64(own.counts.Pods(value))
		}
	}
	for _, other := range s.others {
		if value, has := labels[other.held.term.TopologyKey]; has {
			score += other.factor * other.held.domains[value]
		}
	}
	return score
}

// Normalize scales the scores of all nodes that fit the pod to 0..MaxScore, from the worst to
// the best. If all are equal, they are 0.
func (s *AffinityScorer) Normalize(scores fwk.NodeScoreList) {
	if s == nil {
		return
	}
	least, most := int64(math.MaxInt64), int64(math.MinInt64)
	for _, score := range scores {
		least, most = min(least, score.Score), max(most, score.Score)
	}
	for i := range scores {
		if most == least {
			scores[i].Score = 0
			continue
		}
		// The order of operations determines how fractions are truncated.
		scores[i].Score = int64(float64(fwk.MaxScore) * (float64(scores[i].Score-least) / float64(most-least)))
	}
}
