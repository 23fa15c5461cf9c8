package real

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestLife follows a pod as a kubelet and a controller have it: each moment is the first at
// which something was seen, also where several come at once or one is taken back.
func TestLife(t *testing.T) {
	at := func(second int) time.Time { return time.Unix(int64(second), 0) }
	pod := func(change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web", UID: "1"}}
		change(p)
		return p
	}
	running := func(p *corev1.Pod) {
		p.Spec.NodeName = "real-1"
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
	}
	ready := func(status corev1.ConditionStatus) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			running(p)
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: status}}
		}
	}
	tests := []struct {
		name string
		seen []*corev1.Pod
		want life
	}{
		{"waits for a node", []*corev1.Pod{pod(func(*corev1.Pod) {})}, life{name: "web", created: at(1)}},
		{"runs", []*corev1.Pod{pod(func(*corev1.Pod) {}), pod(running), pod(ready("False")), pod(ready("True"))},
			life{name: "web", node: "real-1", created: at(1), bound: at(2), started: at(2), ready: at(4)}},
		{"is not Ready for a while", []*corev1.Pod{pod(ready("True")), pod(ready("False")), pod(ready("True"))},
			life{name: "web", node: "real-1", created: at(1), bound: at(1), started: at(1), ready: at(1)}},
		{"is on its way out", []*corev1.Pod{pod(ready("True")), pod(func(p *corev1.Pod) { running(p); p.DeletionTimestamp = &metav1.Time{Time: at(9)} })},
			life{name: "web", node: "real-1", created: at(1), bound: at(1), started: at(1), ready: at(1), ended: at(2)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := &watcher{pods: map[types.UID]life{}}
			for i, p := range tt.seen {
				w.see(p, at(i+1))
			}
			if diff := cmp.Diff(tt.want, w.pods["1"], cmp.AllowUnexported(life{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if on := len(w.running(false)) == 1; on != tt.want.ended.IsZero() {
				t.Errorf("it counts as running: %t", on)
			}
			if on := len(w.running(true)) == 1; on != (tt.want.ended.IsZero() && !tt.want.ready.IsZero()) {
				t.Errorf("it counts as Ready: %t", on)
			}
		})
	}
}
