package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/persist"
	"github.com/stowage-k8s/stowage/internal/standin"
)

// MayMakeBeforeBreak implements fault.Env.
func (e *engine) MayMakeBeforeBreak(ctx context.Context, nodes []*corev1.Node) error {
	picture := e.picture()
	candidates, names := standin.NewCandidates(picture.Snapshot), unreplaced(picture, nodes)
	var namespaces []string
	for _, pod := range picture.Pods {
		if names[pod.Spec.NodeName] && candidates.Hindrance(pod) == "" && !slices.Contains(namespaces, pod.Namespace) {
			namespaces = append(namespaces, pod.Namespace)
		}
	}
	if len(namespaces) == 0 {
		return nil
	}
	if err := standin.New(standin.Options{Client: e.live.Client}).CheckRights(ctx, namespaces); err != nil {
		return fmt.Errorf("%w; they are in component stand-ins of config/chaos, and value chaos.rights.standIns of the chart", err)
	}
	return nil
}

// besides moves the pods of a drain by stand-ins. One that is nil moves none.
type besides struct {
	env
	deadline time.Time
	// moving ends the moves that are under way. They tell ended.
	moving context.Context
	stop   context.CancelFunc
	ended  chan *beside
	// pods are those that a stand-in was to be created for, and open those that are being moved, by
	// their controllers.
	pods, open map[types.UID]*beside
	over       bool
}

// beside is a pod that is moved by a stand-in.
type beside struct {
	pod target.Pod
	// result and err are how the move has ended, unless it is open. An error does not say whether
	// there is a stand-in.
	open   bool
	result standin.Result
	err    error
	// tries is how many stand-ins were to be created.
	tries int
}

func (e env) newBesides(ctx context.Context, how fault.Draining) *besides {
	if !how.MakeBeforeBreak {
		return nil
	}
	b := &besides{env: e, deadline: time.Now().Add(how.Patience), pods: map[types.UID]*beside{}, open: map[types.UID]*beside{}, ended: make(chan *beside, atOnce)}
	b.moving, b.stop = context.WithCancel(ctx)
	return b
}

// begin begins moves, and returns the pods that are to be evicted, because they cannot be moved.
func (b *besides) begin(picture *target.Picture, pods []target.Pod) (evict []target.Pod, err error) {
	if b == nil {
		return pods, nil
	}
	for len(b.ended) > 0 {
		b.conclude(<-b.ended)
	}
	candidates := standin.NewCandidates(picture.Snapshot)
	b.ledger.Update(picture.Budgets, picture.Snapshot.Pods, picture.Nodes)
	for _, pod := range pods {
		known, controller := b.pods[pod.UID], disruption.Controller(pod.Pod)
		switch {
		case known != nil && known.stays():
		case known != nil && !known.again() || cluster.Leaving(pod.Pod):
			evict = append(evict, pod)
		case b.open[controller] != nil || candidates.Moving(pod.Pod, picture.Now): // a ReplicaSet has one stand-in at a time
		case !b.ledger.MayBeside(pod.Pod).Allowed || candidates.Hindrance(pod.Pod) != "":
			evict = append(evict, pod)
		case len(b.open) < atOnce:
			if err := b.move(pod, controller); err != nil {
				return nil, err
			}
		}
	}
	return evict, nil
}

// stays says whether the pod is not to be evicted: it is being moved or has been, or the replacement
// of an evicted pod would not get ready either.
func (p *beside) stays() bool {
	return p.open || p.err != nil || p.result.Outcome == standin.Moved || p.result.Outcome == standin.Left || p.result.InVain && !p.result.Lost
}

// mostTries is how often a stand-in is created for a pod whose stand-ins go away or end.
const mostTries = 3

// again says whether another stand-in may do better.
func (p *beside) again() bool { return p.result.Lost && p.tries < mostTries }

