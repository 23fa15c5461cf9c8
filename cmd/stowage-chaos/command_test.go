package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func written(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const aScenario = `apiVersion: chaos.stowage.dev/v1alpha1
kind: Scenario
metadata: {name: a-scenario}
spec:
  steps:
  - evict: {namespaces: default}
`

// TestBadInput is refused with the allowed values, and no request that changes something.
func TestBadInput(t *testing.T) {
	newShop(t)
	api := newRecorder(t)
	named := slices.Concat(api.flags, []string{"--context", "recorded", "--no-dry-run"})
	typo := written(t, "typo.yaml", strings.Replace(aScenario, "namespaces", "namespces", 1))
	emptySelector := written(t, "empty.yaml", strings.Replace(aScenario, "namespaces: default", "", 1))
	misspelt := written(t, "misspelt.yaml", strings.Replace(aScenario, "default", "defualt", 1))
	noJournal := written(t, "none.jsonl", "hello\n")
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a misspelt weekday", []string{"evict", "--all", "--excluded-weekdays=Satruday"}, `--excluded-weekdays: "Satruday" is not a weekday (did you mean "Saturday"?): must be Mon, Tue, Wed, Thu, Fri, Sat, Sun`},
		{"a time zone that is none", []string{"evict", "--all", "--timezone=Europe/Berln"}, `--timezone: "Europe/Berln" is not a time zone: must be an IANA name`},
		{"a schedule in whatever zone the machine has", []string{"schedule", "--timezone=Local"}, `--timezone: "Local" is not a fixed time zone`},
		{"a time of day that is none", []string{"evict", "--all", "--excluded-times-of-day=25:00-26:00"}, "--excluded-times-of-day: "},
		{"a day of the year that is none", []string{"evict", "--all", "--excluded-days-of-year=Feb30"}, "--excluded-days-of-year: "},
		{"a selector that would match all", []string{"evict"}, "--all: no selector given"},
		{"a selector that is empty", []string{"evict", "--labels="}, `"--labels" flag: is empty`},
		{"a selector that is none", []string{"evict", "--labels==="}, "--labels: "},
		{"a kind that is misspelt", []string{"evict", "--all", "--kinds=Deploymnt"}, `--kinds: "Deploymnt" is not a kind of owner (did you mean "Deployment"?): must be Deployment, ReplicaSet`},
		{"a namespace that is misspelt", []string{"evict", "--namespaces=defualt"}, `--namespaces: no namespace defualt (did you mean "default"?)`},
		{"an exclusion that is misspelt", []string{"evict", "--namespaces=!defualt"}, `--namespaces: no namespace defualt (did you mean "default"?)`},
		{"a mode that there is not", []string{"evict", "--all", "--mode=destroy"}, `--mode: "destroy" must be one of evict, delete`},
		{"no pods at once", []string{"evict", "--all", "--max-kill=0"}, "--max-kill"},
		{"half a second of grace", []string{"evict", "--all", "--grace-period=500ms"}, "--grace-period: 500ms must be a whole number of seconds"},
		{"draws without an interval", []string{"evict", "--all", "--times=3"}, "--interval: is required for more than one draw"},
		{"system pods that are not asked for", []string{"evict", "--namespaces=kube-system"}, "--include-system: "},
		{"an availability that is none", []string{"evict", "--all", "--min-availability=most"}, `"--min-availability" flag: must be a whole number or a percentage from "1%" to "100%", not "most"`},
		{"a threshold that is none", []string{"assess", "--max-pending=5%%"}, `"--max-pending" flag: must be a whole number or a percentage from "0%" to "100%", not "5%%"`},
		{"a threshold that a shell left empty", []string{"assess", "node", "--min-availability="}, `"--min-availability" flag: must be a whole number or a percentage from "1%" to "100%", not ""`},
		{"fewer budgets than none", []string{"assess", "zone", "--max-broken-budgets=-1"}, `"--max-broken-budgets" flag: must be 0 or more, or a percentage`},
		{"a seed that is none", []string{"evict", "--all", "--seed=x"}, "--seed: "},
		{"a runtime before now", []string{"evict", "--all", "--interval=1m", "--max-runtime=-5m"}, `--max-runtime: must be a duration such as 30s, 5m or 1h30m, not "-5m0s"`},
		{"a text that is given twice", []string{"evict", "--all", "--context=recorded", "--context=other"}, "--context is given twice"},
		{"an unknown flag", []string{"evict", "--all", "--max-kil=1"}, `unknown flag: --max-kil (did you mean "--max-kill"?) (see stowage-chaos evict --help)`},
		{"an unknown format", []string{"evict", "--all", "-o", "xml"}, "must be one of table, wide, json, yaml, junit, markdown, html"},
		{"a format that a dry run has not", []string{"evict", "--all", "-o", "junit"}, "--output=junit: a dry run supports only table, wide, json and yaml"},
		{"metrics where nobody reads them", []string{"evict", "--all", "--metrics-textfile=metrics.txt"}, "--metrics-textfile=metrics.txt: must end in .prom"},
		{"a scheduler's configuration that is not there", []string{"evict", "--all", "--scheduler-config=nowhere.yaml"}, "--scheduler-config: "},
		{"a zone that is not there", []string{"zone", "--zone=zone-x"}, `--zone: no zone zone-x (did you mean "zone-a"?): available are zone-a, zone-b, zone-c`},
		{"a node that is not there", []string{"node", "--nodes=node-00009"}, `--nodes: no node node-00009 (did you mean "node-00000"?)`},
		{"a zone that is not there, as an argument", []string{"zone", "zone-x"}, `no zone zone-x (did you mean "zone-a"?)`},
		{"a zone both ways", []string{"zone", "zone-a", "--zone=zone-b"}, "names are given both as arguments and by --zone"},
		{"two zones", []string{"zone", "zone-a", "zone-b"}, "accepts at most 1 arg(s), received 2"},
		{"a node that is not there, as an argument", []string{"node", "node-00000", "node-00009"}, `no node node-00009 (did you mean "node-00000"?)`},
		{"all nodes", []string{"node", "--percent=100"}, "--all-nodes: no selector given"},
		{"a way to lose nodes that there is not", []string{"node", "--kind=lost"}, `--kind: "lost" must be one of drained, down`},
		{"patience with nodes that are down", []string{"node", "--kind=down", "--patience=1m"}, "--patience: has no effect on nodes that are down"},
		{"nodes that the platform does not take back", []string{"spot", "--preemptible=false"}, "--preemptible: must not be false"},
		{"a delay of the network of pods on fake nodes", []string{"latency", "--all"}, "the pods are on fake nodes"},
		{"a run day that is misspelt", []string{"schedule", "--run-days=Satruday"}, `"Satruday" is not a weekday`},
		{"an hour that there is not", []string{"schedule", "--start-hour=25"}, "--start-hour: 25 must be from 0 to 23"},
		{"a scenario that is not there, before a cluster is asked for", []string{"scenario", "run", "nowhere.yaml", "--no-dry-run"}, "reading the scenario: open nowhere.yaml"},
		{"a seed that is none, before a cluster is asked for", []string{"evict", "--all", "--no-dry-run", "--seed=0x2g"}, "--seed: "},
		{"a zone of a schedule that is none", []string{"schedule", "--timezone=Europe/Berln"}, `--timezone: "Europe/Berln" is not a time zone`},
		{"a state that is kept nowhere", []string{"schedule", "--state-config-map=state"}, "--state-config-map=state: must be NAMESPACE/NAME"},
		{"a typo in a scenario", []string{"scenario", "run", typo}, `spec.steps[0].evict.namespces: unknown field (did you mean "namespaces"?)`},
		{"a selector of a scenario that would match all", []string{"scenario", "run", emptySelector}, "spec.steps[0].evict.all: no selector given"},
		{"a namespace of a scenario that is misspelt", []string{"scenario", "run", misspelt}, `namespaces: no namespace defualt (did you mean "default"?)`},
		{"a scenario that is not there", []string{"scenario", "run", "nowhere.yaml"}, "open nowhere.yaml: no such file"},
		{"a journal that is none", []string{"replay", noJournal}, noJournal + ": line 1: "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dry := run(t, slices.Concat(tt.args, api.flags)...)
			dry.want(t, 4, tt.want)
			if dry.out != "" {
				t.Errorf("it shows %s", dry.out)
			}
			if strings.HasPrefix(tt.name, "a format") {
				return
			}
			run(t, slices.Concat(tt.args, named)...).want(t, 4, tt.want)
		})
	}
	api.wantNoChange(t)
}

