package indexed_test

import (
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/features"
)

var (
	differentialClusters = flag.Int("differential.clusters", 100, "how many clusters the differential tests draw")
	differentialSeed     = flag.Uint64("differential.seed", 1, "the first cluster that they draw")
)

// podsPerCluster is how many pods a cluster is asked about while it changes.
const podsPerCluster = 20

// forEachPod draws clusters that change and pods to be placed, and has them compared
// by a scheduler with the engine's plugins and one with ours.
// -differential.seed=N starts with the cluster that a failure names.
func forEachPod(t *testing.T, enabled string, seen *tally, compare func(w *world, upstream, ours *scheduler, pod *corev1.Pod, nodes []fwk.NodeInfo) bool) {
	t.Helper()
	// Victims are to be there when preemption returns.
	featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, features.SchedulerAsyncPreemption, false)
	for seed := *differentialSeed; seed < *differentialSeed+uint64(*differentialClusters); seed++ {
		func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w := newWorld(ctx, t, rand.New(rand.NewPCG(seed, 0)))
			upstream, ours := newSchedulers(ctx, w, enabled)
			for range podsPerCluster {
				w.Change()
				nodes := w.look()
				w.nominate(nodes)
				pod, leave := w.newPod(), func() {}
				if w.Chance(0.1) {
					leave = w.joinGroup(pod, nodes)
					seen.add("pods of groups")
				}
				seen.add("pods")
				if !compare(w, upstream, ours, pod, nodes) {
					t.Fatalf("they differ in cluster %d, about pod:\n%s", seed, asJSON(pod))
				}
				leave()
			}
		}()
	}
	t.Log(seen)
}

// TestDecisions compares whole scheduling cycles, with nominated pods, and what
// DefaultPreemption makes of the nodes that do not take the pod.
func TestDecisions(t *testing.T) {
	seen := newTally()
	forEachPod(t, everywhere, seen, compareDecisions(t, seen))
	seen.mustHave(t, map[string]float64{
		"pods of groups": 0.05, "PreFilter failed": 0.01, "Scoring failed": 0.001,
		"skipped InterPodAffinity": 0.05, "skipped PodTopologySpread": 0.05,
		"refused by InterPodAffinity": 0.3, "refused by PodTopologySpread": 0.3,
		"scored by InterPodAffinity": 0.1, "scored by PodTopologySpread": 0.1,
		"nominated": 0.1, "nominated on a node refused by InterPodAffinity": 0.03, "nominated on a node refused by PodTopologySpread": 0.01,
	})
}

// TestGates compares decisions where the feature gates that matter are not as they
// are by default.
func TestGates(t *testing.T) {
	for gate, on := range map[featuregate.Feature]bool{features.MatchLabelKeysInPodTopologySpreadSelectorMerge: false, features.TaintTolerationComparisonOperators: true} {
		featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, gate, on)
	}
	featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, features.MatchLabelKeysInPodTopologySpread, false)
	seen := newTally()
	forEachPod(t, everywhere, seen, compareDecisions(t, seen))
}

// TestScoresAlone compares scores in a profile that enables the plugins for nothing
// else.
func TestScoresAlone(t *testing.T) {
	seen := newTally()
	forEachPod(t, scoresAlone, seen, compareDecisions(t, seen))
	seen.mustHave(t, map[string]float64{"Scoring failed": 0.001, "scored by InterPodAffinity": 0.1, "scored by PodTopologySpread": 0.1})
}

func compareDecisions(t *testing.T, seen *tally) func(*world, *scheduler, *scheduler, *corev1.Pod, []fwk.NodeInfo) bool {
	return func(_ *world, upstream, ours *scheduler, pod *corev1.Pod, nodes []fwk.NodeInfo) bool {
		want, got := upstream.decide(t.Context(), pod, nodes), ours.decide(t.Context(), pod, nodes)
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("decision (-want +got):\n%s", diff)
			return false
		}
		seen.addDecision(want)
		return true
	}
}

