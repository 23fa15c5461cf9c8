package topology

import (
	"math"
)

// Counts is the number of pods that a term counts in each domain, updated node by node.
type Counts struct {
	term      Term
	partition *partition
	slots     map[int]int     // pods that count on the node in a slot, where there are any
	domains   map[*domain]int // those in a domain, where there are any
	total     int             // pods in all domains
	// levels is the number of domains per number of pods, from 1; least is at most the lowest
	// such number.
	levels map[int]int
	least  int
	// used is the Look in which the counts were last requested.
	used uint64
}

func newCounts(term Term, p *partition) *Counts {
	c := &Counts{term: term, partition: p, slots: map[int]int{}, domains: map[*domain]int{}, levels: map[int]int{}, least: 1}
	p.users[c] = struct{}{}
	return c
}

// Pods returns the number of pods in the domain with that value.
func (c *Counts) Pods(value string) int {
	return c.domains[c.partition.domains[value]]
}

// Total returns the number of pods in all domains.
func (c *Counts) Total() int {
	return c.total
}

// Domains returns the number of domains.
func (c *Counts) Domains() int {
	return len(c.partition.domains)
}

// Least returns the number of pods in the domain with the fewest. If there is no domain, it
// returns more than any domain has.
func (c *Counts) Least() int {
	switch {
	case c.Domains() == 0:
		return math.MaxInt32
	case c.Domains() > len(c.domains):
		return 0
	}
	for c.levels[c.least] == 0 {
		c.least++
	}
	return c.least
}

// on returns how many of the node's pods count, whether or not the node belongs to a domain.
func (c *Counts) on(slot int) int {
	return c.slots[slot]
}

// count adds pods to what the node has, or takes them away.
func (c *Counts) count(slot, pods int) {
	if c.slots[slot] += pods; c.slots[slot] == 0 {
		delete(c.slots, slot)
	}
	if d := c.partition.domain(slot); d != nil {
		c.add(d, pods)
	}
}

// add changes how many pods a domain has.
func (c *Counts) add(d *domain, pods int) {
	if pods == 0 {
		return
	}
	before := c.domains[d]
	c.level(before, -1)
	c.level(before+pods, 1)
	if before+pods == 0 {
		delete(c.domains, d)
	} else {
		c.domains[d] = before + pods
	}
	c.total += pods
}

// level changes how many domains have that number of pods.
func (c *Counts) level(pods, domains int) {
	if pods == 0 {
		return
	}
	if c.levels[pods] += domains; c.levels[pods] == 0 {
		delete(c.levels, pods)
	}
	if domains > 0 {
		c.least = min(c.least, pods)
	}
}
