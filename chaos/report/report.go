// Package report builds the report of a chaos run from its journal, for people and programs.
package report

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/scenario"
)

const (
	// APIVersion and Kind are those of reports for programs.
	APIVersion = "chaos.stowage.dev/v1alpha1"
	Kind       = "ChaosReport"
)

// Report is the report of a run, as in the formats json and yaml. Times are in seconds, moments
// relative to the start of the run, shares in percent.
type Report struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Run        Run    `json:"run"`
	// Verdict is the verdict of the run, or of its objectives if that is worse.
	Verdict    journal.Verdict      `json:"verdict"`
	Reasons    []string             `json:"reasons"`
	Objectives *scenario.Objectives `json:"objectives,omitempty"`
	Findings   []Finding            `json:"findings"`
	Totals     Totals               `json:"totals"`
	// Workloads are those that lost pods or whose number of ready pods changed, lowest floor
	// first.
	Workloads []Workload `json:"workloads"`
	// Budgets are those that changed, first those that were broken, then those with the least to
	// spare.
	Budgets []Budget `json:"budgets"`
	// Prediction is nil if there is none to compare.
	Prediction *Prediction `json:"prediction,omitempty"`
	Probes     []Probe     `json:"probes"`
	Steps      []Step      `json:"steps"`
	// NotRestored are changes that may not be restored, because the run crashed or could not
	// restore everything.
	NotRestored []journal.Change `json:"notRestored"`
	Notes       []string         `json:"notes"`

	losses []loss
}

// Run describes the run.
type Run struct {
	ID        string    `json:"id"`
	Version   string    `json:"version"`
	Arguments []string  `json:"arguments"`
	Seed      string    `json:"seed"`
	Cluster   string    `json:"cluster"`
	DryRun    bool      `json:"dryRun"`
	FakeNodes bool      `json:"fakeNodes"`
	Began     time.Time `json:"began"`
	Seconds   float64   `json:"seconds"`
	// Ended means that the journal has an end, and Truncated that its last line is incomplete.
	Ended     bool `json:"ended"`
	Truncated bool `json:"truncated"`
}

// Totals are the counts of the whole run.
type Totals struct {
	// Choices is the number of draws, and Pods and Nodes the number of victims.
	Choices int `json:"choices"`
	Pods    int `json:"pods"`
	Nodes   int `json:"nodes"`
	// Outcomes counts the answers to requests, by disruption.Outcome, and Unanswered the
	// requests that the journal has no answer to.
	Outcomes   map[string]int `json:"outcomes"`
	Unanswered int            `json:"unanswered"`
	Losses
	Recovery Recovery `json:"recovery"`
}

// Losses count lost pods.
type Losses struct {
	// Drawn are the lost pods that the run drew, and Others the other lost pods.
	Drawn  int `json:"drawn"`
	Others int `json:"others"`
	// Recovered, Unneeded and Unrecovered add up to both: replaced by a ready pod, not in need of
	// a replacement, and neither at the end of the run.
	Recovered   int `json:"recovered"`
	Unneeded    int `json:"unneeded"`
	Unrecovered int `json:"unrecovered"`
}

// Workload is the availability of a workload during the run.
type Workload struct {
	Workload string `json:"workload"`
	Losses
	// Floor is the worst moment, and Mean the mean availability in percent, weighted by time. Nil
	// if nothing was observed.
	Floor    *Moment  `json:"floor,omitempty"`
	Mean     *float64 `json:"meanPercent,omitempty"`
	Recovery Recovery `json:"recovery"`
	// Availability is the number of ready pods on every change.
	Availability []Moment `json:"availability"`
}

// Step is a step of the run.
type Step struct {
	Step    int     `json:"step"`
	Name    string  `json:"name"`
	Kind    string  `json:"kind"`
	Seconds float64 `json:"seconds"`
}

// loss is a lost pod with its outcome.
type loss struct {
	journal.Lost
	at time.Time
	// end is when it was replaced, or known not to need it: zero where neither.
	end       time.Time
	recovered *journal.Recovered
	unneeded  bool
}

