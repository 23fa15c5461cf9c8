package loop

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
)

// exampleFigures are of three cases, of which the last has one subject only.
var exampleFigures = []figure.Figure{
	{Case: "plain/nodes=1000/fill=0", Subject: stowage, Metric: CPUPerPod, Value: 150, Unit: "us", Min: 140, Max: 155.5},
	{Case: "plain/nodes=1000/fill=0", Subject: stowage, Metric: allocsPerPod, Value: 300, Unit: "count", Min: 300, Max: 301},
	{Case: "plain/nodes=1000/fill=0", Subject: stowage, Metric: nodesUsed, Value: 52, Unit: "count"},
	{Case: "plain/nodes=1000/fill=0", Subject: stowage, Metric: lowerBound, Value: 52, Unit: "count"},
	{Case: "plain/nodes=1000/fill=0", Subject: subjects.Default, Metric: CPUPerPod, Value: 600, Unit: "us", Min: 590, Max: 610},
	{Case: "plain/nodes=1000/fill=0", Subject: subjects.Default, Metric: allocsPerPod, Value: 9000, Unit: "count", Min: 9000, Max: 9000},
	{Case: "plain/nodes=1000/fill=0", Subject: subjects.Default, Metric: nodesUsed, Value: 1000, Unit: "count"},
	{Case: "plain/nodes=1000/fill=0", Subject: subjects.Default, Metric: lowerBound, Value: 52, Unit: "count"},
	{Case: "plain/nodes=15000/fill=0", Subject: stowage, Metric: CPUPerPod, Value: 300, Unit: "us", Min: 290, Max: 310},
	{Case: "plain/nodes=15000/fill=0", Subject: subjects.Default, Metric: CPUPerPod, Value: 1900, Unit: "us", Min: 1890, Max: 1910},
	{Case: "plain/nodes=15000/fill=98", Subject: stowage, Metric: CPUPerPod, Value: 315, Unit: "us", Min: 290, Max: 350},
}

func TestWriteTables(t *testing.T) {
	var out strings.Builder
	if err := WriteTables(&out, exampleFigures); err != nil {
		t.Fatal(err)
	}
	want := `CPU time per pod, in µs: the median over the rounds
  CASE                       stowage  default
  plain/nodes=1000/fill=0        150      600
  plain/nodes=15000/fill=0       300     1900
  plain/nodes=15000/fill=98      315        -

CPU time per pod, as a multiple of stowage's
  CASE                       default
  plain/nodes=1000/fill=0        4.0
  plain/nodes=15000/fill=0       6.3
  plain/nodes=15000/fill=98        -

Allocations per pod
  CASE                       stowage  default
  plain/nodes=1000/fill=0        300     9000
  plain/nodes=15000/fill=0         -        -
  plain/nodes=15000/fill=98        -        -

Nodes used, all subjects with the same number of pods, and how many they need at least
  CASE                     stowage  default  AT LEAST
  plain/nodes=1000/fill=0       52     1000        52

stowage: plain/nodes=15000/fill=0 costs 2.00 times what plain/nodes=1000/fill=0 does
stowage: plain/nodes=15000/fill=98 costs 1.05 times what plain/nodes=15000/fill=0 does
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
}

// TestTablesOfOneSubject covers that there are no multiples where nobody is compared.
func TestTablesOfOneSubject(t *testing.T) {
	for _, subject := range []string{stowage, subjects.Default} {
		alone := slices.DeleteFunc(slices.Clone(exampleFigures), func(f figure.Figure) bool { return f.Subject != subject })
		var out strings.Builder
		if err := WriteTables(&out, alone); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "multiple") {
			t.Errorf("%s alone is compared:\n%s", subject, out.String())
		}
	}
}

func TestDisable(t *testing.T) {
	both := schedulerconfig.PluginSet{Enabled: []schedulerconfig.Plugin{{Name: "A"}, {Name: "B"}}}
	p := &schedulerconfig.Plugins{MultiPoint: both, PreFilter: both, Bind: schedulerconfig.PluginSet{Enabled: []schedulerconfig.Plugin{{Name: "B"}}}}
	p.PreFilter.Enabled = []schedulerconfig.Plugin{{Name: "B"}, {Name: "A"}}
	disable(p, "A")
	want := schedulerconfig.PluginSet{Enabled: []schedulerconfig.Plugin{{Name: "B"}}}
	if diff := cmp.Diff(&schedulerconfig.Plugins{MultiPoint: want, PreFilter: want, Bind: want}, p); diff != "" {
		t.Errorf("plugins (-want +got):\n%s", diff)
	}
}
