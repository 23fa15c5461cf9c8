package topology

import (
	"fmt"
	"runtime"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

// BenchmarkMemory is what the counts take per pod on 1,000 nodes with 10,000 pods, of
// 100 workloads or all different.
func BenchmarkMemory(b *testing.B) {
	metrics.Register()
	for _, test := range []struct {
		name string
		of   func(i int, pod *corev1.Pod)
	}{
		{"without affinity", func(int, *corev1.Pod) {}},
		{"anti-affinity", func(_ int, pod *corev1.Pod) {
			pod.Spec.Affinity = antiAffine(pod.Labels["app"]).Spec.Affinity
		}},
		{"labels of its own", func(i int, pod *corev1.Pod) { pod.Labels = map[string]string{"app": "a", "index": fmt.Sprint(i)} }},
	} {
		b.Run(test.name, func(b *testing.B) {
			c, snapshot := cache.New(b.Context(), nil, false, false), cache.NewEmptySnapshot()
			for i := range benchNodes {
				name := fmt.Sprintf("node-%d", i)
				c.AddNode(klog.Background(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}}})
			}
			for i := range benchPods {
				if err := c.AddPod(klog.Background(), benchPod(i, func(pod *corev1.Pod, _ *metav1.LabelSelector) { test.of(i, pod) })); err != nil {
					b.Fatal(err)
				}
			}
			if err := c.UpdateSnapshot(klog.Background(), snapshot); err != nil {
				b.Fatal(err)
			}
			nodes, err := snapshot.List()
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				before := heap()
				cluster := New(Options{})
				cluster.Look(nodes)
				b.ReportMetric(float64(heap()-before)/benchPods, "B/pod")
				runtime.KeepAlive(cluster)
			}
		})
	}
}

// heap returns how many bytes are in use.
func heap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
