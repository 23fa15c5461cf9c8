package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/recovery"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/report"
)

// Options are the options of a run.
type Options struct {
	// ID is the ID of the run, which is also on every object that it changes.
	ID       string
	Scenario *scenario.Scenario
	Seed     draw.Seed
	// DryRun draws and predicts, but changes nothing.
	DryRun bool
	// Alone refuses the run while another one is in progress, and ends it when its lease is taken.
	Alone bool
	// Replayed are the turns of the run that is repeated: ticks that were skipped in it because
	// of an excluded time are skipped again, and an endless fault ends where it ended.
	Replayed []journal.Turn
	// Assessor predicts; nil means no predictions.
	Assessor *assess.Assessor
	// Journal receives the records, like Observers. It may be nil.
	Journal *journal.Writer
	// Memory also receives the records, for the verdict.
	Memory *journal.Memory
	// Observers receive each record, one after the other.
	Observers []func(journal.Record)
	// RecoveryPatience is how long the workloads may take to recover at the end.
	RecoveryPatience time.Duration
	// Version and Arguments are the program's, for the journal.
	Version   string
	Arguments []string
}

// recoveryPause is how long to wait before looking again who has recovered.
const recoveryPause = 100 * time.Millisecond

// mostLeft is how many nodes that are left cordoned are named.
const mostLeft = 10

// errOver ends a run at its timeout.
var errOver = errors.New("the run timed out")

// engine is a run in progress.
type engine struct {
	Options
	live     *Live
	ledger   *disruption.Ledger
	undo     *undo.Undo
	observer *recovery.Observer

	mu         sync.Mutex
	step, tick int
	// turns counts how often the run has come to a step.
	turns int
	// failed is why the journal could not be written.
	failed error
	// drawn says that something was drawn, and taken that it was taken away, or changed:
	// budgets may keep all. doubts are why the run proves nothing.
	drawn, taken bool
	// requests are the evictions that were asked for in vain.
	requests map[types.UID]*request
	// refusals counts the pods that the API server has refused in a row.
	refusals int
	doubts   []string
	// parts counts the parts of the run that are put back by themselves, and changed says
	// that something has been changed, which is to be put back.
	parts   int
	changed bool
	// holding is done once the run has a lease, which is held.
	holding sync.Once
	held    *undo.Held
	// left are the names of the nodes that stay as they are at the end, with their marks.
	left sets.Set[string]
	// lost are the pods that were taken away since their budgets were last waited for.
	lost []*corev1.Pod
	// down are the nodes that were taken down, and doomed the pods on them.
	down   map[string]bool
	doomed []types.UID
}

// picture returns the cluster as it is now, and for what the run waits.
func (e *engine) picture() *target.Picture {
	p := e.live.Picture()
	p.Waiting = e.observer.Missing()
	return p
}

// Session is a run in progress, for the function that runs in it.
type Session struct{ *engine }

// Steps runs the steps of the scenario.
func Steps(ctx context.Context, s *Session) error { return s.steps(ctx) }

// Run calls the function, such as Steps, within a run: the steady state of the scenario is
// checked before, during and after. It returns the verdict. In any case, changes are restored
// before it returns. The error is that the run could not continue, or that not everything was
// restored; a broken steady state is not an error.
func Run(ctx context.Context, live *Live, opts Options, do func(context.Context, *Session) error) (journal.End, error) {
	e := &engine{Options: opts, live: live, ledger: disruption.NewLedger(nil, nil, nil), down: map[string]bool{}, left: sets.New[string](), requests: map[types.UID]*request{}}
	var err error
	if e.undo, err = e.newUndo(opts.ID); err != nil {
		return journal.End{Verdict: journal.Failed}, err
	}
	e.start()
	observer, stop, err := live.watch(e.write)
	if err != nil {
		return journal.End{Verdict: journal.Refused, Reasons: []string{err.Error()}}, err
	}
	e.observer = observer
	refreshed := e.refresh(ctx)
	outcome, restored := e.run(ctx, func(ctx context.Context) error { return do(ctx, &Session{e}) })
	if e.held != nil {
		e.held.Release(ctx)
	}
	refreshed()
	stop()
	end, err := e.judge(outcome)
	if restored != nil { // whatever else came of it
		end.NotRestored = true
		end.Reasons = append(end.Reasons, restored.Error())
		if end.Verdict != journal.Broken {
			end.Verdict = journal.Failed
		}
		err = errors.Join(err, restored)
	}
	if left := sets.List(e.left); len(left) > 0 {
		end.NotRestored = true
		end.Reasons = append(end.Reasons, fmt.Sprintf("left cordoned, because what was to change them had begun: %s; `%s` uncordons them", report.Names(left, mostLeft), journal.RestoreCommand(e.ID, e.Arguments)))
		e.note("%s", end.Reasons[len(end.Reasons)-1])
	}
	e.write(journal.Record{End: &end})
	return end, errors.Join(err, e.journalError())
}

// RefusedError means that a run was not started.
type RefusedError struct {
	// Step is the name of the invalid step.
	Step string
	Err  error
}

func (e *RefusedError) Error() string { return fmt.Sprintf("step %s: %v", e.Step, e.Err) }

// Unwrap returns the underlying error.
func (e *RefusedError) Unwrap() error { return e.Err }

