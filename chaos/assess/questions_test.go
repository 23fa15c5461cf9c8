package assess

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

func TestReadyQuestions(t *testing.T) {
	spot := preemptible.Recognizer{Labels: []preemptible.NodeLabel{{Key: "lifecycle", Values: []string{"spot"}}}}
	b := new(build).
		node("a", "4", corev1.LabelTopologyZone, "west").
		node("b", "8", corev1.LabelTopologyZone, "east", "lifecycle", "spot").
		node("c", "8", corev1.LabelTopologyZone, "west").
		node("d", "8", "lifecycle", "normal").
		pods("ReplicaSet", "web", "1", "c", "d", "c")
	picture := b.picture()
	west, err := Zone(picture, "west")
	if err != nil {
		t.Fatal(err)
	}
	// around is a cluster of a small worker with a pod, and a large node beside it.
	around := func(large func(*build, *corev1.Node)) *target.Picture {
		b := new(build).node("worker", "4").node("large", "900").pods("ReplicaSet", "web", "1", "worker")
		large(b, b.Nodes[1])
		return b.picture()
	}
	for _, tt := range []struct {
		name string
		loss Loss
		want []string
	}{
		{"a virtual node without pods has nothing to lose", LargestNode(around(func(*build, *corev1.Node) {})), []string{"worker"}},
		{"a cordoned node that is empty has nothing to lose", LargestNode(around(func(_ *build, large *corev1.Node) { large.Spec.Unschedulable = true })), []string{"worker"}},
		{"a cordoned node with pods has", LargestNode(around(func(b *build, large *corev1.Node) {
			large.Spec.Unschedulable = true
			b.pods("ReplicaSet", "api", "1", "large")
		})), []string{"large"}},
		{"a node that is dead already has nothing to lose", LargestNode(around(func(b *build, large *corev1.Node) {
			large.Status.Conditions[0].Status = corev1.ConditionUnknown
			b.pods("ReplicaSet", "api", "1", "large")
		})), []string{"worker"}},
		{"a node that is taken away already is lost anyway", LargestNode(around(func(b *build, large *corev1.Node) {
			large.Spec.Taints = []corev1.Taint{{Key: "karpenter.sh/disrupted", Effect: corev1.TaintEffectNoSchedule}}
			b.pods("ReplicaSet", "api", "1", "large")
		})), []string{"worker"}},
		{"pods of DaemonSets go with their node", LargestNode(around(func(b *build, _ *corev1.Node) { b.pods("DaemonSet", "agent", "1", "large", "worker") })), []string{"worker"}},
		{"pods that are on their way out are lost already", LargestNode(around(func(b *build, _ *corev1.Node) {
			b.pods("ReplicaSet", "api", "1", "large").change("api-0", func(pod *corev1.Pod) { pod.DeletionTimestamp = &metav1.Time{Time: now} })
		})), []string{"worker"}},
		{"where no node has anything to lose there is no largest", LargestNode(new(build).node("a", "4").pods("DaemonSet", "agent", "1", "a").picture()), nil},
		{"the largest node is the one with most requested of those with most to offer", LargestNode(picture), []string{"c"}},
		{"a zone is all nodes with its label", west, []string{"a", "c"}},
		{"preemptible nodes are those with a value that counts", AllPreemptible(picture, spot), []string{"b"}},
		{"every zone that a node names is there", EveryZone(picture)["east"], []string{"b"}},
		{"an empty cluster has no largest node", LargestNode(new(build).picture()), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, node := range tt.loss.Nodes {
				got = append(got, node.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("nodes (-want +got):\n%s", diff)
			}
			if tt.loss.How != Down || !tt.loss.Dead {
				t.Errorf("it is %s, dead %v: the capacity is not gone", tt.loss.How, tt.loss.Dead)
			}
		})
	}
	if n := len(EveryZone(picture)); n != 2 {
		t.Errorf("%d zones, want 2: a node without the label is in none", n)
	}
	if _, err := Zone(picture, "wets"); err == nil || !strings.HasSuffix(err.Error(), "available zones are east, west") {
		t.Errorf("an unknown zone: %v, want an error that names those that there are", err)
	}
}

func TestEachLossOfAKind(t *testing.T) {
	b := new(build).
		node("a", "4", "karpenter.sh/nodepool", "x", "team", "red").
		node("b", "4", "karpenter.sh/nodepool", "x").
		node("c", "4", "karpenter.sh/nodepool", "y").
		node("d", "4").
		taint("c", "karpenter.sh/disrupted", "", corev1.TaintEffectNoSchedule)
	b.Nodes[3].Status.Conditions[0].Status = corev1.ConditionUnknown
	for _, tt := range []struct {
		name   string
		losses map[string]Loss
		want   map[string][]string
	}{
		{"each node that is there and stays", EveryNode(b.picture()), map[string][]string{"a": {"a"}, "b": {"b"}}},
		{"each pool", EveryPool(b.picture(), ""), map[string][]string{"x": {"a", "b"}, "y": {"c"}}},
		{"each pool by a label of one's own", EveryPool(b.picture(), "team"), map[string][]string{"red": {"a"}}},
	} {
		got := map[string][]string{}
		for name, loss := range tt.losses {
			for _, node := range loss.Nodes {
				got[name] = append(got[name], node.Name)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
