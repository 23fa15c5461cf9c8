package plannednodes

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// handle is as much of a scheduler's as the plugin takes.
type handle struct {
	fwk.Handle
	lister    fwk.SharedLister
	activated []map[string]*corev1.Pod
}

func (h *handle) KubeConfig() *rest.Config               { return nil }
func (h *handle) SnapshotSharedLister() fwk.SharedLister { return h.lister }
func (h *handle) SharedInformerFactory() informers.SharedInformerFactory {
	return informers.NewSharedInformerFactory(fake.NewClientset(), 0)
}
func (h *handle) Activate(_ klog.Logger, pods map[string]*corev1.Pod) {
	h.activated = append(h.activated, pods)
}

func pod(name, cpu, memory, node string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
		}}}}},
	}
}

// world is a plugin beside nodes a and b of 8 cpus and 32 GiB, of which pods take some.
type world struct {
	*PlannedNodes
	handle *handle
	clock  *clocktesting.FakePassiveClock
}

func newWorld(t *testing.T, pods ...*corev1.Pod) *world {
	t.Helper()
	var nodes []*corev1.Node
	for _, name := range []string{"a", "b"} {
		nodes = append(nodes, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourceMemory: resource.MustParse("32Gi"), corev1.ResourcePods: resource.MustParse("110"),
		}}})
	}
	w := &world{handle: &handle{lister: cache.NewSnapshot(pods, nodes)}, clock: clocktesting.NewFakePassiveClock(start)}
	plugin, err := New(t.Context(), nil, w.handle)
	if err != nil {
		t.Fatal(err)
	}
	w.PlannedNodes = plugin.(*PlannedNodes)
	w.claims.clock = w.clock
	w.held.start = func(func(context.Context)) {} // the test releases pods itself
	return w
}

func (w *world) permits(pod *corev1.Pod, node string) bool {
	status, _ := w.Permit(context.Background(), nil, pod, node)
	return status.IsSuccess()
}

func planned(cpu, memory string) cluster.Amounts {
	c, m := resource.MustParse(cpu), resource.MustParse(memory)
	return cluster.Amounts{corev1.ResourceCPU: c.MilliValue(), corev1.ResourceMemory: m.Value()}
}

// TestPermit has pods that found room on node a, which was planned for 8 cpus and 16 GiB.
func TestPermit(t *testing.T) {
	fresh := claim{made: start.Add(-time.Second)}
	of := func(c claim, change func(*claim)) *claim { change(&c); return &c }
	plan := of(fresh, func(c *claim) { c.node, c.ready, c.planned = "a", true, planned("8", "16Gi") })
	for _, tt := range []struct {
		name       string
		on         []*corev1.Pod // on the node already
		pod        *corev1.Pod
		own, other *claim
		want       bool
	}{
		{name: "as planned", pod: pod("p", "2", "4Gi", ""), own: plan, other: &fresh, want: true},
		{name: "much cpu", pod: pod("p", "4", "1Gi", ""), own: plan, other: &fresh},
		{name: "much memory", pod: pod("p", "500m", "8Gi", ""), own: plan, other: &fresh},
		{name: "a little uneven", pod: pod("p", "2", "1Gi", ""), own: plan, other: &fresh, want: true},
		{name: "evening out what is there", on: []*corev1.Pod{pod("q", "1", "8Gi", "a")}, pod: pod("p", "4", "1Gi", ""), own: plan, other: &fresh, want: true},
		{name: "nothing else on its way", pod: pod("p", "4", "1Gi", ""), own: plan, want: true},
		{name: "the other is ready", pod: pod("p", "4", "1Gi", ""), own: plan, other: of(fresh, func(c *claim) { c.ready = true }), want: true},
		{name: "the other was planned later", pod: pod("p", "4", "1Gi", ""), own: plan, other: of(fresh, func(c *claim) { c.made = c.made.Add(together + time.Second) }), want: true},
		{name: "the other is of another plan, before", pod: pod("p", "4", "1Gi", ""), own: plan, other: of(fresh, func(c *claim) { c.made = start.Add(-patience) }), want: true},
		{name: "an old node", pod: pod("p", "4", "1Gi", ""), own: of(*plan, func(c *claim) { c.made = start.Add(-patience) }), other: of(fresh, func(c *claim) { c.made = start.Add(-patience) }), want: true},
		{name: "a node that nobody planned", pod: pod("p", "4", "1Gi", ""), other: &fresh, want: true},
		{name: "a plan without memory", pod: pod("p", "4", "1Gi", ""), own: of(*plan, func(c *claim) { c.planned = cluster.Amounts{corev1.ResourceCPU: 8000} }), other: &fresh, want: true},
		{name: "one of a group", pod: func() *corev1.Pod {
			p := pod("p", "4", "1Gi", "")
			p.Spec.SchedulingGroup = &corev1.PodSchedulingGroup{PodGroupName: ptr.To("g")}
			return p
		}(), own: plan, other: &fresh, want: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.on...)
			if tt.own != nil {
				w.claims.set("own", tt.own)
			}
			if tt.other != nil {
				w.claims.set("other", tt.other)
			}
			if got := w.permits(tt.pod, "a"); got != tt.want {
				t.Errorf("permitted: %t, want %t", got, tt.want)
			}
		})
	}
}

