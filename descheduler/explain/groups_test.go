package explain

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

func TestGroup(t *testing.T) {
	refusal := func(pod, workload, node, reason string) plan.Refusal {
		return plan.Refusal{Pod: plan.Pod{Namespace: "default", Name: pod, Workload: workload}, Node: node, Strategy: "S", Rule: strategy.NoDestination, Reason: reason}
	}
	for _, tt := range []struct {
		name     string
		refusals []plan.Refusal
		want     []string
	}{
		{name: "no refusals, no groups"},
		{
			name:     "one refusal keeps its words",
			refusals: []plan.Refusal{refusal("a", "", "n", "0/5 nodes: 3 Insufficient cpu")},
			want:     []string{"1 0/5 nodes: 3 Insufficient cpu"},
		},
		{
			name: "quantities that differ are left out, those that do not are kept",
			refusals: []plan.Refusal{
				refusal("a", "", "n", "0/5 nodes: 3 Insufficient cpu."), refusal("b", "", "n", "0/5 nodes: 4 Insufficient cpu."), refusal("c", "", "n", "0/5 nodes: 3 Insufficient cpu."),
			},
			want: []string{"3 0/5 nodes: … Insufficient cpu."},
		},
		{
			name: "the full stop after a quantity stays",
			refusals: []plan.Refusal{
				refusal("a", "", "n", "it waits for 3."), refusal("b", "", "n", "it waits for 1.5."), refusal("c", "", "n", "it waits for 3"),
			},
			want: []string{"2 it waits for ….", "1 it waits for 3"},
		},
		{
			name: "names of pods, workloads and nodes differ, with digits or without",
			refusals: []plan.Refusal{
				refusal("web-x", "Deployment default/web", "alpha", `default/web-x of Deployment default/web ("web") would return to beta`),
				refusal("api-x", "Deployment default/api", "beta", `default/api-x of Deployment default/api ("api") would return to alpha`),
			},
			want: []string{`2 … of Deployment … ("…") would return to …`},
		},
		{
			name:     "other words make other groups",
			refusals: []plan.Refusal{refusal("a", "", "n", "Insufficient cpu"), refusal("b", "", "n", "Insufficient memory"), refusal("c", "", "n", "Insufficient memory")},
			want:     []string{"2 Insufficient memory", "1 Insufficient cpu"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, g := range group(tt.refusals) {
				got = append(got, fmt.Sprint(g.Count, " ", g.Reason))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGroupRandom groups sentences that were made from templates: there must be a group
// per strategy, rule and template, with the first refusal as its example.
func TestGroupRandom(t *testing.T) {
	templates := []string{
		"node %s is full", "node %s is %s full.", "%s of %s nodes: (%s) no room", "%s", `budget "%s" allows %s`,
		"nothing to say",
	}
	rapid.Check(t, func(t *rapid.T) {
		type key struct {
			strategy string
			rule     strategy.Rule
			template string
		}
		counts, examples := map[key]int{}, map[string]key{}
		var refusals []plan.Refusal
		for i := range rapid.IntRange(0, 40).Draw(t, "refusals") {
			k := key{
				strategy: rapid.SampledFrom([]string{"A", "B"}).Draw(t, "strategy"),
				rule:     rapid.SampledFrom([]strategy.Rule{strategy.OverBudget, strategy.Resting}).Draw(t, "rule"),
				template: rapid.SampledFrom(templates).Draw(t, "template"),
			}
			pod := plan.Pod{Namespace: "default", Name: fmt.Sprintf("pod-%c", 'a'+i)}
			node := rapid.SampledFrom([]string{"alpha", "beta", "n1"}).Draw(t, "node")
			var words []any
			for range strings.Count(k.template, "%s") {
				words = append(words, rapid.SampledFrom([]string{node, pod.Name, fullName(pod), "17", "2.5", "300m"}).Draw(t, "word"))
			}
			refusals = append(refusals, plan.Refusal{Pod: pod, Node: node, Strategy: k.strategy, Rule: k.rule, Reason: fmt.Sprintf(k.template, words...)})
			if counts[k]++; counts[k] == 1 {
				examples[pod.Name] = k
			}
		}
		got := map[key]int{}
		last := len(refusals)
		for _, g := range group(refusals) {
			got[examples[g.Example.Name]] = g.Count
			if g.Count > last {
				t.Errorf("a group of %d after one of %d", g.Count, last)
			}
			last = g.Count
		}
		if diff := cmp.Diff(counts, got); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
	})
}
