package preemptible

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"pgregory.net/rapid"
)

// two are labels enough for them to contradict each other.
var two = Recognizer{Labels: []NodeLabel{{Key: "capacity", Values: []string{"spot", "scavenged"}}, {Key: "preemptible", Values: []string{""}}}}

var (
	drawKey   = rapid.SampledFrom([]string{"capacity", "preemptible", "disk"})
	drawValue = rapid.SampledFrom([]string{"spot", "scavenged", "on-demand", ""})
	drawTerm  = rapid.Custom(func(t *rapid.T) corev1.NodeSelectorTerm {
		var term corev1.NodeSelectorTerm
		for range rapid.IntRange(0, 3).Draw(t, "expressions") {
			e := corev1.NodeSelectorRequirement{Key: drawKey.Draw(t, "key"), Operator: rapid.SampledFrom([]corev1.NodeSelectorOperator{"In", "NotIn", "Exists", "DoesNotExist"}).Draw(t, "operator")}
			if e.Operator == "In" || e.Operator == "NotIn" {
				e.Values = rapid.SliceOfNDistinct(drawValue, 1, 3, rapid.ID).Draw(t, "values")
			}
			term.MatchExpressions = append(term.MatchExpressions, e)
		}
		if rapid.Bool().Draw(t, "with a field") {
			term.MatchFields = []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: "In", Values: []string{"node"}}}
		}
		return term
	})
)

// drawSpec draws a pod's spec that the API server would take.
func drawSpec(t *rapid.T) corev1.PodSpec {
	var spec corev1.PodSpec
	if rapid.Bool().Draw(t, "with a node selector") {
		spec.NodeSelector = map[string]string{drawKey.Draw(t, "selected"): drawValue.Draw(t, "value")}
	}
	if terms := rapid.SliceOfN(drawTerm, 0, 3).Draw(t, "terms"); len(terms) > 0 {
		spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms}}}
	}
	return spec
}

// matches asks the engine whether a node is what the spec selects.
func matches(t *rapid.T, spec corev1.PodSpec, node *corev1.Node) bool {
	takes, err := nodeaffinity.GetRequiredNodeAffinity(&corev1.Pod{Spec: spec}).Match(node)
	if err != nil {
		t.Fatal(err)
	}
	return takes
}

// TestAffinity compares what is said of specs, and what is made of them, with what the engine says
// of random nodes.
func TestAffinity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec := drawSpec(t)
		node := &corev1.Node{}
		node.Name, node.Labels = "node", map[string]string{}
		for range rapid.IntRange(0, 2).Draw(t, "labels") {
			node.Labels[drawKey.Draw(t, "key")] = drawValue.Draw(t, "value")
		}
		before, preemptible := matches(t, spec, node), two.Preemptible(node)
		if before && two.Confines(&spec) && !preemptible {
			t.Errorf("the spec confines to preemptible nodes, and takes %v", node.Labels)
		}
		_, capacity := node.Labels["capacity"]
		if _, flag := node.Labels["preemptible"]; before && two.KeepsOff(&spec) && preemptible && !(capacity && flag) {
			t.Errorf("the spec keeps off preemptible nodes, and takes %v", node.Labels)
		}
		excluded := spec
		excluded.Affinity = two.Exclude(spec.Affinity)
		if got, want := matches(t, excluded, node), before && !preemptible; got != want {
			t.Errorf("with preemptible nodes excluded, that %v is taken is %t, want %t", node.Labels, got, want)
		}
		confined := spec
		var can bool
		confined.Affinity, can = two.Confine(spec.Affinity)
		if got, want := matches(t, confined, node), before && (preemptible || !can); got != want {
			t.Errorf("confined to preemptible nodes (%t), that %v is taken is %t, want %t", can, node.Labels, got, want)
		}
		favored := spec
		favored.Affinity = two.Favor(spec.Affinity)
		if got := matches(t, favored, node); got != before {
			t.Errorf("with preemptible nodes preferred, that %v is taken is %t", node.Labels, got)
		}
		terms, err := nodeaffinity.NewPreferredSchedulingTerms(favored.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
		if err != nil {
			t.Fatal(err)
		}
		if got := terms.Score(node) > 0; got != preemptible {
			t.Errorf("%v is preferred: %t, want %t", node.Labels, got, preemptible)
		}
		// An excluded spec says so itself, unless it contradicts itself by now.
		if required := requiredOf(excluded.Affinity); !two.KeepsOff(&excluded) && !wantsPreemptible(&excluded) {
			t.Errorf("%+v does not keep off preemptible nodes", required)
		}
	})
}

