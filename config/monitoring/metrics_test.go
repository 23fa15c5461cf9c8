package monitoring

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// upstream are the metrics of others that queries ask for, by what they are about.
var upstream = map[string]string{
	"leader_election_master_status":                        "1 if the replica holds the lease",
	"process_cpu_seconds_total":                            "CPU time of the process",
	"process_resident_memory_bytes":                        "memory of the process",
	"rest_client_requests_total":                           "requests to the API server, by response code",
	"scheduler_pending_pods":                               "pods in the scheduler's queues",
	"scheduler_pod_scheduling_sli_duration_seconds_bucket": "time from entering the queue until a node is assigned, including all attempts and waits",
	"scheduler_schedule_attempts_total":                    "attempts to place a pod, by result",
	"scheduler_scheduling_attempt_duration_seconds_bucket": "duration of an attempt, including binding",
	"scheduler_unschedulable_pods":                         "unschedulable pods, by the plugins that rejected nodes",
}

// metric is one that a program of ours registers.
type metric struct {
	Name, Type, Help string
	Labels           []string
	Program          string
}

// programs are the folders whose metrics are those of a program.
var programs = map[string]string{
	"chaos":                 "stowage-chaos",
	"chaos/watch":           "stowage-watch",
	"cmd/stowage-scheduler": "stowage-scheduler",
	"descheduler":           "stowage-descheduler",
	"plugins":               "stowage-scheduler",
}

// registered reads from the sources which metrics are registered. There is no way to ask: a
// registry tells of those alone that have been seen, and plugins register theirs when they run.
func registered(t *testing.T) []metric {
	t.Helper()
	var all []metric
	for folder, program := range programs {
		err := filepath.WalkDir(filepath.Join("../..", folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.IsDir() {
				return err
			}
			if of, is := programs[strings.TrimPrefix(filepath.ToSlash(path), "../../")]; is && of != program {
				return filepath.SkipDir
			}
			found, err := registeredIn(path)
			for _, m := range found {
				m.Program = program
				all = append(all, m)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	slices.SortFunc(all, func(a, b metric) int { return strings.Compare(a.Program+a.Name, b.Program+b.Name) })
	if len(all) < 30 {
		t.Fatalf("there are %d metrics alone: this test has lost its subject", len(all))
	}
	return all
}

// registeredIn returns the metrics of a package.
func registeredIn(folder string) ([]metric, error) {
	sources, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	constants := map[string]string{}
	var parsed []*ast.File
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, file)
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, is := n.(*ast.ValueSpec); is && len(spec.Values) == len(spec.Names) {
				for i, name := range spec.Names {
					if value, is := text(spec.Values[i], constants); is {
						constants[name.Name] = value
					}
				}
			}
			return true
		})
	}
	var all []metric
	for _, file := range parsed {
		ast.Inspect(file, func(n ast.Node) bool {
			if call, is := n.(*ast.CallExpr); is {
				if m, is := made(call, constants); is {
					all = append(all, m)
				}
			}
			return true
		})
	}
	return all, nil
}

// kinds are the functions that make metrics: those of k8s.io/component-base/metrics, and those of
// telemetry.Subsystem, of which packages here have one as subsystem.
var kinds = map[string]string{
	"NewCounter": "counter", "NewCounterVec": "counter", "NewGauge": "gauge", "NewGaugeVec": "gauge",
	"NewHistogram": "histogram", "NewHistogramVec": "histogram",
	"Counter": "counter", "Counters": "counter", "Gauge": "gauge", "Gauges": "gauge",
}