// From returns the report of a run. Its lists are never null.
func From(run *journal.Run) *Report {
	r := &Report{
		APIVersion: APIVersion, Kind: Kind, Run: about(run), Objectives: objectives(run.Start.Scenario),
		Findings: []Finding{}, Workloads: []Workload{}, Budgets: []Budget{}, Probes: probes(run), Steps: []Step{}, NotRestored: []journal.Change{}, Notes: []string{},
	}
	r.losses = losses(run)
	r.Totals = totals(run, r.losses)
	r.Workloads = append(r.Workloads, workloads(run, r.losses)...)
	r.Budgets = append(r.Budgets, budgets(run, r.losses)...)
	r.Prediction = prediction(run, r.losses)
	for _, e := range run.Steps {
		r.Steps = append(r.Steps, Step{Step: e.Step, Name: e.What.Name, Kind: e.What.Kind, Seconds: since(run, e.Time)})
	}
	if run.End == nil || run.End.NotRestored {
		for _, e := range run.Open {
			r.NotRestored = append(r.NotRestored, e.What)
		}
	}
	for _, e := range run.Notes {
		r.Notes = append(r.Notes, e.What.Message)
	}
	if run.Start.FakeNodes {
		r.Notes = append(r.Notes, "The nodes are fake: times cover the control plane and scheduling only, not the start of containers.")
	}
	if i := slices.IndexFunc(run.Predictions, func(e journal.Entry[assess.Prediction]) bool { return e.What.Simulated != "" }); i >= 0 {
		r.Notes = append(r.Notes, run.Predictions[i].What.Caveat())
	}
	r.Findings = append(r.Findings, r.find()...)
	r.settle(run.End)
	return r
}

func about(run *journal.Run) Run {
	s := run.Start
	return Run{
		ID: s.ID, Version: s.Version, Arguments: append([]string{}, s.Arguments...), Seed: s.Seed, Cluster: s.Cluster, DryRun: s.DryRun, FakeNodes: s.FakeNodes,
		Began: run.Began, Seconds: rounded(run.Duration().Seconds()), Ended: run.End != nil, Truncated: run.Truncated,
	}
}

// objectives returns the objectives of the scenario, or nil.
func objectives(text json.RawMessage) *scenario.Objectives {
	var s struct {
		Spec struct {
			Objectives *scenario.Objectives `json:"objectives"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return nil
	}
	return s.Spec.Objectives
}

// losses pairs what was lost with what became of it, in the order of the losses.
func losses(run *journal.Run) []loss {
	list := make([]loss, 0, len(run.Lost))
	open := map[string][]int{} // by UID: a pod that becomes ready again may be lost again
	for _, e := range run.Lost {
		open[e.What.Victim.UID] = append(open[e.What.Victim.UID], len(list))
		list = append(list, loss{Lost: e.What, at: e.Time})
	}
	end := func(uid string, at time.Time) *loss {
		for i, k := range open[uid] {
			if at.IsZero() || list[k].at.Equal(at) {
				open[uid] = slices.Delete(open[uid], i, i+1)
				return &list[k]
			}
		}
		return nil
	}
	for _, e := range run.Recovered {
		if l := end(e.What.Victim.UID, e.What.LostAt); l != nil {
			l.recovered, l.end = &e.What, e.Time
		}
	}
	for _, e := range run.Unneeded {
		if l := end(e.What.Victim.UID, time.Time{}); l != nil {
			l.unneeded, l.end = true, e.Time
		}
	}
	return list
}

func (n *Losses) count(l loss) {
	if l.Drawn {
		n.Drawn++
	} else {
		n.Others++
	}
	switch {
	case l.recovered != nil:
		n.Recovered++
	case l.unneeded:
		n.Unneeded++
	default:
		n.Unrecovered++
	}
}

func totals(run *journal.Run, list []loss) Totals {
	t := Totals{Choices: len(run.Choices), Outcomes: map[string]int{}, Unanswered: len(run.Unanswered), Recovery: recovery(list)}
	for _, e := range run.Choices {
		t.Pods += len(e.What.Victims)
		t.Nodes += len(e.What.Nodes)
	}
	for _, e := range run.Answers {
		t.Outcomes[string(e.What.Outcome)]++
	}
	for _, l := range list {
		t.count(l)
	}
	return t
}

func workloads(run *journal.Run, list []loss) []Workload {
	lost := map[string][]loss{}
	for _, l := range list {
		lost[l.Victim.Workload] = append(lost[l.Victim.Workload], l)
	}
	names := map[string]bool{}
	for name := range lost {
		names[name] = true
	}
	for name := range run.Availability {
		names[name] = true
	}
	var all []Workload
	for name := range names {
		w := Workload{Workload: name, Recovery: recovery(lost[name]), Availability: moments(run, name)}
		for _, l := range lost[name] {
			w.count(l)
		}
		w.Floor, w.Mean = floor(w.Availability), mean(w.Availability, run.Duration().Seconds())
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b Workload) int {
		return cmp.Or(cmp.Compare(a.least(), b.least()), cmp.Compare(b.Unrecovered, a.Unrecovered), cmp.Compare(a.Workload, b.Workload))
	})
	return all
}

// least is the lowest availability in percent; more than all where it was not observed.
func (w Workload) least() float64 {
	if w.Floor == nil {
		return 101
	}
	return w.Floor.Percent
}
