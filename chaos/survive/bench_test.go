package survive

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// cpu returns the time that the process has computed so far: other programs do not count.
func cpu(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkTracker asks about each single node, each zone and all preemptible nodes of a cluster of 5,000
// nodes with 150,000 pods: first, again when 1 % of the pods have been replaced by others elsewhere, and
// again when one pod has.
func BenchmarkTracker(b *testing.B) {
	const nodes, pods = 5000, 150_000
	c := new(build)
	for i := range nodes {
		capacity := "on-demand"
		if i%10 == 0 {
			capacity = "spot"
		}
		c.node(fmt.Sprintf("node-%05d", i), fmt.Sprint("zone-", i%3), "40", spot+"="+capacity)
	}
	for w := range pods / 30 {
		var on []string
		for i := range 30 {
			on = append(on, c.Nodes[(w*30+i)%nodes].Name)
		}
		c.deployment(fmt.Sprintf("web-%04d", w), "900m", on)
	}
	for i, pod := range c.Pods {
		pod.Namespace = fmt.Sprint("team-", i/30%200)
	}
	for i, set := range c.ReplicaSets {
		set.Namespace, c.Deployments[i].Namespace = fmt.Sprint("team-", i%200), fmt.Sprint("team-", i%200)
	}
	k := newTracking(b, c, "")
	defer k.Close()
	ask := func(b *testing.B) {
		picture, losses := k.look(time.Second)
		begin := cpu(b)
		round, err := k.Update(b.Context(), picture, losses, func(Turn) {})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric((cpu(b) - begin).Seconds(), "cpu-s/op")
		b.ReportMetric(float64(round.Asked), "losses")
		b.ReportMetric(float64(round.Stale), "stale")
	}
	replace := func(i int) {
		pod := k.pod(i)
		pod.Name, pod.UID = pod.Name+"x", pod.UID+"x"
		pod.Spec.NodeName = k.Nodes[(i*7919)%nodes].Name
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			ask(b)
		}
	})
	b.Run("1 percent", func(b *testing.B) {
		for b.Loop() {
			for i := 0; i < pods; i += 100 {
				replace(i)
			}
			ask(b)
		}
	})
	b.Run("one pod", func(b *testing.B) {
		for b.Loop() {
			replace(1)
			ask(b)
		}
	})
}
