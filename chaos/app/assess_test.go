package app

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	logsapi "k8s.io/component-base/logs/api/v1"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/report"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/connect"
	"github.com/stowage-k8s/stowage/internal/exit"
)

func TestAnswersSayWhatIsMissed(t *testing.T) {
	answers := []answer{
		{Question: "lose zone a", Prediction: &assess.Prediction{How: assess.Down}},
		{Question: "lose zone b", Prediction: &assess.Prediction{How: assess.Down}, Missed: []string{"one", "two", "three", "four", "five"}},
	}
	for format, want := range map[report.Format]string{
		report.Table: "lose zone a\n===========\ndown: no pods affected\n\nlose zone b\n===========\ndown: no pods affected\n\n" +
			"not survived: one\n              two\n              three\n              and 2 more\n",
		report.Wide: "lose zone a\n===========\ndown: no pods affected\n\nlose zone b\n===========\ndown: no pods affected\n\n" +
			"not survived: one\n              two\n              three\n              four\n              five\n",
	} {
		var out strings.Builder
		if err := (&outputFlags{format: format}).answers(&out, answers); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
	err := worst(answers)
	if err == nil || err.Error() != "not survived: lose zone b: one, two, three, and 2 more" || ExitCode(err) != exit.Failed {
		t.Errorf("error %v with code %d", err, ExitCode(err))
	}
	if err := worst(answers[:1]); err != nil {
		t.Errorf("nothing is missed, and the error is %v", err)
	}
}

// By which engine it was simulated is said once.
func TestAnswersSayTheEngine(t *testing.T) {
	p := &assess.Prediction{How: assess.Down, Simulated: "simulated with the 1.37 engine; the cluster runs 1.35"}
	var out strings.Builder
	if err := (&outputFlags{format: report.Table}).answers(&out, []answer{{Question: "lose zone a", Prediction: p}, {Question: "lose zone b", Prediction: p}}); err != nil {
		t.Fatal(err)
	}
	const want = "down: no pods affected\n\nScheduling is simulated with the 1.37 engine; the cluster runs 1.35.\n"
	if !strings.HasSuffix(out.String(), want) || strings.Count(out.String(), "engine") != 1 {
		t.Errorf("it says\n%s\nwant at the end, and once:\n%s", out.String(), want)
	}
}

// A loss of nothing says by what time ages were judged, for that may be why.
func TestALossOfNothingSaysItsTime(t *testing.T) {
	q := question{name: "evict 0 pods", nothing: "there are none"}
	clock := &connect.Clock{Now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), From: "from the dump"}
	for _, tt := range []struct {
		clock *connect.Clock
		want  string
	}{
		{nil, "evict 0 pods: there are none"},
		{clock, "evict 0 pods: there are none, ages are relative to 2026-03-02 10:00:00 UTC (from the dump)"},
	} {
		if got := q.without(tt.clock); got != tt.want {
			t.Errorf("it says %q, want %q", got, tt.want)
		}
	}
}

// executed runs the command on a dump of a node without a zone, and of a pod in shop.
func executed(t *testing.T, args ...string) error {
	t.Helper()
	logsapi.ReapplyHandling = logsapi.ReapplyHandlingIgnoreUnchanged // one process, many commands
	var dump bytes.Buffer
	if err := cluster.WriteDump(&dump, &cluster.Snapshot{
		Nodes: []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}},
		Pods:  []*corev1.Pod{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "web"}, Spec: corev1.PodSpec{NodeName: "a"}}},
	}); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cluster.dump")
	if err := os.WriteFile(file, dump.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := NewCommand()
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(append(args, "--from-dump", file))
	return cmd.ExecuteContext(t.Context())
}

func TestQuestionsAboutNothingAreNoPass(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no node has a zone", []string{"assess", "zone"}, exit.Inconclusive, "no node has the label topology.kubernetes.io/zone"},
		{"no question has anything to lose", []string{"assess"}, exit.Inconclusive, "no node has the label topology.kubernetes.io/zone"},
		{"no node is preemptible", []string{"assess", "spot"}, exit.Inconclusive, "no node is preemptible"},
		{"no pod may go", []string{"assess", "pods", "--all"}, exit.Inconclusive, "evict 0 pods: no pod is selected; excluded: 1 without a controller"},
		{"a namespace that is misspelt", []string{"assess", "pods", "--namespaces=shopp"}, exit.Refused, `--namespaces: no namespace shopp (did you mean "shop"?)`},
		{"an exclusion that is misspelt", []string{"assess", "pods", "--namespaces=!shpo"}, exit.Refused, "--namespaces: no namespace shpo"},
		{"a kind that nothing has", []string{"assess", "pods", "--kinds=!Foo"}, exit.Refused, "--kinds: no pod has an owner of kind Foo"},
		{"a format of runs", []string{"assess", "-o=junit"}, exit.Refused, `unknown format "junit": must be table, wide, json or yaml`},
		{"a format of nothing", []string{"audit", "-o=yml"}, exit.Refused, `unknown format "yml": must be table, wide, json or yaml`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := executed(t, tt.args...)
			if err == nil || ExitCode(err) != tt.code || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v with code %d, want %q with %d", err, ExitCode(err), tt.want, tt.code)
			}
		})
	}
}