// TestThoughts compares verdicts about pods that are added to nodes and taken away
// from them in thought, on clones of the same state side by side.
func TestThoughts(t *testing.T) {
	seen := newTally()
	forEachPod(t, everywhere, seen, func(w *world, upstream, ours *scheduler, pod *corev1.Pod, nodes []fwk.NodeInfo) bool {
		want, wantStatus, _ := upstream.preFilter(t.Context(), pod)
		got, gotStatus, _ := ours.preFilter(t.Context(), pod)
		if wantStatus != gotStatus {
			t.Errorf("before filtering: got %s, want %s", gotStatus, wantStatus)
			return false
		}
		if wantStatus != "" {
			return true
		}
		var all []*thinker
		for range 4 {
			all = append(all, newThinker(w, upstream, ours, pod, nodes))
		}
		var wg sync.WaitGroup
		for _, th := range all {
			wg.Go(func() { th.think(t.Context(), want, got) })
		}
		wg.Wait()
		for _, th := range all {
			if th.diff != "" {
				t.Errorf("verdicts%s (-want +got):\n%s", th.after, th.diff)
				return false
			}
			seen.addAll(th.seen)
		}
		return true
	})
	seen.mustHave(t, map[string]float64{
		"changed by InterPodAffinity": 0.3, "changed by PodTopologySpread": 0.3, "clones that go on": 1,
	})
}

// thinker adds pods to one node and takes pods away from it, as the engine does: for
// each node it has a clone of the state.
type thinker struct {
	*rand.Rand
	upstream, ours *scheduler
	pod            *corev1.Pod
	nodes          []fwk.NodeInfo
	node           fwk.NodeInfo
	new            []fwk.PodInfo // pods to be added
	after          string        // what was done
	diff           string        // how the result differs from the expected one
	seen           *tally
}

// newThinker draws all that is shared, so that several can think side by side.
func newThinker(w *world, upstream, ours *scheduler, pod *corev1.Pod, nodes []fwk.NodeInfo) *thinker {
	th := &thinker{
		Rand: rand.New(rand.NewPCG(w.Uint64(), 0)), upstream: upstream, ours: ours, pod: pod, nodes: nodes,
		node: nodes[w.IntN(len(nodes))].Snapshot(), seen: newTally(),
	}
	for range 3 {
		th.new = append(th.new, w.newThought(th.node.Node().Name))
	}
	return th
}

// think compares after each step. On its way it leaves a clone behind, which is to be
// as it was when all is done.
func (th *thinker) think(ctx context.Context, want, got fwk.CycleState) {
	before, _ := th.verdicts(ctx, want, want)
	want, got = want.Clone(), got.Clone()
	var leftWant, leftGot fwk.CycleState
	on := slices.Clone(th.node.GetPods())
	for step := range 6 {
		if step == 3 {
			leftWant, leftGot, th.node = want, got, th.node.Snapshot()
			want, got = want.Clone(), got.Clone()
			th.seen.add("clones that go on")
		}
		if on = th.step(ctx, want, got, on); th.diff != "" {
			return
		}
		w, g := th.verdicts(ctx, want, got)
		if th.diff = gocmp.Diff(w, g); th.diff != "" {
			return
		}
		th.seen.addChanges(before, w)
	}
	th.after += ", on the clone that was left"
	th.diff = gocmp.Diff(th.verdicts(ctx, leftWant, leftGot))
}

