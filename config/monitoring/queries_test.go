// Package monitoring checks dashboards, rules and runbooks: against the metrics that there are,
// and against a Prometheus where one is installed.
package monitoring

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"sigs.k8s.io/yaml"
)

// query is a query of a panel or a rule.
type query struct {
	// where says which, for messages.
	where, expr string
	// jobs match those that a dashboard's is for.
	jobs string
}

// filled returns the query with what Grafana puts in for variables.
func (q query) filled() string {
	return strings.NewReplacer("$__rate_interval", "20s", "$namespace", ".*", "$job", q.jobs).Replace(q.expr)
}

// dashboard is what is checked of a Grafana dashboard.
type dashboard struct {
	file        string
	UID         string
	Title       string
	Description string
	Tags        []string
	Templating  struct{ List []variable }
	Panels      []panel
}

type variable struct {
	Name, Type string
	// Query is a string or has a field of this name.
	Query any
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int }
	Datasource               struct{ Type, UID string }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []struct{ RefID, Expr, LegendFormat string }
}

// dashboards returns those that are shipped.
func dashboards(t *testing.T) []dashboard {
	t.Helper()
	var all []dashboard
	for _, file := range files(t, "dashboards/*.json") {
		d := dashboard{file: file}
		if err := json.Unmarshal(read(t, file), &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, d)
	}
	return all
}

// rule is one of a Prometheus rule group.
type rule struct {
	Alert       string            `json:"alert,omitempty"`
	Record      string            `json:"record,omitempty"`
	Expr        string            `json:"expr"`
	For         string            `json:"for,omitempty"`
	Labels      map[string]string `json:"labels,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// rules returns those that are shipped, by their files and groups.
func rules(t *testing.T) map[string][]rule {
	t.Helper()
	all := map[string][]rule{}
	for _, file := range files(t, "rules/*.yaml") {
		var doc struct {
			Groups []struct {
				Name  string `json:"name"`
				Rules []rule `json:"rules"`
			} `json:"groups"`
		}
		if err := yaml.UnmarshalStrict(read(t, file), &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, group := range doc.Groups {
			name := filepath.Base(file) + " " + group.Name
			if all[name] != nil || len(group.Rules) == 0 {
				t.Errorf("%s: the group is there twice, or has no rules", name)
			}
			all[name] = group.Rules
		}
	}
	return all
}

// panelQueries returns the queries of dashboards: of panels, and of variables, without what takes
// a label from it.
func panelQueries(t *testing.T) (all []query) {
	t.Helper()
	labelValues := regexp.MustCompile(`^label_values\((.+), (?:namespace|job)\)$`)
	for _, d := range dashboards(t) {
		file := filepath.Base(d.file)
		jobs := d.UID
		switch file {
		case "chaos.json":
			jobs += "|node-exporter-.*" // how runs end is known of what they hand on
		case "overview.json":
			jobs = "stowage-.*"
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				all = append(all, query{file + ", " + p.Title + " " + target.RefID, target.Expr, jobs})
			}
		}
		for _, v := range d.Templating.List {
			fields, is := v.Query.(map[string]any)
			if !is {
				continue // the data source
			}
			match := labelValues.FindStringSubmatch(fields["query"].(string))
			if match == nil {
				t.Errorf("%s: variable %s has the query %v", file, v.Name, v.Query)
				continue
			}
			all = append(all, query{file + ", variable " + v.Name, match[1], jobs})
		}
	}
	return all
}

// ruleQueries returns the queries of rules.
func ruleQueries(t *testing.T) (all []query) {
	t.Helper()
	for group, rules := range rules(t) {
		for _, r := range rules {
			all = append(all, query{where: group + ", " + r.Alert + r.Record, expr: r.Expr})
		}
	}
	slices.SortFunc(all, func(a, b query) int { return strings.Compare(a.where, b.where) })
	return all
}

// parse returns the selectors of a query. The parser is one of MetricsQL, which has all of PromQL;
// that a query is PromQL is for promtool and Prometheus to say.
func (q query) parse(t *testing.T) (selectors []*metricsql.MetricExpr, labels []string) {
	t.Helper()
	expr, err := metricsql.Parse(q.filled())
	if err != nil {
		t.Fatalf("%s: %v", q.where, err)
	}
	metricsql.VisitAll(expr, func(e metricsql.Expr) {
		switch e := e.(type) {
		case *metricsql.MetricExpr:
			selectors = append(selectors, e)
		case *metricsql.ModifierExpr:
			labels = append(labels, e.Args...)
		}
	})
	if len(selectors) == 0 {
		t.Errorf("%s asks for no metric", q.where)
	}
	return selectors, labels
}

// nameOf returns the metric that a selector is of, and the labels that it goes by.
func nameOf(selector *metricsql.MetricExpr) (name string, labels []string) {
	for _, filter := range selector.LabelFilterss[0] {
		if filter.Label == "__name__" {
			name = filter.Value
		} else {
			labels = append(labels, filter.Label)
		}
	}
	return name, labels
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: there are no files: %v", pattern, err)
	}
	return found
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var (
	// Prometheus' own, whatever is scraped.
	everybodys = []string{"up", "ALERTS"}
	// given are the labels that a target has, and those that Prometheus and Grafana add.
	given = []string{"namespace", "job", "instance", "exported_namespace", "le", "alertname", "alertstate", "severity"}
	// recordName is level:metric:operations, as Prometheus' documentation has it.
	recordName = regexp.MustCompile(`^[a-z_]+:[a-z_]+:[a-z0-9_]+$`)
)

// TestQueriesNameWhatThereIs looks up every metric, and every label of those that are ours.
func TestQueriesNameWhatThereIs(t *testing.T) {
	known := map[string][]string{} // the labels; nil of what is not ours
	for _, name := range everybodys {
		known[name] = nil
	}
	for name := range upstream {
		known[name] = nil
	}
	for _, m := range registered(t) {
		if m.Type == "histogram" {
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				known[m.Name+part] = append([]string{}, m.Labels...)
			}
			continue
		}
		known[m.Name] = append([]string{}, m.Labels...)
	}
	for _, rules := range rules(t) {
		for _, r := range rules {
			if r.Record != "" {
				known[r.Record] = nil
			}
		}
	}
	used := map[string]bool{}
	for _, q := range slices.Concat(panelQueries(t), ruleQueries(t)) {
		selectors, grouping := q.parse(t)
		ours := true
		may := slices.Clone(given)
		for _, selector := range selectors {
			name, labels := nameOf(selector)
			has, is := known[name]
			if !is {
				t.Errorf("%s: nobody serves %s", q.where, name)
			}
			used[name] = true
			ours = ours && has != nil
			may = append(may, has...)
			for _, label := range labels {
				if has != nil && !slices.Contains(has, label) && !slices.Contains(given, label) {
					t.Errorf("%s: %s has no label %s", q.where, name, label)
				}
			}
		}
		for _, label := range grouping {
			if ours && !slices.Contains(may, label) {
				t.Errorf("%s groups by %s, a label that nothing in it has", q.where, label)
			}
		}
	}
	for name := range upstream {
		if !used[name] {
			t.Errorf("%s is listed as upstream's, and no query asks for it", name)
		}
	}
}
