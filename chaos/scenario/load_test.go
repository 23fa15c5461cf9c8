package scenario_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/scenario"
)

func load(t *testing.T, name string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Load(filepath.Join("testdata", name), fakes(t), allProbes)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLoadsTheExamples(t *testing.T) {
	s := load(t, "zone-outage.yaml")
	if got, want := *s.Seed, draw.Seed(42); got != want {
		t.Errorf("the seed is %v, want %v", got, want)
	}
	wantObjectives := scenario.Objectives{
		MinAvailability: ptr.To(intstr.FromString("50%")), MaxRecovery: &metav1.Duration{Duration: 2 * time.Minute},
		RecoveryPercentile: 99, MaxUnrecovered: ptr.To(0),
	}
	if diff := cmp.Diff(wantObjectives, s.Objectives); diff != "" {
		t.Errorf("other objectives (-want, +got):\n%s", diff)
	}
	type check struct {
		Name    string
		Timeout time.Duration
		Failed  int
	}
	var checks []check
	for _, c := range s.SteadyState.Checks {
		if c.Probe == nil {
			t.Errorf("probe %s looks at nothing", c.Name)
		}
		checks = append(checks, check{c.Name, c.Timeout, c.FailureThreshold})
	}
	if diff := cmp.Diff([]check{{"half of the shop", 0, 1}, {"checkout", 2 * time.Second, 2}}, checks); diff != "" {
		t.Errorf("other probes (-want, +got):\n%s", diff)
	}
	type step struct{ Name, Kind, Arguments string }
	var steps []step
	for _, s := range s.Steps {
		steps = append(steps, step{s.Name, s.Kind, string(s.Arguments)})
	}
	want := []step{
		{"more replicas", "scale", `{"kind":"Deployment","name":"checkout","namespace":"shop","replicas":6}`},
		{"all are there", "probe", `{"within":"2m","workloads":{"minAvailable":6,"names":["checkout"],"namespaces":["shop"]}}`},
		{"lose a zone", "zone", `{"duration":"5m","kind":"down"}`},
		{"4-awaitRecovery", "awaitRecovery", `{"timeout":"5m"}`},
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("other steps (-want, +got):\n%s", diff)
	}
	if diff := cmp.Diff(&scenario.Scale{Kind: "Deployment", Namespace: "shop", Name: "checkout", Replicas: 6}, s.Steps[0].Scale); diff != "" {
		t.Errorf("another scale (-want, +got):\n%s", diff)
	}
	if p := s.Steps[1]; p.Probe == nil || p.Probe.Probe == nil || p.Probe.Name != "all are there" || p.Within != 2*time.Minute {
		t.Errorf("the probe is %+v within %v", p.Probe, p.Within)
	}
	zone := s.Steps[2].Fault.(fake[nodeArgs]).args
	if zone.Kind != "down" || zone.Duration.Duration != 5*time.Minute {
		t.Errorf("the fault got %+v", zone)
	}
	if got := s.Steps[3].AwaitRecovery; got != 5*time.Minute {
		t.Errorf("it waits %v for the recovery", got)
	}
}

func TestFillsInWhatIsLeftOut(t *testing.T) {
	s := load(t, "random-hour.yaml")
	if s.Seed != nil || s.Timeout != time.Hour || s.Objectives.RecoveryPercentile != 100 {
		t.Errorf("seed %v, timeout %v, percentile %v", s.Seed, s.Timeout, s.Objectives.RecoveryPercentile)
	}
	if got := s.Steps[2].AwaitRecovery; got != scenario.DefaultRecoveryTimeout {
		t.Errorf("it waits %v for the recovery", got)
	}
	if s.Steps[0].Probability != 1 || s.Steps[1].Probability != 0.25 || s.Steps[1].Repeat.Times != 1 {
		t.Errorf("other steps: %+v", s.Steps)
	}
	var names []string
	for _, c := range s.SteadyState.Checks {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"workloads", "budgets", "pendingPods"}, names); diff != "" {
		t.Errorf("other names (-want, +got):\n%s", diff)
	}
}

