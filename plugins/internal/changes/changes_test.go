package changes

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-base/metrics/testutil"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
	testingclock "k8s.io/utils/clock/testing"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/plugins/internal/plugintest"
)

// gathered is a subscriber that keeps the number of pods of each node, by slot.
type gathered struct {
	rt    *rapid.T
	nodes map[int]seenNode
}

type seenNode struct {
	Name string
	Pods int
}

func (g *gathered) Changed(slot int, node fwk.NodeInfo) {
	now := seenNode{node.Node().Name, len(node.GetPods())}
	if before, known := g.nodes[slot]; known && before.Name != now.Name {
		g.rt.Fatalf("slot %d is of %s and %s", slot, before.Name, now.Name)
	}
	g.nodes[slot] = now
}

func (g *gathered) Gone(slot int, name string) {
	if before := g.nodes[slot]; before.Name != name {
		g.rt.Fatalf("%s is gone from slot %d, where %s was", name, slot, before.Name)
	}
	delete(g.nodes, slot)
}

// pods returns the number of pods by node.
func (g *gathered) pods() map[string]int {
	pods := map[string]int{}
	for _, node := range g.nodes {
		pods[node.Name] = node.Pods
	}
	return pods
}

// newCluster returns a cluster whose nodes say how often they have changed.
func newCluster(ctx context.Context, rt *rapid.T) *plugintest.Cluster {
	c, changes := plugintest.NewCluster(ctx, rt), 0
	c.NewNode = func(name string) *corev1.Node {
		changes++
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"changes": fmt.Sprint(changes)}}}
	}
	c.NewPod = func(number int, node string) *corev1.Pod {
		name := fmt.Sprint(number)
		return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)}, Spec: corev1.PodSpec{NodeName: node}}
	}
	return c
}

// podsOf returns the number of pods by node.
func podsOf(c *plugintest.Cluster) map[string]int {
	pods := map[string]int{}
	for name := range c.Nodes {
		pods[name] = len(c.Pods[name])
	}
	return pods
}

// comparing draws clusters whose nodes come, go and change, and compares what a
// subscriber has gathered with the cluster itself: a feed that hears of nothing knows
// each snapshot.
func comparing(rt *rapid.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c, feed, g := newCluster(ctx, rt), &Feed{}, &gathered{rt, map[int]seenNode{}}
	late := rapid.IntRange(0, 5).Draw(rt, "first snapshot of the subscriber")
	for i := range rapid.IntRange(1, 12).Draw(rt, "snapshots") {
		for range rapid.IntRange(0, 5).Draw(rt, "changes") {
			c.Change()
		}
		if i == late {
			Shared(feed, "", func() *gathered { return g })
		}
		feed.Update(c.Look())
		if i < late {
			continue
		}
		if diff := cmp.Diff(podsOf(c), g.pods()); diff != "" {
			rt.Fatalf("pods by node (-want +got):\n%s", diff)
		}
	}
}

func TestComparesAnySequence(t *testing.T) {
	rapid.Check(t, comparing)
}

func FuzzComparing(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(comparing))
}

// hearing does the same for a feed that hears of most changes, before the engine comes
// to them or after it. It knows each snapshot as far as it was told in time, and all
// of it a second later; what no event was about is counted.
func hearing(rt *rapid.T) {
	registerMetrics()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	clock := testingclock.NewFakePassiveClock(time.Unix(0, 0))
	told := &events{names: map[string]struct{}{}, drained: map[string]struct{}{}, synced: true}
	c, feed, g := newCluster(ctx, rt), &Feed{clock: clock, events: told}, &gathered{rt, map[int]seenNode{}}
	Shared(feed, "", func() *gathered { return g })
	for range rapid.IntRange(1, 12).Draw(rt, "snapshots") {
		before := value(rt)
		silent := map[string]bool{}
		for range rapid.IntRange(0, 5).Draw(rt, "changes") {
			early := rapid.SampledFrom([]string{"", "n0", "n1", "n2"}).Draw(rt, "told before it happens")
			if early != "" {
				told.touch(early)
				feed.Update(c.Look())
			}
			name := c.Change()
			if name == early || rapid.IntRange(0, 3).Draw(rt, "told") > 0 {
				if name != early {
					told.touch(name)
				}
				continue
			}
			silent[name] = true
		}
		nodes := c.Look()
		clock.SetTime(clock.Now().Add(time.Duration(rapid.IntRange(0, int(linger)-1).Draw(rt, "passes"))))
		feed.Update(nodes)
		want, got := podsOf(c), g.pods()
		for name := range silent {
			delete(want, name)
			delete(got, name)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("pods by node, apart from %v (-want +got):\n%s", silent, diff)
		}
		for range 2 { // the first finds it out, the second knows that nothing has explained it
			clock.SetTime(clock.Now().Add(compareEvery))
			feed.Update(nodes)
		}
		if diff := cmp.Diff(podsOf(c), g.pods()); diff != "" {
			rt.Fatalf("pods by node, a second later (-want +got):\n%s", diff)
		}
		if n := value(rt) - before; n > float64(len(silent)) {
			rt.Fatalf("%v changes were not announced, but only of %v nothing was said", n, silent)
		}
	}
}

