package strategies

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/descheduler/strategy/strategytest"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/cluster/clustertest"
)

// drawPicture draws nodes of several sizes with pods of a few workloads. Some nodes have
// GPUs, or had them, or have fewer than their pods hold; some pods are being resized, or are on their way out.
func drawPicture(t *rapid.T, least int64) *cluster.Snapshot {
	picture := &cluster.Snapshot{}
	for n := range rapid.IntRange(2, 7).Draw(t, "nodes") {
		name := fmt.Sprintf("n%d", n)
		size := rapid.SampledFrom([]int64{1000, 1000, 2000}).Draw(t, "size")
		gpus := rapid.SampledFrom([]int64{-1, -1, 0, 1, 4}).Draw(t, "GPUs")
		node := fullNode(name, size)
		if gpus >= 0 {
			withGPUs(gpus)(node)
		}
		picture.Nodes = append(picture.Nodes, node)
		free := size
		for range rapid.IntRange(0, 9).Draw(t, "pods") {
			cpu := rapid.Int64Range(least, 40).Draw(t, "cpu") * 10
			if cpu > free {
				continue
			}
			free -= cpu
			pod := sizedPod(name, fmt.Sprintf("p%03d", len(picture.Pods)), cpu,
				withMemory(rapid.Int64Range(0, 1000).Draw(t, "memory")), withPriority(rapid.Int32Range(0, 2).Draw(t, "priority")),
				preferringToStay(rapid.SampledFrom([]string{"false", "false", "true"}).Draw(t, "stay")))
			if rapid.Bool().Draw(t, "siblings") {
				ownedBy("ReplicaSet", "shared")(pod)
			}
			odds := 3
			if gpus < 0 {
				odds = 40 // few nodes have lost their GPUs with all traces
			}
			if rapid.IntRange(0, odds).Draw(t, "with a GPU") == 0 {
				requestingGPUs(1)(pod)
			}
			switch rapid.IntRange(0, 5).Draw(t, "state") {
			case 0:
				clustertest.DrawResize(t, pod)
			case 1:
				terminating(pod)
			}
			picture.Pods = append(picture.Pods, pod)
		}
	}
	return picture
}

func drawThresholds(t *rapid.T) *policy.LowNodeUtilizationArgs {
	args := cpuThresholds(policy.Percentage(rapid.IntRange(10, 40).Draw(t, "low")), policy.Percentage(rapid.IntRange(40, 80).Draw(t, "target")))
	if rapid.Bool().Draw(t, "memory too") {
		args.Thresholds[corev1.ResourceMemory], args.TargetThresholds[corev1.ResourceMemory] = 30, 50
	}
	if rapid.Bool().Draw(t, "GPUs too") {
		args.Thresholds[gpu], args.TargetThresholds[gpu] = 30, 50
	}
	return args
}

// excessOf returns the points above target of all nodes when the pods on their way out are
// gone, straight from the requests.
func excessOf(picture *cluster.Snapshot, target policy.ResourceThresholds) float64 {
	lasting := *picture
	lasting.Pods = slices.DeleteFunc(slices.Clone(picture.Pods), func(pod *corev1.Pod) bool { return pod.DeletionTimestamp != nil })
	total := 0.0
	for i, free := range lasting.Free() {
		for name, limit := range target {
			if whole := cluster.Allocatable(picture.Nodes[i])[name]; whole > 0 {
				total += max(0, 100*float64(whole-free[name])/float64(whole)-float64(limit))
			}
		}
	}
	return total
}

// unsettled returns the nodes that offer fewer GPUs than their pods hold, by name.
func unsettled(picture *cluster.Snapshot) map[string]bool {
	nodes := map[string]bool{}
	for i, free := range picture.Free() {
		nodes[picture.Nodes[i].Name] = free[gpu] < 0
	}
	return nodes
}

// stepwise checks the total excess after each set of moves that is kept.
type stepwise struct {
	*strategytest.Session
	check func()
}

func (s stepwise) Propose(ctx context.Context, proposals ...strategy.Proposal) (strategy.Outcome, error) {
	defer s.check()
	return s.Session.Propose(ctx, proposals...)
}

func (s stepwise) Swap(ctx context.Context, a, b strategy.Proposal) (strategy.Outcome, error) {
	defer s.check()
	return s.Session.Swap(ctx, a, b)
}

