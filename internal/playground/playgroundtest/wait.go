// Package playgroundtest has what tests on a playground have in common: they wait for what
// is observed, never for a duration, and hear at once of a program that has ended.
package playgroundtest

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/stowage-k8s/stowage/internal/process"
)

// Patience bounds every wait: far more than anything takes on a busy machine.
const Patience = 3 * time.Minute

// Eventually waits until the condition holds, in cleanups too. It fails the test with what
// the condition said last when it does not, and at once when a program that the test needs
// has ended by itself.
func Eventually(t *testing.T, what string, condition func(ctx context.Context) (bool, string)) {
	t.Helper()
	EventuallyWithin(t, Patience, what, condition)
}

// EventuallyWithin is Eventually for what takes longer than anything else does.
func EventuallyWithin(t *testing.T, patience time.Duration, what string, condition func(ctx context.Context) (bool, string)) {
	t.Helper()
	last := ""
	ctx := context.WithoutCancel(t.Context())
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		ok, state := condition(ctx)
		if ctx.Err() == nil { // a request that the deadline cut off tells nothing
			last = state
		}
		if ok {
			return true, nil
		}
		return false, endedByThemselves(t.Name())
	})
	if err != nil {
		t.Fatalf("waiting until %s: %v; last seen: %s", what, err, last)
	}
}

// needed are the programs that tests need, by the tests' names.
var (
	mu     sync.Mutex
	needed = map[string][]*process.Process{}
)

// Need has the waits of the test and of its subtests fail when the program ends by itself.
// It stops the program with the test, so that it can give back what it holds, such as a
// lease, and shows the end of its log where the test has failed.
func Need(t *testing.T, p *process.Process) {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	needed[t.Name()] = append(needed[t.Name()], p)
	StopAfter(t, p)
}

// StopAfter is Need for a program that may end: another takes its place.
func StopAfter(t *testing.T, p *process.Process) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last lines of %s: %s", p.Name(), p.LogTail(20))
		}
		p.Stop(context.Background(), Patience)
	})
}

// endedByThemselves says how a program ended that a test needs, or one that it is part of.
func endedByThemselves(test string) error {
	mu.Lock()
	defer mu.Unlock()
	for by, programs := range needed {
		if !strings.HasPrefix(test+"/", by+"/") {
			continue
		}
		for _, p := range programs {
			if err := p.EndedByItself(); err != nil {
				return err
			}
		}
	}
	return nil
}
