package app

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/process"
)

// impatience is the time after the first signal before another one counts. Earlier, it is the
// same signal, sent to the process and to its group, or a key that was pressed twice.
const impatience = 2 * time.Second

// changed says that a run has made changes, and scratch is a folder of secrets, if there is one. Both are
// for the end of the program at once.
var (
	changed atomic.Bool
	scratch atomic.Pointer[string]
)

// noteChanges is an observer of runs.
func noteChanges(r journal.Record) {
	if r.Change != nil {
		changed.Store(true)
	}
}

// UntilSignal returns a context that ends with the first SIGINT, SIGTERM or SIGHUP, so that changes
// are restored. A later one ends the program at once, except SIGHUP: a terminal that closes may send
// several, and nobody sends it out of impatience.
func UntilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		<-signals
		cancel()
		for first := time.Now(); ; {
			if again := <-signals; again != syscall.SIGHUP && time.Since(first) > impatience {
				process.KillGroups()
				if folder := scratch.Load(); folder != nil {
					_ = os.RemoveAll(*folder)
				}
				said := "Error: stopped at once"
				if changed.Load() {
					said += fmt.Sprintf(", changes were not restored: run `%s`", journal.RestoreCommand("--all", os.Args[1:]))
				}
				fmt.Fprintln(os.Stderr, said)
				os.Exit(1)
			}
		}
	}()
	return ctx
}

// surviveClosedOutput has a write to a closed pipe be an error, and not the end of the program: it
// has changes to restore.
func surviveClosedOutput() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
