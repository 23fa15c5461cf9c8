package compare

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// run returns results in which stowage took so much of the time of another, five times in
// turns, and has done so many things for nothing of which the other has done four.
func run(shares []float64, useless float64) figure.Results {
	of := func(subject, metric string) figure.Figure {
		unit := map[string]string{"cpu_us": "us", "useless": "count"}[metric]
		return figure.Figure{Case: "plain/nodes=1000", Subject: subject, Metric: metric, Unit: unit, Better: figure.Lower}
	}
	theirs := []float64{100, 200, 100, 200, 100}
	var ours []float64
	for i, share := range shares {
		ours = append(ours, share*theirs[i])
	}
	counted, others := of("stowage", "useless"), of("default", "useless")
	counted.Value, others.Value = useless, 4
	return figure.Results{
		Benchmark: "loop", Command: "make bench-loop", Began: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC),
		Environment: figure.Environment{CPU: "a cpu", Cores: 2, Stowage: "v1", Kubernetes: "v1.36.3"},
		Figures: []figure.Figure{
			of("default", "cpu_us").Of(theirs...), of("stowage", "cpu_us").Of(ours...), counted, others,
			{Case: "plain/nodes=1000", Subject: "stowage", Metric: "pods", Value: 7, Unit: "count"}, {Case: "plain/nodes=1000", Subject: "default", Metric: "pods", Value: 7, Unit: "count"},
			of("stowage", "exponent").Of(1, 2), of("default", "exponent").Of(1, 2),
			{Case: "plain/nodes=1000", Subject: "stowage", Metric: "alone", Value: 7, Unit: "count", Better: figure.Lower},
			{Case: "small and large", Subject: "stowage", Metric: "speed", Value: 3, Unit: "count", Better: figure.Higher},
			{Case: "small and large", Subject: "most-allocated", Metric: "speed", Value: 2, Unit: "count", Better: figure.Higher},
		},
	}
}

func TestRatios(t *testing.T) {
	want := []Ratio{
		{Name: "Loop/plain/nodes=1000/against=default", Metric: "cpu_us", Better: figure.Lower, Samples: []float64{0.5, 0.25, 0.5, 0.25, 0.5}},
		{Name: "Loop/plain/nodes=1000/against=default", Metric: "useless", Better: figure.Lower, Samples: []float64{0.5}, Exact: true},
		{Name: "Loop/small_and_large/against=most-allocated", Metric: "speed", Better: figure.Higher, Samples: []float64{1.5}, Exact: true},
	}
	if diff := cmp.Diff(want, Ratios(run([]float64{0.5, 0.25, 0.5, 0.25, 0.5}, 2))); diff != "" {
		t.Errorf("ratios (-want +got):\n%s", diff)
	}
}

// TestMeasuredOnce covers that what has noise is not compared exactly.
func TestMeasuredOnce(t *testing.T) {
	for unit, exact := range map[string]bool{"count": true, "s": false, "MiB": false} {
		of := figure.Figure{Case: "c", Metric: "m", Unit: unit, Value: 2, Better: figure.Lower}
		ours, theirs := of, of
		ours.Subject, theirs.Subject = "stowage", "peer"
		want := []Ratio{{Name: "Deschedule/c/against=peer", Metric: "m", Better: figure.Lower, Samples: []float64{1}, Exact: exact}}
		if diff := cmp.Diff(want, Ratios(figure.Results{Benchmark: "deschedule", Figures: []figure.Figure{ours, theirs}})); diff != "" {
			t.Errorf("ratios of what is in %s (-want +got):\n%s", unit, diff)
		}
	}
}