func TestExcessOnlyFalls(t *testing.T) {
	swaps, moves := 0, 0
	check := func(t *rapid.T) {
		picture, args := drawPicture(t, 1), drawThresholds(t)
		schedule := rapid.SampledFrom([]func(*strategy.State, *corev1.Pod) string{spreadByCPU, packByCPU}).Draw(t, "scheduler")
		session := strategytest.New(picture, schedule)
		before, kept, alone := excessOf(picture, args.TargetThresholds), 0, unsettled(picture)
		err := (&lowNodeUtilization{args: args}).Deschedule(testContext, stepwise{session, func() {
			after := excessOf(pictureAfter(session, 1), args.TargetThresholds)
			switch {
			case len(session.Moves) > kept && after >= before:
				t.Fatalf("excess is %v after %q, was %v", after, session.Moves[kept:], before)
			case len(session.Moves) == kept && after != before:
				t.Fatalf("excess is %v after a refusal, was %v", after, before)
			}
			for _, move := range movesOf(session)[kept:] {
				if _, from := parted(move); alone[from] {
					t.Fatalf("%q, and the node offers fewer GPUs than its pods hold", move)
				}
			}
			if len(session.Moves) == kept+2 {
				swaps++
			}
			moves += len(session.Moves) - kept
			before, kept = after, len(session.Moves)
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	// A swap is tried in about one check of 300, so one round may end without any.
	rounds := 0
	for ; swaps == 0 && rounds < 10 && !t.Failed(); rounds++ {
		rapid.Check(t, func(t *rapid.T) {
			for range 20 {
				check(t)
			}
		})
	}
	t.Logf("%d moves in %d rounds, of which %d belong to swaps", moves, rounds, 2*swaps)
	if swaps == 0 {
		t.Error("no swap was tried")
	}
}

// A second run has nothing to do. Only a pod that was moved could make room in a swap
// that the first run could not make, for it moves no pod twice; there, the rest that
// moved workloads take keeps the second run from it.
func TestSecondRunOfLowNodeUtilization(t *testing.T) {
	again := 0
	rapid.Check(t, func(t *rapid.T) {
		picture, args := drawPicture(t, 1), drawThresholds(t)
		schedule := rapid.SampledFrom([]func(*strategy.State, *corev1.Pod) string{spreadByCPU, packByCPU}).Draw(t, "scheduler")
		run := &lowNodeUtilization{args: args}
		first := balance(t, run, picture, schedule)
		if diff := cmp.Diff(first.Moves, balance(t, run, picture, schedule).Moves); diff != "" {
			t.Fatalf("not the same again (-first +second):\n%s", diff)
		}
		after := pictureAfter(first, 1)
		moved := func(name string) bool { return strings.Contains(name, "-replacement") }
		rested := balance(t, run, after, schedule, func(s *strategytest.Session) {
			s.Keep = func(pod *corev1.Pod) string {
				if moved(pod.Name) {
					return "rests"
				}
				return ""
			}
		})
		if len(rested.Moves) > 0 {
			t.Fatalf("a second run does %q after %q", rested.Moves, first.Moves)
		}
		second := balance(t, run, after, schedule)
		if len(second.Moves) > 0 {
			if again++; len(second.Moves) < 2 || !moved(second.Moves[1]) {
				t.Fatalf("a second run without rests does %q after %q", second.Moves, first.Moves)
			}
		}
	})
	t.Logf("a second run without rests had something to do %d times", again)
}

func TestFewestMoves(t *testing.T) {
	multiple := 0
	rapid.Check(t, func(t *rapid.T) {
		picture := &cluster.Snapshot{Nodes: []*corev1.Node{fullNode("hot", 1000)}}
		var sizes []int64
		total := int64(0)
		for i := range rapid.IntRange(1, 10).Draw(t, "pods") {
			cpu := rapid.Int64Range(1, 400).Draw(t, "cpu")
			if total+cpu > 1000 {
				break
			}
			sizes, total = append(sizes, cpu), total+cpu
			picture.Pods = append(picture.Pods, sizedPod("hot", fmt.Sprintf("p%02d", i), cpu, withPriority(rapid.Int32Range(0, 3).Draw(t, "priority"))))
		}
		for i := range 10 {
			picture.Nodes = append(picture.Nodes, fullNode(fmt.Sprintf("cold%02d", i), 1000))
		}
		target := rapid.Int64Range(40, 90).Draw(t, "target")
		session := balance(t, &lowNodeUtilization{args: cpuThresholds(10, policy.Percentage(target))}, picture, spreadByCPU)
		want, set := fewest(sizes, total-10*target)
		if len(session.Moves) != want {
			t.Fatalf("%d moves, %d do: %q\n%v above %d", len(session.Moves), want, session.Moves, sizes, total-10*target)
		}
		if want > 1 {
			multiple++
		}
		// Where one pod does, it is one of the lowest priority that do.
		if want == 1 {
			lowest := slices.MinFunc(set, func(a, b int) int {
				return int(*picture.Pods[a].Spec.Priority - *picture.Pods[b].Spec.Priority)
			})
			moved := slices.IndexFunc(picture.Pods, func(pod *corev1.Pod) bool {
				return session.State().Node("hot") != nil && !slices.Contains(session.State().Node("hot").Pods, pod)
			})
			if *picture.Pods[moved].Spec.Priority != *picture.Pods[lowest].Spec.Priority {
				t.Fatalf("pod %s was moved, %s would do and has a lower priority", picture.Pods[moved].Name, picture.Pods[lowest].Name)
			}
		}
	})
	t.Logf("%d cases took more than one move", multiple)
	if multiple == 0 {
		t.Error("no case took more than one move")
	}
}

// fewest returns, by trying all sets, how few sizes make up the amount; and, where it is
// one, those that do by themselves.
func fewest(sizes []int64, amount int64) (count int, alone []int) {
	if amount <= 0 {
		return 0, nil
	}
	count = len(sizes) + 1
	for set := range 1 << len(sizes) {
		sum, n, last := int64(0), 0, 0
		for i, size := range sizes {
			if set&(1<<i) != 0 {
				sum, n, last = sum+size, n+1, i
			}
		}
		if sum >= amount && n == 1 {
			alone = append(alone, last)
		}
		if sum >= amount {
			count = min(count, n)
		}
	}
	return count, alone
}
