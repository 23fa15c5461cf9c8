package upgrade

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"
)

// TestPlansAgainstNaiveModel replays plans for random clusters by hand: budgets hold, and pods have
// room.
func TestPlansAgainstNaiveModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := drawCluster(rt)
		opts := Options{Title: "Pool old", Nodes: b.pool("old"), Batch: rapid.IntRange(1, 3).Draw(rt, "batch"), Surge: rapid.Bool().Draw(rt, "surge")}
		a := newAssessor(t)
		defer a.Close()
		plan, err := New(t.Context(), a, b.picture(), opts)
		if err != nil {
			rt.Fatal(err)
		}
		m := newModel(b)
		planned := map[string]bool{}
		for _, wave := range plan.Waves {
			if len(wave.Nodes) == 0 || len(wave.Nodes) > opts.Batch {
				rt.Fatalf("a wave has %d nodes", len(wave.Nodes))
			}
			for _, node := range wave.Nodes {
				if planned[node] {
					rt.Fatalf("node %s is replaced twice", node)
				}
				planned[node] = true
			}
			m.replay(rt, wave, opts.Surge)
		}
		for _, blocked := range plan.Blocked {
			if planned[blocked.Node] || len(blocked.Reasons) == 0 {
				rt.Fatalf("node %s is blocked, and replaced: %t, for %v", blocked.Node, planned[blocked.Node], blocked.Reasons)
			}
			if m.count(blocked.Node) == 0 {
				rt.Fatalf("node %s is blocked, but has no pods", blocked.Node)
			}
			planned[blocked.Node] = true
		}
		if len(planned) != len(opts.Nodes) {
			rt.Fatalf("%d of %d nodes are neither replaced nor blocked", len(opts.Nodes)-len(planned), len(opts.Nodes))
		}
	})
}

func drawCluster(rt *rapid.T) *build {
	b := &build{}
	var names []string
	for i := range rapid.IntRange(1, 5).Draw(rt, "old nodes") {
		names = append(names, fmt.Sprintf("old-%d", i))
		b.node(names[i], "old", fmt.Sprint(rapid.IntRange(2, 6).Draw(rt, "cpu")), 0)
	}
	for i := range rapid.IntRange(0, 2).Draw(rt, "other nodes") {
		names = append(names, fmt.Sprintf("other-%d", i))
		b.node(names[len(names)-1], "other", fmt.Sprint(rapid.IntRange(2, 6).Draw(rt, "cpu")), 0)
	}
	free := map[string]int64{}
	for _, node := range b.Nodes {
		free[node.Name] = node.Status.Allocatable.Cpu().Value()
	}
	for i := range rapid.IntRange(0, 5).Draw(rt, "workloads") {
		cpu := rapid.Int64Range(1, 3).Draw(rt, "cpu")
		var nodes []string
		for range rapid.IntRange(1, 4).Draw(rt, "replicas") {
			if node := rapid.SampledFrom(names).Draw(rt, "node"); free[node] >= cpu {
				free[node] -= cpu
				nodes = append(nodes, node)
			}
		}
		if len(nodes) == 0 {
			continue
		}
		name := fmt.Sprintf("w%d", i)
		b.pods(rapid.SampledFrom([]string{"ReplicaSet", "ReplicaSet", "StatefulSet", "Pod"}).Draw(rt, "kind"), name, fmt.Sprint(cpu), nodes...)
		if rapid.Bool().Draw(rt, "budget") {
			b.budget(name, maxUnavailable(rapid.IntRange(0, 2).Draw(rt, "max unavailable")))
		}
	}
	return b
}

// model is the cluster while a plan is replayed.
type model struct {
	*build
	on       map[string]string // pods
	capacity map[string]int64  // nodes
}

func newModel(b *build) *model {
	m := &model{build: b, on: map[string]string{}, capacity: map[string]int64{}}
	for _, pod := range b.Pods {
		m.on[pod.Name] = pod.Spec.NodeName
	}
	for _, node := range b.Nodes {
		m.capacity[node.Name] = node.Status.Allocatable.Cpu().Value()
	}
	return m
}

func (m *model) pod(name string) *corev1.Pod {
	return m.Pods[slices.IndexFunc(m.Pods, func(pod *corev1.Pod) bool { return pod.Name == name })]
}

func (m *model) count(node string) (n int) {
	for _, on := range m.on {
		if on == node {
			n++
		}
	}
	return n
}

// join adds the replacements of nodes.
func (m *model) join(nodes []string) {
	for _, node := range nodes {
		m.capacity[node+"-new"] = m.capacity[node]
	}
}

func (m *model) replay(rt *rapid.T, wave Wave, surge bool) {
	if surge {
		m.join(wave.Nodes)
	}
	gone := map[string]map[int]int{} // by workload and round
	for _, move := range wave.Pods {
		pod := m.pod(move.Pod)
		app := pod.Labels["app"]
		if len(pod.OwnerReferences) == 0 {
			rt.Fatalf("pod %s is evicted, and nothing replaces it", move.Pod)
		}
		if m.on[move.Pod] != move.From || !slices.Contains(wave.Nodes, move.From) {
			rt.Fatalf("pod %s is evicted from %s, but is on %s: %v", move.Pod, move.From, m.on[move.Pod], wave)
		}
		if _, there := m.capacity[move.To]; !there || slices.Contains(wave.Nodes, move.To) {
			rt.Fatalf("pod %s goes to %q: %v", move.Pod, move.To, wave)
		}
		m.on[move.Pod] = move.To
		if gone[app] == nil {
			gone[app] = map[int]int{}
		}
		gone[app][move.Round]++
	}
	for _, budget := range m.Budgets {
		for round, n := range gone[budget.Name] {
			if most := budget.Spec.MaxUnavailable.IntValue(); n > most {
				rt.Fatalf("round %d evicts %d pods of %s, whose budget allows %d", round, n, budget.Name, most)
			}
		}
	}
	if !surge {
		m.join(wave.Nodes)
	}
	for _, node := range wave.Nodes {
		if n := m.count(node); n > 0 {
			rt.Fatalf("%d pods are left on node %s", n, node)
		}
		delete(m.capacity, node)
	}
	used := map[string]int64{}
	for name, node := range m.on {
		used[node] += m.pod(name).Spec.Containers[0].Resources.Requests.Cpu().Value()
	}
	for node, n := range used {
		if n > m.capacity[node] {
			rt.Fatalf("node %s holds %d of %d CPUs", node, n, m.capacity[node])
		}
	}
}
