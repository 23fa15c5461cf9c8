package simulation

import (
	"fmt"
	"maps"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/podkind"
)

// domains are the topology domains of all nodes, for the default constraints of a profile.
type domains struct {
	constraints []constraint
	// classes are the numbers of the nodes' classes, by place: nodes of a class are in the same
	// domains, except that each has its own hostname.
	classes []int32
	kinds   []nodeClass
}

type constraint struct {
	corev1.TopologySpreadConstraint
	byHost bool
	// affine says that only nodes count that the pod selects.
	affine bool
	// values is how many values its label has. A missing label counts as an empty one.
	values int
}

// nodeClass is by constraint: the number of the label's value, and whether nodes have the label.
type nodeClass struct {
	values []int32
	has    []bool
	// ignored nodes do not count, since they lack a label.
	ignored bool
}

// domainsOf returns the domains for the profile.
func (m *memory) domainsOf(profile *remembered) *domains {
	if known := m.spread[profile]; known != nil {
		return known
	}
	d := &domains{classes: make([]int32, len(m.nodes))}
	for _, c := range profile.spread.Constraints {
		d.constraints = append(d.constraints, constraint{
			TopologySpreadConstraint: c, byHost: c.TopologyKey == corev1.LabelHostname,
			affine: c.NodeAffinityPolicy == nil || *c.NodeAffinityPolicy == corev1.NodeInclusionPolicyHonor,
		})
	}
	known, numbers := map[string]int32{}, make([]map[string]int32, len(d.constraints))
	for place, node := range m.nodes {
		labels, k := node.Node().Labels, nodeClass{}
		m.key = m.key[:0]
		for i := range d.constraints {
			c := &d.constraints[i]
			value, has := labels[c.TopologyKey]
			if c.byHost {
				value = ""
			}
			if numbers[i] == nil {
				numbers[i] = map[string]int32{}
			}
			number, is := numbers[i][value]
			if !is {
				number = int32(c.values)
				numbers[i][value] = number
				c.values++
			}
			k.values, k.has = append(k.values, number), append(k.has, has)
			k.ignored = k.ignored || !has && !profile.spread.Alone
			m.key = podkind.AppendText(m.key, fmt.Sprint(has), value)
		}
		number, is := known[string(m.key)]
		if !is {
			number = int32(len(d.kinds))
			known[string(m.key)] = number
			d.kinds = append(d.kinds, k)
		}
		d.classes[place] = number
	}
	m.spread[profile] = d
	return d
}

// spreadScores are the scores of PodTopologySpread by default constraints. Its source is the
// reference: nodes without a pod of those that count differ only by their class.
type spreadScores struct {
	*recall
	*domains
	weight int64
	// pods are by constraint and value, and tracked says whether nodes that fit have the value.
	pods    [][]int64
	tracked [][]bool
	// factors are by constraint.
	factors []float64
	// usual are the scores of nodes without pods that count, by class: not yet normalized.
	usual       []int64
	least, most int64
	// others are the pods on nodes with any that count, by place.
	others map[int32]int64
}

func (r *recall) newSpreadScores(weight int64) *spreadScores {
	s := &spreadScores{recall: r, domains: r.domainsOf(r.profile), weight: weight, least: math.MaxInt64, others: map[int32]int64{}}
	for _, g := range r.groups {
		for name, pods := range g.on {
			if place, known := r.places[name]; known {
				s.others[place] += pods
			}
		}
	}
	fitting := s.track()
	s.count()
	s.usual = make([]int64, len(s.kinds))
	for place := range s.others {
		if r.statuses[place] == nil && (r.Among == nil || r.isAmong(place)) {
			fitting[s.classes[place]]--
			s.extend(place, s.raw(place))
		}
	}
	for i := range s.kinds {
		s.usual[i] = s.rawOf(&s.kinds[i], 0)
		if fitting[i] > 0 && !s.kinds[i].ignored {
			s.least, s.most = min(s.least, s.usual[i]), max(s.most, s.usual[i])
		}
	}
	return s
}

// isAmong reports whether the question is about the node in the place.
func (r *recall) isAmong(place int32) bool {
	_, is := slices.BinarySearch(r.among, place)
	return is
}

// track finds the values of nodes that fit, and returns how many of these are in each class.
func (s *spreadScores) track() []int {
	fitting := make([]int, len(s.kinds))
	for _, place := range s.fit {
		fitting[s.classes[place]]++
	}
	counted := 0
	sizes := make([]int, len(s.constraints))
	for _, c := range s.constraints {
		s.tracked = append(s.tracked, make([]bool, c.values))
		s.pods = append(s.pods, make([]int64, c.values))
	}
	for i, n := range fitting {
		k := &s.kinds[i]
		if n == 0 || k.ignored {
			continue
		}
		counted += n
		for at, value := range k.values {
			if !s.tracked[at][value] {
				s.tracked[at][value] = true
				sizes[at]++
			}
		}
	}
	for at, c := range s.constraints {
		if c.byHost {
			sizes[at] = counted
		}
		s.factors = append(s.factors, math.Log(float64(sizes[at]+2)))
	}
	return fitting
}

// count counts the pods in the domains.
func (s *spreadScores) count() {
	for place, pods := range s.others {
		k := &s.kinds[s.classes[place]]
		if k.ignored {
			continue
		}
		affine, asked := false, false
		for at, c := range s.constraints {
			if c.byHost || !s.tracked[at][k.values[at]] {
				continue
			}
			if c.affine && !asked {
				asked = true
				affine, _ = s.affine.Match(s.nodes[place].Node())
				affine = affine && (s.Among == nil || s.isAmong(place))
			}
			if !c.affine || affine {
				s.pods[at][k.values[at]] += pods
			}
		}
	}
}

// raw returns the score of the node in the place before it is normalized.
func (s *spreadScores) raw(place int32) int64 {
	return s.rawOf(&s.kinds[s.classes[place]], s.others[place])
}

func (s *spreadScores) rawOf(k *nodeClass, onNode int64) int64 {
	if k.ignored {
		return 0
	}
	score := 0.0
	for at, c := range s.constraints {
		if !k.has[at] {
			continue
		}
		pods := onNode
		if !c.byHost {
			pods = s.pods[at][k.values[at]]
		}
		score += float64(pods)*s.factors[at] + float64(c.MaxSkew-1)
	}
	return int64(math.Round(score))
}

func (s *spreadScores) extend(place int32, raw int64) {
	if !s.kinds[s.classes[place]].ignored {
		s.least, s.most = min(s.least, raw), max(s.most, raw)
	}
}

// normalized returns the weighted score.
func (s *spreadScores) normalized(k *nodeClass, raw int64) int64 {
	switch {
	case k.ignored:
		return 0
	case s.most == 0:
		return s.weight * fwk.MaxScore
	}
	return s.weight * (fwk.MaxScore * (s.most + s.least - raw) / s.most)
}

// of returns the weighted score of the node in the place.
func (s *spreadScores) of(place int32) int64 {
	return s.normalized(&s.kinds[s.classes[place]], s.raw(place))
}

// add adds the scores to the totals of the nodes that fit.
func (s *spreadScores) add() {
	usual := make([]int64, len(s.kinds))
	for i, raw := range s.usual {
		usual[i] = s.normalized(&s.kinds[i], raw)
	}
	for _, place := range s.fit {
		s.totals[place] += usual[s.classes[place]]
	}
	for place := range maps.Keys(s.others) {
		s.totals[place] += s.of(place) - usual[s.classes[place]]
	}
}
