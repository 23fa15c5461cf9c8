package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	ossignal "os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

func TestUpgradeForReal(t *testing.T) {
	u := newUpgraded(t)
	t.Run("names in the cluster are completed", func(t *testing.T) {
		for args, want := range map[string]string{
			"without node worker-00000 ":                "worker-00000\nworker-00001\nworker-00002",
			"without zone ":                             "zone-a",
			"upgrade pool ":                             "workers",
			"fit deployment --namespace " + u.ns + " w": "web",
			"why pod --namespace " + u.ns + " web-":     "web-",
			"why --namespace=" + u.ns:                   u.ns,
		} {
			words := strings.Split(args, " ")
			words = slices.Insert(append([]string{"__complete"}, words...), len(words), "--kubeconfig", u.play.Kubeconfig, "--context", u.play.Info.Context)
			if out, failure, code := run(words...); code != 0 || !strings.HasPrefix(out, want) {
				t.Errorf("%s: %q, error %s, want %q", args, out, failure, want)
			}
		}
	})
	for i, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT} {
		t.Run("it is undone by "+signal.String(), func(t *testing.T) {
			if ossignal.Ignored(signal) {
				t.Skip("the test was started with this signal ignored, as by nohup, and so are programs that it starts")
			}
			pids := fmt.Sprintf("pids-%d", i)
			p := u.start(t, fmt.Sprintf("signal-%d.jsonl", i), "pool", "workers", "--replace-command", "sleep 600 & echo $! $KUBECONFIG >>"+u.file(pids)+"; wait")
			told := u.await(t, pids, 2)
			for range 2 { // as a terminal and a shell send it
				if err := p.cmd.Process.Signal(signal); err != nil {
					t.Fatal(err)
				}
			}
			result := p.end(t, exit.Inconclusive)
			if result.Replaced != 0 || len(result.Restored) != 0 {
				t.Errorf("result %+v", result)
			}
			u.leaves(t, p)
			commandGone(t, told[0], told[1])
		})
	}
	t.Run("a node that does not change is not upgraded in place", func(t *testing.T) {
		p := u.start(t, "unchanged.jsonl", "pool", "workers", "--in-place", "--replace-command", "true", "--timeout", "10s")
		if result := p.end(t, exit.Failed); result.Replaced != 0 || len(result.Restored) != 0 {
			t.Errorf("result %+v", result)
		}
		u.leaves(t, p)
		p.says(t, "has neither another kubelet version")
	})
	t.Run("a second signal ends it and its command at once", func(t *testing.T) {
		p := u.start(t, "twice.jsonl", "pool", "workers", "--replace-command", `trap "" TERM; echo $$ $KUBECONFIG >`+u.file("deaf")+"; while :; do sleep 600; done")
		told := u.await(t, "deaf", 2)
		ended := make(chan struct{})
		go func() { // signals that come soon after the first are the same one
			_ = p.cmd.Wait()
			close(ended)
		}()
		playgroundtest.Eventually(t, "the program ends", func(context.Context) (bool, string) {
			_ = p.cmd.Process.Signal(os.Interrupt)
			select {
			case <-ended:
				return true, ""
			default:
				return false, "it goes on"
			}
		})
		u.release(t)
		p.says(t, "stopped at once, changes were not restored: run `stowage-chaos restore --all --kubeconfig ")
		if code := p.cmd.ProcessState.ExitCode(); code != exit.Error {
			t.Errorf("exit code %d, want %d", code, exit.Error)
		}
		commandGone(t, told[0], told[1])
		u.restore(t)
	})
	t.Run("a run whose lease is taken changes nothing more", func(t *testing.T) {
		p := u.start(t, "taken.jsonl", "pool", "workers", "--in-place", "--replace-command", "echo $STOWAGE_NODE >>"+u.file("fenced")+"; "+restarts+"; until test -e "+u.file("go")+"; do sleep 0.1; done")
		u.await(t, "fenced", 1)
		u.release(t)
		if err := os.WriteFile(u.file("go"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		p.end(t, exit.Error)
		p.says(t, "was taken by somebody else")
		if nodes := u.await(t, "fenced", 1); len(nodes) != 1 {
			t.Errorf("the command was run for %v", nodes)
		}
		u.restore(t)
	})
	t.Run("a single replica whose budget allows no disruption is moved by a stand-in", func(t *testing.T) {
		ns := playgroundtest.Namespace(t, u.client)
		u.deploy(t, ns, 1, policyv1.PodDisruptionBudgetSpec{MinAvailable: ptr.To(intstr.FromInt32(1))}, 0)
		least := playgroundtest.Lowest(t, u.client, 1, func(pod *corev1.Pod) bool { return pod.Namespace == ns })
		p := u.start(t, "beside.jsonl", "pool", "workers", "--in-place", "--replace-command", restarts, "--make-before-break")
		if result := p.end(t, 0); result.Replaced != 3 || result.BudgetsBroken != 0 {
			t.Errorf("result %+v: %s", result, p.failed.String())
		}
		if n := least(); n < 1 {
			t.Errorf("there were %d ready pods at a time, want 1 at least", n)
		}
		u.clean(t)
	})
	t.Run("in place, refused beside a run that is alive, and continued after a crash", func(t *testing.T) {
		asked := u.file("asked")
		// The second node is started again, but its command never ends, until it is asked for again: then the
		// node does not change any more.
		command := "echo $STOWAGE_NODE >>" + asked + "; if test $(wc -l <" + asked + ") -eq 2; then " + restarts + "; sleep 600 & echo $! >" + u.file("child") + "; wait; fi; " +
			"test $(grep -c $STOWAGE_NODE " + asked + ") -gt 1 || " + restarts
		p := u.start(t, "crash.jsonl", "pool", "workers", "--in-place", "--replace-command", command)
		child, err := strconv.Atoi(u.await(t, "child", 1)[0])
		if err != nil {
			t.Fatal(err)
		}
		for want, args := range map[string][]string{
			"is in progress on ":  {"--resume", u.file("crash.jsonl")},
			"was changed by run ": {"pool", "workers", "--replace-command", "true"},
		} {
			other := u.start(t, "refused.jsonl", args...)
			other.end(t, exit.Refused)
			other.says(t, want)
			if _, err := os.Stat(u.file("refused.jsonl")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a refused run has left a journal: error %v", err)
			}
		}
		group, err := syscall.Getpgid(child)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(p.cmd.Process.Kill(), syscall.Kill(-group, syscall.SIGKILL)); err != nil { // as the machine of both does
			t.Fatal(err)
		}
		_ = p.cmd.Wait()
		if _, cordoned := u.list(t); len(cordoned) != 1 {
			t.Errorf("after the crash, nodes are cordoned: %v, want one", cordoned)
		}
		u.release(t) // nobody waits until it has run out
		p = u.start(t, "resumed.jsonl", "--resume", u.file("crash.jsonl"))
		if result := p.end(t, 0); result.Replaced != 3 || len(result.Waves) != 2 || result.BudgetsBroken != 0 {
			t.Errorf("result %+v", result)
		}
		nodes := u.await(t, "asked", 4)
		if len(nodes) != 4 || nodes[1] == nodes[0] || slices.Contains(nodes[2:], nodes[0]) || !slices.Contains(nodes[2:], nodes[1]) {
			t.Errorf("nodes were replaced in this order: %v", nodes)
		}
		if names := u.clean(t); len(names) != 3 {
			t.Errorf("the nodes are %v", names)
		}
	})
	t.Run("by a command that replaces each node", func(t *testing.T) {
		p := u.start(t, "command.jsonl", "pool", "workers", "--replace-command", "set -e; "+removes+creates)
		result := p.end(t, 0)
		if result.Replaced != 3 || len(result.Waves) != 3 || result.BudgetsBroken != 0 || result.Unreplaced != 0 || result.Evictions < 5 {
			t.Errorf("result %+v", result)
		}
		if got, want := u.clean(t), "[worker-00000-new worker-00001-new worker-00002-new]"; fmt.Sprint(got) != want {
			t.Errorf("the nodes are %v, want %s", got, want)
		}
	})
	t.Run("by a command that adds nodes before it removes others", func(t *testing.T) {
		once := "test -e " + u.file("failed") + " || { touch " + u.file("failed") + "; exit 7; }; "
		p := u.start(t, "surge.jsonl", "pool", "workers", "--surge", "2", "--replace-command",
			"set -e; if [ $STOWAGE_STEP = remove ]; then "+once+removes+"else kubectl get node $STOWAGE_NODE-new && exit 0; "+creates+"fi")
		// The command for one node of the first wave fails. The other one is replaced.
		if result := p.end(t, exit.Error); result.Replaced > 1 {
			t.Errorf("result %+v", result)
		}
		p.says(t, "ended with exit status 7")
		p.says(t, fmt.Sprintf("To go on, run `kubectl stowage upgrade --run --resume %s --context %s --kubeconfig %s`", u.file("surge.jsonl"), u.play.Info.Context, u.play.Kubeconfig))
		p = u.start(t, "surge-resumed.jsonl", "--resume", u.file("surge.jsonl"))
		if result := p.end(t, 0); result.Replaced != 3 || result.BudgetsBroken != 0 {
			t.Errorf("result %+v", result)
		}
		if got, want := u.clean(t), "[worker-00000-new-new worker-00001-new-new worker-00002-new-new]"; fmt.Sprint(got) != want {
			t.Errorf("the nodes are %v, want %s", got, want)
		}
	})
	const last = "worker-00002-new-new"
	t.Run("a node with a pod that does not end is not replaced", func(t *testing.T) {
		u.hold(t, last)
		p := u.start(t, "held.jsonl", "--selector", corev1.LabelHostname+"="+last, "--timeout", "10s", "--replace-command", "touch "+u.file("ran"))
		if result := p.end(t, exit.Failed); result.Replaced != 0 {
			t.Errorf("result %+v", result)
		}
		p.says(t, ", which is terminating")
		u.clean(t)
	})
	t.Run("the command does not run for a node that has registered anew, which replaces the one that was drained", func(t *testing.T) {
		p := u.start(t, "anew.jsonl", "--selector", corev1.LabelHostname+"="+last, "--replace-command", "touch "+u.file("ran"))
		playgroundtest.Eventually(t, "the node is cordoned", func(context.Context) (bool, string) {
			_, cordoned := u.list(t)
			return len(cordoned) == 1, fmt.Sprint(cordoned)
		})
		if err := u.client.CoreV1().Nodes().Delete(t.Context(), last, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		u.create(t, last, map[string]string{corev1.LabelHostname: last, "eks.amazonaws.com/nodegroup": "workers"})
		if result := p.end(t, 0); result.Replaced != 1 || result.BudgetsBroken != 0 {
			t.Errorf("result %+v", result)
		}
		if _, err := os.Stat(u.file("ran")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the command was run: error %v", err)
		}
		if err := u.client.CoreV1().Pods(u.ns).Delete(t.Context(), "slow", metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}); err != nil {
			t.Fatal(err)
		}
		u.clean(t)
	})
	t.Run("a replacement that is not usable is awaited by the run that goes on", func(t *testing.T) {
		unusable := strings.NewReplacer("labels: {", "labels: {stage: new, ", "$STOWAGE_POOL", "workers", " status:", " spec: {unschedulable: true},\n status:").Replace(creates)
		p := u.start(t, "unusable.jsonl", "--selector", corev1.LabelHostname+"="+last, "--replaced-by", "stage=new", "--timeout", "10s", "--replace-command", "set -e; "+removes+unusable)
		if result := p.end(t, exit.Failed); result.Replaced != 0 {
			t.Errorf("result %+v", result)
		}
		p.says(t, "0 of 1 new Ready node with label stage=new: node "+last+"-new is cordoned")
		p = u.start(t, "usable.jsonl", "--resume", u.file("unusable.jsonl"))
		playgroundtest.Eventually(t, "the run waits", func(context.Context) (bool, string) {
			text, err := os.ReadFile(u.file("usable.jsonl"))
			return strings.Contains(string(text), "awaiting the replacement of "+last), fmt.Sprint(err)
		})
		uncordon := []byte(`{"spec": {"unschedulable": false}}`)
		if _, err := u.client.CoreV1().Nodes().Patch(t.Context(), last+"-new", types.MergePatchType, uncordon, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		if result := p.end(t, 0); result.Replaced != 1 || len(result.Waves) != 0 {
			t.Errorf("result %+v", result)
		}
		u.clean(t)
	})
	t.Run("by nodes that somebody else creates", func(t *testing.T) {
		p := u.start(t, "label.jsonl", "pool", "workers", "--replaced-by", "version=new")
		old, _ := u.list(t)
		for n := range old { // one more each time that nodes are drained and others are missing
			playgroundtest.Eventually(t, "one more node is drained", func(context.Context) (bool, string) {
				_, cordoned := u.list(t)
				return len(cordoned) > n, fmt.Sprint(cordoned)
			})
			name := fmt.Sprintf("other-%d", n)
			u.create(t, name, map[string]string{corev1.LabelHostname: name, "version": "new"})
		}
		if result := p.end(t, 0); result.Replaced != 3 || result.BudgetsBroken != 0 {
			t.Errorf("result %+v", result)
		}
		if _, cordoned := u.list(t); fmt.Sprint(cordoned) != fmt.Sprint(old) {
			t.Errorf("the nodes that are left cordoned are %v, want %v", cordoned, old)
		}
		if left, err := undo.Leftovers(t.Context(), u.client); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, error %v", left, err)
		}
	})
}
