package recovery

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// TestStandIns has stand-ins for a pod, which count for its workload from the beginning.
func TestStandIns(t *testing.T) {
	for _, tt := range []struct {
		name string
		then func(*world)
		want []string
	}{
		{
			name: "it is ready when its pod goes",
			then: func(w *world) {
				w.up("stand-in", "", 1)
				w.remove("old", 2)
				w.change("stand-in", "", 3, func(p *corev1.Pod) { delete(p.Labels, cluster.StandInLabel) })
			},
			want: []string{"0 Deployment default/web 1/1", "1 Deployment default/web 2/1", "2 Deployment default/web 1/1", "2 lost old", "2 old recovered by stand-in after 0"},
		},
		{
			name: "it is removed before its pod goes",
			then: func(w *world) {
				w.up("stand-in", "", 1)
				w.remove("stand-in", 2)
			},
			want: []string{"0 Deployment default/web 1/1", "1 Deployment default/web 2/1", "2 Deployment default/web 1/1"},
		},
		{
			name: "its pod goes before it is ready",
			then: func(w *world) {
				w.remove("old", 1)
				w.up("new", "ReplicaSet/web-h", 2)
				w.remove("stand-in", 3)
			},
			want: []string{"0 Deployment default/web 1/1", "1 Deployment default/web 0/1", "1 lost old", "2 old recovered by new after 1", "2 Deployment default/web 1/1"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(0)
			w.workloads["ReplicaSet/web-h"] = &cluster.Workload{Kind: "Deployment", Group: "apps", Namespace: "default", Name: "web", UID: "web", Desired: 1}
			w.up("old", "ReplicaSet/web-h", -1)
			w.Begin(noon)
			w.change("stand-in", "ReplicaSet/web-h", 0, func(p *corev1.Pod) {
				p.OwnerReferences[0].APIVersion, p.OwnerReferences[0].Controller = "apps/v1", nil
				p.Labels[cluster.StandInLabel] = cluster.OfStandIn
				p.Annotations = map[string]string{cluster.StandInAnnotation: `{"pod": "old", "uid": "old", "replicaSet": "web-h", "replicaSetUID": "ReplicaSet/web-h", "podTemplateHash": "h"}`}
			})
			tt.then(w)
			w.Refresh(at(9))
			if diff := cmp.Diff(tt.want, w.log); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
