package topology

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

const (
	benchNodes     = 1_000
	benchPods      = 10_000
	benchWorkloads = 100
)

// BenchmarkFilter is one scheduling cycle's share of filtering 1,000 nodes in 10 zones
// with 10,000 pods of 100 workloads, after one pod came or went: the snapshot, what is
// worked out once for the pod, and a verdict on every node. All pods ask for the same.
func BenchmarkFilter(b *testing.B) {
	asks := []struct {
		name string
		of   func(pod *corev1.Pod, own *metav1.LabelSelector)
	}{
		{"anti-affinity by hostname", func(pod *corev1.Pod, own *metav1.LabelSelector) {
			pod.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{TopologyKey: corev1.LabelHostname, LabelSelector: own}},
			}}
		}},
		{"affinity by zone", func(pod *corev1.Pod, own *metav1.LabelSelector) {
			pod.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{
				RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{TopologyKey: corev1.LabelTopologyZone, LabelSelector: own}},
			}}
		}},
		{"spread by zone", func(pod *corev1.Pod, own *metav1.LabelSelector) {
			pod.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{
				{MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: own},
			}
		}},
	}
	for _, ask := range asks {
		for _, side := range []string{"upstream", "ours"} {
			b.Run(ask.name+"/"+side, func(b *testing.B) {
				benchmarkFilter(b, ask.of, side == "upstream")
			})
		}
	}
}

func benchmarkFilter(b *testing.B, ask func(*corev1.Pod, *metav1.LabelSelector), byEngine bool) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	logger := klog.Background()
	metrics.Register()
	s := settings{}
	s.spread.DefaultingType = schedulerconfig.ListDefaulting
	factory, c, snapshot := newInformers(b), cache.New(ctx, nil, false, false), cache.NewEmptySnapshot()
	for i := range benchNodes {
		name := fmt.Sprintf("node-%d", i)
		c.AddNode(logger, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			corev1.LabelHostname: name, corev1.LabelTopologyZone: fmt.Sprintf("zone-%d", i%10),
		}}})
	}
	for i := range benchPods {
		if err := c.AddPod(logger, benchPod(i, ask)); err != nil {
			b.Fatal(err)
		}
	}
	filter := filterOurs(b, newOurs(s, factory, 0).cluster)
	if byEngine {
		filter = filterUpstream(b, newUpstream(ctx, b, s, snapshot, factory))
	}
	comes, incoming, there := benchPod(benchPods, ask), benchPod(benchPods+benchWorkloads, ask), false
	incoming.Spec.NodeName = ""
	cycle := func() {
		change := c.AddPod
		if there {
			change = c.RemovePod
		}
		there = !there
		if err := change(logger, comes); err != nil {
			b.Fatal(err)
		}
		if err := c.UpdateSnapshot(logger, snapshot); err != nil {
			b.Fatal(err)
		}
		nodes, err := snapshot.List()
		if err != nil {
			b.Fatal(err)
		}
		filter(incoming, nodes)
	}
	cycle() // the first one sees every node and pod for the first time
	b.ReportAllocs()
	for b.Loop() {
		cycle()
	}
}

// benchPod returns the i-th pod, on a node so that workloads are spread over all.
func benchPod(i int, ask func(*corev1.Pod, *metav1.LabelSelector)) *corev1.Pod {
	name, app := fmt.Sprintf("pod-%d", i), map[string]string{"app": fmt.Sprintf("app-%d", i%benchWorkloads)}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Labels: app},
		Spec:       corev1.PodSpec{NodeName: fmt.Sprintf("node-%d", (i*7+i/benchNodes)%benchNodes)},
	}
	ask(pod, &metav1.LabelSelector{MatchLabels: app})
	return pod
}

// filterOurs returns a run of this package over the nodes.
func filterOurs(b *testing.B, c *Cluster) func(*corev1.Pod, []fwk.NodeInfo) {
	return func(pod *corev1.Pod, nodes []fwk.NodeInfo) {
		c.Look(nodes)
		affinity, err := c.AffinityFilter(pod)
		if err != nil {
			b.Fatal(err)
		}
		spread, err := c.SpreadFilter(pod)
		if err != nil {
			b.Fatal(err)
		}
		for _, node := range nodes {
			affinity.Feasible(node)
			spread.Feasible(node)
		}
	}
}

// filterUpstream returns a run of the engine's plugins over the nodes. They work the
// counts out on several goroutines; the verdicts come one after the other.
func filterUpstream(b *testing.B, u *upstream) func(*corev1.Pod, []fwk.NodeInfo) {
	return func(pod *corev1.Pod, nodes []fwk.NodeInfo) {
		ctx := context.Background()
		for _, pl := range []scorer{u.affinity, u.spread} {
			state := framework.NewCycleState()
			_, status := pl.PreFilter(ctx, state, pod, nodes)
			if status.IsSkip() {
				continue
			}
			if !status.IsSuccess() {
				b.Fatal(status)
			}
			for _, node := range nodes {
				pl.Filter(ctx, state, pod, node)
			}
		}
	}
}
