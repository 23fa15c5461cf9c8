package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/page"
)

// Page returns the report as a page.
func (r *Report) Page() page.Page {
	p := page.Page{Product: "Stowage", Title: "Benchmarks", Subtitle: r.when(), Subjects: slices.Clone(shared), Remarks: r.remarks(), Shortcomings: r.shortcomings(), Environment: r.environment()}
	for _, one := range r.Results {
		for _, subject := range (results{one}).compared() {
			if !slices.Contains(p.Subjects, subject) {
				p.Subjects = append(p.Subjects, subject)
			}
		}
	}
	for _, h := range r.Headlines {
		shown := page.Headline{Value: h.Value, What: h.What, Noise: h.Noise, Command: h.Command}
		for _, rival := range h.Rivals {
			shown.Rivals = append(shown.Rivals, page.Rival{Name: rival.Subject, Value: rival.Value, Text: rival.Text})
		}
		p.Headlines = append(p.Headlines, shown)
	}
	for _, one := range r.Results {
		p.Sections = append(p.Sections, section(one))
	}
	if s, has := r.rivalsAhead(); has {
		p.Sections = append(p.Sections, s)
	}
	return p
}

// HTML writes the page.
func (r *Report) HTML(out io.Writer) error { return r.Page().Write(out) }

func section(one figure.Results) page.Section {
	b, _ := known(one.Benchmark)
	all := results{one}
	s := page.Section{Title: b.title, Command: one.Command}
	if b.about != "" {
		s.Text = append(s.Text, b.about)
	}
	s.Text = append(s.Text, all.circumstances())
	if b.charts != nil {
		s.Charts = b.charts(all)
	}
	s.Charts = append(s.Charts, all.recorded()...)
	s.Tables = all.tables()
	if len(one.Subjects) > 0 {
		s.Tables = append(s.Tables, all.subjectTable())
	}
	return s
}

// circumstances says when it was measured, how long that took, and how far the figures
// varied.
func (r results) circumstances() string {
	form := "The full form"
	if r.Quick {
		form = "The short form"
	}
	text := fmt.Sprintf("%s, measured on %s in %s", form, day(r.Began), time.Duration(r.Seconds*float64(time.Second)).Round(time.Second))
	return text + "; " + r.spread() + "."
}

// spread says how many rounds there were, and how far the figures of a round are apart.
func (r results) spread() string {
	var spreads []float64
	rounds := 0
	for _, f := range r.Figures {
		if len(f.Samples) > 1 && f.Value > 0 && f.Unit != "" {
			spreads = append(spreads, (f.Max-f.Min)/f.Value)
			rounds = max(rounds, len(f.Samples))
		}
	}
	if len(spreads) == 0 {
		return "each figure was measured once, so how far it would vary is not known"
	}
	return fmt.Sprintf("figures are medians of up to %d rounds, whose lowest and highest are %.0f %% of the median apart (median of the figures; %.0f %% at most)",
		rounds, 100*figure.Median(spreads), 100*slices.Max(spreads))
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// when says when and where it was measured.
func (r *Report) when() string {
	first, last := r.Results[0].Began, r.Results[0].Began
	for _, one := range r.Results {
		if one.Began.Before(first) {
			first = one.Began
		}
		if one.Began.After(last) {
			last = one.Began
		}
	}
	e := r.Results[0].Environment
	const date = "2 January 2006"
	span := first.UTC().Format(date)
	if to := last.UTC().Format(date); to != span {
		span += " to " + to
	}
	return fmt.Sprintf("%s · Stowage %s · Kubernetes %s · %d cores", span, strings.Join(r.versions(), ", "), e.Kubernetes, e.Cores)
}

// versions lists the versions of Stowage that were measured.
func (r *Report) versions() []string {
	return figure.Names(r.Results, func(one figure.Results) string { return one.Environment.Stowage })
}

// remarks are what to know before reading on.
func (r *Report) remarks() []string {
	var list []string
	if versions := r.versions(); len(versions) > 1 {
		list = append(list, fmt.Sprintf("These results are of %d versions of Stowage (%s): not all of what is here was measured of the same.", len(versions), strings.Join(versions, ", ")))
	}
	if machines := figure.Names(r.Results, func(one figure.Results) string { return one.Environment.CPU + fmt.Sprint(one.Environment.Cores) }); len(machines) > 1 {
		list = append(list, "These results are of different machines: see the environment.")
	}
	var quick []string
	for _, one := range r.Results {
		if one.Quick {
			quick = append(quick, one.Benchmark)
		}
	}
	if len(quick) > 0 {
		list = append(list, "The short form, which measures less, was run of "+strings.Join(quick, ", ")+".")
	}
	return list
}

// environment lists where it was measured. What differs is listed by benchmark.
func (r *Report) environment() []page.Fact {
	var facts []page.Fact
	add := func(name string, of func(figure.Environment) string) {
		values := figure.Names(r.Results, func(one figure.Results) string { return of(one.Environment) })
		if len(values) > 1 {
			for i, value := range values {
				var who []string
				for _, one := range r.Results {
					if of(one.Environment) == value {
						who = append(who, one.Benchmark)
					}
				}
				values[i] = value + " (" + strings.Join(who, ", ") + ")"
			}
		}
		facts = append(facts, page.Fact{Name: name, Text: strings.Join(values, "; ")})
	}
	add("Processor", func(e figure.Environment) string { return fmt.Sprintf("%s, %d cores", e.CPU, e.Cores) })
	add("Memory", func(e figure.Environment) string { return fmt.Sprintf("%.0f GiB", float64(e.MemoryMiB)/1024) })
	add("System", func(e figure.Environment) string { return e.System })
	add("Stowage", func(e figure.Environment) string { return e.Stowage })
	add("Kubernetes", func(e figure.Environment) string { return e.Kubernetes })
	add("Go", func(e figure.Environment) string { return e.Go })
	return facts
}