func TestHearsAnySequence(t *testing.T) {
	rapid.Check(t, hearing)
}

func FuzzHearing(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(hearing))
}

// value returns how many changes were not announced, so far.
func value(t interface{ Fatal(...any) }) float64 {
	v, err := testutil.GetCounterMetricValue(healed)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestCountsWhatIsNotAnnounced covers the metric: a change that nothing was said of
// counts once, one that is announced late does not.
func TestCountsWhatIsNotAnnounced(t *testing.T) {
	registerMetrics()
	for _, test := range []struct {
		name string
		late bool
		want float64
	}{
		{"a change without an event counts", false, 1},
		{"a change whose event comes later does not", true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			clock := testingclock.NewFakePassiveClock(time.Unix(0, 0))
			told := &events{names: map[string]struct{}{}, drained: map[string]struct{}{}, synced: true}
			feed := &Feed{clock: clock, events: told}
			logger, c, snapshot := klog.Background(), cache.New(t.Context(), nil, false, false), cache.NewEmptySnapshot()
			metrics.Register()
			update := func() {
				t.Helper()
				if err := c.UpdateSnapshot(logger, snapshot); err != nil {
					t.Fatal(err)
				}
				nodes, err := snapshot.List()
				if err != nil {
					t.Fatal(err)
				}
				clock.SetTime(clock.Now().Add(compareEvery))
				feed.Update(nodes)
			}
			node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
			c.AddNode(logger, node)
			update()
			before := value(t)
			c.UpdateNode(logger, node, node.DeepCopy())
			update()
			if test.late {
				told.touch("n")
			}
			update()
			update()
			if got := value(t) - before; got != test.want {
				t.Errorf("%v changes were not announced, want %v", got, test.want)
			}
		})
	}
}

func TestReservesOnBehalfOfItsPlugins(t *testing.T) {
	told := &events{names: map[string]struct{}{}, drained: map[string]struct{}{}}
	r := Reserver{Feed: &Feed{events: told}}
	r.Reserve(t.Context(), framework.NewCycleState(), &corev1.Pod{}, "a")
	r.Unreserve(t.Context(), framework.NewCycleState(), &corev1.Pod{}, "b")
	names, lost := told.drain()
	if diff := cmp.Diff(map[string]struct{}{"a": {}, "b": {}}, names); diff != "" || lost {
		t.Errorf("lost: %t, nodes touched (-want +got):\n%s", lost, diff)
	}
}

// TestGathersNoMoreThanItMust covers a scheduler that does not lead for weeks: names do
// not pile up, and when it leads, it is known that some are missing.
func TestGathersNoMoreThanItMust(t *testing.T) {
	told := &events{names: map[string]struct{}{}, drained: map[string]struct{}{}}
	for i := range maxNames + 10 {
		told.touch(fmt.Sprint(i))
	}
	if names, lost := told.drain(); !lost || len(names) > maxNames {
		t.Errorf("%d names were gathered, lost: %t", len(names), lost)
	}
	if _, lost := told.drain(); lost {
		t.Error("names are still said to be lost")
	}
}

// BenchmarkUpdate is what it costs to find that nothing has changed.
func BenchmarkUpdate(b *testing.B) {
	for _, nodes := range []int{1_000, 15_000} {
		var list []fwk.NodeInfo
		for i := range nodes {
			info := framework.NewNodeInfo()
			info.SetNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("node-%d", i)}})
			list = append(list, info)
		}
		for _, how := range []string{"comparing", "hearing"} {
			b.Run(fmt.Sprintf("%s/nodes=%d", how, nodes), func(b *testing.B) {
				feed := &Feed{}
				if how == "hearing" {
					feed.events = &events{names: map[string]struct{}{}, drained: map[string]struct{}{}, synced: true}
				}
				for b.Loop() {
					feed.Update(list)
				}
			})
		}
	}
}
