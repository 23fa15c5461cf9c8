package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Format is a way to show a report. It is a flag's value too.
type Format string

// The formats.
const (
	// Table is for terminals, with at most 50 rows a table, and Wide is all of it.
	Table Format = "table"
	Wide  Format = "wide"
	// JSON and YAML are for programs: a Report.
	JSON Format = "json"
	YAML Format = "yaml"
	// JUnit is XML for CI: a test case per workload, probe and objective.
	JUnit Format = "junit"
	// Markdown is for issues and pages.
	Markdown Format = "markdown"
	// HTML is a page by itself, which loads nothing, with pictures.
	HTML Format = "html"
)

// Formats are all formats.
var Formats = []Format{Table, Wide, JSON, YAML, JUnit, Markdown, HTML}

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

// Write writes the report. An error is the writer's, or says that there is no such format.
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