// TestDivide covers what has no rounds in common, and zeros.
func TestDivide(t *testing.T) {
	rounds := func(samples ...float64) figure.Figure { return figure.Figure{}.Of(samples...) }
	tests := []struct {
		name         string
		ours, theirs figure.Figure
		want         []float64
	}{
		{"fewer rounds of the other: its median", rounds(10, 20, 30), rounds(10, 5), []float64{10 / 7.5, 20 / 7.5, 4}},
		{"no rounds of the other", rounds(10, 20), figure.Figure{Value: 10}, []float64{1, 2}},
		{"nothing against nothing", figure.Figure{}, figure.Figure{}, []float64{1}},
		{"something against nothing", figure.Figure{Value: 3}, figure.Figure{}, []float64{math.Inf(1)}},
		{"nothing against something", figure.Figure{}, figure.Figure{Value: 3}, []float64{0}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, divide(tt.ours, tt.theirs)); diff != "" {
				t.Errorf("ratios (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	var out strings.Builder
	results := run([]float64{0.5, 0.25, 1. / 3}, 2)
	if err := Write(&out, results, Ratios(results)); err != nil {
		t.Fatal(err)
	}
	want := `# stowage's figures ÷ those of others, of one run of make bench-loop
# Stowage v1, Kubernetes v1.36.3, a cpu, 2 cores, 2026-11-21
Unit cpu_us better=lower
Unit useless better=lower assume=exact
Unit speed better=higher assume=exact
BenchmarkLoop/plain/nodes=1000/against=default 1 0.5 cpu_us
BenchmarkLoop/plain/nodes=1000/against=default 1 0.5 cpu_us
BenchmarkLoop/plain/nodes=1000/against=default 1 0.33333 cpu_us
BenchmarkLoop/plain/nodes=1000/against=default 1 0.5 useless
BenchmarkLoop/small_and_large/against=most-allocated 1 1.5 speed
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

// TestBenchstat holds runs against each other with the real benchstat.
func TestBenchstat(t *testing.T) {
	steady := []float64{0.50, 0.51, 0.49, 0.52, 0.48}
	tests := []struct {
		name           string
		baseline, now  figure.Results
		want           []string
		wantConclusion string
	}{
		{
			"the same again", run(steady, 2), run([]float64{0.49, 0.50, 0.48, 0.51, 0.52}, 2), []string{
				"same: Loop/plain/nodes=1000/against=default cpu_us: 0.5, was 0.5",
				"same: Loop/plain/nodes=1000/against=default useless: 0.5, was 0.5",
				"same: Loop/small_and_large/against=most-allocated speed: 1.5, was 1.5",
			}, "0 better, 0 worse, 3 same, 0 with too few samples to tell, 0 new, 0 gone",
		},
		{
			"slower, and less in vain", run(steady, 2), run([]float64{0.60, 0.61, 0.59, 0.62, 0.58}, 1), []string{
				"worse: Loop/plain/nodes=1000/against=default cpu_us: 0.6, was 0.5",
				"better: Loop/plain/nodes=1000/against=default useless: 0.25, was 0.5",
				"same: Loop/small_and_large/against=most-allocated speed: 1.5, was 1.5",
			}, "1 better, 1 worse, 1 same, 0 with too few samples to tell, 0 new, 0 gone",
		},
		{
			"nothing was in vain before", run(steady, 0), run(steady, 1), []string{
				"same: Loop/plain/nodes=1000/against=default cpu_us: 0.5, was 0.5",
				"worse: Loop/plain/nodes=1000/against=default useless: 0.25, was 0",
				"same: Loop/small_and_large/against=most-allocated speed: 1.5, was 1.5",
			}, "0 better, 1 worse, 2 same, 0 with too few samples to tell, 0 new, 0 gone",
		},
		{
			"three rounds, and a case less", run(steady[:3], 2), only(run([]float64{5, 5, 5}, 2), "plain/nodes=1000"), []string{
				"unclear: Loop/plain/nodes=1000/against=default cpu_us: 5, was 0.5",
				"same: Loop/plain/nodes=1000/against=default useless: 0.5, was 0.5",
				"gone: Loop/small_and_large/against=most-allocated speed: 0, was 1.5",
			}, "0 better, 0 worse, 1 same, 1 with too few samples to tell, 0 new, 1 gone",
		},
		{
			"a case more", only(run(steady, 2), "plain/nodes=1000"), run(steady, 2), []string{
				"same: Loop/plain/nodes=1000/against=default cpu_us: 0.5, was 0.5",
				"same: Loop/plain/nodes=1000/against=default useless: 0.5, was 0.5",
				"new: Loop/small_and_large/against=most-allocated speed: 1.5, was 0",
			}, "0 better, 0 worse, 2 same, 0 with too few samples to tell, 1 new, 0 gone",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, results := range map[string]figure.Results{"before": tt.baseline, "now": tt.now} {
				var text strings.Builder
				if err := Write(&text, results, Ratios(results)); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			table, all, err := Benchstat(t.Context(), filepath.Join(dir, "before"), filepath.Join(dir, "now"), Ratios(tt.now))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range all {
				got = append(got, c.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s\n%s", diff, table)
			}
			if diff := cmp.Diff(tt.wantConclusion, Summary(all)); diff != "" {
				t.Errorf("summary (-want +got):\n%s", diff)
			}
			if !strings.Contains(table, "vs base") {
				t.Errorf("the table is no comparison:\n%s", table)
			}
		})
	}
}

// only returns the results of one case.
func only(r figure.Results, name string) figure.Results {
	var kept []figure.Figure
	for _, f := range r.Figures {
		if f.Case == name {
			kept = append(kept, f)
		}
	}
	r.Figures = kept
	return r
}

// TestHigherIsBetter covers the other direction.
func TestHigherIsBetter(t *testing.T) {
	const text = `,baseline,,now,,,
,speed,CI,speed,CI,vs base,P
A,1,0%,2,0%,+100.00%,p=0.008 n=5
B,2,0%,1,0%,-50.00%,p=0.030 n=5+3
C,2,0%,1,0%,-50.00%,p=0.008 n=5
D,2,0%,2,0%,~,p=0.500 n=4+5
geomean,1,,1,,0%,
`
	want := []Change{
		{Name: "A", Metric: "speed", Before: 1, After: 2, Verdict: Better},
		{Name: "B", Metric: "speed", Before: 2, After: 1, Verdict: Unclear},
		{Name: "C", Metric: "speed", Before: 2, After: 1, Verdict: Worse},
		{Name: "D", Metric: "speed", Before: 2, After: 2, Verdict: Same},
	}
	got, err := changes(text, map[string]figure.Direction{"speed": figure.Higher})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
