package preemptiblenodes

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

const (
	benchmarkNodes       = 5000
	benchmarkPodsPerNode = 10
	benchmarkReplicas    = 100 // of each Deployment
)

// BenchmarkPod measures what the plugin takes for one pod on one core: all that the
// engine calls of it, for every node.
func BenchmarkPod(b *testing.B) {
	for _, policy := range []struct {
		name, args  string
		annotations stringMap
	}{
		{"hard cap", "", stringMap{PreemptibleAnnotation: "prefer", PreemptibleMaxAnnotation: "90%"}},
		{"soft default", "default: {preemptible: prefer, onDemandMin: 10%}", nil},
	} {
		c := newBenchmarkCluster(b, policy.args)
		sibling := func(name string) *corev1.Pod {
			return owned(pod(name, policy.annotations), "apps/v1", "ReplicaSet", "web-0-1", "web-0-1")
		}
		p, i := sibling("next"), 0
		b.Run(policy.name+"/nothing changed", func(b *testing.B) {
			c.takeSnapshot()
			for b.Loop() {
				c.runPlugin(b, p)
			}
		})
		b.Run(policy.name+"/one node changed", func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				c.place(fmt.Sprintf("n%d", i%benchmarkNodes), pod(fmt.Sprintf("stranger-%d", i), nil))
				c.takeSnapshot()
				i++
				b.StartTimer()
				c.runPlugin(b, p)
			}
		})
	}
}

// newBenchmarkCluster returns a cluster of which every other node is preemptible,
// with the pods of five hundred Deployments spread all over it.
func newBenchmarkCluster(b *testing.B, args string) *cluster {
	c := newCluster(b, args)
	for i := range benchmarkNodes {
		name := fmt.Sprintf("n%d", i)
		if i%2 == 0 {
			c.AddNode(node(name, corev1.LabelTopologyZone+"="+fmt.Sprintf("z%d", i%3)))
		} else {
			c.AddNode(spot(name, fmt.Sprintf("z%d", i%3), fmt.Sprintf("m%d", i%7)))
		}
	}
	for i := range benchmarkNodes * benchmarkPodsPerNode / benchmarkReplicas {
		web := fmt.Sprintf("web-%d", i)
		set := web + "-1"
		c.store(deployment(web, benchmarkReplicas), replicaSet(set, web, benchmarkReplicas))
		for j, p := range podsOf(set, benchmarkReplicas, nil) {
			c.place(fmt.Sprintf("n%d", (i+j*benchmarkNodes/benchmarkReplicas)%benchmarkNodes), p)
		}
	}
	return c
}

// takeSnapshot has the simulation look at the cluster, and not the plugin: that does
// nothing for pods of DaemonSets.
func (c *cluster) takeSnapshot() {
	c.schedule(owned(pod("daemon", nil), "apps/v1", "DaemonSet", "logs", "logs"))
}

func (c *cluster) runPlugin(b *testing.B, p *corev1.Pod) {
	ctx, pl, state, nodes := b.Context(), c.plugin, framework.NewCycleState(), c.nodeInfos()
	_, status := pl.PreFilter(ctx, state, p, nodes)
	feasible := nodes
	if !status.IsSkip() {
		feasible = make([]fwk.NodeInfo, 0, len(nodes))
		for _, n := range nodes {
			if pl.Filter(ctx, state, p, n).IsSuccess() {
				feasible = append(feasible, n)
			}
		}
	}
	if status := pl.PreScore(ctx, state, p, feasible); !status.IsSuccess() {
		b.Fatal(status)
	}
	for _, n := range feasible {
		if _, status := pl.Score(ctx, state, p, n); !status.IsSuccess() {
			b.Fatal(status)
		}
	}
}
