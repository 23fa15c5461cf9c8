package report

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/page"
)

const (
	// mostCompared is how many metrics have a table of their own, with a column for each
	// subject.
	mostCompared = 4
	// mostOpen is how many rows a table has at most that is not folded.
	mostOpen = 14
	// missing stands for what was not measured.
	missing = "-"
)

// metric is what was measured, and of whom.
type metric struct {
	name, unit string
	subjects   []string
}

// metricsOf lists the metrics in their order.
func metricsOf(figures []figure.Figure) []metric {
	var all []metric
	for _, f := range figures {
		i := slices.IndexFunc(all, func(m metric) bool { return m.name == f.Metric })
		if i < 0 {
			i = len(all)
			all = append(all, metric{name: f.Metric, unit: f.Unit})
		}
		if !slices.Contains(all[i].subjects, f.Subject) {
			all[i].subjects = append(all[i].subjects, f.Subject)
		}
	}
	return all
}

// words are what metrics are called whose names say it too briefly.
var words = map[string]string{
	cpuPerPod: "CPU time per pod", "allocs_per_pod": "allocations per pod", "first_pod_ms": "the first pod", "heap_mib": "memory of the scheduler",
	podsPerSecond: "throughput", schedulerCPU: "CPU time of the scheduler per 1,000 pods", "process_cpu_s_per_1000_pods": "CPU time of scheduler and API server per 1,000 pods",
	shareOfCeiling: "share of the ceiling", "times_fastest": "times the throughput of kube-scheduler's fastest setting",
	"allocated": "allocated at the end", "refused": "refused before that much was asked for", "nodes_used_over_bound": "nodes used, over the least that could do", "compacted": "size of the smallest cluster that takes it all",
	"cpu_s": "processor time", "peak_rss_mib": "resident memory, at most", "wall_s": "time", "plan_s": "time until the first eviction", "rejected_429": "refused for a budget", leastEvictions: "evictions at least",
}

// units are those that are written in another way.
var units = map[string]string{"us": "µs", "count": "", "ratio": "×", "code": "", "yes=1": "1 is yes"}

// title says in words what a metric is, with its unit.
func (m metric) title() string {
	title, has := words[m.name]
	if !has {
		title = strings.ReplaceAll(m.name, "_", " ")
		for _, suffix := range []string{" " + m.unit, " pct", " percent", " mib"} {
			title = strings.TrimSuffix(title, suffix)
		}
	}
	unit, has := units[m.unit]
	if !has {
		unit = m.unit
	}
	if unit == "" {
		return title
	}
	return title + ", " + unit
}

// capital returns a title as it is written where nothing is before it.
func capital(title string) string {
	first, size := utf8.DecodeRuneInString(title)
	return string(unicode.ToUpper(first)) + title[size:]
}

// tables shows all figures: those of metrics that several subjects have side by side, the
// others in one table.
func (r results) tables() []page.Table {
	var compared, single []metric
	for _, m := range metricsOf(r.Figures) {
		if len(m.subjects) > 1 {
			compared = append(compared, m)
		} else {
			single = append(single, m)
		}
	}
	var list []page.Table
	if len(compared) > mostCompared {
		list = append(list, r.wide(compared))
	} else {
		for _, m := range compared {
			list = append(list, r.bySubject(m))
		}
	}
	if len(single) > 0 {
		list = append(list, r.byMetric(single))
	}
	for i := range list {
		list[i].Folded = len(list[i].Rows) > mostOpen
	}
	return list
}

// cell returns a figure, and between what it varied.
func (r results) cell(name, subject, metric string) string {
	f, has := r.find(name, subject, metric)
	if !has {
		return missing
	}
	text := page.Number(f.Value)
	if len(f.Samples) > 1 && f.Min != f.Max {
		text += " (" + page.Number(f.Min) + "–" + page.Number(f.Max) + ")"
	}
	return text
}

// casesOf returns the cases in which a figure matches.
func (r results) casesOf(match func(figure.Figure) bool) []string {
	var chosen []figure.Figure
	for _, f := range r.Figures {
		if match(f) {
			chosen = append(chosen, f)
		}
	}
	return figure.Cases(chosen)
}

// bySubject is a table of one metric: a row for each case, a column for each subject.
func (r results) bySubject(m metric) page.Table {
	t := page.Table{Title: capital(m.title()), Header: append([]string{"case"}, m.subjects...)}
	for _, name := range r.casesOf(func(f figure.Figure) bool { return f.Metric == m.name }) {
		row := []string{name}
		for _, subject := range m.subjects {
			row = append(row, r.cell(name, subject, m.name))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// wide is a table of many metrics: a row for each case and subject.
func (r results) wide(metrics []metric) page.Table {
	t := page.Table{Title: "All figures", Header: []string{"case", "subject"}}
	for _, m := range metrics {
		t.Header = append(t.Header, m.title())
	}
	isOne := func(f figure.Figure) bool {
		return slices.ContainsFunc(metrics, func(m metric) bool { return m.name == f.Metric })
	}
	for _, name := range r.casesOf(isOne) {
		for _, subject := range figure.Subjects(r.Figures) {
			row, any := []string{name, subject}, false
			for _, m := range metrics {
				cell := r.cell(name, subject, m.name)
				row, any = append(row, cell), any || cell != missing
			}
			if any {
				t.Rows = append(t.Rows, row)
			}
		}
	}
	return t
}

// byMetric is a table of metrics that one subject each has, longer than it is wide.
func (r results) byMetric(metrics []metric) page.Table {
	names := r.casesOf(func(f figure.Figure) bool {
		return slices.ContainsFunc(metrics, func(m metric) bool { return m.name == f.Metric })
	})
	t := page.Table{Title: "Figures"}
	if len(names) > len(metrics) {
		t.Header = []string{"case"}
		for _, m := range metrics {
			t.Header = append(t.Header, m.title())
		}
		for _, name := range names {
			row := []string{name}
			for _, m := range metrics {
				row = append(row, r.cell(name, m.subjects[0], m.name))
			}
			t.Rows = append(t.Rows, row)
		}
		return t
	}
	t.Header = append([]string{"figure"}, names...)
	for _, m := range metrics {
		row := []string{m.title()}
		for _, name := range names {
			row = append(row, r.cell(name, m.subjects[0], m.name))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// subjectTable says who was measured, and how it was set.
func (r results) subjectTable() page.Table {
	t := page.Table{Title: "Who was measured, and how it was set", Header: []string{"subject", "version", "settings"}, Folded: true}
	for _, s := range r.Subjects {
		t.Rows = append(t.Rows, []string{s.Name, s.Version, s.Settings})
	}
	return t
}
