package standin

import (
	"context"
	"fmt"
	"sync"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// TestAnAutoscalerScalesInTheMiddle has a HorizontalPodAutoscaler scale the workload up and down while
// a pod is being moved. It has no metrics, but keeps to its limits.
func TestAnAutoscalerScalesInTheMiddle(t *testing.T) {
	l := newLive(t)
	l.deploy(1)
	atLeast := l.watch()
	hpas := l.client.AutoscalingV2().HorizontalPodAutoscalers(l.namespace)
	_, err := hpas.Create(t.Context(), &autoscalingv2.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
		MinReplicas:    ptr.To[int32](1), MaxReplicas: 3,
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	// scale has the autoscaler scale the workload.
	scale := func(replicas int32) {
		t.Helper()
		if _, err := hpas.Patch(t.Context(), "web", types.MergePatchType, fmt.Appendf(nil, `{"spec": {"minReplicas": %d, "maxReplicas": %[1]d}}`, replicas), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		playgroundtest.Eventually(t, "the autoscaler has scaled the Deployment", func(ctx context.Context) (bool, string) {
			d, err := l.client.AppsV1().Deployments(l.namespace).Get(ctx, "web", metav1.GetOptions{})
			return err == nil && *d.Spec.Replicas == replicas && d.Status.ObservedGeneration == d.Generation && d.Status.ReadyReplicas >= replicas, fmt.Sprint(d, err)
		})
	}
	m, ctx := l.mover("run", 0)
	for _, replicas := range []int32{3, 1} {
		pod := &l.pods()[0]
		mv := l.begin(ctx, m, pod, map[string]string{from: to, to: from}[pod.Spec.NodeName])
		l.awaitReady(mv)
		scale(replicas)
		// Scaled down, the pod may go with the others.
		if result, err := m.Finish(ctx, mv); err != nil || replicas == 3 && result.Outcome != Moved {
			t.Errorf("scaled to %d, the move has ended with %+v, %v", replicas, result, err)
		}
		l.settled(replicas)
	}
	atLeast(1)
}

// TestTwoProgramsAtOnce has two programs move the same pods at the same time: the leases of the
// programs prevent that, unless one is too slow to notice that it has lost its own.
func TestTwoProgramsAtOnce(t *testing.T) {
	l := newLive(t)
	l.deploy(2)
	atLeast := l.watch()
	var movers [2]*Mover
	for i := range movers {
		movers[i], _ = l.mover(fmt.Sprint("run ", i), 0)
	}
	moved := map[types.UID]int{}
	for range 4 {
		pods := l.settled(2)
		var mu sync.Mutex
		var working sync.WaitGroup
		for _, m := range movers {
			for i := range pods {
				pod := &pods[i]
				working.Go(func() {
					mv, err := m.Begin(t.Context(), pod, map[string]string{from: to, to: from}[pod.Spec.NodeName])
					if err != nil {
						return // the other program was first
					}
					result, err := m.Finish(t.Context(), mv)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					if result.Outcome == Moved {
						moved[pod.UID]++
					}
				})
			}
		}
		working.Wait()
	}
	l.settled(2)
	atLeast(2)
	for uid, times := range moved {
		if times > 1 {
			t.Errorf("pod %s was moved %d times", uid, times)
		}
	}
	if len(moved) == 0 {
		t.Error("no pod was moved, so that nothing was tested")
	}
}
