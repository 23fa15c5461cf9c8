// Package explain shows people and programs a plan, and what came of carrying it out.
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
	// Result is nil where the plan was not carried out.
	Result *plan.Result
}

// Run says where a plan comes from. What is not known may be left out.
type Run struct {
	// Time is when the picture of the cluster was taken: ages are judged by it. Clock says of
	// a dump where that is from.
	Time  time.Time `json:"time,omitzero"`
	Clock string    `json:"clock,omitempty"`
	// Cluster names the cluster, such as the context of a kubeconfig; Dump is the file
	// that stood for one.
	Cluster string `json:"cluster,omitempty"`
	Dump    string `json:"dump,omitempty"`
	// Policy is the file with the policy.
	Policy string `json:"policy,omitempty"`
	// DryRun says that nothing is evicted.
	DryRun bool `json:"dryRun"`
	// Version is that of this program, Kubernetes that of the API server.
	Version    string `json:"version,omitempty"`
	Kubernetes string `json:"kubernetesVersion,omitempty"`
	// Simulated says what to know of how the schedulers were simulated, see simulation.Caveat.
	Simulated string `json:"simulated,omitempty"`
}

// Format is a way to show a document. It is a flag's value too.
type Format string

// The formats.
const (
	// Table is for terminals: one line per move, what stays in groups.
	Table Format = "table"
	// Wide is Table with everything: more columns, and no row left out.
	Wide Format = "wide"
	// JSON and YAML are for programs: see Report.
	JSON Format = "json"
	YAML Format = "yaml"
	// HTML is a page by itself, which loads nothing.
	HTML Format = "html"
)

// Formats are all formats.
var Formats = []Format{Table, Wide, JSON, YAML, HTML}

// Set takes a format by its name.
func (f *Format) Set(name string) error {
	if !slices.Contains(Formats, Format(name)) {
		return unknown(Format(name))
	}
	*f = Format(name)
	return nil
}

func (f *Format) String() string { return string(*f) }

// Type is what help calls the value.
func (*Format) Type() string { return "format" }

func unknown(f Format) error {
	names := make([]string, len(Formats))
	for i, known := range Formats {
		names[i] = string(known)
	}
	return fmt.Errorf("no such format: %q (there are %s)", string(f), strings.Join(names, ", "))
}

// Write writes the document. An error is the writer's, or says that there is no such
// format or no plan.
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
