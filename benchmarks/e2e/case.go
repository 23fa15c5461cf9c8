package e2e

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"text/template"

	"k8s.io/component-base/featuregate"

	"github.com/stowage-k8s/stowage/benchmarks/e2e/harness"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
)

const (
	zones        = 10
	nodeMilliCPU = 32_000
	// replicas is how many pods are of one app: as many as the smallest zone has nodes.
	replicas = 50
	// podAntiAffinity is the name of the case whose pods must not share a host.
	podAntiAffinity = "pod-anti-affinity"
	// twoSchedulers and twoPackers are the names of the cases with a kube-scheduler on the same
	// nodes.
	twoSchedulers, twoPackers = "two-schedulers", "two-packers"
	// victimShare is by how much fewer pods are measured where each takes another's place.
	victimShare = 5
)

// Case is what pods are like.
type Case struct {
	Name string
	// pods is the template of the pods where it is another case's.
	pods string
	// FitsNowhere says that pods that fit nowhere arrive beside those that are measured.
	FitsNowhere bool
	// Backlog is how many pods that fit nowhere were there before. They are tried again whenever
	// one of the pods that come and go meanwhile is deleted.
	Backlog int
	// fills says that the pods that were there before take all of every node.
	fills bool
	// beside is the subject that works on the same nodes, on a playground.
	beside string
}

// Cases are the cases there are.
func Cases() []Case {
	return []Case{
		{Name: "plain"},
		{Name: "packing"},
		{Name: "node-affinity"},
		{Name: podAntiAffinity},
		{Name: "pod-affinity"},
		{Name: "preferred"},
		{Name: "spread"},
		{Name: "preemption", fills: true},
		{Name: "unschedulable", pods: "plain", FitsNowhere: true},
		{Name: "backlog", pods: "plain", Backlog: 10_000},
		{Name: "daemonset"},
		{Name: twoSchedulers, pods: "packing", beside: subjects.Default},
		{Name: twoPackers, pods: "packing", beside: subjects.MostAllocated},
	}
}

// quickCases are those of a quick run.
var quickCases = []string{"plain", "packing", podAntiAffinity, "pod-affinity"}

// Size is how large a cluster is.
type Size struct {
	Nodes int
	// Existing is how many pods are on the nodes before, Arriving how many arrive.
	Existing, Arriving int
}

var (
	// Sizes are those of a full run, with 10,000 and 50,000 pods.
	Sizes = []Size{{500, 5000, 5000}, {5000, 45_000, 5000}}
	// quickSize is that of a quick run.
	quickSize = Size{500, 1000, 2000}
)

// Comparison is a case at a size.
type Comparison struct {
	Case Case
	Size Size
}

// String returns the name of the comparison, "plain/nodes=500/pods=10000".
func (c Comparison) String() string {
	return fmt.Sprintf("%s/nodes=%d/pods=%d", c.Case.Name, c.Size.Nodes, c.Size.Existing+c.Measured())
}

// Measured is how many pods are measured.
func (c Comparison) Measured() int {
	if c.Case.fills {
		return c.Size.Arriving / victimShare
	}
	return c.Size.Arriving
}

// Full returns the cases at each of the sizes.
func Full(cases []Case, sizes []Size) []Comparison {
	var all []Comparison
	for _, size := range sizes {
		for _, c := range cases {
			all = append(all, Comparison{c, size})
		}
	}
	return all
}

// Quick returns a choice of the cases and of the subjects, or those given where they are fewer
// than all, at a size that takes seconds.
func Quick(cases []Case, subjects []Subject) ([]Comparison, []Subject) {
	if len(cases) == len(Cases()) {
		cases = slices.DeleteFunc(cases, func(c Case) bool { return !slices.Contains(quickCases, c.Name) })
	}
	if len(subjects) == len(Subjects()) {
		subjects = slices.DeleteFunc(subjects, func(s Subject) bool { return !slices.Contains(quickSubjects, s.Name) })
	}
	return Full(cases, []Size{quickSize}), subjects
}

// Compared returns the subjects but for those that are for another case only. One that does not
// look at nodes is none to share them with.
func (c Comparison) Compared(all []Subject) []Subject {
	return slices.DeleteFunc(slices.Clone(all), func(s Subject) bool {
		return len(s.only) > 0 && !slices.Contains(s.only, c.Case.Name) || c.Case.beside != "" && s.Name == ceiling
	})
}

// workloads are the templates of what scheduler_perf is given. It fills in what depends on
// the number of a pod or node, which is in {{ }}; what is in [[ ]] is filled in here.
//
//go:embed workloads
var workloads embed.FS

// values are what templates are filled in with.
type values struct {
	Comparison
	// Role is "existing" or "measured".
	Role                       string
	SchedulerFile              string
	Zones, PerZone, Replicas   int
	NodeMilliCPU, FullMilliCPU int
	FitsNowhereLabel           string
	Gates                      []featuregate.Feature
}

// write writes the files of the comparison into a folder, for a scheduler with these feature
// gates on.
func (c Comparison) write(dir string, gates []featuregate.Feature) error {
	pods := c.Case.pods
	if pods == "" {
		pods = c.Case.Name
	}
	v := values{
		Comparison: c, SchedulerFile: schedulerFile, Zones: zones, PerZone: c.Size.Nodes / zones, Replicas: replicas,
		NodeMilliCPU: nodeMilliCPU, FullMilliCPU: nodeMilliCPU * c.Size.Nodes / c.Size.Existing,
		FitsNowhereLabel: harness.FitsNowhereLabel, Gates: gates,
	}
	for _, file := range []struct{ name, template, role string }{
		{harness.WorkloadFile, "workload.yaml", ""},
		{"node.yaml", "node.yaml", ""},
		{"nowhere.yaml", "nowhere.yaml", ""},
		{"passing.yaml", "passing.yaml", ""},
		{"existing.yaml", "pods/" + pods + ".yaml", "existing"},
		{"measured.yaml", "pods/" + pods + ".yaml", "measured"},
	} {
		v.Role = file.role
		if err := v.fill(filepath.Join(dir, file.name), file.template); err != nil {
			return err
		}
	}
	return nil
}

// fill writes a template to a file.
func (v values) fill(path, name string) error {
	parsed, err := template.New(filepath.Base(name)).Delims("[[", "]]").ParseFS(workloads, "workloads/common.tmpl", "workloads/"+name)
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return parsed.Execute(file, v)
}
