package candidatenodes_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster/clustertest"
	"github.com/stowage-k8s/stowage/internal/startup"
	"github.com/stowage-k8s/stowage/plugins"
	"github.com/stowage-k8s/stowage/plugins/internal/randomcluster"
)

const (
	preemptionClusters = 36
	triesPerCluster    = 25
)

// TestPreemption draws small clusters that change, with pods of several priorities
// and budgets, and compares what the engine does for each pod with and without
// CandidateNodes: its node or the one it is nominated for, its victims, and what its
// event and its condition say. In every other cluster, the engine with CandidateNodes keeps
// pods and nodes trimmed, as stowage-scheduler does.
func TestPreemption(t *testing.T) {
	seen := map[string]int{}
	for seed := *differentialSeed; seed < *differentialSeed+preemptionClusters && !t.Failed(); seed++ {
		t.Run(fmt.Sprint("cluster ", seed), func(t *testing.T) { comparePreemption(t, seed, seen) })
	}
	t.Log(seen)
	if t.Failed() {
		return
	}
	for _, what := range []string{"placed", "not placed", "nominated", "victims", "nominated before"} {
		if seen[what] < preemptionClusters {
			t.Errorf("%s: %d times in %d clusters, which proves little", what, seen[what], preemptionClusters)
		}
	}
	if seen["narrowed"]*10 < seen["placed"] {
		t.Errorf("%d pods of %d were narrowed to one node, which proves little", seen["narrowed"], seen["placed"])
	}
}

// newEngines returns the scheduler with the shipped profiles, and the reference. The first keeps
// pods and nodes trimmed, from an API server that has all of their fields, where trimming says so.
func newEngines(t *testing.T, trimming bool) (got, want *engine) {
	t.Helper()
	var profiles, references []schedulerconfig.KubeSchedulerProfile
	for _, c := range shipped(t) {
		profiles, references = append(profiles, *c.profile), append(references, *reference(c.profile))
	}
	var registry frameworkruntime.Registry
	if trimming {
		registry = startup.TrimInformers(plugins.NewRegistry())
	}
	got = newEngine(t, profiles, registry)
	got.filled = trimming
	return got, newEngine(t, references, nil)
}

// lost returns what a trimming engine has taken from objects of the API server.
func (e *engine) lost() string {
	for _, pod := range e.pods() {
		filled := pod.DeepCopy()
		clustertest.FillTrimmed(filled)
		if diff := cmp.Diff(filled, &pod); diff != "" {
			return fmt.Sprintf("pod %s (-want +got):\n%s", pod.Name, diff)
		}
		if known, err := e.factory.Core().V1().Pods().Lister().Pods(pod.Namespace).Get(pod.Name); err == nil && (len(known.Spec.ImagePullSecrets) == 0) != (known.Spec.NodeName != "") {
			return fmt.Sprintf("pod %s on node %q is kept whole, or otherwise not", pod.Name, known.Spec.NodeName)
		}
	}
	return ""
}

func comparePreemption(t *testing.T, seed uint64, seen map[string]int) {
	t.Helper()
	got, want := newEngines(t, seed%2 == 1)
	r := rand.New(rand.NewPCG(seed, 1))
	got.graceful = r.IntN(3) == 0
	want.graceful = got.graceful
	share := func(of ...float64) float64 { return of[r.IntN(len(of))] }
	nodes := 5 + r.IntN(4)
	if r.IntN(2) == 0 {
		nodes *= 4 // of which some stand for others
	}
	w := randomcluster.New(t, r, both{got, want}, randomcluster.Options{
		Nodes: nodes, Pods: 30 * nodes, Affinity: share(0, 0, 0.4), Spread: share(0, 0, 0.3), Everything: true,
		Policies: share(0, 0.3), Preferences: share(0, 0.1), Alike: r.IntN(2) == 0,
		Volumes: share(0, 0.4), HostPorts: share(0.03, 0.3), Bound: true, // nobody creates volumes
	})
	for _, app := range []string{"a", "b"} {
		budget := &policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns0", Name: app},
			Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
			Status:     policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: int32(r.IntN(2))},
		}
		if err := (both{got, want}).Store(budget); err != nil {
			t.Fatal(err)
		}
	}
	w.Fill()
	c := &comparison{t: t, got: got, want: want, world: w, seen: seen}
	for try := range triesPerCluster {
		if w.Chance(0.3) {
			w.Change()
		}
		c.finish()
		pods := c.next()
		got.settle()
		want.settle()
		if diff := cmp.Diff(want.nominated(), got.nominated()); diff != "" {
			t.Fatalf("cluster %d, try %d: pods nominated (-want +got):\n%s", seed, try, diff)
		}
		for _, pod := range pods {
			if wrong := c.compare(pod); wrong != "" {
				t.Fatalf("cluster %d, try %d: %s\nThe pod:\n%s", seed, try, wrong, asJSON(pod))
			}
		}
	}
	if lost := got.lost(); got.filled && lost != "" {
		t.Errorf("cluster %d: %s", seed, lost)
	}
}

