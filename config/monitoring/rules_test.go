package monitoring

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/internal/docstest"
)

var update = flag.Bool("update", false, "write anew what is made of something else")

const (
	runbooks   = "../../docs/runbooks"
	runbookURL = "https://github.com/stowage-k8s/stowage/blob/main/docs/runbooks/"
)

// alerts returns the alerts, by their names.
func alerts(t *testing.T) map[string]rule {
	t.Helper()
	all := map[string]rule{}
	for group, rules := range rules(t) {
		for _, r := range rules {
			if _, twice := all[r.Alert]; twice {
				t.Errorf("%s: alert %s is there twice", group, r.Alert)
			}
			if r.Alert != "" {
				all[r.Alert] = r
			}
		}
	}
	return all
}

func TestRules(t *testing.T) {
	severities := []string{"critical", "warning", "info"}
	for group, rules := range rules(t) {
		for _, r := range rules {
			if (r.Record == "") == (r.Alert == "") || r.Record != "" && !recordName.MatchString(r.Record) {
				t.Errorf("%s: a rule has the record %q and the alert %q", group, r.Record, r.Alert)
			}
		}
	}
	for name, alert := range alerts(t) {
		if !strings.HasPrefix(name, "Stowage") || !slices.Contains(severities, alert.Labels["severity"]) {
			t.Errorf("%s: severity %q, want one of %v", name, alert.Labels["severity"], severities)
		}
		want := []string{"description", "runbook_url", "summary"}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(alert.Annotations))); diff != "" {
			t.Errorf("%s: annotations (-want +got):\n%s", name, diff)
		}
		if url := alert.Annotations["runbook_url"]; url != runbookURL+name+".md" {
			t.Errorf("%s: runbook_url is %s", name, url)
		}
	}
}

// TestRunbooks: each alert has a page, and each page is one alert's.
func TestRunbooks(t *testing.T) {
	all := alerts(t)
	var pages []string
	for _, file := range files(t, runbooks+"/*.md") {
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		if name == "README" {
			continue
		}
		pages = append(pages, name)
		page := string(read(t, file))
		headings := regexp.MustCompile(`(?m)^#+ .*$`).FindAllString(page, -1)
		want := []string{"# " + name, "## What it means", "## How to check", "## What to do"}
		if diff := cmp.Diff(want, headings); diff != "" {
			t.Errorf("%s: headings (-want +got):\n%s", file, diff)
		}
		if len(docstest.Blocks(t, file, "console")) == 0 {
			t.Errorf("%s has no commands to check with", file)
		}
		if said := fmt.Sprintf("Severity: %s.", all[name].Labels["severity"]); !strings.Contains(page, said) {
			t.Errorf("%s does not say %q", file, said)
		}
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(all)), pages); diff != "" {
		t.Errorf("pages in %s (-alerts +pages):\n%s", runbooks, diff)
	}
}

// TestEveryAlertIsTested looks for a moment when the alert fires, and for one when it does not.
func TestEveryAlertIsTested(t *testing.T) {
	fires, keepsQuiet := map[string]bool{}, map[string]bool{}
	for _, file := range files(t, "tests/*.yaml") {
		var doc struct {
			Tests []struct {
				Moments []struct {
					Alert  string `json:"alertname"`
					Firing []any  `json:"exp_alerts"`
				} `json:"alert_rule_test"`
			} `json:"tests"`
		}
		if err := yaml.Unmarshal(read(t, file), &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, test := range doc.Tests {
			for _, moment := range test.Moments {
				if len(moment.Firing) > 0 {
					fires[moment.Alert] = true
				} else {
					keepsQuiet[moment.Alert] = true
				}
			}
		}
	}
	for name := range alerts(t) {
		if !fires[name] || !keepsQuiet[name] {
			t.Errorf("%s: a test sees it fire: %t, and not fire: %t", name, fires[name], keepsQuiet[name])
		}
	}
}

// TestPrometheusRules: prometheusrules.yaml has the rules as the operator wants them.
func TestPrometheusRules(t *testing.T) {
	var want bytes.Buffer
	want.WriteString("# Generated from rules/: go test ./config/monitoring -run TestPrometheusRules -update\n")
	for _, file := range files(t, "rules/*.yaml") {
		fmt.Fprintf(&want, "---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: stowage-%s\n  namespace: stowage-system\n  labels:\n    app.kubernetes.io/part-of: stowage\nspec:\n",
			strings.TrimSuffix(filepath.Base(file), ".yaml"))
		for line := range strings.Lines(string(read(t, file))) {
			if line != "\n" {
				line = "  " + line
			}
			want.WriteString(line)
		}
	}
	sameFile(t, "prometheusrules.yaml", want.Bytes())
}

// sameFile compares what a file has with what it should, and writes it anew if asked to.
func sameFile(t *testing.T, file string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(want), string(read(t, file))); diff != "" {
		t.Errorf("%s is out of date: go test ./config/monitoring -run '^%s$' -update (-want +got):\n%s", file, t.Name(), diff)
	}
}
