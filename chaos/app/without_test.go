package app

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

func TestThePoolsOfNodes(t *testing.T) {
	picture := &target.Picture{Snapshot: &cluster.Snapshot{}}
	for name, labels := range map[string]map[string]string{
		"a": {"karpenter.sh/nodepool": "batch", "example.com/pool": "blue"},
		"b": {"eks.amazonaws.com/nodegroup": "general"},
		"c": nil,
	} {
		picture.Nodes = append(picture.Nodes, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}})
	}
	for _, tt := range []struct{ label, name, want string }{
		{"", "batch", "a"},
		{"", "general", "b"},
		{"example.com/pool", "blue", "a"},
		{"", "bacth", `no node is in pool "bacth" (did you mean "batch"?), only in batch, general`},
		{"example.com/tier", "blue", `no node is in pool "blue": none has the label example.com/tier`},
	} {
		loss, err := pool(picture, tt.label, tt.name)
		var got []string
		for _, node := range loss.Nodes {
			got = append(got, node.Name)
		}
		if err != nil {
			got = append(got, err.Error())
		}
		if strings.Join(got, ", ") != tt.want {
			t.Errorf("pool %s by label %q: %s, want %s", tt.name, tt.label, got, tt.want)
		}
	}
}
