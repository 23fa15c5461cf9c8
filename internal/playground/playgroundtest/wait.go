// Package playgroundtest contains helpers for tests on a playground: they wait for
// observations, never for a duration, and fail immediately if a program has ended.
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

// Patience limits all waits. It is much longer than anything takes on a busy machine.
const Patience = 3 * time.Minute

// Eventually waits until the condition holds, also in cleanups. If it does not, the test
// fails with the last message of the condition. It fails immediately if a program that the
// test needs has ended.
func Eventually(t *testing.T, what string, condition func(ctx context.Context) (bool, string)) {
	t.Helper()
	EventuallyWithin(t, Patience, what, condition)
}

// EventuallyWithin is Eventually with another limit, for what takes longer.
func EventuallyWithin(t *testing.T, patience time.Duration, what string, condition func(ctx context.Context) (bool, string)) {
	t.Helper()
	last := ""
	ctx := context.WithoutCancel(t.Context())
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		ok, state := condition(ctx)
		if ctx.Err() == nil { // a request that the deadline interrupted has no information
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

// needed are the programs that tests need, by test name.
var (
	mu     sync.Mutex
	needed = map[string][]*process.Process{}
)

// Need makes the waits of the test and its subtests fail when the program ends unexpectedly.
// At the end of the test it stops the program gracefully, so that it can release resources
// such as a lease, and shows the end of its log if the test has failed.
func Need(t *testing.T, p *process.Process) {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	needed[t.Name()] = append(needed[t.Name()], p)
	StopAfter(t, p)
}

// StopAfter is Need for a program that may end, because another one replaces it.
func StopAfter(t *testing.T, p *process.Process) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last lines of %s: %s", p.Name(), p.LogTail(20))
		}
		p.Stop(context.Background(), Patience)
	})
}

// endedByThemselves describes how a program that a test or its parent needs has ended.
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
