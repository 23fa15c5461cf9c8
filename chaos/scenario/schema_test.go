package scenario_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/scenario"
)

// compiled returns the schema of scenarios, checked against that of its draft.
func compiled(t *testing.T, faults []fault.Plugin) *jsonschema.Schema {
	t.Helper()
	data, err := scenario.Schema(faults, allProbes)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(scenario.SchemaID, document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(scenario.SchemaID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T, s *jsonschema.Schema, file string) error {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(value)
}

func TestSchemaAndLoadAgree(t *testing.T) {
	s := compiled(t, fakes(t))
	tests := []struct {
		name, file string
		valid      bool
	}{
		{"one step", in(oneStep), true},
		{"a fault without a schema of its own", in("steps: [{bare: {anything: 1}}]"), true},
		{"a seed as text", in(oneStep + `seed: "0xffffffffffffffff"`), true},
		{"a typo in a field", in(oneStep + "objectivs: {}"), false},
		{"a typo in the name of a fault", in("steps: [{evct: {}}]"), false},
		{"a typo in an argument of a fault", in("steps: [{evict: {namespace: shop}}]"), false},
		{"a typo in the name of a probe", in(oneStep + "steadyState: {probes: [{workload: {minAvailable: 1}}]}"), false},
		{"a typo in an argument of a probe", in(oneStep + "steadyState: {probes: [{workloads: {namespace: [a], minAvailable: 1}}]}"), false},
		{"a typo in a probe that is a step", in("steps: [{probe: {budgets: {}, with: 1m}}]"), false},
		{"a typo beside a step's action", in("steps: [{wait: 1s, probabilty: 0.5}]"), false},
		{"two actions", in("steps: [{evict: {}, wait: 1s}]"), false},
		{"no action", in("steps: [{name: a}]"), false},
		{"two probes", in(oneStep + "steadyState: {probes: [{budgets: {}, pendingPods: {}}]}"), false},
		{"no steps", in("steps: []"), false},
		{"no arguments", in("steps: [{evict: }]"), false},
		{"a probability above 1", in("steps: [{wait: 1s, probability: 1.5}]"), false},
		{"a probability of 0", in("steps: [{wait: 1s, probability: 0}]"), false},
		{"a duration without a unit", in("steps: [{wait: 5}]"), false},
		{"a run without an end, by a timeout of nothing", in(oneStep + "timeout: 0s"), false},
		{"a look that may take nothing", in(oneStep + "steadyState: {probes: [{budgets: {}, timeout: 0s}]}"), false},
		{"no time between looks", in(oneStep + "steadyState: {interval: 0s, probes: [{budgets: {}}]}"), false},
		{"a step's look that may take nothing", in("steps: [{probe: {budgets: {}, timeout: 0s}}]"), false},
		{"no time to recover", in("steps: [{awaitRecovery: {timeout: 0s}}]"), false},
		{"a fault that lasts nothing", in("steps: [{node: {duration: \"0\"}}]"), false},
		{"a fault that lasts nothing, in several parts", in("steps: [{node: {duration: 0h0.0s}}]"), false},
		{"a fault that lasts a moment", in("steps: [{node: {duration: 0h0.01s}}]"), true},
		{"no most of a pause", in("steps: [{wait: 5s, repeat: {times: 2, minPause: 1s, maxPause: 0s}}]"), false},
		{"pauses from nothing", in("steps: [{wait: 5s, repeat: {times: 2, minPause: 0s, maxPause: 5s}}]"), true},
		{"a description of nothing", in(oneStep + "description: \"\""), false},
		{"a step named nothing", in("steps: [{name: \"\", wait: 1s}]"), false},
		{"a selector of nothing", in("steps: [{evict: {labels: \"\"}}]"), false},
		{"a negative duration", in("steps: [{wait: -5s}]"), false},
		{"no repetition", in("steps: [{wait: 5s, repeat: {times: 0}}]"), false},
		{"a seed that is none", in(oneStep + "seed: lucky"), false},
		{"a kind that cannot be scaled", in("steps: [{scale: {kind: DaemonSet, namespace: a, name: b, replicas: 1}}]"), false},
		{"a scale to nothing in particular", in("steps: [{scale: {kind: Deployment, namespace: a, name: b}}]"), false},
		{"an answer that cannot be", in("steps: [{probe: {http: {url: \"http://web\", status: [2000]}}}]"), false},
		{"an operator that there is not", in("steps: [{probe: {promql: {url: \"http://web\", query: up, op: \"=\", value: 1}}}]"), false},
		{"another version", strings.Replace(in(oneStep), "v1alpha1", "v1", 1), false},
		{"another kind", strings.Replace(in(oneStep), "Scenario", "Policy", 1), false},
		{"no name", strings.Replace(in(oneStep), "{name: test}", "{}", 1), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := valid(t, s, tt.file); (err == nil) != tt.valid {
				t.Errorf("the schema says %v", err)
			}
			if _, err := scenario.Parse([]byte(tt.file), fakes(t), allProbes); (err == nil) != tt.valid {
				t.Errorf("Parse says %v", err)
			}
		})
	}
}

func TestASchemaThatIsNoneIsAnError(t *testing.T) {
	broken := []fault.Plugin{{Name: "broken", Schema: []byte("{")}}
	if _, err := scenario.Schema(broken, nil); err == nil || !strings.Contains(err.Error(), "the schema of fault.broken") {
		t.Errorf("the error is %v", err)
	}
}
