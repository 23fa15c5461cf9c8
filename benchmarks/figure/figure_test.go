package figure

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/stowage-k8s/stowage/internal/report"
)

func TestMedian(t *testing.T) {
	tests := []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 7},
		{[]float64{9, 1, 2}, 2},
		{[]float64{9, 1, 2, 4}, 3},
	}
	for _, tt := range tests {
		if got := Median(tt.values); got != tt.want {
			t.Errorf("the median of %v is %v, want %v", tt.values, got, tt.want)
		}
	}
}

func TestOf(t *testing.T) {
	got := Figure{Metric: "cpu", Better: Lower}.Of(3.26, 1.04, 2).Rounded(1)
	want := Figure{Metric: "cpu", Better: Lower, Value: 2, Min: 1, Max: 3.3, Samples: []float64{3.3, 1, 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("of three samples (-want +got):\n%s", diff)
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "loop.json")
	want := Results{
		Benchmark: "loop", Command: "make bench-loop", Began: time.Unix(0, 0).UTC(), Seconds: 3, Environment: Here(),
		Subjects: []Subject{{Name: "stowage", Version: "v1", Settings: "as shipped"}},
		Figures:  []Figure{Figure{Case: "plain/5", Subject: "stowage", Metric: "cpu", Unit: "us"}.Of(1, 2)},
		Series:   []Series{{Chart: "cost", Name: "stowage", X: Axis{Label: "nodes", Log: true}, Points: [][2]float64{{1, 2}}}},
		Grids:    []Grid{{Chart: "nodes", Name: "before", Unit: "%", Values: []float64{1, 2}}},
	}
	if err := os.WriteFile(path, []byte("what was there before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, want); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
		t.Errorf("the folder has %v, error %v, want the file alone", files, err)
	}
	if err := WriteFile(filepath.Join(filepath.Dir(path), "missing", "loop.json"), want); err == nil {
		t.Error("no error where the folder is missing")
	}
	got, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was written and what is read (-want +got):\n%s", diff)
	}
	if got.Environment.Cores == 0 || got.Environment.MemoryMiB == 0 || got.Environment.CPU == "" {
		t.Errorf("the environment is not known: %+v", got.Environment)
	}
}

func TestReadFileErrors(t *testing.T) {
	for name, content := range map[string]string{
		"a list of figures":         `[{"case": "plain/5"}]`,
		"a field that is not known": `{"benchmark": "loop", "figure": []}`,
		"something else":            `{}`,
	} {
		path := filepath.Join(t.TempDir(), "loop.json")
		if err := report.WriteFile(path, func(out io.Writer) error { _, err := io.WriteString(out, content); return err }); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got the error %v, want one that names the file", name, err)
		}
	}
}

func TestPercentile(t *testing.T) {
	var values []time.Duration
	for i := range 200 {
		values = append(values, time.Duration(200-i)*time.Second)
	}
	for p, want := range map[float64]time.Duration{50: 100 * time.Second, 99: 198 * time.Second, 100: 200 * time.Second} {
		if got := Percentile(values, p); got != want {
			t.Errorf("the %g-th percentile of 1 s to 200 s is %v, want %v", p, got, want)
		}
	}
	if got := Percentile(values[:1], 99); got != 200*time.Second {
		t.Errorf("of a single value: %v", got)
	}
}
