// Package explain shows a plan and the result of executing it, to people and programs.
package explain

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/stowage-k8s/stowage/descheduler/plan"
)

// Document is what is shown.
type Document struct {
	Run  Run
	Plan *plan.Plan
	// Result is nil if the plan was not executed.
	Result *plan.Result
}

// Run says where a plan comes from. Unknown fields may be empty.
type Run struct {
	// Time is when the snapshot was taken. Ages are calculated by it. For a dump, Clock says
	// where the time comes from.
	Time  time.Time `json:"time,omitzero"`
	Clock string    `json:"clock,omitempty"`
	// Cluster names the cluster, such as the context of a kubeconfig. Dump is the file that was
	// read instead.
	Cluster string `json:"cluster,omitempty"`
	Dump    string `json:"dump,omitempty"`
	// Policy is the file with the policy.
	Policy string `json:"policy,omitempty"`
	// DryRun says that nothing is evicted.
	DryRun bool `json:"dryRun"`
	// Version is the version of this program, Kubernetes that of the API server.
	Version    string `json:"version,omitempty"`
	Kubernetes string `json:"kubernetesVersion,omitempty"`
	// Simulated says how the simulation differs from the cluster, see simulation.Caveat.
	Simulated string `json:"simulated,omitempty"`
}

// Format is a format of a document. It is also a flag value.
type Format string

// The formats.
const (
	// Table is for terminals: one line per move, refusals in groups.
	Table Format = "table"
	// Wide is Table with all columns and rows.
	Wide Format = "wide"
	// JSON and YAML are for programs: see Report.
	JSON Format = "json"
	YAML Format = "yaml"
	// HTML is a self-contained page, which loads nothing.
	HTML Format = "html"
)

// Formats are all formats.
var Formats = []Format{Table, Wide, JSON, YAML, HTML}

// Set sets the format by its name.
func (f *Format) Set(name string) error {
	if !slices.Contains(Formats, Format(name)) {
		return unknown(Format(name))
	}
	*f = Format(name)
	return nil
}

func (f *Format) String() string { return string(*f) }

// Type is the name of the value in help texts.
func (*Format) Type() string { return "format" }

func unknown(f Format) error {
	names := make([]string, len(Formats))
	for i, known := range Formats {
		names[i] = string(known)
	}
	return fmt.Errorf("unknown format %q: must be one of %s", string(f), strings.Join(names, ", "))
}

// Write writes the document. It returns the writer's error, or an error if the format is
// unknown or there is no plan.
func Write(w io.Writer, format Format, doc Document) error {
	if doc.Plan == nil {
		return errors.New("there is no plan to show")
	}
	write := map[Format]func(io.Writer, Document) error{
		Table: func(w io.Writer, doc Document) error { return writeText(w, doc, false) },
		Wide:  func(w io.Writer, doc Document) error { return writeText(w, doc, true) },
		JSON:  writeJSON,
		YAML:  writeYAML,
		HTML:  writeHTML,
	}[format]
	if write == nil {
		return unknown(format)
	}
	if err := write(w, doc); err != nil {
		return fmt.Errorf("writing the report as %s: %w", format, err)
	}
	return nil
}
