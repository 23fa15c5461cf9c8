package metrics

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-base/metrics/testutil"
	kubernetes "k8s.io/component-base/version"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

var update = flag.Bool("update", false, "write the golden files anew")

func picture(cpu, memory float64) plan.Picture {
	return plan.Picture{Nodes: 2, Resources: []plan.Utilization{{Name: corev1.ResourceCPU, StdDev: cpu}, {Name: corev1.ResourceMemory, StdDev: memory}}}
}

func eviction(strategy, namespace string, outcome disruption.Outcome) plan.Eviction {
	return plan.Eviction{Move: plan.Move{Pod: plan.Pod{Namespace: namespace}, Profile: "prod", Strategy: strategy, From: "n"}, Outcome: outcome}
}

// recorded returns a recorder that has seen a run.
func recorded() *Recorder {
	r := NewRecorder("v1.2.3")
	r.ObservePlan(&plan.Plan{
		Moves: []plan.Move{{Profile: "prod", Strategy: "A"}, {Profile: "prod", Strategy: "B"}, {Profile: "prod", Strategy: "A"}},
		Refused: []plan.Refusal{
			{Profile: "prod", Strategy: "A", Rule: strategy.OverBudget}, {Profile: "prod", Strategy: "A", Rule: strategy.OverBudget},
			{Profile: "test", Strategy: "A", Rule: strategy.OverBudget}, {Profile: "prod", Strategy: "B", Rule: strategy.WouldReturn},
		},
		Before: picture(41.5, 20), After: picture(12.5, 20), Took: 1500 * time.Millisecond,
	})
	r.ObserveStrategy("prod", "A", 20*time.Millisecond)
	landed, useless := eviction("A", "web", disruption.Evicted), eviction("A", "web", disruption.Evicted)
	landed.ReadyAfter, useless.ReadyAfter, useless.Useless = 4*time.Second, 40*time.Second, true
	r.ObserveResult(&plan.Result{
		Evictions: []plan.Eviction{landed, useless, eviction("A", "web", disruption.RefusedByBudget), eviction("B", "db", disruption.Evicted)},
		Stopped:   "1 pod is pending", Cause: plan.PodsPending, Safety: true,
		After: picture(14, 25), WavesTook: []time.Duration{6 * time.Second, 2 * time.Minute},
	})
	r.ObserveRun(Stopped, time.UnixMilli(1785412800500), 3*time.Minute)
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

// TestMetrics compares with what is expected of a run, and lints.
func TestMetrics(t *testing.T) {
	r := recorded()
	names := slices.DeleteFunc(families(t, r), func(name string) bool { return name == "stowage_descheduler_build_info" })
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
		if family.GetName() == "stowage_descheduler_build_info" {
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
	want := `# HELP stowage_descheduler_build_info [ALPHA] Always 1, with the versions of the program, Kubernetes and Go as labels.
# TYPE stowage_descheduler_build_info gauge
stowage_descheduler_build_info{go_version="` + runtime.Version() + `",kubernetes_version="` + kubernetes.Get().GitVersion + `",version="v1.2.3"} 1
`
	if err := testutil.GatherAndCompare(NewRecorder("v1.2.3").Registry, strings.NewReader(want), "stowage_descheduler_build_info"); err != nil {
		t.Error(err)
	}
}

// TestFromTheStart checks what alerts need before there was a run.
func TestFromTheStart(t *testing.T) {
	const want = `# HELP stowage_descheduler_runs_total [ALPHA] Number of runs, by result: done, idle (nothing to do), stopped or failed.
# TYPE stowage_descheduler_runs_total counter
stowage_descheduler_runs_total{result="done"} 0
stowage_descheduler_runs_total{result="failed"} 0
stowage_descheduler_runs_total{result="idle"} 0
stowage_descheduler_runs_total{result="stopped"} 0
# HELP stowage_descheduler_stopped_total [ALPHA] Number of runs that ended early, by cause.
# TYPE stowage_descheduler_stopped_total counter
stowage_descheduler_stopped_total{cause="Failed"} 0
stowage_descheduler_stopped_total{cause="Interrupted"} 0
stowage_descheduler_stopped_total{cause="NoProgress"} 0
stowage_descheduler_stopped_total{cause="NodesNotReady"} 0
stowage_descheduler_stopped_total{cause="PodsPending"} 0
stowage_descheduler_stopped_total{cause="Refused"} 0
# HELP stowage_descheduler_useless_landings_total [ALPHA] Number of evicted pods whose replacement landed on a node that is no better.
# TYPE stowage_descheduler_useless_landings_total counter
stowage_descheduler_useless_landings_total 0
`
	err := testutil.GatherAndCompare(NewRecorder("").Registry, strings.NewReader(want),
		"stowage_descheduler_runs_total", "stowage_descheduler_stopped_total", "stowage_descheduler_useless_landings_total")
	if err != nil {
		t.Error(err)
	}
}

// TestSecondRun: counters go on, and what describes the latest plan does not.
func TestSecondRun(t *testing.T) {
	cpu := func(deviation float64) plan.Picture {
		return plan.Picture{Resources: []plan.Utilization{{Name: corev1.ResourceCPU, StdDev: deviation}}}
	}
	r := recorded()
	r.ObservePlan(&plan.Plan{Moves: []plan.Move{{Profile: "prod", Strategy: "C"}}, Before: cpu(14), After: cpu(10)})
	r.ObserveResult(&plan.Result{Evictions: []plan.Eviction{eviction("A", "web", disruption.Evicted)}})
	const want = `# HELP stowage_descheduler_evictions_total [ALPHA] Number of attempted evictions, by the strategy that proposed them and their outcome, such as Evicted or RefusedByBudget, Moved or NotMoved by a stand-in, and Planned or WouldEvict in a dry run.
# TYPE stowage_descheduler_evictions_total counter
stowage_descheduler_evictions_total{namespace="db",outcome="Evicted",profile="prod",strategy="B"} 1
stowage_descheduler_evictions_total{namespace="web",outcome="Evicted",profile="prod",strategy="A"} 3
stowage_descheduler_evictions_total{namespace="web",outcome="RefusedByBudget",profile="prod",strategy="A"} 1
# HELP stowage_descheduler_node_utilization_stddev [ALPHA] Standard deviation of node utilization, by requests: 0.25 is 25 percentage points. Before and after the latest run; after a dry run, as planned.
# TYPE stowage_descheduler_node_utilization_stddev gauge
stowage_descheduler_node_utilization_stddev{resource="cpu",when="after"} 0.1
stowage_descheduler_node_utilization_stddev{resource="cpu",when="before"} 0.14
# HELP stowage_descheduler_plan_moves [ALPHA] Number of moves in the latest plan, by the strategy that proposed them.
# TYPE stowage_descheduler_plan_moves gauge
stowage_descheduler_plan_moves{profile="prod",strategy="C"} 1
# HELP stowage_descheduler_stopped_total [ALPHA] Number of runs that ended early, by cause.
# TYPE stowage_descheduler_stopped_total counter
stowage_descheduler_stopped_total{cause="Failed"} 0
stowage_descheduler_stopped_total{cause="Interrupted"} 0
stowage_descheduler_stopped_total{cause="NoProgress"} 0
stowage_descheduler_stopped_total{cause="NodesNotReady"} 0
stowage_descheduler_stopped_total{cause="PodsPending"} 1
stowage_descheduler_stopped_total{cause="Refused"} 0
`
	err := testutil.GatherAndCompare(r.Registry, strings.NewReader(want),
		"stowage_descheduler_evictions_total", "stowage_descheduler_node_utilization_stddev", "stowage_descheduler_plan_moves", "stowage_descheduler_plan_refused",
		"stowage_descheduler_stopped_total")
	if err != nil {
		t.Error(err)
	}
}

func TestTextfile(t *testing.T) {
	r, dir := recorded(), t.TempDir()
	path := filepath.Join(dir, "descheduler.prom")
	for range 2 { // the second replaces the first
		if err := r.WriteTextfile(path); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	parsed, err := parser.TextToMetricFamilies(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for name := range parsed {
		got = append(got, name)
	}
	slices.Sort(got)
	if diff := cmp.Diff(families(t, r), got); diff != "" {
		t.Errorf("families (-want +got):\n%s", diff)
	}
	if info, err := file.Stat(); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the node exporter cannot read it: %v, %v", info.Mode(), err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}

func TestBadTextfile(t *testing.T) {
	r, dir := NewRecorder(""), t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "descheduler.txt"):      "the name must end in .prom",
		filepath.Join(dir, "no", "such", "a.prom"): "no such file or directory",
	} {
		if err := r.WriteTextfile(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
}

// gateway is a Pushgateway that remembers one request.
type gateway struct {
	*httptest.Server
	method, path, authorization string
	families                    []string
	err                         error
}

func newGateway(t *testing.T, status int) *gateway {
	g := &gateway{}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		g.method, g.path, g.authorization = req.Method, req.URL.Path, req.Header.Get("Authorization")
		decoder := expfmt.NewDecoder(req.Body, expfmt.ResponseFormat(req.Header))
		for {
			var family dto.MetricFamily
			if err := decoder.Decode(&family); err != nil {
				if !errors.Is(err, io.EOF) {
					g.err = err
				}
				break
			}
			g.families = append(g.families, family.GetName())
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(g.Close)
	return g
}

func TestPush(t *testing.T) {
	r, g := recorded(), newGateway(t, http.StatusOK)
	address := strings.Replace(g.URL, "http://", "http://user:secret@", 1) + "/behind/"
	if err := r.Push(t.Context(), address, "nightly"); err != nil {
		t.Fatal(err)
	}
	if g.err != nil || g.method != http.MethodPut || g.path != "/behind/metrics/job/nightly" {
		t.Errorf("%s %s, %v", g.method, g.path, g.err)
	}
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:secret")); g.authorization != want {
		t.Errorf("authorization %q, want %q", g.authorization, want)
	}
	if diff := cmp.Diff(families(t, r), g.families); diff != "" {
		t.Errorf("families (-want +got):\n%s", diff)
	}
}

func TestBadPush(t *testing.T) {
	failing := newGateway(t, http.StatusServiceUnavailable)
	gone := newGateway(t, http.StatusOK)
	gone.Close()
	cause := errors.New("enough")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, tt := range []struct {
		name, address, job, want string
		ctx                      context.Context
	}{
		{name: "an address without a scheme", address: "pushgateway:9091", job: "j", want: "must be a URL such as http://"},
		{name: "an address without a host", address: "http://", job: "j", want: "must be a URL such as http://"},
		{name: "an address that is none, with a password", address: "http://user:secret@%zz", job: "j", want: "must be a URL such as http://"},
		{name: "no job", address: failing.URL, want: "job name is empty"},
		{name: "a Pushgateway that fails, with a password", address: strings.Replace(failing.URL, "//", "//user:secret@", 1), job: "j", want: "unexpected status code 503"},
		{name: "no Pushgateway there, with a password", address: strings.Replace(gone.URL, "//", "//user:secret@", 1), job: "j", want: "connection refused"},
		{name: "a context that has ended", address: failing.URL, job: "j", ctx: ended, want: "enough"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.ctx == nil {
				tt.ctx = t.Context()
			}
			err := NewRecorder("").Push(tt.ctx, tt.address, tt.job)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want %s", err, tt.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestHandler(t *testing.T) {
	response := httptest.NewRecorder()
	recorded().Handler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{`stowage_descheduler_runs_total{result="stopped"} 1`, "\ngo_goroutines "} {
		if !strings.Contains(response.Body.String(), want) {
			t.Errorf("%s is not served", want)
		}
	}
}

// TestDocumented holds the README against the metrics.
func TestDocumented(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range families(t, recorded()) {
		if !strings.Contains(string(readme), "`"+strings.TrimPrefix(name, "stowage_descheduler_")) {
			t.Errorf("README.md does not have %s", name)
		}
	}
}
