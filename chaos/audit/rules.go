package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/internal/spelling"
)

// Rule is a rule of the audit.
type Rule interface {
	// Name is the name for selecting it.
	Name() string
	// Short describes in one line what it finds.
	Short() string
	Severity() Severity
	// Check reports its findings to the view.
	Check(view *View)
}

// rule is a Rule.
type rule struct {
	name, short string
	severity    Severity
	check       func(*View)
}

func (r rule) Name() string       { return r.name }
func (r rule) Short() string      { return r.short }
func (r rule) Severity() Severity { return r.severity }
func (r rule) Check(view *View)   { r.check(view) }

// Rules returns all built-in rules, by severity.
func Rules() []Rule {
	return []Rule{
		rule{"single-replica", "a single pod, whose loss is an outage", High, singleReplica},
		rule{"budget-refused", "a budget that the API server rejects", High, budgetRefused},
		rule{"budget-allows-nothing", "a budget that allows no disruption, so nodes cannot be drained", High, budgetAllowsNothing},
		rule{"two-budgets", "pods with several budgets, which the API server never evicts", High, twoBudgets},
		rule{"one-node", "all replicas on one node", High, oneNode},
		rule{"one-zone", "all replicas in one zone of several", Medium, oneZone},
		rule{"only-preemptible", "all replicas on preemptible nodes", Medium, onlyPreemptible},
		rule{"limit-unseen", "a limit on preemptible nodes that the cluster's autoscaler does not see", Medium, limitUnseen},
		rule{"no-budget", "several replicas without a budget, so a drain may evict all at once", Medium, noBudget},
		rule{"budget-keeps-unready", "a budget without AlwaysAllow that blocks the eviction of unready pods", Medium, budgetKeepsUnready},
		rule{"no-requests", "containers without cpu or memory requests", Medium, noRequests},
		rule{"no-readiness-probe", "containers that count as ready before they are", Medium, noReadinessProbe},
		rule{"latest-image", "images without a tag or with the tag latest, so a replacement may run another version", Medium, latestImage},
		rule{"root", "containers that may run as root", Medium, root},
		rule{"no-spread", "several replicas that at most the scheduler's default soft constraints spread", Low, noSpread},
	}
}

// Select returns the rules for a list such as "one-node,one-zone" or "!root,!no-spread": the
// named ones, or all if none is named, without those after an exclamation mark. An empty list
// selects all. Unknown and empty names, and a list that selects nothing, are errors.
func Select(list string, rules []Rule) ([]Rule, error) {
	if list == "" {
		return rules, nil
	}
	var wanted, unwanted []string
	for name := range strings.SplitSeq(list, ",") {
		plain, not := strings.CutPrefix(strings.TrimSpace(name), "!")
		if err := known(plain, rules); err != nil {
			return nil, fmt.Errorf("rules %q: %w", list, err)
		}
		if not {
			unwanted = append(unwanted, plain)
		} else {
			wanted = append(wanted, plain)
		}
	}
	var selected []Rule
	for _, rule := range rules {
		if (len(wanted) == 0 || slices.Contains(wanted, rule.Name())) && !slices.Contains(unwanted, rule.Name()) {
			selected = append(selected, rule)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("rules %q: no rule is left to check", list)
	}
	return selected, nil
}

func known(name string, rules []Rule) error {
	var names []string
	for _, rule := range rules {
		if rule.Name() == name {
			return nil
		}
		names = append(names, rule.Name())
	}
	if nearest := spelling.Nearest(name, names); nearest != "" {
		return fmt.Errorf("no rule %q: did you mean %q?", name, nearest)
	}
	return fmt.Errorf("no rule %q: must be one of %s", name, strings.Join(names, ", "))
}
