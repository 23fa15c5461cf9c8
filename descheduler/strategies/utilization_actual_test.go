package strategies

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/descheduler/strategy/strategytest"
	"github.com/stowage-k8s/stowage/descheduler/usage"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// given is usage that is given, in millicores.
type given struct {
	resource    corev1.ResourceName
	nodes, pods map[string]int64
}

func (g given) Node(name string) (strategy.Amounts, bool) { return g.of(g.nodes, name) }
func (g given) Pod(_, name string) (strategy.Amounts, bool) {
	return g.of(g.pods, name)
}

func (g given) of(figures map[string]int64, name string) (strategy.Amounts, bool) {
	amount, known := figures[name]
	if !known {
		return nil, false
	}
	return strategy.Amounts{g.resource: amount}, true
}

func (g given) env() strategy.Env {
	return strategy.Env{Usage: func(context.Context, *policy.MetricsUtilization) (strategy.Usage, error) { return g, nil }}
}

// fixed returns a scheduler that always takes the same node.
func fixed(node string) func(*strategy.State, *corev1.Pod) string {
	return func(*strategy.State, *corev1.Pod) string { return node }
}

func TestLowNodeUtilizationByActualUsage(t *testing.T) {
	picture := &cluster.Snapshot{
		Nodes: []*corev1.Node{fullNode("n1", 1000), fullNode("n2", 1000), fullNode("n3", 1000)},
		Pods:  []*corev1.Pod{sizedPod("n1", "a", 10), sizedPod("n1", "b", 20), sizedPod("n1", "c", 500), sizedPod("n2", "d", 700)},
	}
	cpu := func(nodes, pods map[string]int64) given { return given{corev1.ResourceCPU, nodes, pods} }
	share := func(nodes map[string]int64) given { return given{policy.MetricResource, nodes, nil} }
	metrics := func() *policy.LowNodeUtilizationArgs {
		a := cpuThresholds(30, 50)
		a.MetricsUtilization = &policy.MetricsUtilization{Source: policy.KubernetesMetrics}
		return a
	}
	query := func() *policy.LowNodeUtilizationArgs {
		return &policy.LowNodeUtilizationArgs{
			Thresholds: policy.ResourceThresholds{policy.MetricResource: 30}, TargetThresholds: policy.ResourceThresholds{policy.MetricResource: 50},
			MetricsUtilization: &policy.MetricsUtilization{Source: policy.PrometheusMetrics, Prometheus: &policy.PrometheusQuery{Query: "q"}},
		}
	}
	used := map[string]int64{"a": 200, "b": 350, "c": 50, "d": 20}
	tests := []struct {
		name     string
		args     *policy.LowNodeUtilizationArgs
		usage    given
		schedule func(*strategy.State, *corev1.Pod) string
		want     []string
		err      string
	}{
		{
			name: "usage counts, not requests", args: metrics(), usage: cpu(map[string]int64{"n1": 650, "n2": 40, "n3": 0}, used),
			schedule: fixed("n2"), want: []string{"a n1>n2"},
		},
		{
			name: "a pod takes its usage along: the second has no room", args: metrics(), usage: cpu(map[string]int64{"n1": 1000, "n2": 40, "n3": 0}, used),
			schedule: fixed("n2"), want: []string{"b n1>n2", "c n1>n2"},
		},
		{
			name: "a pod without figures stays", args: metrics(), usage: cpu(map[string]int64{"n1": 650, "n2": 40, "n3": 0}, map[string]int64{"c": 50}),
			schedule: fixed("n2"), want: []string{"c n1>n2"},
		},
		{
			name: "a node without figures is no destination", args: metrics(), usage: cpu(map[string]int64{"n1": 650, "n2": 40}, used),
			schedule: fixed("n3"),
		},
		{
			name: "a node without figures is not underutilized", args: metrics(), usage: cpu(map[string]int64{"n1": 650, "n2": 400}, used),
			schedule: fixed("n2"),
		},
		{
			name: "no figures of any node", args: metrics(), usage: cpu(nil, used), schedule: fixed("n2"),
			err: "LowNodeUtilization: the metrics source has no usage of any ready node, such as node n1",
		},
		{
			// Of n1's 70 points, a and b count 100 of 700 millicores each, c 500: 10, 10 and 50.
			name: "of a query a pod is taken to have what its requests are of its node's, and one pod goes", args: query(),
			usage:    share(map[string]int64{"n1": 700_000, "n2": 40_000, "n3": 0}),
			schedule: fixed("n3"), want: []string{"c n1>n3"},
		},
		{
			name: "more than one if evictionLimits say so", usage: share(map[string]int64{"n1": 700_000, "n2": 50_000, "n3": 0}),
			args: func() *policy.LowNodeUtilizationArgs {
				a := query()
				a.EvictionLimits = &policy.EvictionLimits{Node: ptr.To(uint(2))}
				return a
			}(),
			schedule: fixed("n2"), want: []string{"a n1>n2", "b n1>n2"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			session := strategytest.New(picture, tt.schedule)
			err := lowStrategy(t, tt.args, tt.usage.env()).Deschedule(testContext, session)
			if tt.err != "" {
				if err == nil || !strings.HasPrefix(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == nil {
				tt.want = []string{}
			}
			if diff := cmp.Diff(tt.want, movesOf(session)); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
		})
	}
}

func TestUsageIsNeeded(t *testing.T) {
	args := cpuThresholds(20, 50)
	args.MetricsUtilization = &policy.MetricsUtilization{Source: policy.KubernetesMetrics}
	if _, err := NewLowNodeUtilization(args, strategy.Env{}); err == nil || !strings.Contains(err.Error(), "metricsProviders") {
		t.Errorf("without providers: error %v", err)
	}
	gone := errors.New("gone")
	env := strategy.Env{Usage: func(context.Context, *policy.MetricsUtilization) (strategy.Usage, error) { return nil, gone }}
	if err := lowStrategy(t, args, env).Deschedule(testContext, strategytest.New(&cluster.Snapshot{}, spreadByCPU)); !errors.Is(err, gone) {
		t.Errorf("error %v, want that of the source", err)
	}
}

// What a node uses follows its pods: those that leave take their usage along, wherever
// they go, and a pod that nothing is known of counts with what it requests.
func TestActualUsageFollowsPods(t *testing.T) {
	a, b := sizedPod("n1", "a", 10), sizedPod("n1", "b", 20)
	picture := &cluster.Snapshot{Nodes: []*corev1.Node{fullNode("n1", 1000), fullNode("n2", 2000)}, Pods: []*corev1.Pod{a, b}}
	state := strategy.NewState(picture, labels.Everything())
	scale := newUtilizationScale(state, policy.ResourceThresholds{corev1.ResourceCPU: 1, corev1.ResourcePods: 1})
	scale.actual = newUtilizationActual(state, scale.names, given{corev1.ResourceCPU, map[string]int64{"n1": 500, "n2": 100}, map[string]int64{"a": 200}})
	check := func(when string, n1, n2 points) {
		t.Helper()
		for name, want := range map[string]points{"n1": n1, "n2": n2} {
			got, known := scale.taken(state, state.Node(name))
			for i := range want {
				if diff := got[i] - want[i]; !known || diff > 1e-9 || diff < -1e-9 {
					t.Errorf("%s: node %s is at %v, want %v", when, name, got, want)
					break
				}
			}
		}
	}
	pods := func(n float64) float64 { return n / 110 * 100 }
	check("at first", points{50, pods(2)}, points{5, 0})
	moved := sizedPod("n2", "a2", 10)
	state.Remove(a)
	state.AddReplacement(moved, a)
	check("with a on n2", points{30, pods(1)}, points{15, pods(1)})
	moved = sizedPod("n2", "b2", 20)
	state.Remove(b)
	state.AddReplacement(moved, b)
	check("with b, without figures, on n2", points{30, 0}, points{16, pods(2)})
	state.Add(sizedPod("n1", "new", 40))
	check("with a new pod on n1", points{34, pods(1)}, points{16, pods(2)})
}

// What pods on their way out use is known, so heat is without it; what pods use of which
// nothing is known is not.
func TestHeatByActualUsage(t *testing.T) {
	picture := &cluster.Snapshot{Nodes: []*corev1.Node{fullNode("n1", 1000)}, Pods: []*corev1.Pod{
		sizedPod("n1", "a", 10), sizedPod("n1", "leaving", 10, terminating), sizedPod("n1", "leaving too, without figures", 10, terminating),
	}}
	state := strategy.NewState(picture, labels.Everything())
	scale := newUtilizationScale(state, policy.ResourceThresholds{corev1.ResourceCPU: 1, corev1.ResourcePods: 1})
	scale.actual = newUtilizationActual(state, scale.names, given{corev1.ResourceCPU, map[string]int64{"n1": 500}, map[string]int64{"a": 200, "leaving": 250}})
	heat, _ := scale.heat(state, state.Node("n1"))
	taken, _ := scale.taken(state, state.Node("n1"))
	if diff := cmp.Diff([]points{{25, 100. / 110}, {50, 300. / 110}}, []points{heat, taken}); diff != "" {
		t.Errorf("heat and what is taken (-want +got):\n%s", diff)
	}
}

func TestWholeShare(t *testing.T) {
	scale := &utilizationScale{names: []corev1.ResourceName{policy.MetricResource}}
	if got := scale.of(strategy.Amounts{policy.MetricResource: usage.Whole / 4}, &strategy.Node{}); got[0] != 25 {
		t.Errorf("a quarter is %v points, want 25", got[0])
	}
}
