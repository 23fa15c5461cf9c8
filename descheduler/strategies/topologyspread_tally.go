package strategies

import (
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// Domains that no label can name.
const (
	// spreadOutside stands for nodes that do not count.
	spreadOutside = "(outside)"
	// spreadEmpty stands for any domain without pods.
	spreadEmpty = "(empty)"
)

// spreadTally is how many pods there are in each domain of a constraint.
type spreadTally struct {
	*spreadConstraint
	// number is how many domains there are, those without pods included.
	number int
	// pods has no zeros.
	pods map[string]int
}

// add counts pods in a domain.
func (t *spreadTally) add(domain string, n int) {
	if t.pods[domain] += n; t.pods[domain] == 0 {
		delete(t.pods, domain)
	}
}

// violation returns how many pods domains have above the emptiest one plus maxSkew, after the
// move of a pod from one domain to another.
func (t *spreadTally) violation(from, to string) int {
	after := func(domain string, n int) int {
		if domain == from {
			n--
		}
		if domain == to {
			n++
		}
		return n
	}
	least, empty := -1, t.number
	for domain, n := range t.pods {
		if n = after(domain, n); n > 0 {
			empty--
			if least < 0 || n < least {
				least = n
			}
		}
	}
	_, known := t.pods[to]
	arrives := to != spreadOutside && !known
	if arrives {
		empty--
		least = 1
	}
	if empty > 0 || least < 0 || t.number < t.minDomains {
		least = 0
	}
	sum := 0
	for domain, n := range t.pods {
		sum += max(0, after(domain, n)-least-t.maxSkew)
	}
	if arrives {
		sum += max(0, 1-least-t.maxSkew)
	}
	return sum
}

// emptiest returns a domain with the fewest pods, or false if there are no domains.
func (t *spreadTally) emptiest() (string, bool) {
	if len(t.pods) < t.number {
		return spreadEmpty, true
	}
	emptiest, found := "", false
	for domain, n := range t.pods {
		if !found || n < t.pods[emptiest] || n == t.pods[emptiest] && domain < emptiest {
			emptiest, found = domain, true
		}
	}
	return emptiest, found
}

// fullest returns the domain with the most pods among those with pods left to propose.
func (t *spreadTally) fullest(left map[string]podsByNode) string {
	fullest := spreadOutside
	for domain, nodes := range left {
		n, most := t.pods[domain], t.pods[fullest]
		if len(nodes) > 0 && (n > most || n == most && n > 0 && domain < fullest) {
			fullest = domain
		}
	}
	return fullest
}

// newSpreadTally counts all nodes and pods of a state.
func newSpreadTally(c *spreadConstraint, state *strategy.State) *spreadTally {
	t := &spreadTally{spreadConstraint: c, pods: map[string]int{}}
	seen := map[string]bool{}
	for _, node := range state.Nodes() {
		domain, counts := c.domains.of(node.Node)
		if !counts {
			continue
		}
		seen[domain] = true
		for _, pod := range node.Pods {
			if c.counts(pod) {
				t.add(domain, 1)
			}
		}
	}
	t.number = len(seen)
	return t
}

// spreadLayout is which domain each node is of, by the node's name.
type spreadLayout struct {
	domains *spreadDomains
	of      map[string]string
	number  int
}

// be makes it the layout of these domains, if it is not yet.
func (l *spreadLayout) be(domains *spreadDomains, state *strategy.State) {
	if l.domains == domains {
		return
	}
	l.domains, l.of = domains, map[string]string{}
	seen := map[string]bool{}
	for _, node := range state.Nodes() {
		if domain, counts := domains.of(node.Node); counts {
			l.of[node.Name] = domain
			seen[domain] = true
		}
	}
	l.number = len(seen)
}
