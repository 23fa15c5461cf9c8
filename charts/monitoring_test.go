package charts_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMonitoring has rules and dashboards in a copy of the chart: they come as they are, with
// braces that are not the chart's.
func TestMonitoring(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(chart)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(dir, "files/monitoring")); err != nil {
		t.Fatal(err)
	}
	const dashboard = `{"title": "{{ $labels.job }}"}` + "\n"
	for name, content := range map[string]string{
		"rules/scheduler.yaml":     "# rules\ngroups: [{name: a, rules: [{alert: A, expr: 'up == 0', annotations: {summary: '{{ $labels.job }}'}}]}]\n",
		"rules/chaos.yaml":         "groups: []\n",
		"dashboards/overview.json": dashboard,
	} {
		path := filepath.Join(dir, "files/monitoring", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := release{sets: []string{"prometheusRule.enabled=true", "prometheusRule.labels.release=prometheus", "dashboards.enabled=true"}}.args(t)
	args[2] = dir
	out, err := helm(t, helm4, args...)
	if err != nil {
		t.Fatal(err)
	}
	standard := byKey(release{}.render(t, helm4))
	got := map[string]any{}
	for key, o := range byKey(decode(t, out)) {
		if standard[key] == nil {
			got[key] = []any{o.Object["spec"], o.Object["data"], o.GetLabels()["release"], o.GetLabels()["grafana_dashboard"]}
		}
	}
	want := map[string]any{
		"PrometheusRule stowage-scheduler": []any{map[string]any{"groups": []any{map[string]any{"name": "a", "rules": []any{
			map[string]any{"alert": "A", "expr": "up == 0", "annotations": map[string]any{"summary": "{{ $labels.job }}"}},
		}}}}, nil, "prometheus", ""},
		"ConfigMap stowage-dashboard-overview": []any{nil, map[string]any{"overview.json": dashboard}, "", "1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}
