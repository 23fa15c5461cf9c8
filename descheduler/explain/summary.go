package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/report"
)

// Summary is a document in figures.
type Summary struct {
	// Headline is the summary in one sentence.
	Headline string `json:"headline"`
	// Moves and Waves are the numbers that are planned.
	Moves int `json:"moves"`
	Waves int `json:"waves"`
	// ByStandIn counts the moves that are planned by a stand-in instead of an eviction.
	ByStandIn int `json:"byStandIn,omitempty"`
	// Staying counts the candidates that no strategy moves.
	Staying int `json:"staying"`
	// Carried is nil if the plan was not executed.
	Carried *Carried `json:"carried,omitempty"`
}

// Carried is the result in figures. Each pod counts once, even if it was tried several times.
type Carried struct {
	// Pods are all pods to evict, including those of plans made during the run.
	Pods int `json:"pods"`
	// Evicted are those that were evicted or moved, or in a dry run would have been.
	Evicted int `json:"evicted"`
	// ByStandIn are those of them that were moved by a stand-in instead.
	ByStandIn int `json:"byStandIn,omitempty"`
	// AsPlanned replacements landed on the planned node, Elsewhere on another one. NotSeen
	// were expected but not found.
	AsPlanned int `json:"asPlanned"`
	Elsewhere int `json:"elsewhere"`
	NotSeen   int `json:"notSeen"`
	// Completed are pods of Jobs that completed when they were terminated.
	Completed int `json:"completed,omitempty"`
	// Useless replacements landed where they are no better, Returned on the pod's old node.
	Useless  int `json:"useless"`
	Returned int `json:"returned"`
}

// summarize counts.
func summarize(doc Document) Summary {
	s := Summary{Moves: len(doc.Plan.Moves), Waves: len(doc.Plan.Waves)}
	for i := range doc.Plan.Moves {
		if doc.Plan.Moves[i].StandIn {
			s.ByStandIn++
		}
	}
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

// carry counts the results of evictions. The pods are those of the plan.
func carry(pods sets.Set[string], evictions []plan.Eviction) *Carried {
	c := &Carried{}
	evicted := sets.New[string]()
	for _, e := range evictions {
		pods.Insert(id(e.Move.Pod))
		if !succeeded(e.Outcome) {
			continue
		}
		evicted.Insert(id(e.Move.Pod))
		if e.Outcome == plan.Moved {
			c.ByStandIn++
		}
		switch {
		case e.LandedOn != "" && e.LandedOn == e.Move.To:
			c.AsPlanned++
		case e.LandedOn != "":
			c.Elsewhere++
		case e.Completed:
			c.Completed++
		case e.Move.To != "" && (e.Outcome == disruption.Evicted || e.Outcome == plan.Moved):
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

// succeeded says whether the pod was evicted or moved, or in a dry run would have been.
func succeeded(o disruption.Outcome) bool {
	return o == disruption.Evicted || o == plan.Moved || o == disruption.WouldEvict || o == disruption.Planned
}

// headline summarizes the document in one sentence.
func headline(doc Document, s Summary) string {
	if s.Moves == 0 && (s.Carried == nil || s.Carried.Pods == 0) {
		return nothing(doc, s)
	}
	parts := []string{report.Count(s.Moves, "move") + " in " + report.Count(s.Waves, "wave") + byStandIns(s.ByStandIn)}
	if c := s.Carried; c != nil {
		verb := "evicted"
		switch {
		case c.ByStandIn > 0:
			verb = "moved"
		case doc.Run.DryRun:
			verb = "would be evicted"
		}
		parts = []string{fmt.Sprintf("%d of %s %s in %s%s", c.Evicted, report.Count(c.Pods, "pod"), verb, report.Count(doc.Result.Waves, "wave"), byStandIns(c.ByStandIn))}
		if c.Useless > 0 {
			parts = append(parts, report.Count(c.Useless, "replacement")+" no better than before")
		}
	}
	if s.Staying > 0 {
		parts = append(parts, report.Count(s.Staying, "candidate")+" not moved")
	}
	return strings.Join(parts, "; ")
}

func byStandIns(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %d of them by a stand-in", n)
}

// nothing says that there is nothing to do, and the most common reason.
func nothing(doc Document, s Summary) string {
	switch {
	case s.Staying == 0 && len(doc.Plan.Idle) > 0:
		var reasons []string
		for _, i := range doc.Plan.Idle {
			reasons = append(reasons, fmt.Sprintf("%s (%s)", i.Reason, i.Strategy))
		}
		return "Nothing to do: " + strings.Join(reasons, "; ")
	case s.Staying == 0:
		return "Nothing to do: the policy selects no pod to move"
	}
	top := group(staying(doc.Plan))[0]
	why := fmt.Sprintf("%s: %s", top.Rule, top.Reason)
	switch {
	case s.Staying == 1:
		return fmt.Sprintf("Nothing to do: the only candidate cannot be moved (%s)", why)
	case top.Count < s.Staying:
		why = fmt.Sprintf("%d because of %s", top.Count, why)
	}
	return fmt.Sprintf("Nothing to do: none of %d candidates can be moved (%s)", s.Staying, why)
}

// notes are the notes of the plan, and why strategies moved nothing, unless the headline says
// so.
func notes(doc Document, s Summary) []string {
	all := slices.Clone(doc.Plan.Notes)
	for _, i := range doc.Plan.Idle {
		if !strings.Contains(s.Headline, i.Reason) {
			all = append(all, i.Strategy+": "+i.Reason)
		}
	}
	return all
}

// landing says how many evictions had which outcome, and where the replacements are. It is
// empty if there were no evictions. Numbers that are 0 are omitted.
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
		parts = append(parts, fmt.Sprintf("%d %s", outcomes[o], o))
	}
	text := "Outcomes: " + strings.Join(parts, ", ")
	if c.Completed > 0 {
		text += ". " + report.Count(c.Completed, "Job pod") + " completed on termination"
	}
	landed := nonzero([]int{c.AsPlanned, c.Elsewhere, c.NotSeen}, "on the planned node", "on another node", "not found")
	if landed == "" {
		return text
	}
	text += ". Replacements: " + landed
	if worse := nonzero([]int{c.Useless, c.Returned}, "no better than before", "back on the old node"); worse != "" {
		text += "; " + worse
	}
	return text
}

// nonzero lists the numbers that are not 0, with their names.
func nonzero(numbers []int, names ...string) string {
	var parts []string
	for i, n := range numbers {
		if n > 0 {
			parts = append(parts, strconv.Itoa(n)+" "+names[i])
		}
	}
	return strings.Join(parts, ", ")
}

// stopped says why the run ended early. It is empty if it did not.
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

// about describes the run, in parts.
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

// id identifies a pod: by its UID, or by its name if a dump has no UIDs.
func id(p plan.Pod) string {
	if p.UID != "" {
		return string(p.UID)
	}
	return fullName(p)
}

func fullName(p plan.Pod) string { return p.Namespace + "/" + p.Name }
