package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/chaos/journal"
	layout "github.com/stowage-k8s/stowage/internal/report"
)

// json returns the report as JSON. Arrows and brackets stay legible.
func (r *Report) json() (string, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "    ")
	err := encoder.Encode(r)
	return b.String(), err
}

func (r *Report) yaml() (string, error) {
	text, err := r.json()
	if err != nil {
		return "", err
	}
	data, err := yaml.JSONToYAML([]byte(text))
	return string(data), err
}

type junitSuite struct {
	XMLName    xml.Name        `xml:"testsuite"`
	Name       string          `xml:"name,attr"`
	Tests      int             `xml:"tests,attr"`
	Failures   int             `xml:"failures,attr"`
	Errors     int             `xml:"errors,attr"`
	Time       string          `xml:"time,attr"`
	Timestamp  string          `xml:"timestamp,attr"`
	Properties []junitProperty `xml:"properties>property"`
	Cases      []junitCase     `xml:"testcase"`
}

type junitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitProblem `xml:"failure"`
	Error   *junitProblem `xml:"error"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Message string `xml:"message,attr"`
}

// junit returns the report for CI. What is inconclusive is an error and no skipped test,
// since CI takes skipped tests for passes.
func (r *Report) junit() (string, error) {
	suite := junitSuite{
		Name: "stowage-chaos", Time: decimal(r.Run.Seconds), Timestamp: r.Run.Began.UTC().Format("2006-01-02T15:04:05"),
		Properties: []junitProperty{{"run", r.Run.ID}, {"seed", r.Run.Seed}, {"cluster", r.Run.Cluster}},
	}
	suite.Cases = append(suite.Cases, r.verdictCase())
	for _, f := range r.Findings {
		if f.Workload == "" {
			suite.Cases = append(suite.Cases, failing(junitCase{Class: "objectives", Name: f.Objective, Output: f.Message}, !f.Met, f.Message))
		}
	}
	for _, p := range r.Probes {
		c := junitCase{Class: "steadyState", Name: p.Probe, Output: fmt.Sprintf("%d of %s failed; last result: %s", p.Failed, layout.Count(p.Looks, "check"), p.Message)}
		suite.Cases = append(suite.Cases, failing(c, !p.OK || p.Failed > 0 && r.Verdict == journal.Broken, p.FirstFailure))
	}
	for _, w := range r.Workloads {
		suite.Cases = append(suite.Cases, r.workloadCase(w))
	}
	for i := range suite.Cases {
		c := &suite.Cases[i]
		suite.Tests++
		switch {
		case c.Failure != nil:
			suite.Failures++
		case c.Error != nil:
			suite.Errors++
		}
	}
	data, err := xml.MarshalIndent(suite, "", "  ")
	return xml.Header + string(data) + "\n", err
}

func (r *Report) verdictCase() junitCase {
	c := junitCase{Class: "run", Name: "verdict", Time: decimal(r.Run.Seconds), Output: r.headline()}
	problem := &junitProblem{Message: strings.Join(append([]string{string(r.Verdict)}, r.Reasons...), "; ")}
	switch r.Verdict {
	case journal.Held:
	case journal.Broken:
		c.Failure = problem
	default:
		c.Error = problem
	}
	return c
}

// workloadCase fails where the workload did not meet its objective, or lost pods for good
// in a run that did not hold.
func (r *Report) workloadCase(w Workload) junitCase {
	c := junitCase{Class: "workloads", Name: w.Workload, Output: cmp.Or(listed(tally{w.Drawn + w.Others, "lost"}, tally{w.Losses.Recovered, "replaced"}), "no pods lost")}
	if w.Recovery.Max != nil {
		c.Time = decimal(*w.Recovery.Max)
	}
	if w.Floor != nil {
		c.Output += "; at the worst moment " + ready(*w.Floor)
	}
	c = failing(c, w.Unrecovered > 0 && r.Verdict != journal.Held, fmt.Sprintf("%s had no ready replacement at the end", layout.Count(w.Unrecovered, "pod")))
	for _, f := range r.Findings {
		if f.Workload == w.Workload && !f.Met {
			c = failing(c, true, f.Message)
		}
	}
	return c
}

func failing(c junitCase, fails bool, message string) junitCase {
	if c.Time == "" {
		c.Time = decimal(0)
	}
	if fails {
		c.Failure = &junitProblem{Message: message}
	}
	return c
}

func decimal(value float64) string { return fmt.Sprintf("%.3f", value) }
