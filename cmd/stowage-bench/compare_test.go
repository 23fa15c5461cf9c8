package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/exit"
)

// compareIn runs `compare` in the project's folder, which benchstat needs.
func compareIn(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := newCommand()
	var out, errs bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SetArgs(append([]string{"compare"}, args...))
	code = run(t.Context(), cmd)
	return code, out.String(), errs.String()
}

// write writes results of stowage and default to the folder.
func write(t *testing.T, folder, benchmark string, ours ...float64) {
	t.Helper()
	of := figure.Figure{Case: "plain/nodes=1000", Metric: "cpu_us_per_pod", Unit: "us", Better: figure.Lower}
	stowage, other := of, of
	stowage.Subject, other.Subject = "stowage", "default"
	r := figure.Results{Benchmark: benchmark, Command: "make bench-" + benchmark, Figures: []figure.Figure{stowage.Of(ours...), other.Of(100, 100, 100, 100, 100)}}
	if err := figure.WriteFile(filepath.Join(folder, benchmark+".json"), r); err != nil {
		t.Fatal(err)
	}
}

// TestCompare covers a baseline that is saved, and results that are the same, worse, of
// another benchmark, and none at all.
func TestCompare(t *testing.T) {
	results, baseline := t.TempDir(), filepath.Join(t.TempDir(), "baseline")
	flags := []string{"--results", results, "--baseline", baseline}
	write(t, results, "loop", 10, 11, 9, 10, 12)
	write(t, results, "e2e", 10, 11, 9, 10, 12)
	if code, _, stderr := compareIn(t, flags...); code != exit.Refused || stderr != "Error: --baseline="+baseline+": there are no ratios: --save writes them\n" {
		t.Errorf("without a baseline: exit code %d, error %q", code, stderr)
	}
	code, stdout, stderr := compareIn(t, append(flags, "--save")...)
	if want := "1 ratios written to " + filepath.Join(baseline, "e2e.txt") + "\n1 ratios written to " + filepath.Join(baseline, "loop.txt") + "\n"; code != 0 || stdout != want {
		t.Fatalf("exit code %d, output %q, error %q, want %q", code, stdout, stderr, want)
	}
	if err := os.Remove(filepath.Join(results, "e2e.json")); err != nil {
		t.Fatal(err)
	}
	write(t, results, "chaos", 10, 11, 9, 10, 12)
	if err := os.WriteFile(filepath.Join(results, "old.json"), []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr = compareIn(t, append(flags, "--fail")...)
	for _, want := range []string{"chaos: the baseline does not have it\n", "e2e: there are no results\n", "~ (p=", "0 better, 0 worse, 1 same"} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("the same: exit code %d, output %q, want %q", code, stdout, want)
		}
	}
	if !strings.HasPrefix(stderr, "left out: "+filepath.Join(results, "old.json")+": these are no results of stowage-bench") {
		t.Errorf("the same: error %q, want the file that is left out", stderr)
	}
	write(t, results, "loop", 20, 21, 19, 20, 22)
	if code, stdout, _ := compareIn(t, flags...); code != 0 || !strings.Contains(stdout, "worse: Loop/plain/nodes=1000/against=default cpu_us_per_pod: 0.2, was 0.1\n0 better, 1 worse") {
		t.Errorf("worse: exit code %d, output %q", code, stdout)
	}
	code, _, stderr = compareIn(t, append(flags, "--fail")...)
	if !strings.HasSuffix(stderr, "Error: something is worse than in the baseline, beyond noise\n") || code != exit.Failed {
		t.Errorf("worse, with --fail: exit code %d, error %q", code, stderr)
	}
	other := t.TempDir()
	write(t, other, "chaos", 10, 11, 9, 10, 12)
	code, _, stderr = compareIn(t, "--results", other, "--baseline", baseline, "--fail")
	if !strings.HasSuffix(stderr, "nothing was compared\n") || code != exit.Inconclusive {
		t.Errorf("nothing in common, with --fail: exit code %d, error %q", code, stderr)
	}
}

func TestCompareErrors(t *testing.T) {
	empty := t.TempDir()
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"no results", []string{"--results", empty}, "--results=" + empty + ": there are no results in which stowage is compared with others"},
		{"one folder for both", []string{"--results", empty, "--baseline", empty}, "--baseline=" + empty + ": must be another folder than --results"},
		{"to save and to fail", []string{"--save", "--fail"}, "if any flags in the group [save fail] are set none of the others can be"},
		{"an argument", []string{"loop"}, `unknown command "loop"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, stdout, stderr := execute(t, t.Context(), append([]string{"compare"}, tt.args...)...)
			if diff := cmp.Diff("", stdout); code != exit.Refused || diff != "" || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit code %d, output %q, error %q, want exit code 4 and %s", code, stdout, stderr, tt.want)
			}
		})
	}
}
