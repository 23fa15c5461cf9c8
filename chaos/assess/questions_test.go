package assess

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

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
	for _, tt := range []struct {
		name string
		loss Loss
		want []string
	}{
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
	if _, err := Zone(picture, "wets"); err == nil || !strings.HasSuffix(err.Error(), "only in east, west") {
		t.Errorf("an unknown zone: %v, want an error that names those that there are", err)
	}
}
