package explain

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// Group is a group of candidates that are not moved for the same reason.
type Group struct {
	Strategy string        `json:"strategy"`
	Rule     strategy.Rule `json:"rule"`
	// Reason is what all reasons have in common, with an ellipsis for what differs.
	Reason string `json:"reason"`
	Count  int    `json:"count"`
	// Example is the first of them.
	Example plan.Pod `json:"example"`
}

// word matches a name or a quantity in a sentence.
var word = regexp.MustCompile(`[^\s,;:()"'=]+`)

// differs replaces what is not the same in all reasons of a group.
const differs = "…"

// group groups refusals whose reasons differ only in names and quantities. The largest group
// is first.
func group(refusals []plan.Refusal) []Group {
	type key struct {
		strategy string
		rule     strategy.Rule
		reason   string
	}
	nodes := sets.New[string]()
	for _, r := range refusals {
		nodes.Insert(r.Node)
	}
	var groups []Group
	at := map[key]int{}
	for _, r := range refusals {
		k := key{strategy: r.Strategy, rule: r.Rule, reason: mask(r, nodes)}
		i, known := at[k]
		if !known {
			i = len(groups)
			at[k] = i
			groups = append(groups, Group{Strategy: r.Strategy, Rule: r.Rule, Reason: r.Reason, Example: r.Pod})
		}
		groups[i].Count++
		groups[i].Reason = common(groups[i].Reason, r.Reason)
	}
	slices.SortStableFunc(groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Strategy, b.Strategy), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Reason, b.Reason))
	})
	return groups
}

// mask returns the reason without the names of the refused pod and its workload, names of
// nodes, and words that contain a digit, which are quantities or generated names.
func mask(r plan.Refusal, nodes sets.Set[string]) string {
	own := sets.New(r.Pod.Name, r.Pod.Namespace+"/"+r.Pod.Name)
	if _, workload, found := strings.Cut(r.Pod.Workload, " "); found {
		_, name, _ := strings.Cut(workload, "/")
		own.Insert(workload, name)
	}
	return word.ReplaceAllStringFunc(r.Reason, func(w string) string {
		bare := strings.TrimSuffix(w, ".")
		if strings.ContainsAny(bare, "0123456789") || bare == differs || own.Has(bare) || nodes.Has(bare) {
			return differs + w[len(bare):]
		}
		return w
	})
}

// common returns a with an ellipsis where b has another word. They have the same mask,
// so they have as many words.
func common(a, b string) string {
	if a == b {
		return a
	}
	others := word.FindAllString(b, -1)
	i := -1
	return word.ReplaceAllStringFunc(a, func(w string) string {
		i++
		if w == others[i] {
			return w
		}
		return differs + w[len(strings.TrimSuffix(w, ".")):]
	})
}
