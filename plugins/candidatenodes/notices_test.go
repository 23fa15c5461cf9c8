package candidatenodes_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/plugins"
)

// guesser is a CandidateNodes that guesses.
type guesser struct {
	guess func(nodes []fwk.NodeInfo) string
}

func (*guesser) Name() string                                 { return candidateNodes }
func (*guesser) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

func (g *guesser) PreFilter(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	name := g.guess(nodes)
	if name == "" {
		return nil, nil
	}
	return &fwk.PreFilterResult{NodeNames: sets.New(name)}, nil
}

// TestDifferentialNotices shows that TestDifferential fails when it should.
func TestDifferentialNotices(t *testing.T) {
	enough := func(node fwk.NodeInfo) bool {
		return len(node.Node().Spec.Taints) == 0 && node.GetAllocatable().GetMilliCPU()-node.GetRequested().GetMilliCPU() > 1_000
	}
	tests := []struct {
		name   string
		guess  func(nodes []fwk.NodeInfo) string
		change func(*schedulerconfig.KubeSchedulerProfile)
		want   string
	}{
		{name: "nothing wrong"},
		{name: "another weight", change: func(p *schedulerconfig.KubeSchedulerProfile) { weigh(p, binPacking, 3) }, want: "is chosen, with a score of"},
		{name: "any node", guess: func(nodes []fwk.NodeInfo) string { return nodes[0].Node().Name }, want: "decision"},
		{name: "some node with room", guess: func(nodes []fwk.NodeInfo) string {
			for _, node := range nodes {
				if enough(node) {
					return node.Node().Name
				}
			}
			return ""
		}, want: "decision"},
		{name: "a node that is not there", guess: func([]fwk.NodeInfo) string { return "gone" }, want: "decision"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			profile := shipped(t)[0].profile
			without(candidateNodes)(profile)
			r := reference(profile)
			registry := plugins.NewRegistry()
			if tt.guess != nil {
				profile.Plugins.MultiPoint.Enabled = append(profile.Plugins.MultiPoint.Enabled, schedulerconfig.Plugin{Name: candidateNodes})
				registry[candidateNodes] = func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) {
					return &guesser{tt.guess}, nil
				}
			}
			if tt.change != nil {
				tt.change(profile)
			}
			for seed := uint64(1); seed <= 10; seed++ {
				wrong := compareSides(t, rand.New(rand.NewPCG(seed, 0)), profileCase{tt.name, profile}, r, registry, tally{})
				switch {
				case wrong != "" && tt.want == "":
					t.Fatalf("cluster %d: %s", seed, wrong)
				case wrong != "" && !strings.Contains(wrong, tt.want):
					t.Fatalf("cluster %d: %s\nwant it to say %q", seed, wrong, tt.want)
				case wrong != "":
					return
				}
			}
			if tt.want != "" {
				t.Error("nothing is noticed")
			}
		})
	}
}

func TestCompare(t *testing.T) {
	scored := func(scores ...int64) simulation.Decision {
		d := simulation.Decision{Node: "a"}
		for i, score := range scores {
			d.Scores = append(d.Scores, fwk.NodePluginScores{Name: string(rune('a' + i)), TotalScore: score})
		}
		return d
	}
	on := func(node string) simulation.Decision { return simulation.Decision{Node: node} }
	because := func(reason string, nodes int) simulation.Decision {
		return simulation.Decision{Reasons: map[string]int{reason: nodes}}
	}
	tests := []struct {
		name      string
		got, want simulation.Decision
		says      string
	}{
		{"the best", on("a"), scored(3, 2), ""},
		{"the only one", on("a"), on("a"), ""},
		{"the second best", on("b"), scored(3, 2), "score of 2, want a with 3"},
		{"as good, but later", on("b"), scored(3, 3), "not the first by name"},
		{"one that does not take it", on("c"), scored(3, 3), "does not take the pod"},
		{"one in the place of the only one", on("b"), on("a"), "does not take the pod"},
		{"placed on one side", on("a"), because("x", 2), "does not take the pod"},
		{"not placed on one side", because("x", 2), on("a"), "no node is chosen"},
		{"nowhere", because("x", 2), because("x", 2), ""},
		{"nowhere for another reason", because("x", 2), because("y", 2), "reasons why"},
		{"nowhere for a reason of other nodes", because("x", 2), because("x", 1), "reasons why"},
	}
	for _, tt := range tests {
		if got := compare(tt.got, tt.want); (got == "") != (tt.says == "") || !strings.Contains(got, tt.says) {
			t.Errorf("%s: it says %q, want %q", tt.name, got, tt.says)
		}
	}
}

// TestMustNarrow shows that a plugin that never decides does not pass.
func TestMustNarrow(t *testing.T) {
	c := &count{decisions: 100, open: 100}
	seen := tally{"stowage": {plain: c}}
	if len(seen.tooFew(shipped(t))) == 0 {
		t.Error("no decision was narrowed, which goes unnoticed")
	}
	c.narrowed = 100
	if wrong := seen.tooFew(shipped(t)); len(wrong) > 0 {
		t.Errorf("every decision was narrowed: %s", fmt.Sprint(wrong))
	}
}
