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

// DefaultRecoveryTimeout is how long awaitRecovery waits unless it is told otherwise.
const DefaultRecoveryTimeout = 10 * time.Minute

// Scenario is what a run does.
type Scenario struct {
	Name        string
	Description string
	// Seed is where its draws come from; nil where the file leaves it open.
	Seed *draw.Seed
	// Timeout is how long a run may take; 0 is no limit.
	Timeout time.Duration
	// SteadyState is what the run must not break; it has no checks where the file has none.
	SteadyState SteadyState
	Objectives  Objectives
	// Repeat is how often the steps are gone through.
	Repeat Repeat
	Steps  []Step

	json json.RawMessage
}

// JSON returns the scenario's file as JSON, which Parse reads as the same scenario.
func (s *Scenario) JSON() json.RawMessage { return s.json }

// SteadyState is what a run must not break.
type SteadyState struct {
	// Interval is the time from one look to the next.
	Interval time.Duration
	Checks   []steady.Check
}

// Step is one thing that a run does. Of the pointers and interfaces at its end, the one
// that its Kind asks for is set, and Wait for a wait.
type Step struct {
	// Name is its own; that of the kind after its number where the file has none.
	Name string
	// Kind is the name of a fault, or one of the constants.
	Kind string
	// Probability is that of the step being done at all, each time: above 0, up to 1.
	Probability float64
	Repeat      Repeat
	// Arguments are those of the kind as they stand in the file.
	Arguments json.RawMessage

	Fault fault.Fault
	// Wait is how long to wait.
	Wait time.Duration
	// Probe must be OK for the run to go on. It is tried again for as long as Within, with the
	// pauses of the steady state; with 0 it looks once.
	Probe  *steady.Check
	Within time.Duration
	Scale  *Scale
	// AwaitRecovery is how long to wait at most until every lost pod has a ready replacement.
	AwaitRecovery time.Duration
}

// Scale sets how many pods a workload wants, until the run is put back.
type Scale struct {
	Kind, Namespace, Name string
	Replicas              int32
}

// Repeat is how often something is done, and with what pauses between.
type Repeat struct {
	Times    int             `json:"times" doc:"how many times, 1 or more" schema:"required,minimum=1"`
	MinPause metav1.Duration `json:"minPause" doc:"the time from the end of one to the start of the next, or the least of it"`
	MaxPause metav1.Duration `json:"maxPause,omitzero" doc:"the most of that time, which is drawn between the two"`
}

// Objectives are what a run is measured by. What is nil, or 0, is no objective. That a run
// has had no target at all is never a pass, whatever they say.
type Objectives struct {
	// MinAvailability is how many of its desired pods every workload must have ready all the
	// time: a number, or a percentage, rounded up.
	MinAvailability *intstr.IntOrString `json:"minAvailability,omitempty" doc:"how many of its desired pods every workload must have ready all the time: a number, or a percentage, rounded up"`
	// MaxRecovery is how long it may take from a pod's loss until its replacement is ready,
	// for RecoveryPercentile of the pods, by the method of the nearest rank: 100, which is all, unless given.
	MaxRecovery        *metav1.Duration `json:"maxRecovery,omitempty" doc:"how long it may take from a pod's loss until its replacement is ready"`
	RecoveryPercentile float64          `json:"recoveryPercentile,omitempty" doc:"the percentage of the lost pods for which maxRecovery holds, 100 unless given" schema:"exclusiveMinimum=0,maximum=100"`
	// MaxUnrecovered is how many lost pods may be without a ready replacement at the end.
	MaxUnrecovered *int `json:"maxUnrecovered,omitempty" doc:"how many lost pods may be without a ready replacement when the run ends" schema:"minimum=0"`
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
	Description string          `json:"description,omitempty" doc:"what the scenario is there to show"`
	Seed        *seed           `json:"seed,omitempty" doc:"where all draws come from: the same seed draws the same victims out of the same cluster"`
	Timeout     metav1.Duration `json:"timeout,omitzero" doc:"how long a run may take; it is aborted then"`
	Objectives  Objectives      `json:"objectives,omitzero" doc:"what the run is measured by"`
	Repeat      *Repeat         `json:"repeat,omitempty" doc:"how often the steps are gone through, once unless given"`
}

type steadyState struct {
	steadyStateFields
	Probes []*strict.Node `json:"probes"`
}

type steadyStateFields struct {
	Interval metav1.Duration `json:"interval,omitzero" doc:"the time from one look to the next, 500ms unless given"`
}

// stepFields and probeFields are what steps and probes have beside what they do or look at.
type stepFields struct {
	Name        string   `json:"name,omitempty" doc:"what reports call the step"`
	Probability *float64 `json:"probability,omitempty" doc:"how likely the step is done, each time, 1 unless given" schema:"exclusiveMinimum=0,maximum=1"`
	Repeat      *Repeat  `json:"repeat,omitempty" doc:"how often the step is done, once unless given"`
}

type probeFields struct {
	Name             string          `json:"name,omitempty" doc:"what reports call the probe, its kind unless given"`
	FailureThreshold *int            `json:"failureThreshold,omitempty" doc:"how many looks in a row must fail before the steady state counts as broken, 1 unless given" schema:"minimum=1"`
	Timeout          metav1.Duration `json:"timeout,omitzero" doc:"how long a look may take, 500ms unless given"`
}

type probeStepFields struct {
	Timeout metav1.Duration `json:"timeout,omitzero" doc:"how long a look may take, 500ms unless given"`
	Within  metav1.Duration `json:"within" doc:"for how long it is tried again, a single look unless given"`
}

type scaleFields struct {
	Kind      string `json:"kind" doc:"the kind of the workload" schema:"required,enum=Deployment|ReplicaSet|StatefulSet"`
	Namespace string `json:"namespace" schema:"required,minLength=1"`
	Name      string `json:"name" schema:"required,minLength=1"`
	Replicas  *int32 `json:"replicas" doc:"how many pods it is to have, until the end of the run" schema:"required,minimum=0"`
}

type awaitRecoveryFields struct {
	Timeout metav1.Duration `json:"timeout,omitzero" doc:"how long to wait, 10m unless given"`
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
