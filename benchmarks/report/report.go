// Package report puts the results of all benchmarks together: into a page, into one file
// for programs, and into a table for a README. It knows benchmarks by the names in their
// files. Of one that it does not know it shows everything in tables, and the charts that the
// results have themselves.
package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/page"
)

// Report is the results of all benchmarks.
type Report struct {
	Headlines []Headline `json:"headlines"`
	// Results are in the order of the report.
	Results []figure.Results `json:"results"`
	// Missing are the benchmarks without results, and Skipped says which files are none.
	Missing []string `json:"missing"`
	Skipped []string `json:"skipped"`
}

// Headline is a figure that matters.
type Headline struct {
	Benchmark string `json:"benchmark"`
	// Value is a short text, and What says what it is.
	Value string `json:"value"`
	What  string `json:"what"`
	// Noise says how far it varied; "" where it was measured once.
	Noise string `json:"noise,omitempty"`
	// Rivals are those that it compares.
	Rivals []Rival `json:"rivals,omitempty"`
	// Command measures it again.
	Command string `json:"command"`
}

// Rival is one of those that a headline compares.
type Rival struct {
	Subject string  `json:"subject"`
	Value   float64 `json:"value"`
	Text    string  `json:"text"`
}

// benchmark is what the report knows of a benchmark. The name is that of its make target
// too, after "bench-".
type benchmark struct {
	name, title string
	// about says what is measured, in a sentence.
	about     string
	headlines func(results) []Headline
	charts    func(results) []page.Chart
}

// benchmarks are those that there are, in the order of the report.
var benchmarks = []benchmark{
	{"loop", "What placing a pod costs", "The scheduler's own loop over clusters in memory, on one core: no API server, and binding does nothing.", loopHeadlines, loopCharts},
	{"scaling", "How that grows with the cluster", "The same loop on clusters of up to 100,000 nodes, larger than a control plane on one machine could serve.", scalingHeadlines, nil},
	{"e2e", "Throughput of a real control plane", "Pods from creation to binding, through etcd and kube-apiserver. The ceiling is a scheduler that binds round robin without looking at anything.", e2eHeadlines, e2eCharts},
	{"packing", "How far a cluster can be filled", "Workloads are replayed through the scheduler's engine, in the order of their arrival, until more is asked for than there is.", packingHeadlines, packingCharts},
	{"deschedule", "What descheduling does", "Deschedulers on skewed clusters with real controllers: what the API server saw, not what they say.", descheduleHeadlines, descheduleCharts},
	{"chaos", "What chaos does, and undoes", "stowage-chaos on a real control plane with fake nodes, seen by a watcher that knows nothing of the tool.", chaosHeadlines, nil},
	{"scale", "The whole product at its limits", "Scheduler, descheduler and chaos on one control plane, whose processes share the machine's cores with them.", scaleHeadlines, scaleCharts},
	{"karpenter", "What an autoscaler makes of it", "The real Karpenter, on its own fake nodes, beside one scheduler or the other: what the API server saw. Figures are medians over the mixes of pods.", nil, nil},
	{"real", "Times on real nodes", "Kubelets and containers: from an eviction, a loss or a drain until what was lost is there again.", realHeadlines, nil},
}

// results are what a benchmark has come to, with its name in the report.
type results struct{ figure.Results }

// find returns a figure.
func (r results) find(name, subject, metric string) (figure.Figure, bool) {
	return figure.Find(r.Figures, name, subject, metric)
}

// variant says whether a subject is Stowage set in another way than it is shipped.
func (r results) variant(subject string) bool {
	return subject != stowage && slices.ContainsFunc(r.Subjects, func(s figure.Subject) bool {
		return s.Name == subject && strings.HasPrefix(s.Version, "Stowage ")
	})
}

// compared returns the subjects but for variants.
func (r results) compared() []string {
	return slices.DeleteFunc(figure.Subjects(r.Figures), r.variant)
}

// fastest returns the best figure of the subjects that are neither Stowage nor the ceiling.
func (r results) fastest(name, metric string) (best figure.Figure, has bool) {
	for _, subject := range r.compared() {
		f, measured := r.find(name, subject, metric)
		if !measured || subject == stowage || subject == ceiling {
			continue
		}
		if !has || (f.Value < best.Value) == (f.Better == figure.Lower) {
			best, has = f, true
		}
	}
	return best, has
}

// known returns the benchmark that results are of, and its place; a new one at the end for
// those that the report does not know.
func known(name string) (benchmark, int) {
	i := slices.IndexFunc(benchmarks, func(b benchmark) bool { return b.name == name })
	if i < 0 {
		return benchmark{name: name, title: name}, len(benchmarks)
	}
	return benchmarks[i], i
}

// Load reads the results in a folder. That there are none of a benchmark is no error, nor
// are files that hold something else: the report says so.
func Load(dir string) (*Report, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []figure.Results
	var skipped []string
	for _, path := range paths {
		r, err := figure.ReadFile(path)
		if err != nil {
			skipped = append(skipped, err.Error())
			continue
		}
		list = append(list, r)
	}
	if len(list) == 0 {
		return nil, errors.Join(fmt.Errorf("%s: there are no results of stowage-bench: make bench measures them", dir), errors.New(strings.Join(skipped, "\n")))
	}
	return From(list, skipped), nil
}

// From returns the report of results.
func From(list []figure.Results, skipped []string) *Report {
	r := &Report{Headlines: []Headline{}, Results: slices.Clone(list), Missing: []string{}, Skipped: append([]string{}, skipped...)}
	slices.SortStableFunc(r.Results, func(a, b figure.Results) int {
		_, i := known(a.Benchmark)
		_, j := known(b.Benchmark)
		return i - j
	})
	for _, b := range benchmarks {
		if !slices.ContainsFunc(r.Results, func(one figure.Results) bool { return one.Benchmark == b.name }) {
			r.Missing = append(r.Missing, b.name)
		}
	}
	for _, one := range r.Results {
		b, _ := known(one.Benchmark)
		if b.headlines == nil {
			continue
		}
		for _, h := range b.headlines(results{one}) {
			h.Benchmark, h.Command = one.Benchmark, one.Command
			r.Headlines = append(r.Headlines, h)
		}
	}
	return r
}
