package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// none stands in for what there is not, as in kubectl.
const none = "<none>"

// seconds writes a time with three figures, or in minutes.
func seconds(s float64) string {
	switch {
	case s >= 100:
		return time.Duration(math.Round(s) * float64(time.Second)).String()
	case s >= 10:
		return fmt.Sprintf("%.1f s", s)
	}
	return fmt.Sprintf("%.2f s", s)
}

// percent writes a percentage, rounded down: 99.99 % are not all.
func percent(p float64) string {
	return strconv.FormatFloat(math.Floor(p*10+1e-9)/10, 'f', 1, 64) + " %"
}

func ready(m Moment) string {
	return fmt.Sprintf("%d of %d pods (%s) ready", m.Ready, m.Desired, percent(m.Percent))
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// write writes a time to recover, of which it may not be known.
func (r Recovery) write(value *float64) string {
	switch {
	case value != nil:
		return seconds(*value)
	case r.Unrecovered > 0:
		return "never"
	}
	return none
}

// headline says in a line how the run came out.
func (r *Report) headline() string {
	t := r.Totals
	what := fmt.Sprintf("%s chosen", count(t.Pods, "pod"))
	if t.Nodes > 0 {
		what = fmt.Sprintf("%s and %s", count(t.Nodes, "node"), what)
	}
	if r.Run.DryRun {
		return fmt.Sprintf("%s: a dry run, %s", r.Verdict, what)
	}
	line := fmt.Sprintf("%s: %s, %d lost, %d replaced", r.Verdict, what, t.Drawn+t.Others, t.Recovered)
	if t.Recovery.P50 != nil {
		line += fmt.Sprintf(", half of them within %s", seconds(*t.Recovery.P50))
	}
	if t.Unrecovered > 0 {
		line += fmt.Sprintf(", %d not", t.Unrecovered)
	}
	return line
}

// facts say what run it was.
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
	add("the last line of the journal is torn", run.Truncated)
	add(run.Version, run.Version != "")
	return strings.Join(list, ", ")
}

// clean keeps what came with a pod or an error from moving a terminal's cursor.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