// comparison is of two engines with the same cluster.
type comparison struct {
	t         *testing.T
	got, want *engine
	world     *randomcluster.World
	waiting   []*corev1.Pod
	seen      map[string]int
}

// next returns pods to be scheduled one right after the other: one that waits, mostly
// one that has a node nominated, or new ones.
func (c *comparison) next() []*corev1.Pod {
	w := c.world
	if len(c.waiting) > 0 && w.Chance(0.5) {
		i := w.IntN(len(c.waiting))
		nominated := slices.IndexFunc(c.waiting, func(p *corev1.Pod) bool { return c.want.pod(p.Namespace, p.Name).Status.NominatedNodeName != "" })
		if nominated >= 0 && w.Chance(0.6) {
			i = nominated
		}
		pod := c.waiting[i]
		c.waiting = slices.Delete(c.waiting, i, i+1)
		return []*corev1.Pod{pod}
	}
	var pods []*corev1.Pod
	for range 1 + w.IntN(3) {
		pod := w.NewPod("")
		pod.Spec.SchedulerName = randomcluster.Pick(w, "stowage", "stowage", "stowage-spread", "stowage-preemptible-first")
		pod.Spec.Priority = ptr.To(randomcluster.Pick(w, int32(0), 10, 1000, 1000, 1000))
		if w.Chance(0.1) {
			pod.Spec.PreemptionPolicy = ptr.To(corev1.PreemptNever)
		}
		c.got.submit(pod)
		c.want.submit(pod)
		pods = append(pods, pod)
	}
	return pods
}

// compare has both engines schedule the pod, and returns what is different.
func (c *comparison) compare(pod *corev1.Pod) string {
	before := c.want.pod(pod.Namespace, pod.Name)
	best, narrowed := c.want.best(before), c.world.Chance(0.3) && c.got.narrows(before)
	got, want := c.got.schedule(pod), c.want.schedule(pod)
	tied := got.Node != want.Node && best.Has(got.Node) && best.Has(want.Node)
	expected := want
	if tied {
		expected.Node = got.Node
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		return fmt.Sprintf("outcome (-want +got):\n%s\nbest are %v", diff, sets.List(best))
	}
	if before.Status.NominatedNodeName == "" && got.Node != "" && !best.Has(got.Node) {
		return fmt.Sprintf("node %s is chosen on both sides, best are %v", got.Node, sets.List(best))
	}
	note(c.seen, before, got, narrowed, tied)
	if got.Node == "" {
		c.waiting = append(c.waiting, pod)
		return ""
	}
	placed := pod.DeepCopy()
	placed.Spec.NodeName = got.Node
	c.world.Placed(placed)
	if tied { // from here on the pod is on the same node on both sides
		c.want.remove(placed)
		c.want.settle()
		c.want.put(c.got.pod(pod.Namespace, pod.Name).DeepCopy())
		c.want.settle()
	}
	return ""
}

// finish has some pods end that are being deleted, on both sides.
func (c *comparison) finish() {
	pods := c.got.pods()
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	for i := range pods {
		if pods[i].DeletionTimestamp != nil && c.world.Chance(0.5) {
			c.got.remove(&pods[i])
			c.want.remove(&pods[i])
		}
	}
}

func note(seen map[string]int, before *corev1.Pod, o outcome, narrowed, tied bool) {
	for what, is := range map[string]bool{
		"placed": o.Node != "", "not placed": o.Node == "", "nominated": o.Nominated != "" && o.Node == "",
		"victims": len(o.Victims) > 0, "nominated before": before.Status.NominatedNodeName != "", "tied": tied, "narrowed": narrowed,
		"told of all by some": narrowed && o.Node == "",
	} {
		if is {
			seen[what]++
		}
	}
}
