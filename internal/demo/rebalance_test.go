package demo

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

// TestRebalanceWorkloads checks what the act goes by: every workload has a budget of
// its name, and the workloads are sized for the default pool.
func TestRebalanceWorkloads(t *testing.T) {
	other, workloads, err := loadWorkloads("rebalance")
	if err != nil {
		t.Fatal(err)
	}
	var apps, budgets []string
	for _, w := range workloads {
		apps = append(apps, w.app)
	}
	for _, object := range other {
		if object.GetKind() == "PodDisruptionBudget" {
			budgets = append(budgets, object.GetName())
		}
	}
	if diff := cmp.Diff(apps, budgets); len(apps) == 0 || diff != "" {
		t.Errorf("workloads %q, budgets (-want +got):\n%s", apps, diff)
	}
	p, err := pool.Parse(config.DefaultPool)
	if err != nil {
		t.Fatal(err)
	}
	if got := untaintedCPU(p.Nodes()); got != sizedFor {
		t.Errorf("the default pool's nodes without taints have %d millicores, the workloads are sized for %d", got, sizedFor)
	}
}

func TestSized(t *testing.T) {
	w := workload{pods: 30, object: &unstructured.Unstructured{Object: map[string]any{"kind": "Deployment", "spec": map[string]any{"replicas": int64(30)}}}}
	for size, want := range map[float64]int{1: 30, 0.5: 15, 0.22: 7, 0.01: 3} {
		sized, err := w.sized(size)
		if err != nil {
			t.Fatal(err)
		}
		replicas, _, _ := unstructured.NestedInt64(sized.object.Object, "spec", "replicas")
		if sized.pods != want || int(replicas) != want {
			t.Errorf("30 pods times %g: %d, and %d in the object; want %d", size, sized.pods, replicas, want)
		}
	}
	w.pods = 1
	if single, err := w.sized(30); err != nil || single.pods != 1 {
		t.Errorf("a single replica becomes %d, %v", single.pods, err)
	}
	if replicas, _, _ := unstructured.NestedInt64(w.object.Object, "spec", "replicas"); replicas != 30 {
		t.Errorf("the workload itself has %d replicas now", replicas)
	}
}

func TestLastZone(t *testing.T) {
	taint := []corev1.Taint{{Key: "gpu", Effect: corev1.TaintEffectNoSchedule}}
	for _, tt := range []struct {
		name   string
		groups []pool.Group
		want   string
		ok     bool
	}{
		{name: "a pool without nodes has none to lose"},
		{name: "the only zone is not one to lose", groups: []pool.Group{{Count: 2}}, want: "zone-a"},
		{name: "the last by name is lost", groups: []pool.Group{{Count: 3, Zones: []string{"z1", "z3", "z2"}}}, want: "z3", ok: true},
		{name: "a zone of tainted nodes alone does not count", groups: []pool.Group{{Count: 2, Zones: []string{"z1", "z2"}}, {Count: 1, Zones: []string{"z9"}, Taints: taint}}, want: "z2", ok: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if zone, ok := lastZone(&pool.Pool{Groups: tt.groups}); zone != tt.want || ok != tt.ok {
				t.Errorf("got %q, %v; want %q, %v", zone, ok, tt.want, tt.ok)
			}
		})
	}
}

func cpuNode(name, cpu string, taints ...corev1.Taint) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.NodeSpec{Taints: taints},
		Status:     corev1.NodeStatus{Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}},
	}
}

func cpuPod(node, cpu string) *corev1.Pod {
	pod := &corev1.Pod{Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{}}}}
	pod.Spec.Containers[0].Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
	return pod
}

func TestSkewOf(t *testing.T) {
	snapshot := &cluster.Snapshot{
		Nodes: []*corev1.Node{
			cpuNode("a", "10"), cpuNode("b", "20"), cpuNode("c", "10"),
			cpuNode("soft", "10", corev1.Taint{Key: "k", Effect: corev1.TaintEffectPreferNoSchedule}),
			cpuNode("tainted", "10", corev1.Taint{Key: "k", Effect: corev1.TaintEffectNoSchedule}),
		},
		Pods: []*corev1.Pod{cpuPod("a", "5"), cpuPod("a", "3"), cpuPod("b", "4"), cpuPod("soft", "2"), cpuPod("tainted", "10")},
	}
	// 80, 20, 0 and 20 percent: 30 on average, and squares of 2500, 100, 900 and 100.
	want := skew{nodes: 4, empty: 1, mean: 30, deviation: 30, fullest: 80}
	if diff := cmp.Diff(want, skewOf(snapshot), cmp.AllowUnexported(skew{}), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("skew (-want +got):\n%s", diff)
	}
	if got := skewOf(&cluster.Snapshot{}); got != (skew{}) || math.IsNaN(got.deviation) {
		t.Errorf("skew of nothing: %+v", got)
	}
}

