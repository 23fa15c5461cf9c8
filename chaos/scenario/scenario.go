// Package scenario reads what a run of chaos is to do from a file: its steps, the steady
// state that it must not break, and the objectives that it is measured by.
//
//	apiVersion: chaos.stowage.dev/v1alpha1
//	kind: Scenario
//	metadata: {name: lose-a-zone}
//	spec:
//	  seed: 42
//	  timeout: 30m
//	  steadyState:
//	    probes:
//	    - name: shop
//	      workloads: {namespaces: [shop], minAvailable: "60%"}
//	  objectives: {minAvailability: "60%", maxRecovery: 2m}
//	  steps:
//	  - zone: {kind: drained}
//	  - awaitRecovery: {timeout: 5m}
//
// A command, such as evict, is a scenario of one step: see Of.
package scenario

import (
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/scenario/schema"
	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/internal/strict"
)

const (
	// APIVersion and Kind head a scenario's file.
	APIVersion = "chaos.stowage.dev/v1alpha1"
	Kind       = "Scenario"
)

// The kinds of steps that are no faults.
const (
	KindWait          = "wait"
	KindProbe         = "probe"
	KindScale         = "scale"
	KindAwaitRecovery = "awaitRecovery"
)

// DefaultRecoveryTimeout is the default timeout of awaitRecovery.
const DefaultRecoveryTimeout = 10 * time.Minute

// Scenario describes a run.
type Scenario struct {
	Name        string
	Description string
	// Seed is the seed of its draws; nil if the file does not set it.
	Seed *draw.Seed
	// Timeout is the maximum duration of a run; 0 means no limit.
	Timeout time.Duration
	// SteadyState is what the run must not break. It may have no checks.
	SteadyState SteadyState
	Objectives  Objectives
	// Repeat is how often the steps are repeated.
	Repeat Repeat
	Steps  []Step

	json json.RawMessage
}

// JSON returns the scenario's file as JSON, which Parse reads as the same scenario.
func (s *Scenario) JSON() json.RawMessage { return s.json }

// SteadyState is what a run must not break.
type SteadyState struct {
	// Interval is the time between checks.
	Interval time.Duration
	Checks   []steady.Check
}

// Step is one action of a run. Of the last fields, the one for its Kind is set.
type Step struct {
	// Name is the name of the step. By default, it is its number and kind.
	Name string
	// Kind is the name of a fault, or one of the constants.
	Kind string
	// Probability is the probability that the step is run, each time: more than 0, at most 1.
	Probability float64
	Repeat      Repeat
	// Arguments are the arguments as in the file.
	Arguments json.RawMessage

	Fault fault.Fault
	// Wait is how long to wait.
	Wait time.Duration
	// Probe must succeed for the run to continue. It is repeated for Within, at the interval of
	// the steady state; with 0 it is checked once.
	Probe  *steady.Check
	Within time.Duration
	Scale  *Scale
	// AwaitRecovery is how long to wait until every lost pod has a ready replacement.
	AwaitRecovery time.Duration
}

// Scale sets the replicas of a workload until the run is restored.
type Scale struct {
	Kind, Namespace, Name string
	Replicas              int32
}

// Repeat is a number of repetitions, with pauses between them.
type Repeat struct {
	Times    int             `json:"times" doc:"the number of repetitions, 1 or more" schema:"required,minimum=1"`
	MinPause metav1.Duration `json:"minPause" doc:"the pause between repetitions, or its minimum"`
	MaxPause metav1.Duration `json:"maxPause,omitzero" doc:"the maximum pause. The pause is drawn between minPause and maxPause"`
}

// Objectives are the objectives of a run. Nil and 0 mean no objective. A run without a victim
// never succeeds, whatever the objectives are.
type Objectives struct {
	// MinAvailability is the minimum number of ready pods of every workload during the run: a number, or
	// a percentage of its desired pods, rounded up.
	MinAvailability *intstr.IntOrString `json:"minAvailability,omitempty" doc:"the minimum number of ready pods of every workload during the run: a number, or a percentage of its desired pods, rounded up"`
	// MaxRecovery is the maximum time from the loss of a pod until its replacement is ready,
	// for RecoveryPercentile of the pods, by the method of the nearest rank: 100, which is all, unless given.
	MaxRecovery        *metav1.Duration `json:"maxRecovery,omitempty" doc:"the maximum time from the loss of a pod until its replacement is ready"`
	RecoveryPercentile float64          `json:"recoveryPercentile,omitempty" doc:"the percentage of the lost pods that must meet maxRecovery. Default: 100" schema:"exclusiveMinimum=0,maximum=100"`
	// MaxUnrecovered is the maximum number of lost pods without a ready replacement at the end.
	MaxUnrecovered *int `json:"maxUnrecovered,omitempty" doc:"the maximum number of lost pods without a ready replacement at the end of the run" schema:"minimum=0"`
}

