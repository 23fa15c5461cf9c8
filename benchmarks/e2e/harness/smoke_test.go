package harness_test

import (
	"errors"
	"os"
	"testing"

	"github.com/stowage-k8s/stowage/benchmarks/e2e"
	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// TestSmoke runs a case as `stowage-bench e2e` does, with this very program as the harness.
func TestSmoke(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	figures, err := e2e.Run(t.Context(), e2e.Full(e2e.Cases()[:1], []e2e.Size{{Nodes: 20, Existing: 100, Arriving: 300}}), e2e.Subjects()[:1], e2e.Options{
		Rounds: 1, Harness: self, Progress: func(string) {}, Finished: func([]figure.Figure) error { return nil },
	})
	switch {
	case errors.Is(err, e2e.ErrTooFewPods): // all else was there: it is for faster machines
	case err != nil:
		t.Fatal(err)
	case len(figures) == 0:
		t.Error("no figures")
	}
}