// TestRelease has pods wait, and tried again.
func TestRelease(t *testing.T) {
	for _, tt := range []struct {
		name    string
		happens func(*world)
		want    bool
	}{
		{"nothing happens", func(*world) {}, false},
		{"a node comes up", func(w *world) { w.claims.set("other", &claim{made: start, node: "b"}) }, false},
		{"a node is ready", func(w *world) { w.claims.set("other", &claim{made: start, node: "b", ready: true}) }, true},
		{"one of two is ready", func(w *world) {
			w.claims.set("third", &claim{made: start})
			w.claims.set("other", &claim{made: start, ready: true})
		}, true},
		{"a claim is given up", func(w *world) { w.claims.set("other", nil) }, true},
		{"it takes too long", func(w *world) { w.clock.SetTime(start.Add(patience)) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.claims.set("own", &claim{node: "a", made: start, ready: true, planned: planned("8", "16Gi")})
			w.claims.set("other", &claim{made: start})
			p := pod("p", "4", "1Gi", "")
			if w.permits(p, "a") {
				t.Fatal("not held")
			}
			tt.happens(w)
			var want []map[string]*corev1.Pod
			if tt.want {
				want = append(want, map[string]*corev1.Pod{"default/p": p})
			}
			if still := w.held.release(klog.Background()); still == tt.want {
				t.Errorf("pods wait still: %t", still)
			}
			if diff := cmp.Diff(want, w.handle.activated); diff != "" {
				t.Errorf("tried again (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNotTooManyWait: what is beyond that goes on.
func TestNotTooManyWait(t *testing.T) {
	w := newWorld(t)
	w.claims.set("own", &claim{node: "a", made: start, ready: true, planned: planned("8", "16Gi")})
	w.claims.set("other", &claim{made: start})
	for i := range mostHeld {
		if w.permits(pod("p"+string(rune('0'+i)), "4", "1Gi", ""), "a") {
			t.Fatalf("the pod after %d is not held", i)
		}
	}
	if !w.permits(pod("next", "4", "1Gi", ""), "a") {
		t.Error("one more is held")
	}
}

// TestScore has pods of two shapes look at a node that was planned for both, one that was there
// before, and one whose plan is old.
func TestScore(t *testing.T) {
	w := newWorld(t, pod("q", "4", "4Gi", "a"))
	w.claims.set("own", &claim{node: "a", made: start, ready: true, planned: planned("8", "16Gi")})
	w.claims.set("old", &claim{node: "b", made: start.Add(-patience), ready: true, planned: planned("8", "16Gi")})
	nodes, err := w.handle.lister.NodeInfos().List()
	if err != nil {
		t.Fatal(err)
	}
	scores := func(p *corev1.Pod) map[string]int64 {
		state := framework.NewCycleState()
		if _, status := w.PreFilter(t.Context(), state, p, nodes); !status.IsSkip() {
			t.Fatal(status)
		}
		if status := w.PreScore(t.Context(), state, p, nodes); status.IsSkip() {
			return nil
		}
		got := map[string]int64{}
		for _, node := range nodes {
			score, status := w.Score(t.Context(), state, p, node)
			if !status.IsSuccess() {
				t.Fatal(status)
			}
			got[node.Node().Name] = score
		}
		return got
	}
	want := []map[string]int64{
		{"a": 63, "b": 100}, // 5/8 of the cpu, 4/16 of the memory
		{"a": 88, "b": 100}, // 5/8 and 8/16
		nil,                 // two minutes later
	}
	got := []map[string]int64{scores(pod("cpu", "1", "0", "")), scores(pod("memory", "1", "4Gi", ""))}
	w.clock.SetTime(start.Add(patience))
	if diff := cmp.Diff(want, append(got, scores(pod("late", "1", "0", "")))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		name, yaml string
		want       claim
	}{
		{"asked for", `
metadata: {name: c, creationTimestamp: "2026-11-01T12:00:00Z"}
spec: {resources: {requests: {cpu: 7200m, memory: 12Gi, pods: "14"}}}`, claim{made: start, planned: planned("7200m", "12Gi")}},
		{"come up", `
metadata: {name: c, creationTimestamp: "2026-11-01T12:00:00Z"}
spec: {resources: {requests: {cpu: "7"}}}
status: {nodeName: node-1, conditions: [{type: Registered, status: "True"}, {type: Initialized, status: Unknown}]}`,
			claim{made: start, node: "node-1", planned: cluster.Amounts{corev1.ResourceCPU: 7000}}},
		{"ready", `
metadata: {name: c, creationTimestamp: "2026-11-01T12:00:00Z"}
status: {nodeName: node-1, conditions: [{type: Initialized, status: "True"}]}`, claim{made: start, node: "node-1", ready: true, planned: cluster.Amounts{}}},
		{"on its way out", `
metadata: {name: c, creationTimestamp: "2026-11-01T12:00:00Z", deletionTimestamp: "2026-11-01T12:01:00Z"}`, claim{made: start, ready: true, planned: cluster.Amounts{}}},
		{"of another kind than expected", `
metadata: {name: c, creationTimestamp: "2026-11-01T12:00:00Z"}
spec: {resources: {requests: [cpu]}}
status: {nodeName: 7, conditions: [Initialized]}`, claim{made: start, planned: cluster.Amounts{}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			object := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(tt.yaml), &object.Object); err != nil {
				t.Fatal(err)
			}
			got := read(object)
			got.made = got.made.UTC()
			if diff := cmp.Diff(&tt.want, got, cmp.AllowUnexported(claim{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	if _, err := New(t.Context(), &corev1.Pod{}, &handle{}); err == nil {
		t.Error("arguments are taken")
	}
}
