package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/process"
)

// frozen returns a shop on the nodes whose budget allows no disruption, and a function that restores
// the budget.
func frozen(t *testing.T, on ...string) (s shop, thaw func()) {
	t.Helper()
	s = newShop(t, on...)
	budgets := client.PolicyV1().PodDisruptionBudgets(s.namespace)
	set := func(most int) {
		t.Helper()
		changed, err := budgets.Patch(t.Context(), web, types.MergePatchType, fmt.Appendf(nil, `{"spec": {"maxUnavailable": %d}}`, most), metav1.PatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the budget is observed", func(ctx context.Context) (bool, string) {
			b, err := budgets.Get(ctx, web, metav1.GetOptions{})
			return err == nil && b.Status.ObservedGeneration >= changed.Generation, fmt.Sprint(err)
		})
	}
	set(0)
	return s, func() { t.Helper(); set(mayLack) }
}

// standIns returns the names of the pods of moves that are not over.
func (s shop) standIns(ctx context.Context) (names []string, err error) {
	list, err := client.CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: cluster.StandInLabel})
	if err != nil {
		return nil, err
	}
	for _, pod := range list.Items {
		names = append(names, pod.Name)
	}
	return names, nil
}

// over waits until the shop is as it was before any move, with all of its replicas.
func (s shop) over(t *testing.T, thaw func()) {
	t.Helper()
	thaw()
	s.settle(t)
	if left, err := s.standIns(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("moves are not over: %v, %v", left, err)
	}
	list, err := client.CoreV1().Pods(s.namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range list.Items {
		if cost, has := pod.Annotations[corev1.PodDeletionCost]; has {
			t.Errorf("pod %s has the deletion cost %s", pod.Name, cost)
		}
	}
}

// TestDrainsByStandIns drains a node, with the rights that it takes, of replicas of which none may be
// missing.
func TestDrainsByStandIns(t *testing.T) {
	const drained, other = "node-00001", "node-00004"
	before := marks(t)
	s, thaw := frozen(t, drained, other)
	if s.on(t, []string{drained}) == 0 || s.on(t, []string{other}) == 0 {
		t.Fatalf("the replicas are not on both nodes: %v", s.pods(t))
	}
	path := filepath.Join(t.TempDir(), "run.jsonl")
	args := slices.Concat([]string{"node", "--make-before-break", "--nodes", drained}, asInstalled(t)[:5])
	grant(t, "nodes")
	t.Run("without the rights nothing is changed", func(t *testing.T) {
		run(t, append(args, "--journal=-")...).want(t, 1, "no permission to move pods by stand-ins in namespace "+s.namespace+": this requires the verb create on pods", "component stand-ins of config/chaos")
		wantAsBefore(t, before)
	})
	grant(t, "stand-ins")
	t.Run("no replica is missing at any time", func(t *testing.T) {
		moved := s.on(t, []string{drained})
		least := s.lowest(t)
		e := run(t, append(args, "--journal", path)...)
		e.want(t, 0)
		e.shows(t, "held: ", "Deployment "+s.namespace+"/web")
		if n := least(); n < replicas {
			t.Errorf("%d replicas were left, and none may be missing", n)
		}
		if n := s.on(t, []string{drained}); n > 0 {
			t.Errorf("%d pods are on the node", n)
		}
		of, err := journal.OpenRun(path)
		if err != nil {
			t.Fatal(err)
		}
		predicted := 0
		for _, p := range of.Predictions {
			predicted += p.What.ByStandIn()
		}
		outcomes := map[string]int{}
		for _, a := range of.Answers {
			outcomes[string(a.What.Outcome)]++
		}
		if len(of.Open) > 0 || len(outcomes) > 1 || outcomes[string(journal.Moved)] != moved || predicted != moved || len(of.Recovered) != moved {
			t.Errorf("of %d pods, %d were predicted to be moved, %v were, and %d have a replacement; left open: %v", moved, predicted, outcomes, len(of.Recovered), of.Open)
		}
		for _, r := range of.Recovered {
			if r.What.Seconds > 0 || r.What.Node != other {
				t.Errorf("pod %s was missing for %g s, and replaced on node %s", r.What.Victim.Pod, r.What.Seconds, r.What.Node)
			}
		}
		wantAsBefore(t, before)
	})
	t.Run("pods whose stand-ins fit on no node are left to their budget", func(t *testing.T) {
		pods := s.pods(t)
		e := run(t, slices.Concat([]string{"node", "--make-before-break", "--nodes", drained + "," + other, "--patience=3s"}, asInstalled(t))...)
		e.want(t, 3, "still on the nodes: for example pod "+s.namespace+"/", "NotMoved: its stand-in fits on no node")
		s.over(t, thaw)
		for name := range s.pods(t) {
			if pods[name] == "" {
				t.Errorf("pod %s is new", name)
			}
		}
		wantAsBefore(t, before)
	})
}

// TestEndsInTheMiddleOfAMove ends runs whose stand-ins are ready, but not for long enough: they
// restore it, or restore does.
func TestEndsInTheMiddleOfAMove(t *testing.T) {
	const drained, other = "node-00002", "node-00005"
	before := marks(t)
	s, thaw := frozen(t, drained, other)
	if _, err := client.AppsV1().Deployments(s.namespace).Patch(t.Context(), web, types.MergePatchType, []byte(`{"spec": {"minReadySeconds": 300}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	pods := s.pods(t)
	least := s.lowest(t)
	begin := func(t *testing.T, journal string) *process.Process {
		t.Helper()
		p := start(t, append([]string{"node", "--make-before-break", "--nodes", drained}, forReal(journal)...)...)
		eventually(t, "a stand-in is there", func(ctx context.Context) (bool, string) {
			names, err := s.standIns(ctx)
			return len(names) > 0, fmt.Sprint(err, p.LogTail(5))
		})
		return p
	}
	asBefore := func(t *testing.T) {
		t.Helper()
		wantAsBefore(t, before)
		eventually(t, "only the replicas are there", func(context.Context) (bool, string) {
			now := s.pods(t)
			for name := range now {
				if pods[name] == "" {
					return false, fmt.Sprint(now)
				}
			}
			return len(now) == replicas, fmt.Sprint(now)
		})
	}
	t.Run("interrupted", func(t *testing.T) {
		p := begin(t, "-")
		if err := p.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		await(t, p)
		if err := p.Err(); err == nil || !strings.Contains(err.Error(), "exit status 3") {
			t.Errorf("it ended with %v", err)
		}
		asBefore(t)
	})
	t.Run("killed", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "run.jsonl")
		p := begin(t, path)
		p.Kill()
		left, err := undo.Leftovers(t.Context(), client)
		if err != nil || !strings.Contains(fmt.Sprint(left), ": stand-in of run ") {
			t.Errorf("left behind: %v, %v", left, err)
		}
		of, err := journal.OpenRun(path)
		if err != nil {
			t.Fatal(err)
		}
		var open string
		for _, change := range of.Open {
			if strings.HasPrefix(change.What.Object, "Pod ") {
				open = change.What.Object
			}
		}
		cluster := []string{"--kubeconfig", play.Kubeconfig, "--context", play.Info.Context}
		e := run(t, append([]string{"restore", path}, cluster...)...)
		e.want(t, 0)
		e.shows(t, "Node "+drained+": uncordoned\n", open+": no stand-in is left\n")
		asBefore(t)
	})
	if n := least(); n < replicas {
		t.Errorf("%d replicas were left, and none may be missing", n)
	}
	if _, err := client.AppsV1().Deployments(s.namespace).Patch(t.Context(), web, types.MergePatchType, []byte(`{"spec": {"minReadySeconds": 0}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	s.over(t, thaw)
}

// TestKilledAfterEveryRequest kills a drain of a node with a single replica after each of its changes
// in turn. Nobody hears the answer to the last one.
func TestKilledAfterEveryRequest(t *testing.T) {
	before := marks(t)
	s, _ := frozen(t, "node-00000", "node-00003")
	if _, err := client.AppsV1().Deployments(s.namespace).Patch(t.Context(), web, types.MergePatchType, []byte(`{"spec": {"replicas": 1}}`), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	settled := func(t *testing.T) {
		t.Helper()
		eventually(t, "the replica is there, and nothing else", func(ctx context.Context) (bool, string) {
			list, err := client.CoreV1().Pods(s.namespace).List(ctx, metav1.ListOptions{})
			if err != nil || len(list.Items) != 1 {
				return false, fmt.Sprint(len(list.Items), " pods, ", err)
			}
			pod := &list.Items[0]
			_, marked := pod.Labels[cluster.StandInLabel]
			_, cost := pod.Annotations[corev1.PodDeletionCost]
			budget, err := client.PolicyV1().PodDisruptionBudgets(s.namespace).Get(ctx, web, metav1.GetOptions{})
			return err == nil && up(pod) && !marked && !cost && metav1.GetControllerOf(pod) != nil && budget.Status.CurrentHealthy == 1 && budget.Status.ExpectedPods == 1, fmt.Sprint(pod, err)
		})
	}
	settled(t)
	least := s.lowestOf(t, 1)
	const atLeast = 7 // a lease, a cordon; a stand-in created, its pod marked, handed over, released; uncordoned
	for changes := 1; ; changes++ {
		api := newRecorder(t)
		api.killAfter(changes)
		p := start(t, slices.Concat([]string{"node", s.node(t), "--make-before-break", "--context=recorded", "--no-dry-run", "--journal=-"}, api.flags)...)
		killed := false
		select {
		case <-api.killed:
			killed = true
			p.Kill()
		case <-p.Done():
			if err := p.Err(); err != nil {
				t.Fatalf("with %d changes, it ended with %v: %s", changes, err, p.LogTail(5))
			}
		}
		run(t, "restore", "--all", "--force", "--kubeconfig", play.Kubeconfig, "--context", play.Info.Context).want(t, 0)
		settled(t)
		wantAsBefore(t, before)
		if t.Failed() {
			t.Fatalf("killed after %d changes: %v", changes, api.seen)
		}
		if !killed {
			if changes <= atLeast {
				t.Errorf("it was killed after %d changes at most, want %d at least", changes-1, atLeast)
			}
			break
		}
	}
	if n := least(); n < 1 {
		t.Error("the replica was missing")
	}
}
