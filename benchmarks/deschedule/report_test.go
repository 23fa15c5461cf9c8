package deschedule

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/benchmarks/child"
)

// sample is an outcome with all figures different.
func sample() outcome {
	first := 1250 * time.Millisecond
	return outcome{
		evictions: 10, bound: 9, returned: 1, useless: 2,
		seen: seen{lowest: 0.95, broken: 3}, calls: calls{total: 40, rejected: 4, firstEviction: &first},
		before: 37.5, after: 7.51239, emptied: 5, second: 6,
		ran: child.Ran{Wall: 12 * time.Second, PeakRSS: 64 << 20, Code: 2},
	}
}

func TestFigures(t *testing.T) {
	var got []string
	for _, f := range sample().figures("skew/200", "stowage")[:8] {
		got = append(got, f.String())
	}
	want := []string{
		"skew/200, stowage: evictions 10 count", "skew/200, stowage: evictions_lower_bound 9 count",
		"skew/200, stowage: returned_to_source 1 count", "skew/200, stowage: useless 2 count",
		"skew/200, stowage: rejected_429 4 count", "skew/200, stowage: min_availability 0.95 fraction",
		"skew/200, stowage: budgets_broken 3 count", "skew/200, stowage: imbalance_before 37.5 points",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
}

func TestPlanned(t *testing.T) {
	o := sample()
	if got := o.planned(); got != 1250*time.Millisecond {
		t.Errorf("planned for %v, want until the first eviction", got)
	}
	o.calls.firstEviction = nil
	if got := o.planned(); got != 12*time.Second {
		t.Errorf("planned for %v, want until the end", got)
	}
}

func TestTable(t *testing.T) {
	figures := sample().figures("skew/200", "stowage")
	figures = append(figures, collect("plan/5000", "stowage", []measured{{"evictions", 4500, "count"}, {"plan_s", 25.25, "s"}})...)
	var out strings.Builder
	if err := WriteTable(&out, figures); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, line := range strings.Split(out.String(), "\n")[:3] {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"CASE, SUBJECT EVICTED BOUND BACK USELESS 429 AVAIL BROKEN SKEW AFTER EMPTIED AGAIN MOVED DOWN s WORST s PER MOVE PLAN s WALL s MiB CALLS CODE",
		"skew/200, stowage 10 9 1 2 4 0.95 3 37.50 7.51 5 6 - - - - 1.25 12 64 40 2",
		"plan/5000, stowage 4500 - - - - - - - - - - - - - - 25.25 - - - -",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	if got, want := summary(figures[:16]), "evictions 10, evictions lower bound 9, useless 2, wall s 12"; got != want {
		t.Errorf("summary %q, want %q", got, want)
	}
}