// check checks that the objects that the steps refer to exist.
func (e *engine) check() error {
	picture := e.picture()
	for _, step := range e.Scenario.Steps {
		if checked, checks := step.Fault.(fault.Checked); checks {
			if err := checked.Check(picture); err != nil {
				return &RefusedError{step.Name, err}
			}
		}
	}
	return nil
}

// run does what is to be done and puts everything back. The first error is what ended it
// early, and the second that not everything could be put back.
func (e *engine) run(ctx context.Context, do func(context.Context) error) (err, restored error) {
	if err := e.check(); err != nil {
		return err, nil
	}
	if err := e.steadyBefore(ctx); err != nil {
		return err, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if e.Alone {
		if err := e.holdAlone(ctx, cancel); err != nil {
			return err, nil
		}
	}
	if timeout := e.Scenario.Timeout; timeout > 0 {
		var release context.CancelFunc
		ctx, release = context.WithTimeoutCause(ctx, timeout, errOver)
		defer release()
	}
	watching := e.watchSteady(ctx, cancel)
	err = do(ctx)
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, context.Canceled) && !errors.Is(cause, context.Canceled) {
		err = cause // such as a lease that was lost: nobody has interrupted the run
	}
	if err == nil && e.changed {
		err = e.awaitRecovery(ctx, e.RecoveryPatience) // while it lasts: it is what the run is for
	}
	if e.changed {
		restored = e.restore(ctx, e.ID) // and its parts with it
	}
	if err == nil {
		err = e.awaitRecovery(ctx, e.RecoveryPatience)
	}
	cancel(nil)
	<-watching
	// It may have been broken while nothing looked at the context.
	if broken, is := errors.AsType[*steady.BrokenError](context.Cause(ctx)); is && err == nil {
		err = broken
	}
	if err == nil && restored == nil {
		err = e.steadyAfter(ctx)
	}
	return err, restored
}

// refreshInterval is how often the observer looks anew what workloads want, and refreshShare
// how much of the time that may take.
const (
	refreshInterval = time.Second
	refreshShare    = 5
)

// refresh keeps the observer's idea of the workloads fresh, until the function that it
// returns is called.
func (e *engine) refresh(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	look := func() {
		e.live.Picture() // whose owners the observer goes by
		e.observer.Refresh(time.Now())
	}
	var working sync.WaitGroup
	working.Go(func() {
		for {
			begin := time.Now()
			look()
			if e.sleep(ctx, max(refreshInterval, refreshShare*time.Since(begin))) != nil {
				return
			}
		}
	})
	return func() {
		cancel()
		working.Wait()
		look() // what was put back a moment ago may explain who is missing
	}
}

// steps carries out the steps, one after the other.
func (e *engine) steps(ctx context.Context) error {
	for turn := range e.Scenario.Turns(e.Seed) {
		e.at(turn.Number, 0)
		if turn.Pause > 0 && !e.DryRun {
			if err := e.sleep(ctx, turn.Pause); err != nil {
				return err
			}
		}
		if turn.Skipped {
			e.note("step %s skipped (probability %g)", turn.Name, turn.Probability)
			continue
		}
		e.turns++
		e.write(journal.Record{StepBegin: &journal.StepBegin{Name: turn.Name, Kind: turn.Kind}})
		if err := e.do(ctx, &turn); err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return fmt.Errorf("step %s: %w", turn.Name, err)
		}
	}
	e.at(0, 0)
	return nil
}

// awaitRecovery waits until every pod whose eviction was put off has left and every pod that was
// lost has been replaced, or the time is over.
func (e *engine) awaitRecovery(ctx context.Context, patience time.Duration) error {
	if e.DryRun {
		return nil
	}
	for deadline := time.Now().Add(patience); ; {
		leaving, awaited := e.putOff(), e.observer.Awaited()
		if len(leaving)+awaited == 0 {
			return e.awaitBudgets(ctx)
		}
		if time.Now().After(deadline) {
			e.giveUp(leaving, patience)
			if awaited > 0 {
				e.note("after %s, %s not replaced", patience, report.Count(awaited, "lost pod"))
			}
			return nil
		}
		if err := e.askAgain(ctx, leaving); err != nil {
			return err
		}
		if err := e.sleep(ctx, recoveryPause); err != nil {
			return err
		}
	}
}

// awaitBudgets waits until the disruption controller has counted the replacements of what was
// lost. Until then the budgets keep pods that they will let go a moment later, and what comes
// next would be predicted, and answered, by that.
func (e *engine) awaitBudgets(ctx context.Context) error {
	lost := e.lost
	e.lost = nil
	for deadline := time.Now().Add(controllerPatience); len(lost) > 0; {
		picture := e.picture()
		e.ledger.Update(picture.Budgets, picture.Snapshot.Pods, picture.Nodes)
		lost = slices.DeleteFunc(lost, func(pod *corev1.Pod) bool { return !slices.ContainsFunc(e.ledger.Covering(pod), e.ledger.Behind) })
		if len(lost) == 0 {
			break
		}
		if time.Now().After(deadline) {
			e.note("after %s, the PodDisruptionBudgets had not counted the replacements of %s, for example pod %s/%s", controllerPatience, report.Count(len(lost), "lost pod"), lost[0].Namespace, lost[0].Name)
			break
		}
		if err := e.sleep(ctx, recoveryPause); err != nil {
			return err
		}
	}
	return nil
}

// sleep waits, or returns why the context has ended.
func (e *engine) sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
