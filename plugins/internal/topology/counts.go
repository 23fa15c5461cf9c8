package topology

import (
	"math"

	corev1 "k8s.io/api/core/v1"
)

// Counts are how many pods a term counts in each domain, kept up to date node by
// node. A domain is there while at least one node makes it up, with pods or without.
type Counts struct {
	term    Term
	domains map[string]*domain // by value of the term's key
	nodes   []share            // by slot
	total   int                // pods in all domains
	// levels are how many domains have a number of pods; least is no more than the
	// least such number.
	levels map[int]int
	least  int
	// used is the look in which the counts were asked for last.
	used uint64
}

// domain is what the nodes of a domain add up to.
type domain struct {
	nodes, pods int
}

// share is what a node adds: its pods that count, to its domain, if it is of one.
type share struct {
	pods   int
	domain *domain
}

func newCounts(term Term) *Counts {
	return &Counts{term: term, domains: map[string]*domain{}, levels: map[int]int{}}
}

// Pods returns how many pods count in the domain with that value.
func (c *Counts) Pods(value string) int {
	if d := c.domains[value]; d != nil {
		return d.pods
	}
	return 0
}

// Total returns how many pods count in all domains.
func (c *Counts) Total() int {
	return c.total
}

// Domains returns how many domains there are.
func (c *Counts) Domains() int {
	return len(c.domains)
}

// Least returns how many pods the domain with the fewest has; where there is no
// domain, more than any has.
func (c *Counts) Least() int {
	if len(c.domains) == 0 {
		return math.MaxInt32
	}
	for c.levels[c.least] == 0 {
		c.least++
	}
	return c.least
}

// on returns how many of the node's pods count, whether the node is of a domain or not.
func (c *Counts) on(slot int) int {
	if slot >= len(c.nodes) {
		return 0
	}
	return c.nodes[slot].pods
}

// share returns what the node in the slot adds, to be changed.
func (c *Counts) share(slot int) *share {
	for slot >= len(c.nodes) {
		c.nodes = append(c.nodes, share{})
	}
	return &c.nodes[slot]
}

// enter makes the node part of its domain, if the term takes it.
func (c *Counts) enter(slot int, node *corev1.Node) {
	if !c.term.Nodes.admits(node) {
		return
	}
	value := node.Labels[c.term.Key]
	d := c.domains[value]
	if d == nil {
		d = &domain{}
		c.domains[value] = d
		c.level(0, 1)
	}
	d.nodes++
	s := c.share(slot)
	s.domain = d
	c.add(d, s.pods)
}

// leave undoes enter; the node is as it was then.
func (c *Counts) leave(slot int, node *corev1.Node) {
	s := c.share(slot)
	d := s.domain
	if d == nil {
		return
	}
	s.domain = nil
	c.add(d, -s.pods)
	d.nodes--
	if d.nodes == 0 {
		delete(c.domains, node.Labels[c.term.Key])
		c.level(d.pods, -1)
	}
}

// count adds pods to what the node has, or takes them away.
func (c *Counts) count(slot, pods int) {
	s := c.share(slot)
	s.pods += pods
	if s.domain != nil {
		c.add(s.domain, pods)
	}
}

// add changes how many pods a domain has.
func (c *Counts) add(d *domain, pods int) {
	if pods == 0 {
		return
	}
	c.level(d.pods, -1)
	d.pods += pods
	c.level(d.pods, 1)
	c.total += pods
}

// level changes how many domains have that number of pods.
func (c *Counts) level(pods, domains int) {
	if c.levels[pods] += domains; c.levels[pods] == 0 {
		delete(c.levels, pods)
	}
	if domains > 0 {
		c.least = min(c.least, pods)
	}
}
