package candidatenodes_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/internal/simulation"
	"github.com/stowage-k8s/stowage/plugins"
	"github.com/stowage-k8s/stowage/plugins/internal/randomcluster"
)

var (
	differentialDecisions = flag.Int("differential.decisions", 20_000, "how many decisions TestDifferential compares")
	differentialSeed      = flag.Uint64("differential.seed", 1, "the first cluster that TestDifferential draws")
)

const (
	// decisionsPerCluster is how many pods most clusters are asked about while they
	// change; one of longLived lasts as long as manyDecisions.
	decisionsPerCluster = 60
	longLived           = 60
	manyDecisions       = 2_000
	// sameTie has both sides take the same one of the best nodes, the first by name.
	sameTie = true
	// maxFailures is how many clusters may fail before the test gives up.
	maxFailures = 3
)

// TestDifferential draws clusters that change, and pods to be placed, and compares
// where a profile puts them with where it would without CandidateNodes, by the
// engine's own plugins. -differential.seed=N starts with the cluster that a failure
// names.
func TestDifferential(t *testing.T) {
	usual, unusual := shipped(t), variants(t)
	seen, failures := tally{}, 0
	for seed := *differentialSeed; seen.decisions() < *differentialDecisions && failures < maxFailures; seed++ {
		r := rand.New(rand.NewPCG(seed, 0))
		c := unusual[r.IntN(len(unusual))]
		if r.IntN(2) == 0 {
			c = usual[r.IntN(len(usual))]
		}
		if wrong := compareSides(t, r, c, reference(c.profile), plugins.NewRegistry(), seen); wrong != "" {
			t.Errorf("cluster %d: %s", seed, wrong)
			failures++
		}
	}
	t.Log(seen)
	if failures == 0 {
		seen.mustNarrow(t)
	}
}

// side is one of the two schedulers that are compared.
type side = *simulation.Simulation

// compareSides compares decisions about one cluster while it changes, and returns what
// is wrong with the first that is. The registry is for the profile of the case.
func compareSides(t *testing.T, r *rand.Rand, c profileCase, reference *schedulerconfig.KubeSchedulerProfile, registry frameworkruntime.Registry, seen tally) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got, want := newSide(ctx, t, c.profile, registry), newSide(ctx, t, reference, plugins.NewRegistry())
	options := newOptions(r)
	w := randomcluster.New(t, r, both{got, want}, options)
	w.Fill()
	var pod *corev1.Pod
	decisions := decisionsPerCluster
	if r.IntN(longLived) == 0 {
		decisions = manyDecisions
	}
	for i := range decisions {
		if pod == nil || w.Chance(0.7) {
			w.Change()
			pod = w.NewPod("")
		} else {
			pod = w.Another(pod)
		}
		wantDecision, err := want.Schedule(ctx, pod)
		if errors.Is(err, simulation.ErrIncomplete) {
			// Pods of a random cluster hold devices that no node offers: neither side knows of others.
			if _, err := got.Schedule(ctx, pod); !errors.Is(err, simulation.ErrIncomplete) {
				return fmt.Sprintf("decision %d, profile %s: one side says that it does not know, the other %v\nThe pod:\n%s", i, c.name, err, asJSON(pod))
			}
			pod = nil
			continue
		}
		if err != nil {
			t.Fatalf("%v, about pod:\n%s", err, asJSON(pod))
		}
		gotDecision, err := got.Schedule(ctx, pod)
		wrong := compare(gotDecision, wantDecision)
		if err != nil {
			wrong = err.Error()
		}
		if wrong != "" {
			return fmt.Sprintf("decision %d, profile %s: %s\n%s\nThe pod:\n%s", i, c.name, wrong, describe(gotDecision, wantDecision), asJSON(pod))
		}
		seen.add(c.name, kindOf(pod, options), gotDecision, wantDecision)
		if wantDecision.Node != "" && w.Chance(0.75) {
			placed := pod.DeepCopy()
			placed.Spec.NodeName = gotDecision.Node
			if err := (both{got, want}).AddPod(placed); err != nil {
				t.Fatal(err)
			}
			w.Placed(placed)
		}
	}
	return ""
}

// newOptions draws what a world is like.
func newOptions(r *rand.Rand) randomcluster.Options {
	share := func(of ...float64) float64 { return of[r.IntN(len(of))] }
	nodes := 10 + []int{0, 15, 50}[r.IntN(3)]
	return randomcluster.Options{
		Nodes: nodes, Pods: nodes * []int{0, 1, 3, 8, 20}[r.IntN(5)],
		Affinity: share(0, 0, 0.1, 0.6), Spread: share(0, 0, 0.1, 0.5),
		Everything: true,
		Volumes:    share(0, 0, 0.3, 0.7), HostPorts: share(0.03, 0.03, 0.4),
		Policies: share(0, 0.3, 0.7), Preferences: share(0, 0.1, 0.3),
		Untidy: r.IntN(6) == 0, ManyLabels: r.IntN(10) == 0, Alike: r.IntN(5) < 2, FewRequests: r.IntN(3) == 0,
	}
}

func newSide(ctx context.Context, t testing.TB, profile *schedulerconfig.KubeSchedulerProfile, registry frameworkruntime.Registry) side {
	t.Helper()
	s, err := simulation.New(ctx, simulation.Options{Profiles: []*schedulerconfig.KubeSchedulerProfile{profile}, Registry: registry, Parallelism: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// compare returns what is wrong with a decision, given that of the reference.
func compare(got, want simulation.Decision) string {
	switch {
	case got.Node == "" && want.Node == "":
		if diff := cmp.Diff(want.Reasons, got.Reasons); diff != "" {
			return "reasons why no node takes the pod (-want +got):\n" + diff
		}
		return ""
	case got.Node == "":
		return fmt.Sprintf("no node is chosen, want %s", want.Node)
	case want.Node == "":
		return fmt.Sprintf("node %s is chosen, which does not take the pod", got.Node)
	case got.Node == want.Node:
		return ""
	}
	score, taken := total(want.Scores, got.Node)
	best, _ := total(want.Scores, want.Node)
	switch {
	case !taken:
		return fmt.Sprintf("node %s is chosen, which does not take the pod; want %s", got.Node, want.Node)
	case score != best:
		return fmt.Sprintf("node %s is chosen, with a score of %d, want %s with %d", got.Node, score, want.Node, best)
	case sameTie:
		return fmt.Sprintf("node %s is chosen, which is as good as %s, but not the first by name", got.Node, want.Node)
	}
	return ""
}

func total(scores []fwk.NodePluginScores, node string) (int64, bool) {
	for _, s := range scores {
		if s.Name == node {
			return s.TotalScore, true
		}
	}
	return 0, false
}

// describe returns what both sides say of the nodes that they chose.
func describe(got, want simulation.Decision) string {
	var text strings.Builder
	for _, s := range []struct {
		name string
		simulation.Decision
	}{{"The profile", got}, {"The reference", want}} {
		fmt.Fprintf(&text, "%s chose %q; %d nodes were scored; others: %v\n", s.name, s.Node, len(s.Scores), s.Reasons)
		for _, score := range s.Scores {
			if score.Name == got.Node || score.Name == want.Node {
				fmt.Fprintf(&text, "    %s: %d", score.Name, score.TotalScore)
				for _, part := range score.Scores {
					fmt.Fprintf(&text, ", %s %d", part.Name, part.Score)
				}
				text.WriteString("\n")
			}
		}
	}
	return text.String()
}

func asJSON(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}
