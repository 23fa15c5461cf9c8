package explain

import (
	"bytes"
	"encoding/json"
	"io"

	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/descheduler/plan"
)

const (
	// APIVersion and Kind are those of reports for programs.
	APIVersion = "descheduler.stowage.dev/v1alpha1"
	Kind       = "DeschedulingReport"
)

// Report is a document for programs, in the formats json and yaml.
type Report struct {
	APIVersion string  `json:"apiVersion"`
	Kind       string  `json:"kind"`
	Run        Run     `json:"run"`
	Summary    Summary `json:"summary"`
	// Staying groups the plan's refusals of pods that no strategy moves.
	Staying []Group      `json:"staying"`
	Plan    plan.Plan    `json:"plan"`
	Result  *plan.Result `json:"result,omitempty"`
}

// NewReport returns the report of a document that has a plan. Its lists are never null.
func NewReport(doc Document) Report {
	r := Report{
		APIVersion: APIVersion,
		Kind:       Kind,
		Run:        doc.Run,
		Summary:    summarize(doc),
		Staying:    orEmpty(group(staying(doc.Plan))),
		Plan:       *doc.Plan,
	}
	r.Plan.Moves, r.Plan.Waves, r.Plan.Refused = orEmpty(r.Plan.Moves), orEmpty(r.Plan.Waves), orEmpty(r.Plan.Refused)
	r.Plan.Before.Resources, r.Plan.After.Resources = orEmpty(r.Plan.Before.Resources), orEmpty(r.Plan.After.Resources)
	if doc.Result != nil {
		result := *doc.Result
		result.Evictions, result.After.Resources = orEmpty(result.Evictions), orEmpty(result.After.Resources)
		r.Result = &result
	}
	return r
}

// orEmpty returns an empty list for none.
func orEmpty[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

func writeJSON(w io.Writer, doc Document) error {
	data, err := marshal(doc)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func writeYAML(w io.Writer, doc Document) error {
	data, err := marshal(doc)
	if err != nil {
		return err
	}
	if data, err = yaml.JSONToYAML(data); err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// marshal returns the report as JSON, without escaping arrows and brackets.
func marshal(doc Document) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "    ")
	err := encoder.Encode(NewReport(doc))
	return b.Bytes(), err
}
