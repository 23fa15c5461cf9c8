package run

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/undo"
)

// restorePatience is how long putting things back may go on once a run has ended without
// one more being put back. In all it may take longer, as thousands of nodes do.
const restorePatience = 2 * time.Minute

// holdPatience is how long the lease may take that says that the run is under way.
const holdPatience = 5 * time.Second

// newUndo returns what makes changes that go by the id: of the run, or of a part of it.
func (e *engine) newUndo(id string) (*undo.Undo, error) {
	u, err := undo.New(e.live.Client, id, func(c journal.Change) error {
		e.hold()
		e.mu.Lock()
		e.changed = true
		e.mu.Unlock()
		e.write(journal.Record{Change: &c})
		return e.journalError()
	}, clock.RealClock{})
	if err == nil {
		u.Arguments = e.Arguments
	}
	return u, err
}

// hold has a lease say, from the first change on, that the run is under way: so that
// `restore --all` leaves it alone.
func (e *engine) hold() {
	e.holding.Do(func() {
		if err := e.acquire(func(error) {}); err != nil {
			e.note("this run has no lease, so `stowage-chaos restore --all` would not skip it: %v", err)
		}
	})
}

// holdAlone has the lease from the beginning. The run is refused beside another one, and ends when
// its lease is taken.
func (e *engine) holdAlone(ctx context.Context, end context.CancelCauseFunc) error {
	var err error
	e.holding.Do(func() { err = e.acquire(end) })
	if err == nil { // from now on others see this one
		err = undo.Alone(ctx, e.live.Client, e.ID, clock.RealClock{}, e.note)
	}
	return err
}

func (e *engine) acquire(lost func(error)) error {
	ctx, cancel := context.WithTimeout(context.Background(), holdPatience)
	defer cancel()
	held, err := undo.Hold(ctx, e.live.Client, e.ID, clock.RealClock{}, lost)
	if err == nil {
		e.held = held
	}
	return err
}

// forAWhile has a fault last, and puts back what it has changed, and only that.
func (e *engine) forAWhile(ctx context.Context, lasting fault.Lasting, choice *fault.Choice) error {
	part, err := e.newPart()
	if err != nil {
		return err
	}
	if err := e.inject(ctx, part.undo, lasting.Inject, choice); err != nil {
		return err
	}
	if err := e.outlast(ctx, env{e, part.undo}, lasting, choice); err != nil {
		return err
	}
	return part.Restore(ctx)
}

// watchPause is how often to look whether a fault still is in force.
const watchPause = time.Second

// outlast waits until the fault's time is over, or others have ended it: then the run does
// not show what it was for.
func (e *engine) outlast(ctx context.Context, env env, lasting fault.Lasting, choice *fault.Choice) error {
	d := lasting.Duration()
	watched, is := lasting.(fault.Watched)
	if !is {
		return e.sleep(ctx, d)
	}
	begin := time.Now()
	var unknown error
	for left := d; left > 0; left = d - time.Since(begin) {
		if err := e.sleep(ctx, min(watchPause, left)); err != nil {
			return err
		}
		var lapsed string
		if lapsed, unknown = watched.Lapsed(ctx, env, choice); lapsed != "" {
			e.doubt("it ended after %s of %s: %s", time.Since(begin).Round(time.Second), d, lapsed)
			return nil
		}
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case unknown != nil:
		e.doubt("cannot tell whether it lasted %s: %v", d, unknown)
	}
	return nil
}

// restore puts back what goes by the id: of the run, or of a part of it. It does so also
// where the run was told to end.
func (e *engine) restore(ctx context.Context, id string) error {
	aborted := ctx.Err() != nil
	ctx, progress, cancel := impatient(context.WithoutCancel(ctx), restorePatience)
	defer cancel()
	var nodes []string
	e.observer.Flush() // what comes from now on is not the loss's doing
	_, err := undo.RestoreExcept(ctx, e.live.Client, id, e.left, func(c journal.Change) {
		progress()
		e.write(journal.Record{Restored: &c})
		if name, is := strings.CutPrefix(c.Object, "Node "); is && e.down[name] {
			nodes = append(nodes, name)
		}
	})
	if len(nodes) > 0 {
		if !aborted { // whoever aborts it does not want to wait
			err = errors.Join(err, undo.AwaitReady(ctx, e.live.Client, nodes, progress))
		}
		for _, uid := range e.doomed {
			e.observer.Kept(uid) // those that were not lost by now
		}
		e.doomed = nil
	}
	if err != nil {
		return fmt.Errorf("not everything could be restored: run `%s`: %w", journal.RestoreCommand(e.ID, e.Arguments), err)
	}
	return nil
}

// impatient returns a context that ends once there has been no progress for as long as the
// patience lasts, which counts from the last call of progress.
func impatient(ctx context.Context, patience time.Duration) (_ context.Context, progress func(), cancel context.CancelFunc) {
	ctx, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(patience, func() { end(fmt.Errorf("no progress for %s", patience)) })
	return ctx, func() { timer.Reset(patience) }, func() {
		timer.Stop()
		end(nil)
	}
}
