package tui

import (
	"context"
	"fmt"
)

// operation is one Do and the Restore after it. It runs by itself, so that no trouble with
// the terminal keeps it from putting things back.
type operation struct {
	actions Actions
	// cancel ends Do; giveUp ends Restore as well.
	cancel, giveUp context.CancelFunc
	// done is closed when Do has returned, and then doErr is set; over when all has been
	// put back, or could not be, and then restoreErr is set.
	done, over        chan struct{}
	doErr, restoreErr error
}

// begin starts an operation. The end of the context aborts it, and does not keep it from
// putting things back.
func begin(ctx context.Context, actions Actions, victim Victim) *operation {
	doing, cancel := context.WithCancel(ctx)
	restoring, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	o := &operation{actions: actions, cancel: cancel, giveUp: giveUp, done: make(chan struct{}), over: make(chan struct{})}
	go func() {
		o.doErr = actions.Do(doing, victim)
		cancel()
		close(o.done)
		o.restoreErr = actions.Restore(restoring)
		giveUp()
		close(o.over)
	}()
	return o
}

// abort ends Do at once; Restore follows.
func (o *operation) abort() {
	o.actions.Abort()
	o.cancel()
}

// finished says whether everything has been put back, or could not be.
func (o *operation) finished() bool {
	select {
	case <-o.over:
		return true
	default:
		return false
	}
}

// settle aborts what is under way, waits until it has been put back, and says what could not be.
func (m *model) settle() error {
	o := m.operation
	if o == nil {
		return nil
	}
	switch {
	case m.gaveUp:
		o.giveUp()
	case !o.finished():
		o.abort()
		<-o.over
	}
	if m.gaveUp && !o.finished() {
		return fmt.Errorf("quit before everything was restored: %s", m.howToRestore())
	}
	if o.restoreErr != nil {
		return fmt.Errorf("not everything was restored (%s): %w", m.howToRestore(), o.restoreErr)
	}
	return nil
}

func (m *model) howToRestore() string { return fmt.Sprintf("run `%s` to restore it", m.opts.Restore) }