// made returns the metric that a call makes, unless its name is a variable.
func made(call *ast.CallExpr, constants map[string]string) (m metric, is bool) {
	name := ""
	if function, is := call.Fun.(*ast.SelectorExpr); is {
		if x, is := function.X.(*ast.Ident); is && (x.Name == "metrics" || x.Name == "subsystem") {
			name = function.Sel.Name
		}
	}
	if m.Type = kinds[name]; m.Type == "" || len(call.Args) == 0 {
		return m, false
	}
	rest := call.Args[1:]
	switch options := call.Args[0].(type) {
	case *ast.UnaryExpr: // &metrics.CounterOpts{…}
		if literal, written := options.X.(*ast.CompositeLit); written {
			m.Name, m.Help, is = literalOptions(literal, constants)
		}
	case *ast.CallExpr: // subsystem.Histogram(name, help, buckets...)
		m.Name, m.Help, is = nameAndHelp(options.Args, constants)
	default: // subsystem.Counters(name, help, labels...)
		if m.Name, m.Help, is = nameAndHelp(call.Args, constants); is {
			rest = rest[1:]
		}
	}
	for _, arg := range rest {
		if list, is := arg.(*ast.CompositeLit); is { // []string{…}
			for _, label := range list.Elts {
				value, _ := text(label, constants)
				m.Labels = append(m.Labels, value)
			}
		} else if label, is := text(arg, constants); is {
			m.Labels = append(m.Labels, label)
		}
	}
	return m, is
}

// nameAndHelp returns the first two arguments of a function for metrics of a subsystem.
func nameAndHelp(args []ast.Expr, constants map[string]string) (name, help string, is bool) {
	if len(args) < 2 {
		return "", "", false
	}
	name, is = text(args[0], constants)
	help, _ = text(args[1], constants)
	return "stowage_" + constants["subsystem"] + "_" + name, help, is
}

// literalOptions returns what a literal of options says.
func literalOptions(literal *ast.CompositeLit, constants map[string]string) (name, help string, is bool) {
	fields := map[string]string{}
	for _, element := range literal.Elts {
		field, named := element.(*ast.KeyValueExpr)
		if !named {
			continue
		}
		if value, is := text(field.Value, constants); is {
			fields[field.Key.(*ast.Ident).Name] = value
		}
	}
	parts := slices.DeleteFunc([]string{fields["Namespace"], fields["Subsystem"], fields["Name"]}, func(part string) bool { return part == "" })
	return strings.Join(parts, "_"), fields["Help"], fields["Name"] != ""
}

// text returns a string that a constant expression is.
func text(e ast.Expr, constants map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		value, err := strconv.Unquote(e.Value)
		return value, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		value, is := constants[e.Name]
		return value, is
	}
	return "", false
}

// TestMetricsAreNamedAlike: names and helps are as Prometheus' documentation asks for, and each
// metric is registered once.
func TestMetricsAreNamedAlike(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range registered(t) {
		if !regexp.MustCompile(`^stowage_[a-z_]+$`).MatchString(m.Name) || (m.Type == "counter") != strings.HasSuffix(m.Name, "_total") || seen[m.Name] {
			t.Errorf("%s %s is misnamed, or there twice", m.Type, m.Name)
		}
		seen[m.Name] = true
		if !strings.HasSuffix(m.Help, ".") {
			t.Errorf("%s: its help is %q", m.Name, m.Help)
		}
	}
}

// TestReference: docs/metrics.md has what there is.
func TestReference(t *testing.T) {
	var page bytes.Buffer
	page.WriteString(`# Metrics

Generated from the sources by ` + "`make generate`" + `. Each program serves its metrics at ` + "`/metrics`" + `, together with metrics of
the Go runtime, the process and its requests to the API server. To scrape them, and for dashboards and alerts, see [monitoring](../config/monitoring/README.md). All metrics have the
[stability level](https://kubernetes.io/docs/concepts/cluster-administration/system-metrics/) alpha: a release may rename them.
`)
	program := ""
	for _, m := range registered(t) {
		if m.Program != program {
			program = m.Program
			fmt.Fprintf(&page, "\n## %s\n\n| metric | type | labels | description |\n|---|---|---|---|\n", program)
		}
		var labels []string
		for _, label := range m.Labels {
			labels = append(labels, "`"+label+"`")
		}
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", m.Name, m.Type, strings.Join(labels, ", "), m.Help)
	}
	page.WriteString("\n## Kubernetes and Go\n\nThe dashboards and rules also use these metrics. Kubernetes documents all of its metrics in a\n[reference](https://kubernetes.io/docs/reference/instrumentation/metrics/).\n\n| metric | description |\n|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(upstream)) {
		fmt.Fprintf(&page, "| `%s` | %s |\n", strings.TrimSuffix(name, "_bucket"), upstream[name])
	}
	sameFile(t, "../../docs/metrics.md", page.Bytes())
}
