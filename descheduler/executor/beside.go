package executor

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/standin"
)

const (
	// lookBeside is the time after which moves by stand-ins are looked at even if nothing changes.
	lookBeside = time.Second
	// restoring is how long ending the moves of a run that has ended may take.
	restoring = 5 * time.Second
)

// beside is a move by a stand-in that is under way.
type beside struct {
	// move is nil until there is a stand-in.
	move    *standin.Move
	waiting string
	// failing is since when the API server has answered no more.
	failing time.Time
}

// beginBeside notes a move by a stand-in. The stand-in is created while the wave is awaited,
// because there may be only so many at once.
func (r *run) beginBeside(w *wave, m *plan.Move) bool {
	if verdict := r.ledger.MayBeside(m.Object); !verdict.Allowed {
		r.drop(unit{*m}, strategy.OverBudget, verdict.Reason)
		return false
	}
	r.result.Evictions = append(r.result.Evictions, plan.Eviction{Move: *m, Wave: w.number, Outcome: plan.NotMoved, Error: "the run ended before"})
	if r.Evictor.Mode() != disruption.ForReal {
		r.result.Evictions[len(r.result.Evictions)-1].Outcome = disruption.Planned
		return true
	}
	r.standIns = true
	e := w.add(m, len(r.result.Evictions)-1, r.Clock.Now(), nil)
	e.beside = &beside{waiting: "waiting for others' stand-ins"}
	return true
}

// movesBeside says whether moves by stand-ins are under way.
func (w *wave) movesBeside() bool {
	for _, e := range w.evictions {
		if e.beside != nil {
			return true
		}
	}
	return false
}

// openBeside counts the moves that have a stand-in and are under way.
func (w *wave) openBeside() int {
	n := 0
	for _, e := range w.evictions {
		if e.beside != nil && e.beside.move != nil {
			n++
		}
	}
	return n
}

// othersBeside counts the stand-ins in the cluster that are not of moves under way: those of other
// programs, those that were left, and those that still terminate.
func (w *wave) othersBeside(picture *cluster.Snapshot) int {
	own := map[types.UID]bool{}
	for _, e := range w.evictions {
		if e.beside != nil && e.beside.move != nil {
			own[e.beside.move.StandInUID] = true
		}
	}
	n := 0
	for _, pod := range picture.Pods {
		if cluster.IsStandIn(pod) && !own[pod.UID] {
			n++
		}
	}
	return n
}

// leaveBeside gives up the moves that have no stand-in yet. It says whether there are any.
func (r *run) leaveBeside(w *wave) bool {
	left := map[*eviction]bool{}
	for _, e := range w.evictions {
		if e.beside != nil && e.beside.move == nil {
			r.endBeside(e, standin.Result{Outcome: standin.NotMoved, Reason: "there were as many stand-ins as standIns.max allows all the time"})
			left[e] = true
		}
	}
	w.leave(func(e *eviction) bool { return left[e] })
	return len(left) > 0
}

// pursueBeside creates stand-ins, and does what there is to do for those that exist, several at
// once.
func (r *run) pursueBeside(ctx context.Context, w *wave, picture *cluster.Snapshot) error {
	if !w.movesBeside() {
		return nil
	}
	pods := podsOf(picture)
	open := w.openBeside() + w.othersBeside(picture)
	var due []*eviction
	for _, e := range w.evictions {
		switch b := e.beside; {
		case b == nil:
		case b.move != nil && r.StandIns.Due(b.move, pods[b.move.StandInUID], pods[e.move.Pod.UID]):
			due = append(due, e)
		case b.move == nil && open < r.MaxStandIns:
			open++
			due = append(due, e)
		}
	}
	results := make([]standin.Result, len(due))
	answers := make([]*disruption.Result, len(due))
	next := make(chan int)
	var working sync.WaitGroup
	for range min(len(due), max(1, r.AtOnce)) {
		working.Go(func() {
			for i := range next {
				results[i], answers[i] = r.stepBeside(ctx, due[i])
			}
		})
	}
	for i := range due {
		next <- i
	}
	close(next)
	working.Wait()
	ended := map[*eviction]bool{}
	var stopped error
	for i, e := range due {
		if a := answers[i]; a != nil && stopped == nil {
			stopped = r.refusedStandIns.add(*a, "", w.number, w.planned)
		}
		if results[i].Outcome != standin.UnderWay {
			r.endBeside(e, results[i])
			ended[e] = r.result.Evictions[e.entry].Outcome == plan.NotMoved
		}
	}
	w.leave(func(e *eviction) bool { return ended[e] })
	if stopped != nil {
		return stopped
	}
	if n := len(r.inVain); n >= refusalsInARow {
		return &stop{plan.PodsPending, fmt.Sprintf("%d stand-ins in a row were created in vain, the last one because %s", n, r.inVain[n-1])}
	}
	return ctx.Err()
}