// TestWhichCluster says what is refused before any cluster is asked anything.
func TestWhichCluster(t *testing.T) {
	api := newRecorder(t)
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no context is named", []string{"evict", "--all", "--no-dry-run"}, "changing a cluster requires --context or --in-cluster (available contexts: recorded)"},
		{"an unknown context", []string{"evict", "--all", "--context=other"}, `--context: no context "other" in the kubeconfig (available contexts: recorded)`},
		{"an unknown context, for real", []string{"node", "--context=other", "--no-dry-run"}, `--context: no context "other" in the kubeconfig (available contexts: recorded)`},
		{"an unknown context to put back", []string{"restore", "--all", "--context=other"}, `--context: no context "other"`},
		{"no context to put back", []string{"restore", "--all"}, "changing a cluster requires --context or --in-cluster (available contexts: recorded)"},
		{"nothing to put back", []string{"restore", "--context=recorded"}, "specify either run IDs or journals, or --all"},
		{"force without all", []string{"restore", "some-run", "--force", "--context=recorded"}, "--force requires --all"},
		{"a cluster within and one without", []string{"evict", "--all", "--in-cluster", "--context=recorded"}, "--in-cluster cannot be combined with --context"},
		{"a seed that is none, of a prediction", []string{"assess", "pods", "--all", "--seed=0x2g"}, "--seed: "},
		{"a dump and a cluster", []string{"assess", "--from-dump=x", "--context=recorded"}, "--from-dump cannot be combined with"},
		{"a time and a live cluster", []string{"assess", "--now=2026-03-02T12:00:00Z"}, "--now requires --from-dump"},
		{"manifests and a cluster", []string{"audit", "-f=x", "--context=recorded"}, "--filename cannot be combined with"},
		{"an unknown severity", []string{"audit", "--fail-on=severe"}, "--fail-on: severity must be one of high, medium, low"},
		{"an unknown rule", []string{"audit", "--rules=no-budgets"}, `no rule "no-budgets"`},
		{"no terminal", []string{"interactive"}, "interactive requires a terminal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			run(t, slices.Concat(tt.args, api.flags)...).want(t, 4, tt.want)
			if n := api.requests(); n > 0 {
				t.Errorf("it made %d requests", n)
			}
		})
	}
	t.Run("no cluster at all", func(t *testing.T) {
		run(t, "evict", "--all").want(t, 4, "no cluster is named: set --context or --kubeconfig, or run in a cluster")
	})
}

