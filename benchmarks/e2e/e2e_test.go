package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/benchmarks/e2e/harness"
	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
)

// TestEncode checks that the scheduler of a run gets what the subject says, but for the name.
func TestEncode(t *testing.T) {
	for _, s := range Subjects() {
		t.Run(s.Name, func(t *testing.T) {
			want, err := s.configuration.Read()
			if err != nil {
				t.Fatal(err)
			}
			text, err := s.encode(corev1.DefaultSchedulerName)
			if err != nil {
				t.Fatal(err)
			}
			got, err := subjects.Decode(text)
			if err != nil {
				t.Fatal(err)
			}
			if name := got.Profiles[0].SchedulerName; name != corev1.DefaultSchedulerName {
				t.Errorf("the scheduler's name is %s, want %s", name, corev1.DefaultSchedulerName)
			}
			for _, cfg := range []*schedulerconfig.KubeSchedulerConfiguration{want, got} {
				cfg.Profiles[0].SchedulerName = ""
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
}

var exampleComparison = Comparison{Case{Name: "plain"}, Size{500, 5000, 2000}}

// exampleFigures are of two rounds of four subjects, of which each of kube-scheduler's is faster
// in one.
func exampleFigures() []figure.Figure {
	samples := map[string][]sample{
		stowage:                  {{podsPerSecond: 450, attemptMean: 0.25, attemptP50: 0.5, attemptP99: 0.99, schedulerCPU: 1, processCPU: 6}, {podsPerSecond: 380, attemptMean: 0.35, attemptP50: 0.5, attemptP99: 0.99, schedulerCPU: 2, processCPU: 7}},
		subjects.Default:         {{podsPerSecond: 300, schedulerCPU: 4}, {podsPerSecond: 100, schedulerCPU: 5}},
		subjects.DefaultBatching: {{podsPerSecond: 250}, {podsPerSecond: 200}},
		ceiling:                  {{podsPerSecond: 500}, {podsPerSecond: 400}},
	}
	var all []figure.Figure
	for _, name := range []string{stowage, subjects.DefaultBatching, subjects.Default, ceiling} {
		all = append(all, exampleComparison.figures(name, samples)...)
	}
	return all
}

func TestFigures(t *testing.T) {
	figures := exampleFigures()
	var got []string
	for _, f := range figures {
		if f.Subject == stowage {
			got = append(got, f.String())
		}
	}
	const of = "plain/nodes=500/pods=7000, stowage: "
	want := []string{
		of + "pods_per_s 415 pods/s", of + "attempt_mean_ms 0.3 ms", of + "attempt_p50_ms 0.5 ms", of + "attempt_p99_ms 0.99 ms",
		of + "scheduler_cpu_s_per_1000_pods 0.75 s", of + "process_cpu_s_per_1000_pods 3.25 s",
		of + "share_of_ceiling_percent 92.5 %", of + "times_fastest 1.7 ×",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	share, _ := figure.Find(figures, exampleComparison.String(), stowage, shareOfCeiling)
	if diff := cmp.Diff([]float64{90, 95}, share.Samples); diff != "" {
		t.Errorf("the share in each round (-want +got):\n%s", diff)
	}
	if _, ok := figure.Find(figures, exampleComparison.String(), ceiling, shareOfCeiling); ok {
		t.Error("the ceiling has a share of itself")
	}
}

func TestWriteTable(t *testing.T) {
	var out strings.Builder
	if err := WriteTable(&out, exampleFigures()); err != nil {
		t.Fatal(err)
	}
	want := `  CASE, SUBJECT                                PODS/s  % CEILING  × FASTEST  MEAN ms  P50   P99  CPU s  OF ALL  REFUSED  OWN
  plain/nodes=500/pods=7000, stowage              415       92.5        1.7      0.3  0.5  0.99   0.75    3.25        -    -
  plain/nodes=500/pods=7000, default-batching     225         50       0.92        0    0     0      0       0        -    -
  plain/nodes=500/pods=7000, default              200       42.5       0.75        0    0     0   2.25       0        -    -
  plain/nodes=500/pods=7000, ceiling              450          -       1.83        0    0     0      0       0        -    -
`
	if got, _, _ := strings.Cut(out.String(), "\n\n"); got+"\n" != want {
		t.Errorf("table:\n%s\nwant:\n%s", got, want)
	}
	for _, c := range columns {
		if !strings.Contains(out.String(), c.legend) {
			t.Errorf("the table does not say what %s is", c.heading)
		}
	}
}

// TestFeatureGates covers that a run has those of its subject, in the case that it is for.
func TestFeatureGates(t *testing.T) {
	for _, c := range Full(Cases(), Sizes[:1]) {
		for _, s := range c.Compared(Subjects()) {
			dir := t.TempDir()
			if err := c.write(dir, s.configuration.Gates); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(dir, harness.WorkloadFile))
			if err != nil {
				t.Fatal(err)
			}
			var got []struct {
				Workloads []struct{ FeatureGates map[string]bool }
			}
			if err := yaml.Unmarshal(text, &got); err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{"OpportunisticBatching": true}
			if s.Name == subjects.DefaultFastPath {
				want["InterPodAffinityHostnameFastPath"] = true
			}
			if diff := cmp.Diff(want, got[0].Workloads[0].FeatureGates); diff != "" || want["InterPodAffinityHostnameFastPath"] && c.Case.Name != podAntiAffinity {
				t.Errorf("%s, %s: feature gates (-want +got):\n%s", c, s.Name, diff)
			}
		}
	}
}

func TestSettingsAreSaid(t *testing.T) {
	described := Described()
	if len(described) != len(Subjects()) {
		t.Fatalf("%d subjects are described, want %d", len(described), len(Subjects()))
	}
	for _, s := range described {
		if s.Version == "" || !strings.Contains(s.Settings, "5,000 requests per second") {
			t.Errorf("%+v: want a version, and what all share", s)
		}
	}
}
