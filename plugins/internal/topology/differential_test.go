package topology

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/podtopologyspread"
)

var (
	differentialDecisions = flag.Int("differential.decisions", 5_000, "how many decisions TestDifferential compares")
	differentialSeed      = flag.Uint64("differential.seed", 1, "the first cluster that TestDifferential draws")
)

// decisionsPerCluster is how many pods a cluster is asked about while it changes.
const decisionsPerCluster = 25

// implementation decides where affinity between pods and topology spread let a pod
// go. Whatever takes the place of this package's cluster is held to the engine's
// plugins by being one.
type implementation interface {
	// Feasible returns what it says about each of the snapshot's nodes, by name.
	Feasible(t testing.TB, pod *corev1.Pod, nodes []fwk.NodeInfo) map[string]verdict
	// Score returns the scores of the nodes that take the pod, by name. The nodes are
	// those of the snapshot, the same as in the last call of Feasible.
	Score(t testing.TB, pod *corev1.Pod, nodes, feasible []fwk.NodeInfo) map[string]nodeScores
}

// verdict is why each plugin does not let a pod go to a node; empty, if it does.
type verdict struct {
	Affinity, Spread string
}

// nodeScores are what each plugin gives a node.
type nodeScores struct {
	Affinity, Spread score
}

type score struct {
	Raw, Normalized int64
}

// explain returns the code and the reason of a status; nothing for success.
func explain(status *fwk.Status) string {
	if status.IsSuccess() {
		return ""
	}
	return fmt.Sprintf("%s: %s", status.Code(), status.Message())
}

// ours is this package behind the interface.
type ours struct {
	cluster *Cluster
}

func (o *ours) Feasible(t testing.TB, pod *corev1.Pod, nodes []fwk.NodeInfo) map[string]verdict {
	t.Helper()
	o.cluster.Look(nodes)
	affinity, err := o.cluster.AffinityFilter(pod)
	if err != nil {
		t.Fatal(err)
	}
	spread, err := o.cluster.SpreadFilter(pod)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := make(map[string]verdict, len(nodes))
	for _, node := range nodes {
		verdicts[node.Node().Name] = verdict{Affinity: explain(affinity.Feasible(node)), Spread: explain(spread.Feasible(node))}
	}
	return verdicts
}

func (o *ours) Score(t testing.TB, pod *corev1.Pod, _, feasible []fwk.NodeInfo) map[string]nodeScores {
	t.Helper()
	affinity, err := o.cluster.AffinityScorer(pod)
	if err != nil {
		t.Fatal(err)
	}
	spread, err := o.cluster.SpreadScorer(pod, feasible)
	if err != nil {
		t.Fatal(err)
	}
	var byAffinity, bySpread fwk.NodeScoreList
	all := make(map[string]nodeScores, len(feasible))
	for _, node := range feasible {
		name, a, s := node.Node().Name, affinity.Score(node), spread.Score(node)
		byAffinity, bySpread = append(byAffinity, fwk.NodeScore{Name: name, Score: a}), append(bySpread, fwk.NodeScore{Name: name, Score: s})
		all[name] = nodeScores{Affinity: score{Raw: a}, Spread: score{Raw: s}}
	}
	affinity.Normalize(byAffinity)
	spread.Normalize(bySpread)
	for i := range byAffinity {
		s := all[byAffinity[i].Name]
		s.Affinity.Normalized, s.Spread.Normalized = byAffinity[i].Score, bySpread[i].Score
		all[byAffinity[i].Name] = s
	}
	return all
}

// TestDifferential draws clusters that change, and pods to be placed, and compares
// what this package says about each node with what the engine's plugins say: the
// code and the reason, and the scores before and after they are normalized.
// -differential.seed=N starts with the cluster that a failure names.
func TestDifferential(t *testing.T) {
	seen := tally{}
	for seed := *differentialSeed; seen[decisions] < *differentialDecisions; seed++ {
		compareCluster(t, seed, seen)
	}
	t.Log(seen)
	seen.mustHave(t)
}