// TestAvailability has a watcher count what becomes of three pods.
func TestAvailability(t *testing.T) {
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "web"}}
	budget.Status.DesiredHealthy, budget.Status.ExpectedPods = 2, 3
	client := fake.NewClientset(budget, readyPod("a", nil), readyPod("b", nil), readyPod("c", nil), readyPod("other", func(p *corev1.Pod) { p.Labels["app"] = "other" }))
	workloads := []workload{{app: "web", pods: 3}}
	a, err := watchAvailability(t.Context(), client, workloads)
	if err != nil {
		t.Fatal(err)
	}
	pods := client.CoreV1().Pods(namespace)
	update := func(name string, change func(*corev1.Pod)) {
		t.Helper()
		if _, err := pods.Update(t.Context(), readyPod(name, change), metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	evict := func(p *corev1.Pod) {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI"})
	}
	standIn := func(p *corev1.Pod) { p.Labels[cluster.StandInLabel] = cluster.OfStandIn }
	terminate := func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }
	for _, step := range []struct {
		name   string
		do     func()
		want   health
		broken int
	}{
		{"all are ready", func() {}, health{ready: 3, lowest: 3, budget: 2}, 0},
		{"one is evicted, and ready as long as it is not on its way out", func() { update("a", evict) }, health{ready: 3, lowest: 3, evicted: 1, budget: 2}, 0},
		{"it is on its way out", func() { update("a", func(p *corev1.Pod) { evict(p); terminate(p) }) }, health{ready: 2, lowest: 2, evicted: 1, budget: 2}, 0},
		{"it is gone", func() { _ = pods.Delete(t.Context(), "a", metav1.DeleteOptions{}) }, health{ready: 2, lowest: 2, evicted: 1, budget: 2}, 0},
		{"its replacement is not ready yet", func() {
			_, _ = pods.Create(t.Context(), readyPod("d", func(p *corev1.Pod) { p.Status.Conditions = nil }), metav1.CreateOptions{})
		}, health{ready: 2, lowest: 2, evicted: 1, budget: 2}, 0},
		{"another is gone, by other means than eviction", func() { _ = pods.Delete(t.Context(), "b", metav1.DeleteOptions{}) }, health{ready: 1, lowest: 1, evicted: 1, budget: 2}, 1},
		{"what broke the budget is not forgotten when the replacement is ready", func() { update("d", nil) }, health{ready: 2, lowest: 1, evicted: 1, budget: 2}, 1},
		{"a stand-in counts as ready, and is a move when it is a pod like any other", func() {
			_, _ = pods.Create(t.Context(), readyPod("s", standIn), metav1.CreateOptions{})
			update("s", nil)
		}, health{ready: 3, lowest: 1, evicted: 1, moved: 1, budget: 2}, 1},
		{"nor when a ready pod changes", func() { update("c", evict) }, health{ready: 3, lowest: 1, evicted: 2, moved: 1, budget: 2}, 1},
	} {
		step.do()
		diff := ""
		err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
			diff = cmp.Diff(step.want, a.of("web"), cmp.AllowUnexported(health{}))
			return diff == "", nil
		})
		if err != nil {
			t.Fatalf("%s (-want +got):\n%s", step.name, diff)
		}
		if got := a.broken(workloads); len(got) != step.broken {
			t.Errorf("%s: broken: %v", step.name, got)
		}
	}
}

func readyPod(name string, change func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name), Labels: map[string]string{"app": "web"}}}
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	if change != nil {
		change(pod)
	}
	return pod
}

func TestRebalancingVerdict(t *testing.T) {
	workloads := []workload{{app: "web"}}
	for _, tt := range []struct {
		name          string
		before, after float64
		lowest        int
		want          []string
	}{
		{name: "within its budget, and less skewed", before: 20, after: 10, lowest: 8},
		{name: "a budget was broken", before: 20, after: 10, lowest: 7, want: []string{"web had 7 ready replicas at one time, but its budget requires 8"}},
		{name: "as skewed as before", before: 20, after: 20, lowest: 9, want: []string{"the standard deviation of requested cpu did not fall: 20.0 points before, 20.0 after"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := rebalancing{
				watched: &availability{workloads: map[string]*health{"web": {budget: 8, lowest: tt.lowest}}},
				scenes:  []scene{{}, {skew: skew{deviation: tt.before}}, {skew: skew{deviation: tt.after}}},
			}
			var got []string
			if err := r.verdict(workloads); err != nil {
				got = []string{err.Error()}
			}
			if !slices.Equal(tt.want, got) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
