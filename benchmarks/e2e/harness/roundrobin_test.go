package harness

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

func TestRoundRobin(t *testing.T) {
	var nodes []fwk.NodeInfo
	for _, name := range []string{"a", "b", "c"} {
		node := framework.NewNodeInfo()
		node.SetNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}})
		nodes = append(nodes, node)
	}
	plugin := &roundRobin{}
	nowhere := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{FitsNowhereLabel: "true"}}}
	var got []string
	for _, pod := range []*corev1.Pod{{}, {}, nowhere, {}, {}} {
		result, status := plugin.PreFilter(t.Context(), nil, pod, nodes)
		if status.IsRejected() {
			got = append(got, "none")
			continue
		}
		got = append(got, sets.List(result.NodeNames)...)
	}
	if diff := cmp.Diff([]string{"a", "b", "none", "c", "a"}, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	if _, status := plugin.PreFilter(t.Context(), nil, &corev1.Pod{}, nil); !status.IsRejected() {
		t.Error("a pod is not rejected where there are no nodes")
	}
}
