package chaos

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

func TestFormsHaveBudgetsThatSelect(t *testing.T) {
	fleet := ofAllForms(2)
	names := map[string]bool{}
	for _, w := range fleet.Workloads {
		if names[w.key()] {
			t.Errorf("%s is there twice", w.key())
		}
		names[w.key()] = true
	}
	for _, pdb := range fleet.Budgets {
		b := newBudget(pdb)
		selected := slices.ContainsFunc(fleet.Workloads, func(w Workload) bool { return b.covers(w.Namespace, w.labels()) })
		elsewhere := slices.ContainsFunc(fleet.Workloads, func(w Workload) bool { return w.Namespace != pdb.Namespace && b.covers(w.Namespace, w.labels()) })
		if !selected || elsewhere {
			t.Errorf("budget %s selects workloads: %v, of other namespaces: %v", b.name, selected, elsewhere)
		}
	}
	if got := len(fleet.namespaces()); got != 2 || len(fleet.Workloads) < 60/2 {
		t.Errorf("%d namespaces and %d workloads, want 2 and 30 at least", got, len(fleet.Workloads))
	}
}

// TestTheRestFits checks that what the loss of a zone leaves pending is not for want of
// room: nobody could predict which of the pods get what is there.
func TestTheRestFits(t *testing.T) {
	for _, size := range []Size{Quick, Full} {
		requested := int64(0)
		for _, w := range spread(size.Nodes).Workloads {
			requested += int64(w.Replicas) * cluster.Requests(&corev1.Pod{Spec: w.Spec})[corev1.ResourceCPU]
		}
		left := int64(size.Nodes-size.Nodes/3) * nodeCPU * 1000
		if requested > left*9/10 || requested < left/2 {
			t.Errorf("%d nodes: %d millicores are requested, of %d on two zones of three", size.Nodes, requested, left)
		}
		if got := Pool(size.Nodes).Size(); got != size.Nodes {
			t.Errorf("the pool has %d nodes, want %d", got, size.Nodes)
		}
	}
}

func TestWhatIsLeftOfANode(t *testing.T) {
	node := func(change func(*corev1.Node)) *corev1.Node {
		n := Pool(30).Nodes()[0]
		change(n)
		return n
	}
	before := describe(node(func(*corev1.Node) {}))
	tests := []struct {
		name    string
		node    *corev1.Node
		changed bool
	}{
		{"nothing", node(func(*corev1.Node) {}), false},
		{"a cordon", node(func(n *corev1.Node) { n.Spec.Unschedulable = true }), true},
		{"a taint", node(func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: "aws-node-termination-handler/spot-itn", Effect: corev1.TaintEffectNoSchedule}}
		}), true},
		{"the control plane's taint of a node that is not heard of", node(func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute}}
		}), false},
		{"a label", node(func(n *corev1.Node) { n.Labels["chaos.stowage.dev/silent"] = "" }), true},
		{"a label that is missing", node(func(n *corev1.Node) { delete(n.Labels, corev1.LabelTopologyZone) }), true},
		{"an annotation", node(func(n *corev1.Node) { n.Annotations["chaos.stowage.dev/undo"] = "{}" }), true},
		{"an annotation of the control plane", node(func(n *corev1.Node) { n.Annotations["node.alpha.kubernetes.io/ttl"] = "15" }), false},
		{"an annotation of a domain that ends alike", node(func(n *corev1.Node) { n.Annotations["notkubernetes.io/x"] = "" }), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			changed := changedNodes(map[string]string{"n": before}, map[string]string{"n": describe(tt.node)})
			if (len(changed) > 0) != tt.changed {
				t.Errorf("changed: %v, want %v: [%s] and [%s]", changed, tt.changed, before, describe(tt.node))
			}
		})
	}
	if got := changedNodes(map[string]string{"n": before}, nil); len(got) != 1 {
		t.Errorf("a node that is gone: %v", got)
	}
}

func TestMarks(t *testing.T) {
	tests := []struct {
		name string
		meta metav1.ObjectMeta
		want []string
	}{
		{"none", metav1.ObjectMeta{Namespace: "a", Name: "b", Labels: map[string]string{"app": "chaos.stowage.dev/run"}}, nil},
		{"a label", metav1.ObjectMeta{Namespace: "a", Name: "b", Labels: map[string]string{"chaos.stowage.dev/run": "x"}}, []string{"Pod a/b has chaos.stowage.dev/run"}},
		{"an annotation", metav1.ObjectMeta{Namespace: "a", Name: "b", Annotations: map[string]string{"chaos.stowage.dev/undo": "x"}}, []string{"Pod a/b has chaos.stowage.dev/undo"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, marksOf("Pod", &tt.meta)); diff != "" {
				t.Errorf("marks (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiffers(t *testing.T) {
	one := [][]string{{"Deployment a/web #1", "Deployment a/api #0"}, {"Deployment a/web #0"}}
	tests := []struct {
		name  string
		other [][]string
		want  string
	}{
		{"the same", [][]string{{"Deployment a/web #1", "Deployment a/api #0"}, {"Deployment a/web #0"}}, ""},
		{"another rank", [][]string{{"Deployment a/web #1", "Deployment a/api #0"}, {"Deployment a/web #2"}}, "draw 2, victim 1: Deployment a/web #2, and not Deployment a/web #0"},
		{"another order", [][]string{{"Deployment a/api #0", "Deployment a/web #1"}, {"Deployment a/web #0"}}, "draw 1, victim 1: Deployment a/api #0, and not Deployment a/web #1"},
		{"one victim more", [][]string{{"Deployment a/web #1", "Deployment a/api #0", "Deployment a/db #0"}, {"Deployment a/web #0"}}, "draw 1: 3 victims, and not 2"},
		{"one draw less", one[:1], "1 draws, and not 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := differs(one, tt.other); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestFigures(t *testing.T) {
	figures := append(
		collect("evict-random/200", []measured{count("evictions", 1000), count("budget_violations", 0), {"recovery_p50_s", 0.25049}}),
		collect("replay/200", []measured{truth("replay_identical", true)})...,
	)
	want := []figure.Figure{
		{Case: "evict-random/200", Subject: "stowage", Metric: "recovery_p50_s", Value: 0.25, Unit: "s", Better: figure.Lower},
		{Case: "replay/200", Subject: "stowage", Metric: "replay_identical", Value: 1, Unit: "yes=1", Better: figure.Higher},
	}
	if diff := cmp.Diff(want, figures[2:]); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	var table strings.Builder
	if err := WriteTable(&table, figures); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"evict-random/200\n", "  evictions ", "1000", "0.25", "replay/200\n", metrics["replay_identical"].legend} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, table.String())
		}
	}
	if got, want := summary(figures), "evictions 1000, budget violations 0, replay identical 1, recovery p50 s 0.25"; got != want {
		t.Errorf("the summary is %q, want %q", got, want)
	}
}

func TestDecision(t *testing.T) {
	size := Size{DecisionNodes: 60, DecisionPods: 30 * decisions}
	figures, err := decision(&trial{bench: &bench{ctx: t.Context()}, size: size, show: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range figures {
		if metrics[f.metric].unit == "" {
			t.Errorf("nothing is said about the figure %s", f.metric)
		}
		if f.metric == "decision_ms" && f.value <= 0 {
			t.Errorf("a decision takes %v ms", f.value)
		}
	}
}
