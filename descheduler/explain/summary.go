package explain

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// Summary is a document in figures.
type Summary struct {
	// Headline is the most important of it in a sentence.
	Headline string `json:"headline"`
	// Moves and Waves are what is planned.
	Moves int `json:"moves"`
	Waves int `json:"waves"`
	// Staying counts the candidates that no strategy moves.
	Staying int `json:"staying"`
	// Carried is nil where the plan was not carried out.
	Carried *Carried `json:"carried,omitempty"`
}

// Carried is the result in figures. Pods are counted once, whatever it took.
type Carried struct {
	// Pods are all that were to go: those of plans made within the run included.
	Pods int `json:"pods"`
	// Evicted are those that were, or in a dry run would have been.
	Evicted int `json:"evicted"`
	// AsPlanned landed on the node that was planned, Elsewhere on another one; NotSeen
	// were awaited and not seen to land.
	AsPlanned int `json:"asPlanned"`
	Elsewhere int `json:"elsewhere"`
	NotSeen   int `json:"notSeen"`
	// Completed are pods of Jobs that ended well when they were told to end.
	Completed int `json:"completed,omitempty"`
	// Useless landed where they are no better, Returned on the node they came from.
	Useless  int `json:"useless"`
	Returned int `json:"returned"`
}

// summarize counts.
func summarize(doc Document) Summary {
	s := Summary{Moves: len(doc.Plan.Moves), Waves: len(doc.Plan.Waves)}
	pods := sets.New[string]()
	for _, r := range staying(doc.Plan) {
		pods.Insert(id(r.Pod))
	}
	s.Staying = pods.Len()
	if doc.Result != nil {
		s.Carried = carry(moved(doc.Plan), doc.Result.Evictions)
	}
	s.Headline = headline(doc, s)
	return s
}

// moved are the pods that the plan moves.
func moved(p *plan.Plan) sets.Set[string] {
	pods := sets.New[string]()
	for _, m := range p.Moves {
		pods.Insert(id(m.Pod))
	}
	return pods
}

// staying are the refusals of pods that no other strategy moves.
func staying(p *plan.Plan) []plan.Refusal {
	pods := moved(p)
	var refusals []plan.Refusal
	for _, r := range p.Refused {
		if !pods.Has(id(r.Pod)) {
			refusals = append(refusals, r)
		}
	}
	return refusals
}

// carry counts what came of evictions, of pods that were to go and of others.
func carry(pods sets.Set[string], evictions []plan.Eviction) *Carried {
	c := &Carried{}
	evicted := sets.New[string]()
	for _, e := range evictions {
		pods.Insert(id(e.Move.Pod))
		if !succeeded(e.Outcome) {
			continue
		}
		evicted.Insert(id(e.Move.Pod))
		switch {
		case e.LandedOn != "" && e.LandedOn == e.Move.To:
			c.AsPlanned++
		case e.LandedOn != "":
			c.Elsewhere++
		case e.Completed:
			c.Completed++
		case e.Move.To != "" && e.Outcome == disruption.Evicted:
			c.NotSeen++
		}
		if e.Useless {
			c.Useless++
		}
		if e.Returned {
			c.Returned++
		}
	}
	c.Pods, c.Evicted = pods.Len(), evicted.Len()
	return c
}

// succeeded says whether the pod was evicted, or in a dry run would have been.
func succeeded(o disruption.Outcome) bool {
	return o == disruption.Evicted || o == disruption.WouldEvict || o == disruption.Planned
}

// headline says the most important.
func headline(doc Document, s Summary) string {
	if s.Moves == 0 && (s.Carried == nil || s.Carried.Pods == 0) {
		return nothing(doc, s)
	}
	parts := []string{count(s.Moves, "move") + " in " + count(s.Waves, "wave")}
	if c := s.Carried; c != nil {
		verb := "evicted"
		if doc.Run.DryRun {
			verb = "would be evicted"
		}
		parts = []string{fmt.Sprintf("%d of %s %s in %s", c.Evicted, count(c.Pods, "pod"), verb, count(doc.Result.Waves, "wave"))}
		if c.Useless > 0 {
			parts = append(parts, fmt.Sprintf("%d landed no better", c.Useless))
		}
	}
	switch s.Staying {
	case 0:
	case 1:
		parts = append(parts, "1 candidate stays")
	default:
		parts = append(parts, fmt.Sprintf("%d candidates stay", s.Staying))
	}
	return strings.Join(parts, "; ")
}