func TestUnknownCommands(t *testing.T) {
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"evikt"}, `unknown command "evikt" for "stowage-chaos" (did you mean "evict"?)`},
		{[]string{"evict", "all"}, `unknown command "all" for "stowage-chaos evict" (see stowage-chaos evict --help)`},
		{[]string{"scenario", "start"}, `unknown command "start" for "stowage-chaos scenario"`},
		{[]string{"assess", "everything"}, `unknown command "everything" for "stowage-chaos assess"`},
		{[]string{"report"}, "accepts 1 arg(s), received 0 (see stowage-chaos report --help)"},
	}
	for _, tt := range tests {
		e := run(t, tt.args...)
		e.want(t, 4, tt.want)
		if e.out != "" {
			t.Errorf("%v: it shows %q", tt.args, e.out)
		}
	}
}

func TestScenarioFiles(t *testing.T) {
	good := written(t, "good.yaml", aScenario)
	e := run(t, "scenario", "validate", good)
	e.want(t, 0)
	e.shows(t, "scenario a-scenario is valid: 1 step, 0 probes")
	bad := written(t, "bad.yaml", strings.Replace(aScenario, "evict:", "evct:", 1))
	run(t, "scenario", "validate", good, bad).want(t, 4, bad+":6: ", `did you mean "evict"?`)

	schema := run(t, "scenario", "schema")
	schema.want(t, 0)
	var parsed map[string]any
	if err := json.Unmarshal([]byte(schema.out), &parsed); err != nil || parsed["$schema"] == nil {
		t.Errorf("the schema has the fields %v, error %v", parsed, err)
	}
	schema.shows(t, "evict", "zone", "spot", "latency", "excludedWeekdays", "minAvailable", "promql")
}

func TestHelp(t *testing.T) {
	for _, command := range [][]string{nil, {"evict"}, {"schedule"}, {"node"}, {"zone"}, {"spot"}, {"latency"}, {"audit"}, {"assess"}, {"scenario", "run"}, {"interactive"}, {"replay"}, {"report"}, {"restore"}} {
		e := run(t, append(command, "--help")...)
		e.want(t, 0)
		e.shows(t, "\nExamples:\n", "  stowage-chaos")
	}
}

func TestCompletion(t *testing.T) {
	script := run(t, "completion", "bash")
	script.want(t, 0)
	script.shows(t, "__start_stowage-chaos")
	formats := run(t, "__complete", "evict", "--output", "")
	formats.want(t, 0)
	formats.shows(t, "table\nwide\njson\nyaml\njunit\nmarkdown\nhtml\n")
	contexts := run(t, "__complete", "evict", "--kubeconfig", play.Kubeconfig, "--context", "")
	contexts.shows(t, play.Info.Context+"\n")
	zones := run(t, "__complete", "assess", "zone", "--kubeconfig", play.Kubeconfig, "--context", play.Info.Context, "")
	zones.shows(t, "zone-a\nzone-b\nzone-c\n")
}