// step adds a pod or takes one away, and returns those that are there then.
func (th *thinker) step(ctx context.Context, want, got fwk.CycleState, on []fwk.PodInfo) []fwk.PodInfo {
	// The engine stops looking at nodes when it has found enough.
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if len(on) > 0 && th.IntN(2) == 0 {
		i := th.IntN(len(on))
		th.after += fmt.Sprintf(", -%s", on[i].GetPod().Name)
		th.both(th.upstream.RunPreFilterExtensionRemovePod(ctx, want, th.pod, on[i], th.node), th.ours.RunPreFilterExtensionRemovePod(cancelled, got, th.pod, on[i], th.node))
		th.new = append(th.new, on[i])
		return slices.Delete(on, i, i+1)
	}
	i := th.IntN(len(th.new))
	th.after += fmt.Sprintf(", +%s", th.new[i].GetPod().Name)
	th.both(th.upstream.RunPreFilterExtensionAddPod(ctx, want, th.pod, th.new[i], th.node), th.ours.RunPreFilterExtensionAddPod(cancelled, got, th.pod, th.new[i], th.node))
	on = append(on, th.new[i])
	th.new = slices.Delete(th.new, i, i+1)
	if len(th.new) == 0 {
		th.new = append(th.new, on[0])
		on = on[1:]
	}
	return on
}

// both compares what adding a pod, or taking it away, gave.
func (th *thinker) both(want, got *fwk.Status) {
	th.diff = gocmp.Diff(explain(want), explain(got))
}

// verdicts returns what both say about each of the nodes.
func (th *thinker) verdicts(ctx context.Context, want, got fwk.CycleState) (map[string]string, map[string]string) {
	w, g := map[string]string{}, map[string]string{}
	for _, node := range th.nodes {
		w[node.Node().Name] = explain(th.upstream.RunFilterPlugins(ctx, want, th.pod, node))
		if got != want {
			g[node.Node().Name] = explain(th.ours.RunFilterPlugins(ctx, got, th.pod, node))
		}
	}
	return w, g
}

// tally counts what decisions came to, so that a test that compares nothing shows.
type tally struct {
	counts map[string]int
}

func newTally() *tally {
	return &tally{counts: map[string]int{}}
}

func (c *tally) add(what string) {
	c.counts[what]++
}

func (c *tally) addAll(other *tally) {
	for what, n := range other.counts {
		c.counts[what] += n
	}
}

// theirs are the plugins that ours stand in for.
var theirs = []string{"InterPodAffinity", "PodTopologySpread"}

func (c *tally) addDecision(d decision) {
	if d.PreFilter != "" {
		c.add("PreFilter failed")
	}
	if d.Scoring != "" {
		c.add("Scoring failed")
	}
	if d.Nominated != "" {
		c.add("nominated")
	}
	for _, plugin := range theirs {
		if slices.Contains(d.Skipped, plugin) {
			c.add("skipped " + plugin)
		}
		by := " by " + plugin + ": "
		if slices.ContainsFunc(slices.Collect(maps.Values(d.Refused)), func(why string) bool { return strings.Contains(why, by) }) {
			c.add("refused by " + plugin)
		}
		if strings.Contains(d.Refused[d.Nominated], by) {
			c.add("nominated on a node refused by " + plugin)
		}
		different := map[int64]bool{}
		for _, scores := range d.Scores {
			different[scores[plugin]] = true
		}
		if len(different) > 1 {
			c.add("scored by " + plugin)
		}
	}
}

func (c *tally) addChanges(before, after map[string]string) {
	for _, plugin := range theirs {
		by := " by " + plugin + ": "
		for node := range after {
			if strings.Contains(before[node], by) != strings.Contains(after[node], by) {
				c.add("changed by " + plugin)
			}
		}
	}
}

// mustHave fails the test if something came up less often than in that share of pods.
func (c *tally) mustHave(t testing.TB, shares map[string]float64) {
	t.Helper()
	if c.counts["pods"] < 1_000 {
		return // too few to say
	}
	for what, share := range shares {
		if n := c.counts[what]; float64(n) < share*float64(c.counts["pods"]) {
			t.Errorf("%s: %d in %d pods, which proves little", what, n, c.counts["pods"])
		}
	}
}

func (c *tally) String() string {
	text := ""
	for _, what := range slices.SortedFunc(maps.Keys(c.counts), func(a, b string) int { return cmp.Compare(c.counts[b], c.counts[a]) }) {
		text += fmt.Sprintf("\n%8d %s", c.counts[what], what)
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
