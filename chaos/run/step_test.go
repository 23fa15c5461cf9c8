package run

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/recovery"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// TestNothingIsHeldBackOverADraw draws just after a workload has become whole again. Its next
// loss would have that moment left out, and the prediction before held against the loss.
func TestNothingIsHeldBackOverADraw(t *testing.T) {
	memory := journal.NewMemory()
	e := &engine{Options: Options{Memory: memory}}
	e.observer = recovery.New(recovery.Options{
		Workload: func(*corev1.Pod) *cluster.Workload { return nil }, Sink: e.write, Every: time.Hour,
	})
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-0", UID: "web-0"}}
	is := func(ready corev1.ConditionStatus) {
		before := pod
		pod = before.DeepCopy()
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}
		e.observer.Pod(before, pod, time.Now())
	}
	e.write(journal.Record{Start: &journal.Start{ID: "r1"}})
	e.observer.Pod(nil, pod, time.Now())
	e.observer.Begin(time.Now())
	is(corev1.ConditionTrue)
	if _, err := e.announce(t.Context(), "evict", &target.Picture{}, &fault.Choice{}); err != nil {
		t.Fatal(err)
	}
	is(corev1.ConditionFalse)
	e.observer.Flush()
	var ready []int
	for _, moment := range memory.Run().Availability["Pod shop/web-0"] {
		ready = append(ready, moment.What.Ready)
	}
	if len(ready) != 3 || ready[1] != 1 {
		t.Errorf("%v pods were ready, want 1 in between", ready)
	}
}
