package realtest

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// queues returns how what each pod of the shop sends is queued.
func queues(t *testing.T, pods []*corev1.Pod) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pod := range pods {
		pid, _ := processOf(t, pod)
		out, err := exec.Command("nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", pid), "tc", "qdisc", "show", "dev", "eth0").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		all[pod.Name] = strings.TrimSpace(string(out))
	}
	return all
}

// startLatency delays a pod of the shop in the background.
func startLatency(t *testing.T, ns, duration, journal string) background {
	t.Helper()
	return start(t, chaosName, chaosArgs(
		"latency", "--namespaces", ns, "--delay=100ms", "--duration", duration, "--min-availability=100%", "--no-dry-run", "--journal", journal)...)
}

// awaitDelay waits until one pod is delayed, and returns it; the others are not.
func awaitDelay(t *testing.T, pods []*corev1.Pod, before map[string]string) (delayed string) {
	t.Helper()
	playgroundtest.Eventually(t, "a pod is delayed", func(context.Context) (bool, string) {
		now := queues(t, pods)
		for pod, queue := range now {
			if queue != before[pod] {
				delayed = pod
			}
		}
		return delayed != "", fmt.Sprint(now)
	})
	now := queues(t, pods)
	if !strings.HasSuffix(now[delayed], "limit 7p") {
		t.Errorf("pod %s has %q", delayed, now[delayed])
	}
	delete(now, delayed)
	for pod, queue := range now {
		if queue != before[pod] {
			t.Errorf("pod %s is delayed as well: %q", pod, queue)
		}
	}
	return delayed
}

// awaitNoDelay waits until neither a delay nor a helper is left.
func awaitNoDelay(t *testing.T, pods []*corev1.Pod, before map[string]string) {
	t.Helper()
	playgroundtest.Eventually(t, "no pod is delayed", func(context.Context) (bool, string) {
		diff := cmp.Diff(before, queues(t, pods))
		return diff == "" && len(helpers(t)) == 0, fmt.Sprint(diff, helpers(t))
	})
	runChaos(t, chaosArgs("restore", "--all", "--force")...).want(t, 0, "nothing to restore")
}

// helpers returns the names of latency's helpers.
func helpers(t *testing.T) (names []string) {
	t.Helper()
	list, err := client.CoreV1().Pods(metav1.NamespaceSystem).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range list.Items {
		names = append(names, pod.Name)
	}
	return names
}

// TestChaosLatency delays a pod by the helper, with a stand-in for netem: the pod's network
// alone is changed, while the delay is in force.
func TestChaosLatency(t *testing.T) {
	ns := newShop(t, 2)
	pods := podsOf(t, ns, "app=web")
	before := queues(t, pods)
	machine, err := exec.Command("tc", "qdisc", "show").Output()
	if err != nil {
		t.Fatal(err)
	}
	journal := func(t *testing.T) string { return filepath.Join(t.TempDir(), "run.jsonl") }

	t.Run("until its time is over", func(t *testing.T) {
		file := journal(t)
		running := startLatency(t, ns, "5s", file)
		awaitDelay(t, pods, before)
		running.awaitEnd(t).want(t, 0, "held: ")
		awaitNoDelay(t, pods, before)
		report := runChaos(t, "report", file, "-o", "json")
		report.want(t, 0)
		var r chaosReport
		if err := json.Unmarshal([]byte(report.out), &r); err != nil {
			t.Fatal(err)
		}
		if lost := r.of("Deployment " + ns + "/web"); r.Verdict != "held" || r.Run.FakeNodes || r.Totals.Drawn > 0 || lost != (chaosLosses{}) {
			t.Errorf("a delay takes nothing away: %+v", r)
		}
		for _, workload := range r.Workloads {
			if strings.Contains(workload.Workload, metav1.NamespaceSystem+"/") {
				t.Errorf("the helper is a workload: %+v", workload)
			}
		}
	})
	t.Run("until its helper is gone", func(t *testing.T) {
		running := startLatency(t, ns, "10m", journal(t))
		awaitDelay(t, pods, before)
		kubectl(t, "delete", "pods", "-n", metav1.NamespaceSystem, helpers(t)[0])
		running.awaitEnd(t).want(t, 3, "inconclusive: it ended after ")
		awaitNoDelay(t, pods, before)
	})
	t.Run("until the run is killed and put back", func(t *testing.T) {
		file := journal(t)
		running := startLatency(t, ns, "10m", file)
		awaitDelay(t, pods, before)
		if err := running.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-running.Done()
		runChaos(t, chaosArgs("restore", file)...).want(t, 0, "1 object restored")
		awaitNoDelay(t, pods, before)
	})
	t.Run("by a Job", func(t *testing.T) {
		install(t, playgroundtest.WriteOverlay(t, map[string]string{"kustomization.yaml": fmt.Sprintf(delaying, ns)}))
		ended := follow(t, runByHand(t))
		awaitDelay(t, pods, before)
		pod, log := ended()
		if code := terminated(pod).ExitCode; code != 0 {
			t.Errorf("exit code %d", code)
		}
		wantLog(t, log, "held: ")
		awaitNoDelay(t, pods, before)
	})
	if after, err := exec.Command("tc", "qdisc", "show").Output(); err != nil || string(after) != string(machine) {
		t.Errorf("the machine's own network has %s, had %s; error %v", after, machine, err)
	}
	same := slices.EqualFunc(pods, podsOf(t, ns, "app=web"), func(a, b *corev1.Pod) bool {
		return a.UID == b.UID && a.Status.ContainerStatuses[0].RestartCount == b.Status.ContainerStatuses[0].RestartCount
	})
	if !same {
		t.Error("the pods are not the same")
	}
}

// delaying is a CronJob that runs by hand only and delays a pod.
const delaying = `resources: [CONFIG/chaos/cronjob]
components: [CONFIG/chaos/components/latency]
patches:
- target: {kind: CronJob}
  patch: |-
    - {op: add, path: /spec/suspend, value: true}
    - {op: replace, path: /spec/jobTemplate/spec/template/spec/containers/0/args, value: [latency, --in-cluster, --no-dry-run, --namespaces=%s, --delay=100ms, --duration=5s]}
`
