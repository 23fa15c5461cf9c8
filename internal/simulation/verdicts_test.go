package simulation

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

func TestVerdictsNameTheFilterThatRejectsANode(t *testing.T) {
	tainted, small := node("tainted", "4", "4Gi"), node("small", "1", "4Gi")
	tainted.Spec.Taints = []corev1.Taint{{Key: "dedicated", Value: "gpu", Effect: corev1.TaintEffectNoSchedule}}
	nodes := []*corev1.Node{node("fits", "4", "4Gi"), tainted, small}
	onFits := pod("p", "", "2", "1Gi")
	onFits.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{"fits"}}},
		}}},
	}}
	claiming := pod("p", "", "2", "1Gi")
	claiming.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "missing"},
	}}}
	for _, tt := range []struct {
		name string
		pod  *corev1.Pod
		want []string
	}{
		{"each node has its own", pod("p", "", "2", "1Gi"), []string{
			"fits: fits", "small: NodeResourcesFit: Insufficient cpu", "tainted: TaintToleration: node(s) had untolerated taint(s)",
		}},
		{"nodes that a plugin leaves out name the plugin", onFits, []string{
			"fits: fits", "small: NodeAffinity: node(s) excluded by plugin(s) NodeAffinity", "tainted: NodeAffinity: node(s) excluded by plugin(s) NodeAffinity",
		}},
		{"what rejects the pod before nodes are filtered rejects all of them", claiming, []string{
			`fits: VolumeRestrictions: persistentvolumeclaim "missing" not found`, `small: VolumeRestrictions: persistentvolumeclaim "missing" not found`,
			`tainted: VolumeRestrictions: persistentvolumeclaim "missing" not found`,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSimulation(t, "default-scheduler")
			feed(t, s, nodes, nil)
			verdicts, err := s.Verdicts(t.Context(), tt.pod)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, v := range verdicts {
				if v.Fits {
					got = append(got, v.Node+": fits")
				} else {
					got = append(got, fmt.Sprintf("%s: %s: %s", v.Node, v.Plugin, strings.Join(v.Reasons, ", ")))
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A pod is scheduled if and only if a verdict says that a node fits.
func TestVerdictsAgreeWithSchedule(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSimulation(t, "default-scheduler")
		var nodes []*corev1.Node
		for i := range rapid.IntRange(1, 5).Draw(rt, "nodes") {
			n := node(fmt.Sprint("n", i), fmt.Sprint(rapid.IntRange(1, 4).Draw(rt, "cpu")), "4Gi")
			n.Spec.Unschedulable = rapid.Bool().Draw(rt, "cordoned")
			nodes = append(nodes, n)
		}
		feed(t, s, nodes, nil)
		p := pod("new", "", fmt.Sprint(rapid.IntRange(1, 5).Draw(rt, "request")), "1Gi")
		verdicts, err := s.Verdicts(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		fitting := 0
		for _, v := range verdicts {
			if v.Fits {
				fitting++
			}
		}
		decision := schedule(t, s, p)
		if len(verdicts) != len(nodes) || (fitting > 0) != (decision.Node != "") || fitting > 1 && len(decision.Scores) != fitting {
			rt.Errorf("%d verdicts, %d nodes fit, and the pod goes to %q", len(verdicts), fitting, decision.Node)
		}
	})
}
