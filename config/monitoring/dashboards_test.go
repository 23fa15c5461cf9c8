package monitoring

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const source = "${datasource}"

// TestDashboards checks what one sees at once in Grafana, and what one does not.
func TestDashboards(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range dashboards(t) {
		t.Run(filepath.Base(d.file), func(t *testing.T) {
			if want := "stowage-" + strings.TrimSuffix(filepath.Base(d.file), ".json"); d.UID != want || seen[d.Title] {
				t.Errorf("uid %q, want %q; title %q", d.UID, want, d.Title)
			}
			seen[d.Title] = true
			if d.Description == "" || !slices.Contains(d.Tags, "stowage") {
				t.Errorf("description %q and tags %v: the links go by the tag stowage", d.Description, d.Tags)
			}
			var variables []string
			for _, v := range d.Templating.List {
				variables = append(variables, v.Name+" "+v.Type)
			}
			if diff := cmp.Diff([]string{"datasource datasource", "namespace query", "job query"}, variables); diff != "" {
				t.Errorf("variables (-want +got):\n%s", diff)
			}
			ids := map[int]bool{}
			taken := map[string]string{}
			for _, p := range d.Panels {
				if ids[p.ID] || p.ID == 0 || p.Title == "" {
					t.Errorf("panel %q: its id %d is taken or 0", p.Title, p.ID)
				}
				ids[p.ID] = true
				checkPlace(t, p, taken)
				if p.Type != "row" {
					checkPanel(t, p)
				}
			}
		})
	}
}

// checkPlace checks that the panel is on the grid, and on no other.
func checkPlace(t *testing.T, p panel, taken map[string]string) {
	t.Helper()
	if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W < 1 || p.GridPos.H < 1 {
		t.Errorf("panel %q is not on the grid: %+v", p.Title, p.GridPos)
	}
	for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
		for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
			at := fmt.Sprint(x, " ", y)
			if taken[at] != "" {
				t.Fatalf("panels %q and %q are at the same place", taken[at], p.Title)
			}
			taken[at] = p.Title
		}
	}
}

// checkPanel checks that the panel says what it shows, and goes by the variables.
func checkPanel(t *testing.T, p panel) {
	t.Helper()
	if !strings.HasSuffix(p.Description, ".") || p.FieldConfig.Defaults.Unit == "" {
		t.Errorf("panel %q: unit %q, description %q", p.Title, p.FieldConfig.Defaults.Unit, p.Description)
	}
	if p.Datasource.UID != source || p.Datasource.Type != "prometheus" || len(p.Targets) == 0 {
		t.Errorf("panel %q: datasource %v, %d queries", p.Title, p.Datasource, len(p.Targets))
	}
	ids := map[string]bool{}
	for _, target := range p.Targets {
		if ids[target.RefID] || target.RefID == "" {
			t.Errorf("panel %q has two queries %q", p.Title, target.RefID)
		}
		ids[target.RefID] = true
		if len(p.Targets) > 1 && target.LegendFormat == "" {
			t.Errorf("panel %q: query %s has no legend", p.Title, target.RefID)
		}
		selectors, _ := query{p.Title, target.Expr, ".*"}.parse(t)
		for _, selector := range selectors {
			for _, filter := range []string{`namespace=~".*"`, `job=~".*"`} {
				name, _ := nameOf(selector)
				// Alerts have the labels of their rules: some are about all jobs.
				if all := string(selector.AppendString(nil)); !strings.Contains(strings.ReplaceAll(all, " ", ""), filter) && name != "ALERTS" {
					t.Errorf("panel %q does not go by the variables: %s", p.Title, all)
				}
			}
		}
	}
}

// TestEveryMetricIsOnADashboard is about those that are ours.
func TestEveryMetricIsOnADashboard(t *testing.T) {
	var shown strings.Builder
	for _, q := range panelQueries(t) {
		shown.WriteString(q.expr + "\n")
	}
	for _, m := range registered(t) {
		if !strings.Contains(shown.String(), m.Name) && !strings.HasSuffix(m.Name, "_build_info") { // by which variables go
			t.Errorf("no panel shows %s", m.Name)
		}
	}
}