// move begins to move a pod.
func (b *besides) move(pod target.Pod, controller types.UID) error {
	run, err := b.undo.StandIn(pod.Pod)
	if err != nil {
		return err
	}
	b.write(journal.Record{Request: &journal.Request{Victim: journal.VictimOf(pod), How: journal.ByStandIn}})
	if err := b.journalError(); err != nil {
		return err
	}
	b.observer.Drawn(pod, time.Time{})
	p := &beside{pod: pod, open: true, tries: 1}
	if before := b.pods[pod.UID]; before != nil {
		p.tries += before.tries
	}
	b.pods[pod.UID], b.open[controller] = p, p
	mover := standin.New(standin.Options{Client: b.live.Client, Clock: clock.RealClock{}, Run: run, Patience: time.Until(b.deadline)})
	go func() {
		var move *standin.Move
		err := whileAway(b.moving, func() error {
			return persist.Do(b.moving, func() (err error) {
				move, err = mover.Begin(b.moving, pod.Pod, "")
				return err
			})
		})
		switch {
		case err == nil:
			p.err = whileAway(b.moving, func() (err error) {
				p.result, err = mover.Finish(b.moving, move)
				return err
			})
		case b.moving.Err() != nil:
			p.err = err
		default: // it is evicted, whatever keeps it from having a stand-in
			p.result = standin.Result{Outcome: standin.NotMoved, Reason: err.Error()}
		}
		b.ended <- p
	}()
	return nil
}

// awayPause is how long to wait while the API server is away.
const awayPause = time.Second

// whileAway repeats what fails because the API server does not answer, or refuses for the moment: a
// move waits for it like an eviction.
func whileAway(ctx context.Context, do func() error) error {
	for {
		err := do()
		if _, hindered := errors.AsType[standin.HindranceError](err); err == nil || hindered || !persist.Passing(err) {
			return err
		}
		select {
		case <-time.After(awayPause):
		case <-ctx.Done():
			return err
		}
	}
}

// conclude takes note of the end of a move.
func (b *besides) conclude(p *beside) {
	p.open = false
	delete(b.open, disruption.Controller(p.pod.Pod))
	if p.err != nil || p.result.Outcome == standin.Left {
		return // end looks what there is
	}
	b.answer(p)
}

// answer writes how a move has ended.
func (b *besides) answer(p *beside) {
	answer := &journal.Answer{Victim: journal.VictimOf(p.pod), Outcome: journal.NotMoved, Error: p.result.Reason}
	if p.result.Outcome == standin.Moved {
		answer.Outcome = journal.Moved
		b.taken, b.refusals = true, 0
		b.lost = append(b.lost, p.pod.Pod)
	} else {
		b.observer.Kept(p.pod.UID)
	}
	b.write(journal.Record{Answer: answer})
	change := undo.EndOfMove(p.pod.Namespace, p.pod.Name, p.result.Outcome)
	b.write(journal.Record{Restored: &change})
}

// endPatience is how long moves may go on when the time of a drain is over.
const endPatience = 10 * time.Second

// end ends the moves. If the run is to end, what they leave behind is restored with the rest.
func (b *besides) end(ctx context.Context) error {
	if b == nil || b.over {
		return nil
	}
	b.over = true
	defer b.stop()
	if len(b.pods) == 0 {
		return nil
	}
	overtime := time.AfterFunc(endPatience, b.stop)
	defer overtime.Stop()
	for len(b.open) > 0 {
		b.conclude(<-b.ended)
	}
	b.stop()
	if ctx.Err() != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, restorePatience)
	defer cancel()
	left, err := b.undo.EndMoves(ctx)
	for _, pod := range left {
		for _, p := range b.pods {
			unknown := p.err != nil || p.result.Outcome == standin.Left
			if unknown && p.pod.Namespace == pod.Namespace && p.pod.Name == pod.Pod {
				p.result, p.err = pod.Result, nil
				b.answer(p)
			}
		}
	}
	return err
}

// why says why the pod is still there; "" if moves have nothing to do with it.
func (b *besides) why(pod target.Pod) string {
	if b == nil || b.pods[pod.UID] == nil {
		return ""
	}
	switch p := b.pods[pod.UID]; {
	case p.open: // its goroutine writes the rest
		return "its stand-in is not ready yet"
	case p.err != nil:
		return p.err.Error()
	default:
		return p.result.Reason
	}
}
