package metrics

import (
	"bytes"
	goflag "flag"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"k8s.io/component-base/metrics/testutil"
	kubernetes "k8s.io/component-base/version"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

var update = goflag.Bool("update", false, "write the golden files anew")

const prefix = "stowage_chaos_"

func victim(namespace, pod string) journal.Victim {
	return journal.Victim{Namespace: namespace, Pod: pod, UID: pod, Workload: "Deployment " + namespace + "/web"}
}

func answer(namespace string, outcome disruption.Outcome) journal.Record {
	return journal.Record{Answer: &journal.Answer{Victim: victim(namespace, "p"), Outcome: outcome}}
}

func lost(namespace string, drawn bool) journal.Record {
	return journal.Record{Lost: &journal.Lost{Victim: victim(namespace, "p"), Drawn: drawn}}
}

func recovered(seconds float64) journal.Record {
	return journal.Record{Recovered: &journal.Recovered{Victim: victim("shop", "p"), Seconds: seconds}}
}

func availability(workload string, ready, desired int) journal.Record {
	return journal.Record{Availability: &journal.Availability{Workload: workload, Ready: ready, Desired: desired}}
}

func check(probe string, ok bool) journal.Record {
	return journal.Record{Check: &journal.Check{Probe: probe, Phase: "during", OK: ok}}
}

func end(verdict journal.Verdict) journal.Record {
	return journal.Record{Time: time.UnixMilli(1785412800500), End: &journal.End{Verdict: verdict}}
}

// aRun are the records of a run that breaks the steady state.
func aRun() []journal.Record {
	return []journal.Record{
		{Start: &journal.Start{ID: "r"}},
		check("checkout", true),
		{StepBegin: &journal.StepBegin{Name: "some pods", Kind: "evict"}},
		{Choice: &journal.Choice{Fault: "evict", How: assess.Evict, Candidates: 40, Victims: []journal.Victim{victim("shop", "a"), victim("blog", "b")}}},
		{Prediction: &assess.Prediction{}},
		{Request: &journal.Request{Victim: victim("shop", "a"), How: assess.Evict}},
		answer("shop", disruption.Evicted), answer("shop", disruption.Evicted), answer("shop", disruption.NotAsked), answer("blog", disruption.RefusedByBudget),
		lost("shop", true), lost("shop", true), lost("shop", false),
		{Budget: &journal.Budget{Namespace: "shop", Budget: "web", Healthy: 9, Desired: 8, Allowed: 1}},
		{Budget: &journal.Budget{Namespace: "shop", Budget: "web", Healthy: 8, Desired: 8, Allowed: 0}},
		availability("Deployment shop/web", 8, 10), availability("Deployment shop/web", 9, 10),
		recovered(0.4), recovered(95),
		{Unneeded: &journal.Unneeded{Victim: victim("shop", "c")}},
		{Choice: &journal.Choice{Fault: "evict", How: assess.Evict, Candidates: 38}},
		{Choice: &journal.Choice{Fault: "zone", How: assess.Down, Candidates: 2, Nodes: []string{"n-1", "n-2"}}},
		{Change: &journal.Change{Object: "Node n-1", What: "silenced"}}, {Change: &journal.Change{Object: "Node n-2", What: "silenced"}},
		check("checkout", false),
		{Note: &journal.Note{Message: "m"}},
		{Restored: &journal.Change{Object: "Node n-1", What: "heartbeat restored"}},
		end(journal.Broken),
	}
}

// record returns a recorder that has heard of the records.
func record(records ...journal.Record) *Recorder {
	r := NewRecorder("v1.2.3")
	for _, one := range records {
		r.Record(one)
	}
	return r
}

// families gathers and returns the names.
func families(t *testing.T, r *Recorder) []string {
	t.Helper()
	gathered, err := r.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, family := range gathered {
		names = append(names, family.GetName())
	}
	return names
}

// TestMetrics compares with what is expected of a run.
func TestMetrics(t *testing.T) {
	r := record(aRun()...)
	names := slices.DeleteFunc(families(t, r), func(name string) bool { return name == prefix+"build_info" })
	const golden = "testdata/run.prom"
	if *update {
		writeGolden(t, r, golden)
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if err := testutil.GatherAndCompare(r.Registry, bytes.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

// writeGolden writes all that a run comes to, but for what the build comes to.
func writeGolden(t *testing.T, r *Recorder, golden string) {
	t.Helper()
	gathered, err := r.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, family := range gathered {
		if family.GetName() == prefix+"build_info" {
			continue
		}
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(golden, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestBuildInfo(t *testing.T) {
	want := `# HELP stowage_chaos_build_info [ALPHA] Always 1. The versions of the build.
# TYPE stowage_chaos_build_info gauge
stowage_chaos_build_info{go_version="` + runtime.Version() + `",kubernetes_version="` + kubernetes.Get().GitVersion + `",version="v1.2.3"} 1
`
	if err := testutil.GatherAndCompare(NewRecorder("v1.2.3").Registry, strings.NewReader(want), prefix+"build_info"); err != nil {
		t.Error(err)
	}
}

// TestFromTheStart checks what alerts need before there was a run.
func TestFromTheStart(t *testing.T) {
	const want = `# HELP stowage_chaos_runs_total [ALPHA] Number of runs, by verdict.
# TYPE stowage_chaos_runs_total counter
stowage_chaos_runs_total{verdict="broken"} 0
stowage_chaos_runs_total{verdict="error"} 0
stowage_chaos_runs_total{verdict="held"} 0
stowage_chaos_runs_total{verdict="inconclusive"} 0
stowage_chaos_runs_total{verdict="refused"} 0
`
	if err := testutil.GatherAndCompare(NewRecorder("").Registry, strings.NewReader(want), prefix+"runs_total"); err != nil {
		t.Error(err)
	}
}

// TestSecondRun: counters go on, and what describes the latest state does not.
func TestSecondRun(t *testing.T) {
	r := record(append(aRun(),
		journal.Record{Choice: &journal.Choice{Fault: "evict", Candidates: 7, Victims: []journal.Victim{victim("shop", "a")}}},
		answer("shop", disruption.Deleted), answer("shop", disruption.Evicted),
		availability("Deployment shop/web", 10, 10), check("checkout", true), end(journal.Held))...)
	const want = `# HELP stowage_chaos_candidates [ALPHA] Number of candidates, pods or nodes, of the latest draw, by fault.
# TYPE stowage_chaos_candidates gauge
stowage_chaos_candidates{fault="evict"} 7
stowage_chaos_candidates{fault="zone"} 2
# HELP stowage_chaos_draws_total [ALPHA] Number of draws, by fault and by whether the draw was empty.
# TYPE stowage_chaos_draws_total counter
stowage_chaos_draws_total{empty="false",fault="evict"} 2
stowage_chaos_draws_total{empty="true",fault="evict"} 1
stowage_chaos_draws_total{empty="false",fault="zone"} 1
# HELP stowage_chaos_evictions_total [ALPHA] Number of evictions, deletions and moves by stand-ins, by namespace and outcome, such as Evicted, Deleted, Moved, RefusedByBudget or NotAsked (not requested, because budgets do not allow it).
# TYPE stowage_chaos_evictions_total counter
stowage_chaos_evictions_total{namespace="blog",outcome="RefusedByBudget"} 1
stowage_chaos_evictions_total{namespace="shop",outcome="Deleted"} 1
stowage_chaos_evictions_total{namespace="shop",outcome="Evicted"} 3
stowage_chaos_evictions_total{namespace="shop",outcome="NotAsked"} 1
# HELP stowage_chaos_probe_ok [ALPHA] 1 if the latest check of a probe succeeded, else 0.
# TYPE stowage_chaos_probe_ok gauge
stowage_chaos_probe_ok{probe="checkout"} 1
# HELP stowage_chaos_runs_total [ALPHA] Number of runs, by verdict.
# TYPE stowage_chaos_runs_total counter
stowage_chaos_runs_total{verdict="broken"} 1
stowage_chaos_runs_total{verdict="error"} 0
stowage_chaos_runs_total{verdict="held"} 1
stowage_chaos_runs_total{verdict="inconclusive"} 0
stowage_chaos_runs_total{verdict="refused"} 0
# HELP stowage_chaos_workload_ready_pods [ALPHA] Number of ready pods of workloads that lost pods or changed during the run.
# TYPE stowage_chaos_workload_ready_pods gauge
stowage_chaos_workload_ready_pods{workload="Deployment shop/web"} 10
`
	err := testutil.GatherAndCompare(r.Registry, strings.NewReader(want), prefix+"candidates", prefix+"draws_total", prefix+"evictions_total",
		prefix+"probe_ok", prefix+"runs_total", prefix+"workload_ready_pods")
	if err != nil {
		t.Error(err)
	}
}

// TestRecordsThatAreNoFigures: what only a reader is told changes nothing.
func TestRecordsThatAreNoFigures(t *testing.T) {
	text := func(r *Recorder) string {
		response := httptest.NewRecorder()
		r.Handler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		var ours []string
		for line := range strings.Lines(response.Body.String()) {
			if strings.HasPrefix(line, prefix) {
				ours = append(ours, line)
			}
		}
		return strings.Join(ours, "")
	}
	before := text(record())
	if !strings.Contains(before, `stowage_chaos_runs_total{verdict="held"} 0`) {
		t.Fatalf("not even what is there from the start is served: %s", before)
	}
	after := text(record(
		journal.Record{Start: &journal.Start{}}, journal.Record{StepBegin: &journal.StepBegin{}}, journal.Record{Prediction: &assess.Prediction{}},
		journal.Record{Request: &journal.Request{}}, journal.Record{Unneeded: &journal.Unneeded{}}, journal.Record{Note: &journal.Note{}}))
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// TestDocumented holds the README against the metrics.
func TestDocumented(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range families(t, record(aRun()...)) {
		if !strings.Contains(string(readme), "\n| `"+strings.TrimPrefix(name, prefix)+"`") {
			t.Errorf("README.md does not have %s", name)
		}
	}
}
