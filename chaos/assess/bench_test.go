package assess

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/simulation"
)

// wide returns a cluster of three zones with pods of workloads of 30 replicas each, two
// thirds full; each workload in a namespace of its own.
func wide(nodes, pods int) *build {
	b := new(build)
	for i := range nodes {
		b.node(fmt.Sprintf("node-%05d", i), "40", corev1.LabelTopologyZone, fmt.Sprintf("zone-%d", i%3))
	}
	for w := range pods / 30 {
		var on []string
		for i := range 30 {
			on = append(on, fmt.Sprintf("node-%05d", (w*30+i)%nodes))
		}
		b.pods("ReplicaSet", fmt.Sprintf("web-%04d", w), "900m", on...)
	}
	for i, pod := range b.Pods {
		pod.Namespace = fmt.Sprintf("team-%d", i/30%200)
		pod.Spec.SchedulerName = "default-scheduler"
	}
	for i, set := range b.ReplicaSets {
		set.Namespace = fmt.Sprintf("team-%d", i%200)
	}
	return b
}

// usual is a scheduler's configuration with nothing changed.
const usual = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"

func usualAssessor(b testing.TB) *Assessor {
	profiles, err := simulation.Profiles([]byte(usual))
	if err != nil {
		b.Fatal(err)
	}
	a, err := New(Options{Profiles: profiles})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(a.Close)
	return a
}

// BenchmarkZone predicts the loss of a third of 1,000 nodes with 30,000 pods, the loading
// included.
func BenchmarkZone(b *testing.B) {
	picture := wide(1000, 30_000).picture()
	loss, err := Zone(picture, "zone-1")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		p, err := usualAssessor(b).Predict(b.Context(), picture, loss)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(p.Count(Fits)), "fit")
		b.ReportMetric(float64(p.Count(Pending)), "pending")
	}
}

// BenchmarkEviction predicts one eviction at 5,000 nodes and 150,000 pods: the first time,
// with the loading, and again when the picture is a new one with one pod changed.
func BenchmarkEviction(b *testing.B) {
	cluster := wide(5000, 150_000)
	for _, how := range []string{"first", "again"} {
		b.Run(how, func(b *testing.B) {
			picture := cluster.picture()
			a := usualAssessor(b)
			if _, err := a.Predict(b.Context(), picture, Loss{How: Evict}); err != nil {
				b.Fatal(err)
			}
			i := 0
			for b.Loop() {
				if how == "first" {
					a = usualAssessor(b)
				} else {
					changed := *picture.Pods[i]
					picture.Pods[i] = &changed
				}
				if _, err := a.Predict(b.Context(), picture, Loss{How: Evict, Pods: picture.Pods[i : i+1]}); err != nil {
					b.Fatal(err)
				}
				i += 100
			}
		})
	}
}

// BenchmarkAt5000 predicts the loss of a third of 5,000 nodes with 150,000 pods, which are loaded
// already, and single nodes of them.
func BenchmarkAt5000(b *testing.B) {
	picture := wide(5000, 150_000).picture()
	a := usualAssessor(b)
	zone, err := Zone(picture, "zone-1")
	if err != nil {
		b.Fatal(err)
	}
	if _, err := a.Predict(b.Context(), picture, Loss{How: Evict}); err != nil {
		b.Fatal(err)
	}
	b.Run("zone", func(b *testing.B) {
		for b.Loop() {
			p, err := a.Predict(b.Context(), picture, zone)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(p.Count(Fits)), "fit")
			b.ReportMetric(float64(p.Count(Pending)), "pending")
		}
	})
	b.Run("node", func(b *testing.B) {
		i := 0
		for b.Loop() {
			if _, err := a.Predict(b.Context(), picture, Loss{How: Down, Nodes: picture.Nodes[i : i+1], Dead: true}); err != nil {
				b.Fatal(err)
			}
			i = (i + 7) % len(picture.Nodes)
		}
	})
}
