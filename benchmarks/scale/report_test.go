package scale

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

func sample() []figure.Figure {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	o := &outcome{costs: map[string]cost{
		"kwok": {cpu: 2 * time.Second, peak: 300 << 20}, schedulerProgram: {cpu: 1500 * time.Millisecond, peak: 200 << 20},
	}}
	o.latencies([]time.Duration{time.Second, 4 * time.Second, 2 * time.Second})
	o.placed(seen{binds: []time.Time{start.Add(time.Second), start.Add(4 * time.Second)}}, start)
	evict := &outcome{}
	evict.seconds("wall_s", 3*time.Second, 2*time.Second, 4*time.Second)
	return append(o.figures("schedule/30"), evict.figures("evict/30")...)
}

func TestFigures(t *testing.T) {
	var got []string
	for _, f := range sample() {
		got = append(got, f.String())
	}
	want := []string{
		"schedule/30, stowage: pods_bound 2 count", "schedule/30, stowage: placed_s 4 s", "schedule/30, stowage: bound_per_s 0.5 pods/s",
		"schedule/30, stowage: latency_p50_s 2 s", "schedule/30, stowage: latency_p99_s 4 s", "schedule/30, stowage: latency_pods 3 count",
		"schedule/30, stowage: cpu_s_per_1000_pods 750 s",
		"schedule/30, stowage-scheduler: cpu_s 1.5 s", "schedule/30, kwok: cpu_s 2 s",
		"schedule/30, stowage-scheduler: peak_rss_mib 200 MiB", "schedule/30, kwok: peak_rss_mib 300 MiB",
		"evict/30, stowage: wall_s 3 s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	f, _ := figure.Find(sample(), "evict/30", product, "wall_s")
	if diff := cmp.Diff([]float64{3, 2, 4}, f.Samples); diff != "" || f.Min != 2 || f.Max != 4 || f.Better != figure.Lower {
		t.Errorf("%+v: rounds (-want +got):\n%s", f, diff)
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	if err := WriteTable(&out, sample()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range strings.Split(out.String(), "\n")[:13] {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"FIGURE UNIT schedule/30 evict/30", "wall_s s - 3", "pods_bound count 2 -", "placed_s s 4 -", "bound_per_s pods/s 0.50 -",
		"latency_p50_s s 2 -", "latency_p99_s s 4 -", "latency_pods count 3 -", "cpu_s_per_1000_pods s 750 -",
		"cpu_s, stowage-scheduler s 1.50 -", "cpu_s, kwok s 2 -", "peak_rss_mib, stowage-scheduler MiB 200 -", "peak_rss_mib, kwok MiB 300 -",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	for _, text := range []string{"\nlatency_p99_s            the same, 99 of 100\n", Notes()[0]} {
		if !strings.Contains(out.String(), text) {
			t.Errorf("the table does not say %q", text)
		}
	}
}

func TestSubjectsAreDescribed(t *testing.T) {
	var got []string
	for _, s := range Described() {
		got = append(got, s.Name)
	}
	if diff := cmp.Diff(append([]string{product}, processes...), got); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
}