// nothing says that there is nothing to do, and the top reason for it.
func nothing(doc Document, s Summary) string {
	switch {
	case s.Staying == 0 && len(doc.Plan.Idle) > 0:
		var reasons []string
		for _, i := range doc.Plan.Idle {
			reasons = append(reasons, fmt.Sprintf("%s (%s)", i.Reason, i.Strategy))
		}
		return "Nothing to do: " + strings.Join(reasons, "; ")
	case s.Staying == 0:
		return "Nothing to do: no pod is better off elsewhere by this policy"
	}
	top := group(staying(doc.Plan))[0]
	if s.Staying == 1 {
		return fmt.Sprintf("Nothing to do: the one candidate stays by the rule %s: %s", top.Rule, top.Reason)
	}
	return fmt.Sprintf("Nothing to do: all %d candidates stay, most of them (%d) by the rule %s: %s", s.Staying, top.Count, top.Rule, top.Reason)
}

// notes are what else is to know: what the plan notes, and why strategies moved nothing,
// where the headline does not say so.
func notes(doc Document, s Summary) []string {
	all := slices.Clone(doc.Plan.Notes)
	for _, i := range doc.Plan.Idle {
		if !strings.Contains(s.Headline, i.Reason) {
			all = append(all, i.Strategy+": "+i.Reason)
		}
	}
	return all
}

// landing says how the evictions came out and where the replacements are; nothing
// where there were none.
func landing(doc Document, s Summary) string {
	c := s.Carried
	if c == nil || len(doc.Result.Evictions) == 0 {
		return ""
	}
	var parts []string
	outcomes := map[disruption.Outcome]int{}
	var order []disruption.Outcome
	for _, e := range doc.Result.Evictions {
		if outcomes[e.Outcome]++; outcomes[e.Outcome] == 1 {
			order = append(order, e.Outcome)
		}
	}
	for _, o := range order {
		parts = append(parts, fmt.Sprintf("%s %d", o, outcomes[o]))
	}
	text := "Outcomes: " + strings.Join(parts, ", ")
	if c.Completed > 0 {
		text += fmt.Sprintf(". Of Jobs: %s completed when told to end", count(c.Completed, "pod"))
	}
	if c.AsPlanned+c.Elsewhere+c.NotSeen == 0 {
		return text
	}
	return text + fmt.Sprintf(". Replacements: %d as planned, %d on another node, %d not seen; %d no better than before, %d back where they were",
		c.AsPlanned, c.Elsewhere, c.NotSeen, c.Useless, c.Returned)
}

// stopped says why the run ended early; nothing where it did not.
func stopped(doc Document) string {
	switch r := doc.Result; {
	case r == nil || r.Stopped == "":
		return ""
	case r.Safety:
		return "Stopped for safety: " + r.Stopped
	default:
		return "Stopped: " + r.Stopped
	}
}

// about names the run, in parts.
func about(run Run) []string {
	var parts []string
	add := func(format, value string) {
		if value != "" {
			parts = append(parts, fmt.Sprintf(format, value))
		}
	}
	add("cluster %s", run.Cluster)
	add("dump %s", run.Dump)
	add("policy %s", run.Policy)
	if run.DryRun {
		parts = append(parts, "dry run: nothing is evicted")
	}
	if !run.Time.IsZero() {
		taken := run.Time.UTC().Format("2006-01-02 15:04:05 UTC")
		if run.Clock != "" {
			taken += " (" + run.Clock + ")"
		}
		add("%s", taken)
	}
	add("%s", run.Version)
	add("Kubernetes %s", run.Kubernetes)
	add("%s", run.Simulated)
	return parts
}

// id tells pods apart: by their UIDs, and by their names where a dump has none.
func id(p plan.Pod) string {
	if p.UID != "" {
		return string(p.UID)
	}
	return fullName(p)
}

func fullName(p plan.Pod) string { return p.Namespace + "/" + p.Name }

// count says how many there are of something that takes an s.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