// stepBeside creates the stand-in of one move, or does what there is to do for it. There is an
// answer if it was to be created. It only touches what belongs to this move, so that several can
// go on at once.
func (r *run) stepBeside(ctx context.Context, e *eviction) (standin.Result, *disruption.Result) {
	ctx, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	b, now := e.beside, r.Clock.Now()
	if b.move == nil {
		e.at = now
		move, err := r.StandIns.Begin(ctx, e.move.Object, e.move.To)
		if err != nil {
			return standin.Result{Outcome: standin.NotMoved, Reason: err.Error()}, answerTo(err)
		}
		b.move, b.waiting = move, "its stand-in is not ready"
		return standin.Result{}, &disruption.Result{Outcome: disruption.Evicted}
	}
	result, err := r.StandIns.Step(ctx, b.move)
	switch {
	case err == nil:
		b.failing = time.Time{}
		if result.Reason != "" {
			b.waiting = result.Reason
		}
		return result, nil
	case apierrors.IsForbidden(err) || !b.failing.IsZero() && now.Sub(b.failing) >= r.Patience:
		return standin.Result{Outcome: standin.Left, Reason: fmt.Sprintf("stand-in %s is left for the next run, because of an error: %v", b.move.StandIn, err)}, nil
	case b.failing.IsZero():
		b.failing = now
	}
	b.waiting = err.Error()
	return standin.Result{}, nil
}

// answerTo says what an error of creating a stand-in means for the stand-ins of other pods. What
// is only about this pod, because another program moves it or it has changed, means nothing.
func answerTo(err error) *disruption.Result {
	answer := &disruption.Result{Outcome: disruption.Failed, Err: err}
	switch {
	case disruption.NoAnswer(err) || apierrors.IsAlreadyExists(err):
		answer.Outcome = disruption.Unanswered
	case apierrors.IsForbidden(err):
		answer.Outcome = disruption.Forbidden
	}
	return answer
}

// endBeside records the end of a move by a stand-in.
func (r *run) endBeside(e *eviction, result standin.Result) {
	entry := &r.result.Evictions[e.entry]
	e.beside = nil
	if result.Outcome == standin.Moved {
		entry.Outcome, entry.Error = plan.Moved, ""
		r.done.Moves = append(r.done.Moves, *e.move)
		r.remember(e.workload)
		r.inVain = nil
	} else {
		entry.Outcome, entry.Error = plan.NotMoved, result.Reason
		// It is not evicted instead: whatever hindered the stand-in may hinder its replacement.
		r.done.Refused[e.move.Pod.UID] = result.Reason
		r.differs = true // others may be moved instead
		if result.InVain {
			r.inVain = append(r.inVain, result.Reason)
		}
	}
	r.announce(entry)
}

// restore ends what the run leaves behind, whatever ended it. What that cannot reach, the next run
// restores.
func (r *run) restore(ctx context.Context) {
	if !r.standIns {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoring)
	defer cancel()
	restored, err := r.StandIns.Restore(ctx, metav1.NamespaceAll)
	if err != nil {
		klog.FromContext(ctx).Error(err, "Stand-ins are left behind, and the next run will remove them")
	}
	for _, end := range restored {
		klog.FromContext(ctx).Info("Ended the move of a pod that was under way", "pod", klog.KRef(end.Namespace, end.Pod), "standIn", end.StandIn, "run", end.Run, "outcome", end.Outcome)
		for i := range r.result.Evictions {
			entry := &r.result.Evictions[i]
			if pod := entry.Move.Pod; entry.Outcome == plan.NotMoved && pod.Namespace == end.Namespace && pod.Name == end.Pod && end.Outcome == standin.Moved {
				entry.Outcome, entry.Error, entry.LandedOn = plan.Moved, "", entry.Move.To
			}
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