// wantsPreemptible says whether a part of the spec by itself is met by preemptible nodes only, or by
// no node at all.
func wantsPreemptible(spec *corev1.PodSpec) bool {
	if two.selects(spec, true) {
		return true
	}
	for _, term := range requiredOf(spec.Affinity).NodeSelectorTerms {
		for _, e := range term.MatchExpressions {
			if two.wants(true)(e) {
				return true
			}
		}
		if len(term.MatchExpressions)+len(term.MatchFields) == 0 {
			return true
		}
	}
	return false
}

func TestKeepsOffAndConfines(t *testing.T) {
	in := func(key string, operator corev1.NodeSelectorOperator, values ...string) corev1.NodeSelectorTerm {
		return corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: operator, Values: values}}}
	}
	for _, tt := range []struct {
		name              string
		selector          map[string]string
		terms             []corev1.NodeSelectorTerm
		keepsOff, confine bool
	}{
		{name: "a pod that says nothing"},
		{name: "a selector of on-demand nodes", selector: map[string]string{"karpenter.sh/capacity-type": "on-demand"}, keepsOff: true},
		{name: "a selector of preemptible nodes", selector: map[string]string{"cloud.google.com/gke-spot": "true"}, confine: true},
		{name: "a selector of something else", selector: map[string]string{"disktype": "ssd"}},
		{name: "affinity to one kind", terms: []corev1.NodeSelectorTerm{in("karpenter.sh/capacity-type", "In", "on-demand")}, keepsOff: true},
		{name: "to both", terms: []corev1.NodeSelectorTerm{in("karpenter.sh/capacity-type", "In", "on-demand", "spot")}},
		{name: "not to that of one label of many", terms: []corev1.NodeSelectorTerm{in("karpenter.sh/capacity-type", "NotIn", "spot")}},
		{name: "not to that of any label", terms: []corev1.NodeSelectorTerm{{MatchExpressions: Known().Excluded()}}, keepsOff: true},
		{name: "to one kind by one label, and to none by another", selector: map[string]string{"karpenter.sh/capacity-type": "spot"}, terms: []corev1.NodeSelectorTerm{{MatchExpressions: Known().Excluded()}}, confine: true},
		{name: "not to one of two values", terms: []corev1.NodeSelectorTerm{in("cloud.google.com/gke-provisioning", "NotIn", "spot")}},
		{name: "a term each", terms: []corev1.NodeSelectorTerm{in("karpenter.sh/capacity-type", "In", "spot"), in("kubernetes.azure.com/scalesetpriority", "In", "spot")}, confine: true},
		{name: "one term that does not say", terms: []corev1.NodeSelectorTerm{in("karpenter.sh/capacity-type", "In", "spot"), in("disktype", "Exists")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := corev1.PodSpec{NodeSelector: tt.selector}
			if tt.terms != nil {
				spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: tt.terms}}}
			}
			if keepsOff, confines := Known().KeepsOff(&spec), Known().Confines(&spec); keepsOff != tt.keepsOff || confines != tt.confine {
				t.Errorf("keeps off %t, confines %t, want %t and %t", keepsOff, confines, tt.keepsOff, tt.confine)
			}
		})
	}
}

// TestAffinitiesAreSilentOnSomeLabels: Karpenter makes no nodes for pods with affinity over these.
func TestAffinitiesAreSilentOnSomeLabels(t *testing.T) {
	r := Recognizer{Labels: []NodeLabel{
		{Key: "karpenter.sh/capacity-type", Values: []string{"spot"}},
		{Key: "karpenter.k8s.aws/capacity-reservation-interruptible", Values: []string{"true"}},
		{Key: "node-role.kubernetes.io/spot-worker", Values: []string{"true"}},
		{Key: "node.kubernetes.io/lifecycle", Values: []string{"spot"}},
		{Key: "cluster.x-k8s.io/interruptible", Values: []string{""}},
		{Key: "plain", Values: []string{"true"}},
	}}
	var got []string
	for _, e := range r.Excluded() {
		got = append(got, e.Key)
	}
	if diff := cmp.Diff([]string{"karpenter.sh/capacity-type", "node.kubernetes.io/lifecycle", "cluster.x-k8s.io/interruptible", "plain"}, got); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	spec := corev1.PodSpec{Affinity: r.Exclude(nil)}
	if !r.KeepsOff(&spec) {
		t.Error("a pod that says all that can be said does not keep off")
	}
}
