package report

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/page"
	"github.com/stowage-k8s/stowage/internal/page/pagetest"
)

// The results in testdata are made up: they say so themselves.

func load(t *testing.T) *Report {
	t.Helper()
	r, err := Load("testdata/results")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func html(t *testing.T, r *Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPageInABrowser(t *testing.T) {
	browser := pagetest.Start(t)
	text := html(t, load(t))
	for _, view := range pagetest.Views(pagetest.Phone, pagetest.DeskDark, pagetest.Paper) {
		tab := browser.Open(t, "report", text, view)
		want := map[string]int{"charts": 24, "headlines": 12, "nodes before and after": 600, "pods lost": 30, "bars of plain pods": 1}
		got := map[string]int{
			"charts":                 tab.Count(".chart svg"),
			"headlines":              tab.Count(".headlines article"),
			"nodes before and after": tab.Count("#s-what-descheduling-does path[fill^='var(--h']"),
			"pods lost":              tab.Count("#s-what-chaos-does-and-undoes .chart path[fill='var(--alarm)']"),
			"bars of plain pods":     tab.Count("figure.wide:first-of-type [aria-label^='CPU time per pod']"),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", view, diff)
		}
	}
}

func TestHeadlines(t *testing.T) {
	var got []string
	for _, h := range load(t).Headlines {
		line := h.Value + " " + h.What
		for _, rival := range h.Rivals {
			line += "; " + rival.Subject + " " + rival.Text
		}
		if h.Noise != "" {
			line += "; " + h.Noise
		}
		if !strings.HasPrefix(h.Command, "make bench-"+h.Benchmark) {
			t.Errorf("%q is measured by %q", line, h.Command)
		}
		got = append(got, line)
	}
	want := []string{
		"20 × less CPU time per pod than kube-scheduler set to pack as well as it can: plain pods, 5,000 empty nodes; from 2.0 to 261 × less than whichever of its settings is the fastest, in all 4 cases of that size; stowage 76 µs; most-allocated-all 1,520 µs; most-allocated 1,650 µs; default 1,612 µs; exhaustive 12,533 µs; 20 to 20 × in 5 rounds",
		"52 nodes for pods that kube-scheduler's default profile spreads over 3,300; no placement needs fewer than 52; stowage 52; most-allocated-all 52; most-allocated 120; default 3,300",
		"n^0.05 is how the CPU time of a plain pod changes with the number of nodes n, up to 100,000 nodes; stowage 0.05; default 0.42; 0.042 to 0.058 in 5 rounds",
		"1.0 × the throughput of kube-scheduler's fastest setting, most-allocated, on a real control plane: plain/nodes=5000/pods=50000; stowage 430 pods/s; most-allocated 432 pods/s; default 324 pods/s; ceiling 455 pods/s; 1.0 to 1.0 × in 5 rounds",
		"7.2 × the throughput of kube-scheduler's fastest setting, most-allocated, on a real control plane: pod-affinity/nodes=5000/pods=50000; stowage 410 pods/s; most-allocated 57 pods/s; default 55 pods/s; ceiling 455 pods/s; 7.2 to 7.2 × in 5 rounds",
		"90.1 % or more of what a scheduler reaches that binds round robin without looking; least in pod-affinity/nodes=5000/pods=50000; stowage 410 pods/s; most-allocated 57 pods/s; default 55 pods/s; ceiling 455 pods/s; 87.9 to 92.3 % in 5 rounds",
		"0.2 points at most below the best of all strategies compared, in how much of the cluster is allocated at the end, in 2 workloads; most in openb default/1213, against LeastAllocated; stowage 97.9 %; LeastAllocated 98.1 %",
		"1.01 × the least number of nodes that could hold the same pods, when half of the capacity is asked for: openb default/1213; stowage 1.01 ×; LeastAllocated 1.9 ×; MostAllocated 1.1 ×; random 1.8 ×; 0.986 to 1.03 × in 5 rounds",
		"0 useless evictions, of 314, in 3 kinds of skew: of pods that end up no better than before; stowage 0; Kubernetes descheduler v0 240",
		"0 disruption budgets broken by 2,019 evictions of the chaos tool, as a watcher of its own saw it",
		"99.2 % of what chaos predicted came true, in the worst of 2 losses of nodes and zones",
		"233 pods/s placed while pods churn, on 5,000 nodes with 150,000 pods, the control plane on the same machine",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("headlines (-want +got):\n%s", diff)
	}
}

// TestWithoutThePacker covers that Stowage is compared with the fastest of those that were
// measured, and with no setting of its own.
func TestWithoutThePacker(t *testing.T) {
	cost := func(subject string, value float64) figure.Figure {
		return figure.Figure{Case: "plain/nodes=5000/fill=0", Subject: subject, Metric: cpuPerPod, Value: value, Unit: "us", Better: figure.Lower}
	}
	r := From([]figure.Results{{
		Benchmark: "loop", Subjects: []figure.Subject{{Name: exhaustive, Version: "Stowage v0"}},
		Figures: []figure.Figure{cost(stowage, 100), cost(upstream, 1800), cost(defaultBatching, 200), cost(exhaustive, 150)},
	}}, nil)
	want := []Headline{{
		Benchmark: "loop", Value: "2.0 ×", What: "less CPU time per pod than kube-scheduler's fastest setting, default-batching: plain pods, 5,000 empty nodes",
		Rivals: []Rival{{stowage, 100, "100 µs"}, {defaultBatching, 200, "200 µs"}, {upstream, 1800, "1,800 µs"}, {exhaustive, 150, "150 µs"}},
	}}
	if diff := cmp.Diff(want, r.Headlines); diff != "" {
		t.Errorf("headlines (-want +got):\n%s", diff)
	}
}

func TestWhatIsMissingIsSaid(t *testing.T) {
	all := load(t)
	other := all.Results[0]
	other.Benchmark, other.Environment.Stowage, other.Quick = "bench-of-tomorrow", "v0-other", false
	r := From([]figure.Results{other, all.Results[0]}, []string{"old.json: not of this version"})
	if diff := cmp.Diff([]string{"scaling", "e2e", "packing", "deschedule", "chaos", "scale", "karpenter", "real"}, r.Missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	text := html(t, r)
	for _, want := range []string{
		"Throughput of a real control plane: there are no results; make bench-e2e measures it.", "A file was left out: old.json: not of this version.",
		"These results are of 2 versions of Stowage (v0-made-up, v0-other)", "v0-made-up (loop); v0-other (bench-of-tomorrow)",
		"bench-of-tomorrow</h2>", "The short form, which measures less, was run of loop.",
		"All of it is made up, for the test of the report.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestLoad(t *testing.T) {
	r := load(t)
	if len(r.Skipped) != 1 || !strings.Contains(r.Skipped[0], "older.json: these are no results of stowage-bench") {
		t.Errorf("left out: %q", r.Skipped)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "old.json"), []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		dir:                             "make bench measures them",
		filepath.Join(dir, "not-there"): "make bench measures them",
		filepath.Join(dir, "old.json"):  "make bench measures them",
	} {
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%s): %v, want an error with %q", dir, err, want)
		}
	}
}

func TestRivalsAhead(t *testing.T) {
	of := func(subject string, better figure.Direction, samples ...float64) figure.Figure {
		return figure.Figure{Case: "a", Subject: subject, Metric: "m", Better: better}.Of(samples...)
	}
	for _, tt := range []struct {
		name    string
		figures []figure.Figure
		want    []string
	}{
		{"who is lower in every round is ahead", []figure.Figure{of("stowage", figure.Lower, 5, 6), of("x", figure.Lower, 3, 4), of("y", figure.Lower, 2, 3)}, []string{"y"}},
		{"who is higher in every round is ahead", []figure.Figure{of("stowage", figure.Higher, 5, 6), of("x", figure.Higher, 8, 9), of("y", figure.Higher, 7, 7)}, []string{"x"}},
		{"rounds that overlap say nothing", []figure.Figure{of("stowage", figure.Lower, 5, 6), of("x", figure.Lower, 4, 5)}, nil},
		{"nobody is behind a ceiling", []figure.Figure{of("stowage", figure.Higher, 5, 6), of("ceiling", figure.Higher, 8, 9)}, nil},
		{"nor behind another strategy of Stowage's", []figure.Figure{of("stowage", figure.Higher, 5), of("best-fit", figure.Higher, 8)}, nil},
		{"what has no better side is not compared", []figure.Figure{of("stowage", "", 5), of("x", "", 1)}, nil},
	} {
		r := From([]figure.Results{{Benchmark: "loop", Figures: tt.figures, Subjects: []figure.Subject{{Name: "best-fit", Version: "Stowage v0"}}}}, nil)
		section, has := r.rivalsAhead()
		var got []string
		if has {
			for _, row := range section.Tables[0].Rows {
				got = append(got, row[len(row)-1])
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestTables(t *testing.T) {
	f := func(name, subject, metric, unit string, samples ...float64) figure.Figure {
		return figure.Figure{Case: name, Subject: subject, Metric: metric, Unit: unit}.Of(samples...)
	}
	r := results{figure.Results{Figures: []figure.Figure{
		f("a", "stowage", "wall_s", "s", 2), f("a", "peer", "wall_s", "s", 4), f("b", "stowage", "wall_s", "s", 1, 2, 3),
		f("a", "stowage", "odd_thing_ms", "ms", 7),
	}}}
	want := []page.Table{
		{Title: "Time, s", Header: []string{"case", "stowage", "peer"}, Rows: [][]string{{"a", "2", "4"}, {"b", "2 (1–3)", "-"}}},
		{Title: "Figures", Header: []string{"figure", "a"}, Rows: [][]string{{"odd thing, ms", "7"}}},
	}
	if diff := cmp.Diff(want, r.tables()); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
}

func TestForProgramsAndREADME(t *testing.T) {
	r := load(t)
	var b strings.Builder
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, &got); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	r.Headlines = []Headline{{Value: "2 ×", What: "a|b *c*", Rivals: []Rival{{"x", 1, "1 s"}, {"y", 2, "2 s"}}, Noise: "1 to 3", Command: "make a"}}
	b.Reset()
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	want := "| | what it is | compared | varied | measured by |\n|---|---|---|---|---|\n| **2 ×** | a\\|b \\*c\\* | x 1 s, y 2 s | 1 to 3 | `make a` |\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("Markdown (-want +got):\n%s", diff)
	}
}