// compareCluster compares decisions about one cluster while it changes.
func compareCluster(t *testing.T, seed uint64, seen tally) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w := newWorld(ctx, t, rand.New(rand.NewPCG(seed, 0)))
	want := newUpstream(ctx, t, w.settings, w.snapshot, w.informers)
	got := newOurs(w.settings, w.informers, w.maxTerms)
	for range decisionsPerCluster {
		w.Change()
		pod := w.NewPod("")
		nodes := w.look()
		feasible, ok := compare(t, want, got, pod, nodes, w.someNodes, seen)
		if !ok {
			t.Fatalf("they differ in cluster %d, about pod:\n%s\nThe settings are:\n%s", seed, asJSON(pod), asJSON(w.settings))
		}
		w.place(pod, feasible)
	}
}

// compare asks both about the pod, and returns the nodes that take it. Scores are of
// those that some keeps too, as if other plugins had refused the rest.
func compare(t *testing.T, want, got implementation, pod *corev1.Pod, nodes []fwk.NodeInfo, some func([]fwk.NodeInfo) []fwk.NodeInfo, seen tally) ([]fwk.NodeInfo, bool) {
	t.Helper()
	wantVerdicts, gotVerdicts := want.Feasible(t, pod, nodes), got.Feasible(t, pod, nodes)
	if !maps.Equal(wantVerdicts, gotVerdicts) {
		t.Errorf("verdicts (-want +got):\n%s", gocmp.Diff(wantVerdicts, gotVerdicts))
		return nil, false
	}
	var feasible []fwk.NodeInfo
	for _, node := range nodes {
		if v := wantVerdicts[node.Node().Name]; v == (verdict{}) {
			feasible = append(feasible, node)
		}
	}
	feasible = some(feasible)
	wantScores, gotScores := want.Score(t, pod, nodes, feasible), got.Score(t, pod, nodes, feasible)
	if !maps.Equal(wantScores, gotScores) {
		t.Errorf("scores (-want +got):\n%s", gocmp.Diff(wantScores, gotScores))
		return nil, false
	}
	seen.add(wantVerdicts, wantScores)
	return feasible, true
}

// tally counts what decisions came to, so that a test that compares nothing shows.
type tally map[string]int

const (
	decisions      = "decisions"
	mixed          = "decisions that split the nodes"
	affinityScored = "decisions with different affinity scores"
	spreadScored   = "decisions with different spread scores"
)

func (t tally) add(verdicts map[string]verdict, scores map[string]nodeScores) {
	t[decisions]++
	taken := 0
	for _, v := range verdicts {
		if v == (verdict{}) {
			taken++
		}
		for _, reason := range []string{v.Affinity, v.Spread} {
			if reason != "" {
				t["nodes with "+reason]++
			}
		}
	}
	if taken > 0 && taken < len(verdicts) {
		t[mixed]++
	}
	affinity, spread := map[int64]bool{}, map[int64]bool{}
	for _, s := range scores {
		affinity[s.Affinity.Normalized], spread[s.Spread.Normalized] = true, true
	}
	if len(affinity) > 1 {
		t[affinityScored]++
	}
	if len(spread) > 1 {
		t[spreadScored]++
	}
}

// mustHave fails the test if something never came up.
func (t tally) mustHave(tb testing.TB) {
	tb.Helper()
	if t[decisions] < 1_000 {
		return // too few to say
	}
	for _, what := range []string{
		mixed, affinityScored, spreadScored,
		"nodes with UnschedulableAndUnresolvable: " + interpodaffinity.ErrReasonAffinityRulesNotMatch,
		"nodes with Unschedulable: " + interpodaffinity.ErrReasonAntiAffinityRulesNotMatch,
		"nodes with Unschedulable: " + interpodaffinity.ErrReasonExistingAntiAffinityRulesNotMatch,
		"nodes with Unschedulable: " + podtopologyspread.ErrReasonConstraintsNotMatch,
		"nodes with UnschedulableAndUnresolvable: " + podtopologyspread.ErrReasonNodeLabelNotMatch,
	} {
		if t[what] < t[decisions]/20 {
			tb.Errorf("%s: %d in %d decisions, which proves little", what, t[what], t[decisions])
		}
	}
}

func (t tally) String() string {
	text := ""
	for _, what := range slices.SortedFunc(maps.Keys(t), func(a, b string) int { return cmp.Compare(t[b], t[a]) }) {
		text += fmt.Sprintf("\n%8d %s", t[what], what)
	}
	return text
}

func asJSON(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}
