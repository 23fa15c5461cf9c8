package monitoring

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promapi "github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/process"
)

// TestWithPrometheus runs all three programs, and has a real Prometheus scrape them as scrape.yaml
// says, and evaluate the rules.
func TestWithPrometheus(t *testing.T) {
	server := prometheusProgram(t, "prometheus")
	w := newWorld(t)
	api := w.scrape(t, server)
	for _, p := range w.served {
		t.Run(p.name, func(t *testing.T) { w.checkServed(t, p) })
	}
	w.awaitData(t, api)
	checkRules(t, api)
	for _, p := range w.served { // at last: what one could scrape is there by now
		_, body, _ := p.get(t.Context(), "/metrics", w.token)
		checkMetrics(t, p.name, body)
	}
}

// checkServed checks who gets what, and that a renewed certificate is served.
func (w *world) checkServed(t *testing.T, p *program) {
	for _, path := range []string{"/livez", "/readyz", "/healthz"} {
		if code, body, _ := p.get(t.Context(), path, ""); code != http.StatusOK {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	for token, want := range map[string]int{"": http.StatusForbidden, "made up": http.StatusUnauthorized, w.token: http.StatusOK} {
		if code, _, _ := p.get(t.Context(), "/metrics", token); code != want {
			t.Errorf("/metrics with a token of %d letters: %d, want %d", len(token), code, want)
		}
	}
	is := p.renew(t)
	playgroundtest.Eventually(t, "the renewed certificate is served", func(ctx context.Context) (bool, string) {
		code, body, served := p.get(ctx, "/livez", "")
		return bytes.Equal(served, is), fmt.Sprint(code, body)
	})
}

// scrape starts a Prometheus with the rules, and with scrape.yaml, in which files stand in for
// the API server's word on pods: Debian's Prometheus cannot ask it.
func (w *world) scrape(t *testing.T, server string) promv1.API {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, content any) string {
		t.Helper()
		data, err := yaml.Marshal(content)
		if text, is := content.(string); is {
			data = []byte(text)
		}
		path := filepath.Join(dir, name)
		if err == nil {
			err = os.WriteFile(path, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	textfiles := httptest.NewServer(http.FileServer(http.Dir(w.handedOn)))
	t.Cleanup(textfiles.Close)

	var doc struct {
		ScrapeConfigs []map[string]any `json:"scrape_configs"`
	}
	if err := yaml.UnmarshalStrict(read(t, "scrape.yaml"), &doc); err != nil || len(doc.ScrapeConfigs) != 1 {
		t.Fatalf("scrape.yaml has %d jobs: %v", len(doc.ScrapeConfigs), err)
	}
	ours := doc.ScrapeConfigs[0]
	delete(ours, "kubernetes_sd_configs")
	ours["file_sd_configs"] = []any{map[string]any{"files": []string{write("pods.yaml", w.pods())}}}
	ours["authorization"] = map[string]any{"credentials_file": write("token", w.token)}
	jobs := []map[string]any{ours}
	for _, file := range []string{"broken", "forbidden"} {
		jobs = append(jobs, map[string]any{
			"job_name": "node-exporter-" + file, "metrics_path": "/" + file + ".prom",
			"static_configs": []any{map[string]any{"targets": []string{strings.TrimPrefix(textfiles.URL, "http://")}, "labels": map[string]string{"namespace": "monitoring"}}},
		})
	}
	shipped, err := filepath.Abs("rules")
	if err != nil {
		t.Fatal(err)
	}
	config := write("prometheus.yaml", map[string]any{
		"global":     map[string]any{"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
		"rule_files": []string{shipped + "/*.yaml"}, "scrape_configs": jobs,
	})
	address := freeAddress(t)
	log := filepath.Join(dir, "prometheus.log")
	p, err := process.Start(process.Spec{Name: "prometheus", Path: server, Log: log, Args: []string{
		"--config.file", config, "--storage.tsdb.path", filepath.Join(dir, "data"), "--web.listen-address", address,
	}})
	if err != nil {
		t.Fatal(err)
	}
	playgroundtest.Need(t, p)
	client, err := promapi.NewClient(promapi.Config{Address: "http://" + address})
	if err != nil {
		t.Fatal(err)
	}
	api := promv1.NewAPI(client)
	playgroundtest.Eventually(t, "all targets are up", func(ctx context.Context) (bool, string) {
		targets, err := api.Targets(ctx)
		if err != nil {
			return false, err.Error()
		}
		up := map[string]bool{}
		for _, target := range targets.Active {
			if target.Health != promv1.HealthGood {
				return false, fmt.Sprint(target.Labels, target.LastError)
			}
			up[string(target.Labels["job"])] = true
		}
		return len(targets.Active) == 6 && up["stowage-scheduler"] && up["stowage-descheduler"] && up["stowage-chaos"] && up["stowage-watch"], fmt.Sprint(up)
	})
	return api
}

// pods returns what Prometheus would know of the pods: of a container that serves metrics, and of
// what it must leave out.
func (w *world) pods() []any {
	target := func(address, name, port string) any {
		return map[string]any{"targets": []string{address}, "labels": map[string]string{
			"__meta_kubernetes_namespace": system, "__meta_kubernetes_pod_name": name + "-0", "__meta_kubernetes_pod_container_port_name": port,
			"__meta_kubernetes_pod_label_app_kubernetes_io_name": name,
		}}
	}
	all := []any{target("127.0.0.1:1", "stowage-descheduler", ""), target("127.0.0.1:1", "other", "https")}
	for _, p := range w.served {
		all = append(all, target(strings.TrimPrefix(p.url, "https://"), p.name, "https"))
	}
	return all
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// notSeen are selectors of rules that have no data in the run, and why.
var notSeen = map[string]string{
	`scheduler_schedule_attempts_total{job="stowage-scheduler",result="error"}`: "no attempt fails",
}

// awaitData waits until every query of a panel has returned data once, and every selector of a rule.
// Some have data for moments only, as while a plan has moves.
func (w *world) awaitData(t *testing.T, api promv1.API) {
	t.Helper()
	waiting := panelQueries(t)
	for _, q := range ruleQueries(t) {
		selectors, _ := q.parse(t)
		for _, selector := range selectors {
			if expr := string(selector.AppendString(nil)); notSeen[expr] == "" {
				waiting = append(waiting, query{where: q.where, expr: expr})
			}
		}
	}
	// Nodes that pods may be on come and go, so that there are moves all the time.
	here, turned := false, time.Now()
	deadline := time.Now().Add(time.Minute)
	for len(waiting) > 0 && time.Now().Before(deadline) {
		if time.Since(turned) > 6*time.Second {
			if here = !here; here {
				w.label(t, "--all", "crowd=here")
			} else {
				w.label(t, "-l=kubernetes.io/hostname!=general-00000", "crowd-")
			}
			turned = time.Now()
		}
		waiting = slices.DeleteFunc(waiting, func(q query) bool {
			n, err := ask(t.Context(), api, q.filled())
			if err != nil {
				t.Fatalf("%s: %s: %v", q.where, q.expr, err)
			}
			if n > 0 {
				t.Logf("data, %d series: %s: %s", n, q.where, q.expr)
			}
			return n > 0
		})
		time.Sleep(300 * time.Millisecond)
	}
	for _, q := range waiting {
		t.Errorf("no data: %s: %s", q.where, q.expr)
	}
}

// ask returns of how many series a query has a number.
func ask(ctx context.Context, api promv1.API, expr string) (int, error) {
	value, _, err := api.Query(ctx, expr, time.Now())
	if err != nil {
		return 0, err
	}
	vector, is := value.(model.Vector)
	if !is {
		return 0, fmt.Errorf("it is a %s", value.Type())
	}
	return len(slices.DeleteFunc(vector, func(s *model.Sample) bool { return math.IsNaN(float64(s.Value)) })), nil
}

// checkRules checks that Prometheus has evaluated all rules.
func checkRules(t *testing.T, api promv1.API) {
	t.Helper()
	result, err := api.Rules(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	evaluated := 0
	for _, group := range result.Groups {
		for _, r := range group.Rules {
			var health promv1.RuleHealth
			var name, problem string
			switch r := r.(type) {
			case promv1.AlertingRule:
				health, name, problem = r.Health, r.Name, r.LastError
			case promv1.RecordingRule:
				health, name, problem = r.Health, r.Name, r.LastError
			}
			if health != promv1.RuleHealthGood {
				t.Errorf("rule %s is %s: %s", name, health, problem)
			}
			evaluated++
		}
	}
	if want := len(ruleQueries(t)); evaluated != want {
		t.Errorf("Prometheus has evaluated %d rules of %d", evaluated, want)
	}
}

// checkMetrics compares what a program serves with docs/metrics.md, and has promtool look at it.
func checkMetrics(t *testing.T, program, body string) {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	var ours bytes.Buffer
	for name, family := range families {
		if strings.HasPrefix(name, "stowage_") {
			if _, err := expfmt.MetricFamilyToText(&ours, family); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command(prometheusProgram(t, "promtool"), "check", "metrics")
	cmd.Stdin = &ours
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool on what %s serves: %v: %s", program, err, out)
	}
	var want, got []metric
	for _, m := range registered(t) {
		if m.Program != program {
			continue
		}
		slices.Sort(m.Labels)
		want = append(want, m)
		family := families[m.Name]
		if family == nil {
			continue // nothing has happened yet that it would tell of
		}
		labels := []string(nil)
		for _, pair := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, pair.GetName())
		}
		got = append(got, metric{
			Name: m.Name, Type: strings.ToLower(family.GetType().String()), Help: strings.TrimPrefix(family.GetHelp(), "[ALPHA] "), Labels: labels, Program: program,
		})
	}
	want = slices.DeleteFunc(want, func(m metric) bool { return families[m.Name] == nil })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s serves otherwise than the sources say (-sources +served):\n%s", program, diff)
	}
	for name := range families {
		if strings.HasPrefix(name, "stowage_") && !slices.ContainsFunc(got, func(m metric) bool { return m.Name == name }) {
			t.Errorf("%s serves %s, which the sources do not have", program, name)
		}
	}
}
