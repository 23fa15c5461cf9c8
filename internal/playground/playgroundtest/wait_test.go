package playgroundtest

import (
	"strings"
	"testing"

	"github.com/stowage-k8s/stowage/internal/process"
)

// TestWhatEndedByItself is about whose waits fail when a program ends.
func TestWhatEndedByItself(t *testing.T) {
	p, err := process.Start(process.Spec{Name: "failing", Path: "/bin/sh", Args: []string{"-c", "exit 3"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("its test", func(t *testing.T) {
		Need(t, p)
		<-p.Done()
		for _, test := range []string{t.Name(), t.Name() + "/subtest"} {
			if err := endedByThemselves(test); err == nil || !strings.Contains(err.Error(), "failing ended with exit status 3") {
				t.Errorf("%s is told %v", test, err)
			}
		}
		for _, test := range []string{t.Name() + "_2", "TestOther"} {
			if err := endedByThemselves(test); err != nil {
				t.Errorf("%s is told %v", test, err)
			}
		}
	})
	if err := endedByThemselves(t.Name() + "/its_test"); err != nil {
		t.Errorf("when the test is over, it is told %v", err)
	}
}
