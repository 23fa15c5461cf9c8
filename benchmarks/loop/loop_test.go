package loop

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

const (
	smallNodes = 50
	// smallPods are of more than one app.
	smallPods = 70
)

func workload(t *testing.T, name string) Workload {
	t.Helper()
	all := Workloads()
	i := slices.IndexFunc(all, func(w Workload) bool { return w.Name == name })
	if i < 0 {
		t.Fatalf("no workload %s", name)
	}
	return all[i]
}

// pack returns a subject's engine and where it has put smallPods.
func pack(t *testing.T, subject Subject, s *scenario) (e *engine, placed []*corev1.Pod) {
	t.Helper()
	err := with(subject.gates, func() (err error) {
		if e, err = newEngine(t.Context(), subject, s); err != nil {
			return err
		}
		t.Cleanup(e.stop)
		placed, err = e.pack(t.Context(), smallPods)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return e, placed
}

// TestEverySubjectPlacesEveryWorkload, and no pod is where it must not be.
func TestEverySubjectPlacesEveryWorkload(t *testing.T) {
	for _, w := range Workloads() {
		for _, fill := range []int{0, 50} {
			c := Case{w, smallNodes, fill}
			s := newScenario(c, 1)
			for _, subject := range w.compared(Subjects()) {
				t.Run(c.String()+"/"+subject.Name, func(t *testing.T) {
					e, placed := pack(t, subject, s)
					if err := e.check(smallPods); err != nil {
						t.Error(err)
					}
					if diff := cmp.Diff([]string(nil), violations(s, placed)); diff != "" {
						t.Errorf("what is wrong (-want +got):\n%s", diff)
					}
				})
			}
		}
	}
}

// TestBatches covers which subjects' engines place pods in batches, though these are of several
// apps. (A batch ends after half a second, so where nothing else runs it is all but the first.)
func TestBatches(t *testing.T) {
	got := map[string]bool{}
	w := workload(t, plain)
	for _, subject := range w.compared(Subjects()) {
		e, _ := pack(t, subject, newScenario(Case{w, smallNodes, 0}, 1))
		framework, counts := e.scheduler.Profiles[e.profile].(interface{ TotalBatchedPods() int64 })
		if !counts {
			t.Fatal("the engine does not say how many pods it has placed in batches")
		}
		got[subject.Name] = framework.TotalBatchedPods() > smallPods/2
	}
	want := map[string]bool{
		stowage: false, exhaustive: true, subjects.Default: false,
		subjects.MostAllocatedAll: true, subjects.MostAllocated: true, subjects.DefaultBatching: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who places pods in batches (-want +got):\n%s", diff)
	}
}

// TestFeatureGates covers that a gate is on for its subject only.
func TestFeatureGates(t *testing.T) {
	gates := shared(subjects.DefaultFastPath).gates
	during := false
	failed := errors.New("failed")
	err := with(gates, func() error {
		during = utilfeature.DefaultFeatureGate.Enabled(gates[0])
		return failed
	})
	if !errors.Is(err, failed) || !during || utilfeature.DefaultFeatureGate.Enabled(gates[0]) {
		t.Errorf("%s: on %v, then still on %v, error %v", gates[0], during, utilfeature.DefaultFeatureGate.Enabled(gates[0]), err)
	}
}

func TestViolationsAreFound(t *testing.T) {
	tests := []struct {
		workload string
		// nodes are those of three pods of one app.
		nodes []int
		want  []string
	}{
		{plain, []int{0, 0, 0}, nil},
		{"hostname-anti-affinity", []int{0, 1, 1}, []string{"arrived-0: 2 replicas are on node-00001"}},
		{"zone-affinity", []int{0, 10, 1}, []string{"arrived-0: replicas are in zones zone-0, zone-1"}},
		{"zone-spread", []int{0, 10, 1}, []string{"arrived-0: zone-0 has 2 replicas, another zone 0"}},
		{"bound-claims", []int{0, 1, 1}, []string{"arrival-2: is in zone-1, its volume in zone-2"}},
		{"wait-for-consumer", []int{0, 9, 4}, []string{"arrival-1: is on node-00009, which is not for it"}},
		{"host-ports", []int{0, 1, 1}, []string{"arrived-0: 2 replicas are on node-00001"}},
		{"daemonset", []int{0, 1, 1}, []string{"arrival-2: is on node-00001, and for another node"}},
	}
	for _, tt := range tests {
		t.Run(tt.workload, func(t *testing.T) {
			s := newScenario(Case{workload(t, tt.workload), smallNodes, 0}, 1)
			var placed []*corev1.Pod
			for i, node := range tt.nodes {
				pod := s.arrival(i, "")
				pod.Spec.NodeName = s.nodes[node].Name
				placed = append(placed, pod)
			}
			if diff := cmp.Diff(tt.want, violations(s, placed)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMeasure looks at what the figures are about, not at times.
func TestMeasure(t *testing.T) {
	compared := workload(t, plain).compared(Subjects())
	c := Comparison{Case: Case{workload(t, plain), smallNodes, 0}, Subjects: compared, Packed: smallPods, Footprint: true}
	var kept []figure.Figure
	figures, err := Run(t.Context(), []Comparison{c}, Options{Rounds: 2, Seed: 1, Progress: func(Progress) {}, Finished: func(so []figure.Figure) error {
		kept = so
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(figures, kept); diff != "" {
		t.Errorf("figures (-returned +finished):\n%s", diff)
	}
	type shape struct{ Case, Subject, Metric, Unit string }
	var got, want []shape
	counts := map[string]float64{}
	for _, f := range figures {
		got = append(got, shape{f.Case, f.Subject, f.Metric, f.Unit})
		if f.Value <= 0 {
			t.Errorf("%+v is not above 0", f)
		}
		if f.Metric == nodesUsed || f.Metric == lowerBound {
			counts[f.Subject+" "+f.Metric] = f.Value
		} else if len(f.Samples) > 0 && (f.Min > f.Value || f.Value > f.Max) {
			t.Errorf("%+v is not between the least and the most", f)
		}
	}
	for _, subject := range compared {
		for _, m := range [][2]string{{CPUPerPod, "us"}, {allocsPerPod, "count"}, {FirstPod, "ms"}, {Heap, "MiB"}, {nodesUsed, "count"}, {lowerBound, "count"}} {
			want = append(want, shape{"plain/nodes=50/fill=0", subject.Name, m[0], m[1]})
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("figures (-want +got):\n%s", diff)
	}
	// 64 pods fill a node; upstream's default spreads 70 over all nodes.
	wantCounts := map[string]float64{
		"stowage nodes_used": 2, "stowage lower_bound": 2, "exhaustive nodes_used": 2, "exhaustive lower_bound": 2,
		"most-allocated-all nodes_used": 2, "most-allocated-all lower_bound": 2, "most-allocated nodes_used": 2, "most-allocated lower_bound": 2,
		"default-batching nodes_used": 50, "default-batching lower_bound": 2, "default nodes_used": 50, "default lower_bound": 2,
	}
	if diff := cmp.Diff(wantCounts, counts); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

func TestMeasureFailsWhereAPodHasNoPlace(t *testing.T) {
	c := Comparison{Case: Case{workload(t, plain), smallNodes, 0}, Subjects: Subjects()[:1], Packed: 2*smallNodes*nodeMilliCPU/podMilliCPU + 1}
	_, err := Run(t.Context(), []Comparison{c}, Options{Rounds: 1, Seed: 1, Progress: func(Progress) {}})
	const want = "plain/nodes=50/fill=0: stowage: pod loop/arrival-3200 has got no node: 0/50 nodes are available"
	if err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
		t.Errorf("error %v, want %s …", err, want)
	}
}

func TestMeasureNeedsRoomForTheRounds(t *testing.T) {
	c := Comparison{Case: Case{workload(t, plain), smallNodes, 90}, Subjects: Subjects()[:1]}
	_, err := Run(t.Context(), []Comparison{c}, Options{Rounds: 1000, Seed: 1, Progress: func(Progress) {}})
	const want = "plain/nodes=50/fill=90: there is room for 320 pods, which is not enough for 1000 rounds: have fewer"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := Comparison{Case: Case{workload(t, plain), smallNodes, 0}, Subjects: Subjects()}
	_, err := Run(ctx, []Comparison{c}, Options{Rounds: 3, Seed: 1, Progress: func(p Progress) {
		if p.Doing == "round 2 of 3" {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want the end of the context", err)
	}
}

func TestComparisons(t *testing.T) {
	workloads := []Workload{workload(t, plain), workload(t, "taints"), workload(t, "zone-spread")}
	most, fast := shared(subjects.MostAllocated), fastPath()
	tests := []struct {
		name string
		got  []Comparison
		want []string
	}{
		{
			"each workload at its own fills", Full(workloads, Subjects()[:2], []int{1000}, nil), []string{
				"plain/nodes=1000/fill=0, packing 3300: stowage exhaustive", "plain/nodes=1000/fill=50: stowage exhaustive",
				"plain/nodes=1000/fill=90: stowage exhaustive", "plain/nodes=1000/fill=98: stowage exhaustive",
				"taints/nodes=1000/fill=0: stowage exhaustive", "taints/nodes=1000/fill=50: stowage exhaustive",
				"taints/nodes=1000/fill=90: stowage exhaustive", "taints/nodes=1000/fill=98: stowage exhaustive",
				"zone-spread/nodes=1000/fill=0: stowage exhaustive",
			},
		},
		{
			"fills that are given are for all", Full(workloads[1:], Subjects()[:1], []int{1000, 5000}, []int{90}), []string{
				"taints/nodes=1000/fill=90: stowage", "taints/nodes=5000/fill=90: stowage",
				"zone-spread/nodes=1000/fill=90: stowage", "zone-spread/nodes=5000/fill=90: stowage",
			},
		},
		{
			"quick: fills, and looking at all nodes, with plain pods only", Quick(workloads, Subjects()[:2]), []string{
				"plain/nodes=5000/fill=0, packing 1300: stowage exhaustive", "plain/nodes=5000/fill=90: stowage exhaustive",
				"plain/nodes=5000/fill=98: stowage exhaustive", "taints/nodes=5000/fill=0: stowage", "zone-spread/nodes=5000/fill=0: stowage",
			},
		},
		{
			"quick: packing on a sample with plain pods only, and these of one app at the same fills", Quick([]Workload{workload(t, plain), workload(t, job), workload(t, "mixed")}, []Subject{Subjects()[0], most}), []string{
				"plain/nodes=5000/fill=0, packing 1300: stowage most-allocated", "plain/nodes=5000/fill=90: stowage most-allocated", "plain/nodes=5000/fill=98: stowage most-allocated",
				"job/nodes=5000/fill=0: stowage", "job/nodes=5000/fill=90: stowage", "job/nodes=5000/fill=98: stowage", "mixed/nodes=5000/fill=0: stowage",
			},
		},
		{
			"a subject that is for one workload", Full([]Workload{workload(t, plain), workload(t, hostnameAntiAffinity)}, []Subject{fast}, []int{1000}, nil),
			[]string{"hostname-anti-affinity/nodes=1000/fill=0: default-fast-path"},
		},
		{"quick: nobody is left", Quick(workloads[1:], Subjects()[1:2]), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, lines(tt.got)); diff != "" {
				t.Errorf("comparisons (-want +got):\n%s", diff)
			}
		})
	}
}

// TestManyVariedNodesHaveRoom covers that the last of 100,000 nodes, which has the least
// left, takes as many pods as any other is to.
func TestManyVariedNodesHaveRoom(t *testing.T) {
	s := &scenario{workload: workload(t, "mixed")}
	s.vary(99_999, "last")
	node := newNode(99_999, s.workload, 0)
	node.Name = "last"
	free := (&cluster.Snapshot{Nodes: []*corev1.Node{node}, Pods: s.before}).Free()[0][corev1.ResourceMemory]
	request := newPod(s.workload, "", podMilliCPU).Spec.Containers[0].Resources.Requests[corev1.ResourceMemory]
	if most := nodeMilliCPU / podMilliCPU * request.Value(); free < most {
		t.Errorf("%d bytes are free, want %d", free, most)
	}
}

// TestScenario covers that there is room, and that full nodes have none.
func TestScenario(t *testing.T) {
	for _, w := range Workloads() {
		for _, fill := range Fills {
			c := Case{w, 1000, fill}
			s := newScenario(c, 1)
			full := 0
			for _, free := range (&cluster.Snapshot{Nodes: s.nodes, Pods: s.before}).Free() {
				switch {
				case free[corev1.ResourceCPU] == 0:
					full++
				case free[corev1.ResourceCPU] < 0 || free[corev1.ResourceMemory] < 0:
					t.Errorf("%s: a node has %v free", c, free)
				}
			}
			if full != 1000*fill/100 {
				t.Errorf("%s: %d nodes are full", c, full)
			}
			if bounds, err := s.measured(5); err != nil || bounds.most < 30 {
				t.Errorf("%s: a batch of 5 is %+v, error %v, want 30 pods or more", c, bounds, err)
			}
			if want := c.Pods(); len(s.before) != want {
				t.Errorf("%s: there are %d pods before, want %d", c, len(s.before), want)
			}
		}
	}
}
