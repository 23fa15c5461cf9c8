package faulttest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/faultproxy"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// TestChaos takes pods and nodes away while the API server fails, and the run is perhaps ended.
// What it leaves, `restore` puts back.
func TestChaos(t *testing.T) {
	const may = 3
	eachSeed(t, "stowage-chaos", func(t *testing.T, tr *trial) {
		before := marks(t)
		tr.deploy(t, 8+tr.draw.IntN(6), may, func(spec *corev1.PodSpec) {
			spec.NodeSelector = map[string]string{"for": "chaos"}
		}, true)
		proxy, kubeconfig := tr.proxy(t)
		recorder := tr.record(t)
		limits := Limits{Budgets: true, AtOnce: may}
		var args []string
		switch tr.draw.IntN(4) {
		case 0:
			args = []string{"evict", "--namespaces", tr.namespace, "--max-kill=2", "--times=2", "--interval=1s"}
		case 1, 2:
			args = []string{"node", "--node-labels=for=chaos", "--count=2", "--duration=1s", "--patience=15s"}
		case 3:
			args = []string{"node", "--node-labels=for=chaos", "--kind=down", "--duration=1s"}
			limits = Limits{}
		}
		output, disk := filepath.Join(tr.dir, "report.json"), tr.dir
		if tr.around == journalFull {
			disk = tr.smallDisk(t)
		}
		run := func(kubeconfig, disk, output string) []string {
			return append(slices.Clone(args), "--kubeconfig", kubeconfig, "--context", faultproxy.Context, "--no-dry-run", "--journal", filepath.Join(disk, "run.jsonl"),
				"--recovery-timeout=15s", "--seed", fmt.Sprint(tr.seed), "-o", "json", "--output-file", output, "-v=2")
		}
		proxy.Break()
		p := tr.start(t, run(kubeconfig, disk, output)...)
		signal := tr.endAtAWrite(proxy, p, 12)
		endAround := tr.beginAround(t, 4, proxy)
		second := tr.beginSecond(t, func(kubeconfig, dir string) []string { return run(kubeconfig, dir, filepath.Join(dir, "report.json")) })
		code := exitCode(t, p)
		endAround()
		second.awaitEnd(t, 0, 1, 2, 3, 4)
		limits.End = time.Now()
		proxy.Heal()
		checkExit(t, signal, code, 0, 1, 2, 3, 4)
		left := cmp.Diff(before, marks(t))
		switch {
		case code == 0 && left != "":
			t.Errorf("it ends with exit code 0, and leaves (-before +after):\n%s", left)
		case code == 4 && left != "":
			t.Errorf("it was refused, and leaves (-before +after):\n%s", left)
		case code > 0 && left != "" && !strings.Contains(p.LogTail(200), "restore"):
			t.Errorf("it does not say how to put back (-before +after):\n%s", left)
		}
		if tr.around == journalFull && isFull(t, disk) {
			tr.injected(journalFull)
		}
		if code == 0 {
			checkVerdict(t, output)
			checkJournal(t, filepath.Join(disk, "run.jsonl"))
		}
		if out, err := playgroundtest.Run(t, "stowage-chaos", "restore", "--all", "--force", "--kubeconfig", play.Kubeconfig, "--context", play.Info.Context); err != nil {
			t.Errorf("restore: %v: %s", err, out)
		}
		tr.awaitProgress(t)
		limits.Until = time.Now()
		playgroundtest.Eventually(t, "all is as before", func(context.Context) (bool, string) {
			diff := cmp.Diff(before, marks(t))
			return diff == "", diff
		})
		leases, err := client.CoordinationV1().Leases(metav1.NamespaceDefault).List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, lease := range leases.Items {
			t.Errorf("lease %s is left", lease.Name)
		}
		tr.holds(t, recorder, limits)
	})
}

// marks returns what chaos changes on nodes, but for their heartbeat.
func marks(t *testing.T) map[string]string {
	t.Helper()
	nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "for=chaos"})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, node := range nodes.Items {
		annotations := slices.DeleteFunc(slices.Sorted(maps.Keys(node.Annotations)), func(name string) bool { return !strings.Contains(name, "stowage") })
		var taints []string
		for _, taint := range node.Spec.Taints {
			if !strings.HasPrefix(taint.Key, "node.kubernetes.io/") || taint.Key == corev1.TaintNodeUnschedulable {
				taints = append(taints, taint.Key+":"+string(taint.Effect))
			}
		}
		all[node.Name] = fmt.Sprintf("unschedulable %t, taints %v, annotations %v, labels %v", node.Spec.Unschedulable, taints, annotations, node.Labels)
	}
	return all
}

// checkVerdict checks that a run that ended with exit code 0 reports that all held.
func checkVerdict(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Verdict     string
		NotRestored []any
	}
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if report.Verdict != "held" || len(report.NotRestored) > 0 {
		t.Errorf("it ends with exit code 0, and reports %q, not restored %v", report.Verdict, report.NotRestored)
	}
}

// checkJournal checks that the journal of a run that ended with exit code 0 is complete.
func checkJournal(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	var last struct{ End *struct{ Verdict string } }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.End == nil {
		t.Errorf("it ends with exit code 0, and its journal ends with %q: %v", lines[len(lines)-1], err)
	}
}
