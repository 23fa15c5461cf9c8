package run

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

func TestDraining(t *testing.T) {
	pod := func(name, node, kind string, annotations map[string]string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}, Spec: corev1.PodSpec{NodeName: node}}
		if kind != "" {
			p.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: "owner", UID: "owner", Controller: ptr.To(true)}}
		}
		return p
	}
	picture := target.NewPicture(&cluster.Snapshot{Pods: []*corev1.Pod{
		pod("web", "a", "ReplicaSet", nil),
		pod("marked", "a", "ReplicaSet", map[string]string{"karpenter.sh/do-not-disrupt": "true"}),
		pod("not-safe", "a", "StatefulSet", map[string]string{"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}),
		pod("bare", "a", "", nil), pod("agent", "a", "DaemonSet", nil), pod("elsewhere", "b", "ReplicaSet", nil),
	}}, time.Unix(0, 0))
	for _, tt := range []struct {
		name    string
		include bool
		want    []string
		left    map[string]int
	}{
		{
			name: "pods that are marked not to be disrupted stay", want: []string{"web"},
			left: map[string]int{"nothing would replace them": 1, "they are marked karpenter.sh/do-not-disrupt": 1, "they are marked cluster-autoscaler.kubernetes.io/safe-to-evict": 1},
		},
		{name: "unless they are asked for", include: true, want: []string{"web", "marked", "not-safe"}, left: map[string]int{"nothing would replace them": 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pods, left := draining(picture, map[string]bool{"a": true}, tt.include)
			var names []string
			for _, pod := range pods {
				names = append(names, pod.Name)
			}
			if diff := cmp.Diff(tt.want, names); diff != "" {
				t.Errorf("pods to evict (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.left, left); diff != "" {
				t.Errorf("pods that stay (-want +got):\n%s", diff)
			}
		})
	}
}