// metadata is that of a file.
type metadata struct {
	Name string `json:"name" doc:"the name of the scenario" schema:"required,pattern=^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"`
}

// file is a file. What plugins decide about is left for them to read.
type file struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
	Spec       spec     `json:"spec"`
}

type spec struct {
	specFields
	SteadyState *steadyState   `json:"steadyState"`
	Steps       []*strict.Node `json:"steps"`
}

type specFields struct {
	Description string          `json:"description,omitempty" doc:"the purpose of the scenario"`
	Seed        *seed           `json:"seed,omitempty" doc:"the seed of all draws: the same seed draws the same victims in the same cluster"`
	Timeout     metav1.Duration `json:"timeout,omitzero" doc:"the maximum duration of a run, after which it is aborted"`
	Objectives  Objectives      `json:"objectives,omitzero" doc:"the objectives of the run"`
	Repeat      *Repeat         `json:"repeat,omitempty" doc:"how often the steps are repeated. Default: once"`
}

type steadyState struct {
	steadyStateFields
	Probes []*strict.Node `json:"probes"`
}

type steadyStateFields struct {
	Interval metav1.Duration `json:"interval,omitzero" doc:"the time between checks. Default: 500ms"`
}

// stepFields and probeFields are what steps and probes have beside what they do or look at.
type stepFields struct {
	Name        string   `json:"name,omitempty" doc:"the name of the step in reports"`
	Probability *float64 `json:"probability,omitempty" doc:"the probability that the step is run, each time. Default: 1" schema:"exclusiveMinimum=0,maximum=1"`
	Repeat      *Repeat  `json:"repeat,omitempty" doc:"how often the step is run. Default: once"`
}

type probeFields struct {
	Name             string          `json:"name,omitempty" doc:"the name of the probe in reports. Default: its kind"`
	FailureThreshold *int            `json:"failureThreshold,omitempty" doc:"the number of consecutive failures after which the steady state is broken. Default: 1" schema:"minimum=1"`
	Timeout          metav1.Duration `json:"timeout,omitzero" doc:"the maximum duration of a check. Default: 500ms"`
}

type probeStepFields struct {
	Timeout metav1.Duration `json:"timeout,omitzero" doc:"the maximum duration of a check. Default: 500ms"`
	Within  metav1.Duration `json:"within" doc:"how long to repeat the check until it succeeds. Default: check once"`
}

type scaleFields struct {
	Kind      string `json:"kind" doc:"the kind of the workload" schema:"required,enum=Deployment|ReplicaSet|StatefulSet"`
	Namespace string `json:"namespace" schema:"required,minLength=1"`
	Name      string `json:"name" schema:"required,minLength=1"`
	Replicas  *int32 `json:"replicas" doc:"the number of replicas until the end of the run" schema:"required,minimum=0"`
}

type awaitRecoveryFields struct {
	Timeout metav1.Duration `json:"timeout,omitzero" doc:"how long to wait. Default: 10m"`
}

// seed is a seed in a file.
type seed draw.Seed

// UnmarshalJSON reads a number, or text as draw.ParseSeed does.
func (s *seed) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	parsed, err := draw.ParseSeed(text)
	if err != nil {
		return fmt.Errorf("it cannot be read as one") // what it must be is said by Wanted
	}
	*s = seed(parsed)
	return nil
}

// Wanted implements strict.Wanter.
func (*seed) Wanted() string { return "a whole number from 0 to 2^64-1, such as 42 or 0x2a" }

// JSONSchema implements schema.Describer.
func (*seed) JSONSchema() schema.Object {
	return schema.Object{"type": []string{"integer", "string"}, "minimum": 0, "pattern": "^[0-9][0-9a-fA-FxXoO_]*$"}
}

var (
	_ strict.Wanter    = (*seed)(nil)
	_ schema.Describer = (*seed)(nil)
)
