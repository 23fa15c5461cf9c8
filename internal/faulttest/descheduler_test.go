package faulttest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const policy = `apiVersion: descheduler/v1alpha2
kind: DeschedulerPolicy
profiles:
- name: faults
  pluginConfig:
  - name: DefaultEvictor
  - name: RemovePodsViolatingNodeAffinity
    args:
      nodeAffinityType: [requiredDuringSchedulingIgnoredDuringExecution]
  plugins:
    deschedule:
      enabled: [RemovePodsViolatingNodeAffinity]
`

// TestDescheduler has pods whose nodes are not those that they ask for any more moved, while the
// API server fails, and the run is perhaps ended. Another run, without faults, moves the others.
func TestDescheduler(t *testing.T) {
	const may = 2
	eachSeed(t, "stowage-descheduler", func(t *testing.T, tr *trial) {
		markNodes(t, 0, 3)
		tr.deploy(t, 8+tr.draw.IntN(6), may, func(spec *corev1.PodSpec) {
			spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "marked", Operator: corev1.NodeSelectorOpExists}}}},
			}}}
		}, true)
		markNodes(t, 3, 6)
		file := filepath.Join(tr.dir, "policy.yaml")
		if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
		proxy, kubeconfig := tr.proxy(t)
		recorder := tr.record(t)
		run := func(kubeconfig, output string) []string {
			return []string{
				"run", "--kubeconfig", kubeconfig, "--policy-config-file", file, "--cooldown=0", "--wave-timeout=15s", "-o", "json", "--output-file", output, "-v=2",
			}
		}
		proxy.Break()
		one := filepath.Join(tr.dir, "one.json")
		p := tr.start(t, run(kubeconfig, one)...)
		signal := tr.endAtAWrite(proxy, p, 8)
		endAround := tr.beginAround(t, 3, proxy)
		second := tr.beginSecond(t, func(kubeconfig, dir string) []string { return run(kubeconfig, filepath.Join(dir, "report.json")) })
		code := exitCode(t, p)
		endAround()
		second.awaitEnd(t, 0, 1, 2, 4)
		ended := time.Now()
		proxy.Heal()
		tr.awaitProgress(t)
		checkExit(t, signal, code, 0, 1, 2, 4)
		until := time.Now()
		evicted := tr.moved(t)
		switch {
		case code == 4 && tr.alone() && evicted > 0:
			t.Errorf("it was refused, and evicted %d pods", evicted)
		case code == 0:
			// What is removed by others is not reported.
			if told := reportedEvictions(t, one); told > evicted || tr.alone() && told != evicted {
				t.Errorf("it reports %d evictions, and there were %d", told, evicted)
			}
		}
		two := filepath.Join(tr.dir, "two.json")
		if code := exitCode(t, tr.start(t, run(kubeconfig, two)...)); code != 0 {
			t.Errorf("without faults it ends with exit code %d", code)
		}
		tr.awaitRunning(t)
		if pods := tr.on(t, 0, 3); len(pods) > 0 {
			text, _ := os.ReadFile(two)
			t.Errorf("these pods were not moved: %v; the report is\n%s", pods, text)
		}
		tr.holds(t, recorder, Limits{Budgets: true, AtOnce: may, End: ended, Until: until})
	})
}

// checkExit checks an exit code, unless the program was killed.
func checkExit(t *testing.T, signal os.Signal, code int, documented ...int) {
	t.Helper()
	if code == -1 && signal == syscall.SIGKILL {
		return
	}
	if !slices.Contains(documented, code) {
		t.Errorf("exit code %d after signal %v, want one of %v", code, signal, documented)
	}
}

// nodeOf returns the name of a node of the group.
func nodeOf(group string, i int) string { return fmt.Sprintf("%s-%05d", group, i) }

// markNodes gives some of the nodes the label that pods ask for, and takes it from the others.
func markNodes(t *testing.T, from, to int) {
	t.Helper()
	for i := range 6 {
		value := "null"
		if from <= i && i < to {
			value = `"yes"`
		}
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{"marked":%s}}}`, value)
		if _, err := client.CoreV1().Nodes().Patch(t.Context(), nodeOf("descheduler", i), types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

// on returns the pods on some of the nodes.
func (tr *trial) on(t *testing.T, from, to int) (names []string) {
	t.Helper()
	pods, err := client.CoreV1().Pods(tr.namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods.Items {
		for i := from; i < to; i++ {
			if pod.Spec.NodeName == nodeOf("descheduler", i) {
				names = append(names, pod.Name+" on "+pod.Spec.NodeName)
			}
		}
	}
	return names
}

// moved returns how many of the pods are on the nodes that they ask for, before which none was.
func (tr *trial) moved(t *testing.T) int {
	t.Helper()
	return len(tr.on(t, 3, 6))
}

// reportedEvictions reads how many evictions a report tells.
func reportedEvictions(t *testing.T, file string) int {
	t.Helper()
	var report struct {
		Summary struct {
			Carried *struct{ Evicted int }
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &report); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if report.Summary.Carried == nil {
		return 0
	}
	return report.Summary.Carried.Evicted
}
