package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Format is a format of a report. It is also a flag value.
type Format string

// The formats.
const (
	// Table is for terminals, with at most 50 rows per table. Wide shows everything.
	Table Format = "table"
	Wide  Format = "wide"
	// JSON and YAML are for programs: a Report.
	JSON Format = "json"
	YAML Format = "yaml"
	// JUnit is XML for CI: a test case per workload, probe and objective.
	JUnit Format = "junit"
	// Markdown is for issues and pages.
	Markdown Format = "markdown"
	// HTML is a self-contained page with charts that loads nothing.
	HTML Format = "html"
)

// Formats are all formats.
var Formats = []Format{Table, Wide, JSON, YAML, JUnit, Markdown, HTML}

// Set sets the format by name.
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
	return fmt.Errorf("unknown format %q: must be one of %s", string(f), strings.Join(names, ", "))
}

// Write writes the report. The error is that of the writer, or for an unknown format.
func (r *Report) Write(w io.Writer, format Format) error {
	render := map[Format]func() (string, error){
		Table:    func() (string, error) { return r.text(false), nil },
		Wide:     func() (string, error) { return r.text(true), nil },
		JSON:     r.json,
		YAML:     r.yaml,
		JUnit:    r.junit,
		Markdown: func() (string, error) { return r.markdown(), nil },
		HTML:     r.html,
	}[format]
	if render == nil {
		return unknown(format)
	}
	text, err := render()
	if err == nil {
		_, err = io.WriteString(w, text)
	}
	if err != nil {
		return fmt.Errorf("writing the report as %s: %w", format, err)
	}
	return nil
}
