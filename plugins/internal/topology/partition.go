package topology

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// partition is the division of nodes into domains by some terms: by the values of a label,
// for the nodes that a filter admits. Terms that only differ in the pods that they count
// share one.
type partition struct {
	id      string
	key     string
	nodes   nodeFilter
	domains map[string]*domain // by value of the key
	of      []*domain          // by slot; nil for a node without a domain
	// users are the counts that use it.
	users map[*Counts]struct{}
}

// domain exists while at least one node belongs to it, with or without pods.
type domain struct {
	value string
	nodes int
}

// partitionID identifies how the term divides the nodes.
func partitionID(term *Term) string {
	var id strings.Builder
	writePart(&id, term.Key)
	term.Nodes.writeID(&id)
	return id.String()
}

func newPartition(id string, term *Term) *partition {
	return &partition{id: id, key: term.Key, nodes: term.Nodes, domains: map[string]*domain{}, users: map[*Counts]struct{}{}}
}

// domain returns the domain of the node in the slot; nil if it has none.
func (p *partition) domain(slot int) *domain {
	if slot >= len(p.of) {
		return nil
	}
	return p.of[slot]
}

// enter adds the node to its domain, if the filter admits it.
func (p *partition) enter(slot int, node *corev1.Node) {
	if !p.nodes.admits(node) {
		return
	}
	value := node.Labels[p.key]
	d := p.domains[value]
	if d == nil {
		d = &domain{value: value}
		p.domains[value] = d
	}
	d.nodes++
	for slot >= len(p.of) {
		p.of = append(p.of, nil)
	}
	p.of[slot] = d
	for counts := range p.users {
		counts.add(d, counts.on(slot))
	}
}

// leave reverts enter.
func (p *partition) leave(slot int) {
	d := p.domain(slot)
	if d == nil {
		return
	}
	p.of[slot] = nil
	for counts := range p.users {
		counts.add(d, -counts.on(slot))
	}
	if d.nodes--; d.nodes == 0 {
		delete(p.domains, d.value)
	}
}