func TestItsJSONIsTheSameScenario(t *testing.T) {
	for _, name := range []string{"zone-outage.yaml", "random-hour.yaml", "spot-storm.yaml"} {
		s := load(t, name)
		again, err := scenario.Parse(s.JSON(), fakes(t), allProbes)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(string(s.JSON()), string(again.JSON())); diff != "" || len(again.Steps) != len(s.Steps) {
			t.Errorf("%s: another scenario (-want, +got):\n%s", name, diff)
		}
	}
}

// in returns a scenario with these fields in its spec, from line 5 on.
func in(spec string) string {
	return "apiVersion: chaos.stowage.dev/v1alpha1\nkind: Scenario\nmetadata: {name: test}\nspec:\n  " + strings.ReplaceAll(spec, "\n", "\n  ") + "\n"
}

const oneStep = "steps: [{wait: 1s}]\n"

func TestSaysAllThatIsWrong(t *testing.T) {
	const actions = "awaitRecovery, bare, evict, node, probe, scale, spot, wait, zone"
	const looks = "budgets, http, pendingPods, promql, workloads"
	tests := []struct {
		name, file string
		want       []string // lines, without the file's name
	}{
		{"nothing", "", []string{" not a scenario, which starts with apiVersion: chaos.stowage.dev/v1alpha1: it is empty"}},
		{"no YAML", "a: [", []string{" not a scenario, which starts with apiVersion: chaos.stowage.dev/v1alpha1: not valid YAML: yaml: line 1: did not find expected node content"}},
		{"two scenarios", in(oneStep) + "---\n" + in(oneStep), []string{" not a scenario, which starts with apiVersion: chaos.stowage.dev/v1alpha1: it has 2 documents; only one is read"}},
		{"another kind of file", "apiVersion: v1\nkind: Pod\nspec: {containers: []}\n", []string{
			`1: apiVersion: must be chaos.stowage.dev/v1alpha1, not "v1"`, `2: kind: must be Scenario, not "Pod"`,
		}},
		{"no name and no steps", "apiVersion: chaos.stowage.dev/v1alpha1\nkind: Scenario\nspec: {}\n", []string{
			"1: metadata.name: is required: the name of the scenario", "3: spec.steps: at least one step is required",
		}},
		{"misspelled fields", in("timeOut: 1m\nsteps:\n- wait: 1s\n  probabilty: 0.5\nsteadystate: {}"), []string{
			`5: spec.timeOut: unknown field (did you mean "timeout"?); there are description, objectives, repeat, seed, steadyState, steps, timeout`,
			`8: spec.steps[0].probabilty: unknown field (did you mean "probability"?); there are ` + "awaitRecovery, bare, evict, name, node, probability, probe, repeat, scale, spot, wait, zone",
			`9: spec.steadystate: unknown field (did you mean "steadyState"?); there are description, objectives, repeat, seed, steadyState, steps, timeout`,
		}},
		{"a misspelled fault", in("steps:\n- evct: {}"), []string{
			`6: spec.steps[0].evct: unknown field (did you mean "evict"?); there are awaitRecovery, bare, evict, name, node, probability, probe, repeat, scale, spot, wait, zone`,
		}},
		{"a misspelled probe", in(oneStep + "steadyState:\n  probes:\n  - workload: {}"), []string{
			`8: spec.steadyState.probes[0].workload: unknown field (did you mean "workloads"?); there are budgets, failureThreshold, http, name, pendingPods, promql, timeout, workloads`,
		}},
		{"a misspelled argument", in("steps:\n- evict:\n    maxKill: 1\n    namespace: shop"), []string{
			`8: spec.steps[0].evict.namespace: unknown field (did you mean "namespaces"?); there are labels, maxKill, namespaces`,
		}},
		{"arguments that a fault refuses, two of them", in("steps:\n- evict:\n    labels: a=b\n    maxKill: -1"), []string{
			"6: spec.steps[0].evict: and the rest is bad too", "8: spec.steps[0].evict.maxKill: must be 0 or more",
		}},
		{"arguments that a probe refuses", in(oneStep + "steadyState:\n  probes:\n  - workloads:\n      labels: app=web\n      minAvailable: 0%"), []string{
			`10: spec.steadyState.probes[0].workloads.minAvailable: must be a whole number or a percentage from "1%" to "100%", not "0%"`,
		}},
		{"steps that do nothing, or too much", in("steps:\n- name: a\n- evict: {}\n  wait: 1s\n- {}\n- wait"), []string{
			"6: spec.steps[0]: has no action: exactly one of " + actions + " is required",
			"7: spec.steps[1]: has evict and wait; exactly one action is allowed",
			"9: spec.steps[2]: has no action: exactly one of " + actions + " is required",
			"10: spec.steps[3]: must be a map of fields, not text",
		}},
		{"probes that look at nothing, or too much", in("steps:\n- probe: {within: 1m}\nsteadyState:\n  probes:\n  - {name: a}\n  - {budgets: {}, pendingPods: {}}"), []string{
			"6: spec.steps[0].probe: has no probe: exactly one of " + looks + " is required",
			"9: spec.steadyState.probes[0]: has no probe: exactly one of " + looks + " is required",
			"10: spec.steadyState.probes[1]: has budgets and pendingPods; exactly one probe is allowed",
		}},
		{"arguments left out", in("steps:\n- evict:\n- wait:\n- zone: down"), []string{
			"6: spec.steps[0].evict: must be a map of arguments, or {} for none, not nothing",
			"7: spec.steps[1].wait: has no value",
			"8: spec.steps[2].zone: must be a map of arguments, or {} for none, not text",
		}},
		{"names that are taken", in("steps:\n- {name: a, wait: 1s}\n- {name: a, wait: 1s}\nsteadyState:\n  probes: [{budgets: {}}, {name: budgets, pendingPods: {}}]"), []string{
			`7: spec.steps[1].name: "a" is also the name of spec.steps[0]`,
			`9: spec.steadyState.probes[1].name: "budgets" is also the name of spec.steadyState.probes[0]`,
		}},
		{"a name that a report cannot have", strings.Replace(in(oneStep), "test", "Big_Test", 1), []string{
			`3: metadata.name: "Big_Test" is invalid: a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
		}},
		{"values of another type", in("timeout: 5\nseed: -1\nrepeat: {times: many}\nsteps:\n- wait: {seconds: 5}\n- wait: 1s\n  probability: often\n- scale: {replicas: three}\n  name: 3"), []string{
			"5: spec.timeout: must be a duration such as 30s, 5m or 1h30m, not 5",
			"6: spec.seed: must be a whole number from 0 to 2^64-1, such as 42 or 0x2a, not -1 (it cannot be read as one)",
			`7: spec.repeat.times: must be a whole number, not "many"`,
			`9: spec.steps[0].wait: must be a duration such as 30s, 5m or 1h30m, not a map`,
			`11: spec.steps[1].probability: must be a number, not "often"`,
			`12: spec.steps[2].scale.replicas: must be a whole number, not "three"`,
			`12: spec.steps[2].scale.kind: must be one of Deployment, ReplicaSet, StatefulSet, not ""`,
			`12: spec.steps[2].scale.namespace: is required`,
			`12: spec.steps[2].scale.name: is required`,
			`13: spec.steps[2].name: must be text, in quotes where it looks like something else, not 3`,
		}},
		{"numbers out of range", in("timeout: -1m\nrepeat: {times: 0}\nobjectives: {minAvailability: \"120%\", maxRecovery: 0s, recoveryPercentile: 101, maxUnrecovered: -1}\nsteps:\n" +
			"- wait: 0s\n- wait: 1s\n  probability: 0\n- wait: 1s\n  repeat: {times: 2, minPause: 2m, maxPause: 1m}\n- awaitRecovery: {timeout: 0s}\n- scale: {kind: Deployments, namespace: a, name: b, replicas: -1}\n" +
			"steadyState:\n  interval: 1ms\n  probes:\n  - {failureThreshold: 0, timeout: -1s, budgets: {}}"), []string{
			`5: spec.timeout: must be a duration such as 30s, 5m or 1h30m, not "-1m"`,
			"6: spec.repeat.times: must be 1 or more, not 0",
			`7: spec.objectives.minAvailability: must be a whole number or a percentage from "1%" to "100%", not "120%"; omit it for no objective`,
			"7: spec.objectives.maxRecovery: must be more than 0; omit it for no objective",
			"7: spec.objectives.recoveryPercentile: must be more than 0 and at most 100",
			"7: spec.objectives.maxUnrecovered: must be 0 or more, not -1",
			"9: spec.steps[0].wait: must be more than 0, not 0s",
			"11: spec.steps[1].probability: must be more than 0 and at most 1, not 0",
			"13: spec.steps[2].repeat.maxPause: must be at least minPause, 2m0s",
			"14: spec.steps[3].awaitRecovery.timeout: \"0s\" has no effect: omit it, or set a value",
			`15: spec.steps[4].scale.kind: must be one of Deployment, ReplicaSet, StatefulSet, not "Deployments" (did you mean "Deployment"?)`,
			"15: spec.steps[4].scale.replicas: must be 0 or more, not -1",
			"17: spec.steadyState.interval: must be 100ms or more, not 1ms",
			`19: spec.steadyState.probes[0].timeout: must be a duration such as 30s, 5m or 1h30m, not "-1s"`,
			"19: spec.steadyState.probes[0].failureThreshold: must be 1 or more, not 0",
		}},
		{"a percentile of nothing", in(oneStep + "objectives: {recoveryPercentile: 99}"), []string{
			"6: spec.objectives.recoveryPercentile: has no effect without maxRecovery",
		}},
		{"a steady state of nothing", in(oneStep + "steadyState: {probes: []}"), []string{
			"6: spec.steadyState.probes: at least one probe is required; omit steadyState for none",
		}},
		{"fields given twice, and a map that is merged", in("timeout: 1m\ntimeout: 2m\nsteps:\n- evict: {maxKill: 1, maxKill: 2}\n- <<: {wait: 1s}\n  wait: 1s"), []string{
			"6: spec.timeout: the field is given twice", "8: spec.steps[0].evict.maxKill: the field is given twice",
			"9: spec.steps[1].<<: maps cannot be merged here; write the fields out",
		}},
		{"aliases that expand without end", "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n", []string{
			" not a scenario, which starts with apiVersion: chaos.stowage.dev/v1alpha1: it is nested too deeply, has too many values, or its aliases expand to too much",
		}},
		{"numbers that are none", in("steps:\n- wait: 1s\n  probability: .nan"), []string{
			"7: spec.steps[0].probability: .nan is no number that can be used",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "scenario.yaml")
			if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := scenario.Load(path, fakes(t), allProbes)
			if err == nil {
				t.Fatal("it is taken")
			}
			var got []string
			for line := range strings.Lines(err.Error()) {
				rest, is := strings.CutPrefix(strings.TrimSuffix(line, "\n"), path+":")
				if !is {
					t.Errorf("the line does not begin with the file: %s", line)
				}
				got = append(got, rest)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("other mistakes (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestNoSuchFile(t *testing.T) {
	if _, err := scenario.Load(filepath.Join(t.TempDir(), "none.yaml"), nil, nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the error is %v", err)
	}
}

func TestAnAliasStandsForWhatItNames(t *testing.T) {
	s, err := scenario.Parse([]byte(in("steps:\n- evict: &web {labels: app=web}\n- {name: again, evict: *web}")), fakes(t), allProbes)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(s.Steps[0].Arguments), string(s.Steps[1].Arguments)); diff != "" {
		t.Error(diff)
	}
}

func TestPluginsDoNotHideFields(t *testing.T) {
	plugins := fakes(t)
	for _, name := range []string{"wait", "probability", "evict"} {
		hiding := plugins[4]
		hiding.Name = name
		if _, err := scenario.Parse([]byte(in(oneStep)), append(plugins, hiding), allProbes); err == nil || !strings.Contains(err.Error(), "the name is already in use") {
			t.Errorf("a fault named %s: %v", name, err)
		}
	}
	hiding := allProbes[0]
	hiding.Name = "timeout"
	if _, err := scenario.Parse([]byte(in(oneStep)), plugins, append(allProbes[:5:5], hiding)); err == nil || !strings.Contains(err.Error(), "the name is already in use") {
		t.Errorf("a probe named timeout: %v", err)
	}
}
