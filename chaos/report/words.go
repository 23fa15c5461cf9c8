package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	layout "github.com/stowage-k8s/stowage/internal/report"
)

// none is shown for a missing value, like in kubectl.
const none = "<none>"

// seconds formats a time with three digits, or in minutes.
func seconds(s float64) string {
	switch {
	case s >= 100:
		return time.Duration(math.Round(s) * float64(time.Second)).String()
	case s >= 10:
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%.2f s", s)
}

// percent formats a percentage, rounded down: 99.99 % is not 100 %.
func percent(p float64) string {
	return strconv.FormatFloat(math.Floor(p*10+1e-9)/10, 'f', 1, 64) + " %"
}

func ready(m Moment) string {
	return fmt.Sprintf("%d of %d pods (%s) ready", m.Ready, m.Desired, percent(m.Percent))
}

// tally is a number and what it counts.
type tally struct {
	n    int
	what string
}

// listed lists the numbers that are not 0.
func listed(tallies ...tally) string {
	var parts []string
	for _, t := range tallies {
		if t.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", t.n, t.what))
		}
	}
	return strings.Join(parts, ", ")
}

// write formats a time to recover, which may be unknown.
func (r Recovery) write(value *float64) string {
	switch {
	case value != nil:
		return seconds(*value)
	case r.Unrecovered > 0:
		return "never"
	}
	return none
}

// headline summarizes the run in one line.
func (r *Report) headline() string {
	t := r.Totals
	what := "nothing chosen"
	switch {
	case t.Nodes > 0 && t.Pods > 0:
		what = fmt.Sprintf("%s and %s chosen", layout.Count(t.Nodes, "node"), layout.Count(t.Pods, "pod"))
	case t.Nodes > 0:
		what = layout.Count(t.Nodes, "node") + " chosen"
	case t.Pods > 0:
		what = layout.Count(t.Pods, "pod") + " chosen"
	}
	if r.Run.DryRun {
		return fmt.Sprintf("%s: dry run, %s", r.Verdict, what)
	}
	parts := []string{what}
	if counts := listed(tally{t.Drawn + t.Others, "lost"}, tally{t.Losses.Recovered, "replaced"}); counts != "" {
		parts = append(parts, counts)
	}
	if t.Recovery.P50 != nil {
		parts = append(parts, "half of them within "+seconds(*t.Recovery.P50))
	}
	if t.Unrecovered > 0 {
		parts = append(parts, fmt.Sprintf("%d not replaced", t.Unrecovered))
	}
	return fmt.Sprintf("%s: %s", r.Verdict, strings.Join(parts, ", "))
}

// facts identify the run.
func (r *Report) facts() string {
	run := r.Run
	list := []string{"run " + run.ID}
	add := func(text string, shown bool) {
		if shown {
			list = append(list, text)
		}
	}
	add("cluster "+run.Cluster, run.Cluster != "")
	list = append(list, "seed "+run.Seed, run.Began.UTC().Format("2006-01-02 15:04:05 UTC"), "took "+seconds(run.Seconds))
	add("the last line of the journal is incomplete", run.Truncated)
	add(run.Version, run.Version != "")
	return strings.Join(list, ", ")
}

// clean removes control characters, which could move the cursor of a terminal, from text of pods
// and errors.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
