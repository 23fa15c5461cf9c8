package run

import (
	"fmt"
	"time"

	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/chaos/journal"
)

// start writes the first record.
func (e *engine) start() {
	e.write(journal.Record{Start: &journal.Start{
		ID: e.ID, Version: e.Version, Arguments: e.Arguments, Seed: e.Seed.String(), Cluster: e.live.Name,
		DryRun: e.DryRun, FakeNodes: e.live.Fake(), Scenario: e.Scenario.JSON(),
	}})
}

// at says what part of the run is under way.
func (e *engine) at(step, tick int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.step, e.tick = step, tick
}

// write hands a record to everyone.
func (e *engine) write(r journal.Record) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	if r.Step == 0 && r.Tick == 0 {
		r.Step, r.Tick = e.step, e.tick
	}
	e.Memory.Add(r)
	if err := e.Journal.Write(r); err != nil && e.failed == nil {
		e.failed = err
	}
	for _, observe := range e.Observers {
		observe(r)
	}
}

// journalError returns why the journal could not be written, if it could not: then the
// run must not go on, since nobody could tell what it did.
func (e *engine) journalError() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failed
}

func (e *engine) note(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	klog.Background().V(2).Info("Note", "message", message)
	e.write(journal.Record{Note: &journal.Note{Message: message}})
}

// doubt notes why the run proves nothing.
func (e *engine) doubt(format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	e.note("%s", message)
	e.doubts = append(e.doubts, message)
}
