package realtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/process"
)

// chaosReport is what the tests look at in a report for programs.
type chaosReport struct {
	Run struct {
		ID        string
		FakeNodes bool
	}
	Verdict     string
	Reasons     []string
	NotRestored []any
	Notes       []string
	Workloads   []chaosLosses
	Prediction  *struct {
		Percent float64
		Wrong   []string
	}
	Totals struct {
		Outcomes map[string]int
		chaosLosses
	}
}

// chaosLosses are those of a workload, or of all.
type chaosLosses struct {
	Workload                                        string
	Drawn, Others, Recovered, Unneeded, Unrecovered int
	Recovery                                        struct{ P50Seconds, MaxSeconds float64 }
}

// of returns what a workload has lost.
func (r *chaosReport) of(workload string) chaosLosses {
	i := slices.IndexFunc(r.Workloads, func(l chaosLosses) bool { return l.Workload == workload })
	if i < 0 {
		return chaosLosses{}
	}
	return r.Workloads[i]
}

// outcome is what came of a command.
type outcome struct {
	code      int
	out, errs string
}

// chaosArgs are the arguments of stowage-chaos as they are outside of the cluster.
func chaosArgs(args ...string) []string {
	return append(args, "--kubeconfig", shared.Kubeconfig, "--context", shared.Info.Context)
}

// runChaos runs stowage-chaos outside of the cluster until it ends.
func runChaos(t *testing.T, args ...string) outcome {
	t.Helper()
	binary, err := playground.FindBinary(chaosName)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if _, exited := errors.AsType[*exec.ExitError](cmd.Run()); !exited && cmd.ProcessState == nil {
		t.Fatalf("%s did not start: %s", chaosName, errs.String())
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// background is a program that runs beside the test.
type background struct {
	*process.Process
	log string
}

// start starts a program, which ends with the test.
func start(t *testing.T, program string, args ...string) background {
	t.Helper()
	binary, err := playground.FindBinary(program)
	if err != nil {
		t.Fatal(err)
	}
	b := background{log: filepath.Join(t.TempDir(), "log")}
	if b.Process, err = process.Start(process.Spec{Name: program, Path: binary, Log: b.log, Args: args}); err != nil {
		t.Fatal(err)
	}
	playgroundtest.StopAfter(t, b.Process)
	return b
}

// awaitEnd waits until the program has ended, and returns the outcome.
func (b background) awaitEnd(t *testing.T) outcome {
	t.Helper()
	playgroundtest.Eventually(t, b.Name()+" has ended", func(context.Context) (bool, string) {
		select {
		case <-b.Done():
			return true, ""
		default:
			return false, b.LogTail(3)
		}
	})
	said, err := os.ReadFile(b.log)
	if err != nil {
		t.Fatal(err)
	}
	o := outcome{out: string(said)}
	if exited, failed := errors.AsType[*exec.ExitError](b.Err()); failed {
		o.code = exited.ExitCode()
	}
	return o
}

// want checks how a command ended, and what it said.
func (o outcome) want(t *testing.T, code int, said ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d", o.code, code)
	}
	for _, what := range said {
		if !strings.Contains(o.out+o.errs, what) {
			t.Errorf("it did not say %q", what)
		}
	}
	if t.Failed() {
		t.Logf("it said:\n%s%s", o.out, o.errs)
	}
}

// runForReal has chaos happen, and returns the report and the journal.
func runForReal(t *testing.T, code int, args ...string) (r chaosReport, journal string) {
	t.Helper()
	journal = filepath.Join(t.TempDir(), "run.jsonl")
	begin := time.Now()
	o := runChaos(t, chaosArgs(append(args, "--no-dry-run", "-o", "json", "--journal", journal)...)...)
	o.want(t, code)
	if err := json.Unmarshal([]byte(o.out), &r); err != nil {
		t.Fatalf("%v: no report in:\n%s%s", err, o.out, o.errs)
	}
	t.Logf("%.1f s; %s %v; %d pods replaced, half of them in %.1f s, all in %.1f s", time.Since(begin).Seconds(), r.Verdict, r.Reasons, r.Totals.Recovered,
		r.Totals.Recovery.P50Seconds, r.Totals.Recovery.MaxSeconds)
	return r, journal
}

// wantReal checks what every report of a run on real nodes has to say.
func (r *chaosReport) wantReal(t *testing.T, ns, verdict string) {
	t.Helper()
	lost := r.of("Deployment " + ns + "/web")
	if r.Verdict != verdict {
		t.Errorf("verdict %s %v, want %s", r.Verdict, r.Reasons, verdict)
	}
	if text := strings.Join(r.Notes, "\n"); r.Run.FakeNodes || strings.Contains(text, "fake") {
		t.Errorf("it calls nodes fake: %s", text)
	}
	if len(r.NotRestored) > 0 {
		t.Errorf("not put back: %v", r.NotRestored)
	}
	if lost.Drawn == 0 || lost.Others > 0 || lost.Recovered != lost.Drawn {
		t.Errorf("lost and replaced: %+v", lost)
	}
	if agent := r.of("DaemonSet " + ns + "/agent"); agent.Drawn+agent.Unrecovered > 0 {
		t.Errorf("pods that come back with their node: %+v", agent)
	}
	if seconds := lost.Recovery.P50Seconds; seconds < shopReadyAfter.Seconds() {
		t.Errorf("half of the pods were replaced after %g s: a pod is ready %s after its start at the earliest", seconds, shopReadyAfter)
	}
	if r.Prediction == nil || r.Prediction.Percent < 100 {
		t.Errorf("the prediction came true by %+v, want 100 %%", r.Prediction)
	}
}

// nodeMarks are what chaos may change about a node.
type nodeMarks struct {
	Labels, Annotations map[string]string
	Taints              []corev1.Taint
	Unschedulable       bool
}

// marks returns what the real nodes have.
func marks(t *testing.T) map[string]nodeMarks {
	t.Helper()
	all := map[string]nodeMarks{}
	for _, name := range shared.RealNodes {
		node, err := client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		all[name] = nodeMarks{node.Labels, node.Annotations, node.Spec.Taints, node.Spec.Unschedulable}
	}
	return all
}

// wantMarks waits until the real nodes are as they were: the control plane takes off its own
// taint of cordoned nodes a moment later.
func wantMarks(t *testing.T, before map[string]nodeMarks) {
	t.Helper()
	playgroundtest.Eventually(t, "the nodes are as they were", func(context.Context) (bool, string) {
		diff := cmp.Diff(before, marks(t))
		return diff == "", diff
	})
}
