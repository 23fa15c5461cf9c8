package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/internal/spelling"
)

// Rule is something to look for.
type Rule interface {
	// Name is what it is selected by.
	Name() string
	// Short says in a line what it finds.
	Short() string
	Severity() Severity
	// Check reports what it finds to the view.
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

// Rules returns all rules of ours, by severity.
func Rules() []Rule {
	return []Rule{
		rule{"single-replica", "one pod only, so its loss is an outage", High, singleReplica},
		rule{"budget-refused", "a budget that the API server does not take", High, budgetRefused},
		rule{"budget-allows-nothing", "a budget that lets no pod go, so nodes cannot be drained", High, budgetAllowsNothing},
		rule{"two-budgets", "pods under several budgets, which the API server never evicts", High, twoBudgets},
		rule{"one-node", "all replicas on one node", High, oneNode},
		rule{"one-zone", "all replicas in one zone of several", Medium, oneZone},
		rule{"only-preemptible", "all replicas on preemptible nodes", Medium, onlyPreemptible},
		rule{"limit-unseen", "a limit on preemptible nodes that the cluster's autoscaler does not see", Medium, limitUnseen},
		rule{"no-budget", "several replicas and no budget, so a drain may take all at once", Medium, noBudget},
		rule{"budget-keeps-unready", "a budget without AlwaysAllow that holds pods that are not ready", Medium, budgetKeepsUnready},
		rule{"no-requests", "containers without requests of cpu and memory", Medium, noRequests},
		rule{"no-readiness-probe", "containers that count as ready before they are", Medium, noReadinessProbe},
		rule{"latest-image", "images by latest or no tag, so a replacement may run something else", Medium, latestImage},
		rule{"root", "containers that may run as root", Medium, root},
		rule{"no-spread", "several replicas that at most the scheduler's default, soft constraints keep apart", Low, noSpread},
	}
}

// Select returns the rules that a list of names such as "one-node,one-zone" or
// "!root,!no-spread" selects: those that are named or, where none is, all; without those
// behind an exclamation mark. An empty list selects all. Unknown names, empty ones, and
// a list that selects nothing are errors.
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
		return nil, fmt.Errorf("rules %q: none is left to check", list)
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
		return fmt.Errorf("there is no rule %q: did you mean %q?", name, nearest)
	}
	return fmt.Errorf("there is no rule %q, only %s", name, strings.Join(names, ", "))
}
