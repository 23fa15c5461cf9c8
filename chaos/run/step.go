package run

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/scenario"
	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/undo"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// do carries a step out.
func (e *engine) do(ctx context.Context, step *scenario.Turn) error {
	switch {
	case step.Fault != nil:
		return e.strike(ctx, step)
	case step.Kind == scenario.KindWait:
		if e.DryRun {
			return nil
		}
		return e.sleep(ctx, step.Wait)
	case step.Probe != nil:
		return e.probe(ctx, step)
	case step.Scale != nil:
		return e.scale(ctx, step.Scale)
	case step.Kind == scenario.KindAwaitRecovery:
		return e.awaitRecovery(ctx, step.AwaitRecovery)
	}
	return errors.New("it has no action")
}

func (e *engine) probe(ctx context.Context, step *scenario.Turn) error {
	if !e.DryRun {
		return e.within(ctx, step.Within, "during", *step.Probe)
	}
	// It shows what there is. What earlier steps would have brought about has not come.
	doubts := e.doubts
	err := e.look(ctx, "during", *step.Probe)
	e.doubts = doubts
	if _, broken := errors.AsType[*steady.BrokenError](err); broken {
		return nil
	}
	return err
}

func (e *engine) scale(ctx context.Context, s *scenario.Scale) error {
	e.note("scaling %s %s/%s to %d", s.Kind, s.Namespace, s.Name, s.Replicas)
	if e.DryRun {
		return nil
	}
	return e.undo.Scale(ctx, s.Kind, s.Namespace, s.Name, s.Replicas)
}

// strike has a fault happen, or as often as it says.
func (e *engine) strike(ctx context.Context, step *scenario.Turn) error {
	repeated, again := step.Fault.(fault.Repeated)
	if !again {
		return e.once(ctx, step, e.picture(), step.Seed)
	}
	times, interval := repeated.Ticks()
	before := e.replayed()
	switch {
	case times == 0 && before != nil:
		times = max(1, before.Last())
	case times == 0 && e.DryRun:
		times = 1
	}
	var resting bool
	begin := time.Now()
	for tick := 1; times == 0 || tick <= times; tick++ {
		e.at(step.Number, tick)
		picture := e.picture()
		if e.DryRun { // as if time passed
			picture.Now = picture.Now.Add(time.Duration(tick-1) * interval)
		}
		excluded, why := repeated.Excluded(picture.Now)
		if before != nil && before.Rested(tick) {
			excluded, why = true, "the time was excluded in the original run"
		}
		switch {
		case !excluded:
			resting = false
			if err := e.once(ctx, step, picture, step.Seed.For("tick", strconv.Itoa(tick))); err != nil {
				return err
			}
		case !resting:
			resting = true
			e.note("skipped: %s", why)
		}
		if tick == times || e.DryRun {
			continue
		}
		next := begin.Add(time.Duration(tick) * interval)
		if late := time.Since(next); late > 0 {
			begin = begin.Add(late) // what was missed is not made up for
		}
		if err := e.sleep(ctx, time.Until(next)); err != nil {
			return err
		}
	}
	return nil
}

// replayed returns the turn that is done again; nil where none is.
func (e *engine) replayed() *journal.Turn {
	if e.turns > len(e.Replayed) || e.turns == 0 {
		return nil
	}
	return &e.Replayed[e.turns-1]
}

// once draws, predicts, and has the fault happen.
func (e *engine) once(ctx context.Context, step *scenario.Turn, picture *target.Picture, seed draw.Seed) error {
	choice, err := step.Fault.Choose(picture, seed)
	if err != nil {
		return err
	}
	if goes, err := e.announce(ctx, step.Kind, picture, choice); err != nil || !goes {
		return err
	}
	if lasting, lasts := step.Fault.(fault.Lasting); lasts && lasting.Duration() > 0 {
		return e.forAWhile(ctx, lasting, choice)
	}
	return e.inject(ctx, e.undo, step.Fault.Inject, choice)
}

func (e *engine) inject(ctx context.Context, u *undo.Undo, do Injector, choice *fault.Choice) error {
	e.taken = e.taken || len(choice.Nodes) > 0 && choice.How == assess.Down || choice.How == "" // answers tell of all else
	return errors.Join(do(ctx, env{e, u}, choice), e.journalError())
}

// controllerPatience is how long the control plane may take to see what is lost with a node, and
// to count what has come in its place. Pods that tolerate everything are never lost.
const controllerPatience = 15 * time.Second

// awaitLoss waits until so many pods have been lost: before that there is no recovery to
// wait for.
func (e *engine) awaitLoss(ctx context.Context, pods int) error {
	for deadline := time.Now().Add(controllerPatience); e.observer.Summary().Drawn < pods && time.Now().Before(deadline); {
		if err := e.sleep(ctx, recoveryPause); err != nil {
			return err
		}
	}
	return nil
}

// announce writes what was drawn and what it would do, and says whether to do it.
func (e *engine) announce(ctx context.Context, kind string, picture *target.Picture, choice *fault.Choice) (bool, error) {
	e.observer.Flush() // what has come up to now is held against the prediction before
	e.write(journal.Record{Choice: choiceOf(kind, choice)})
	if choice.Empty() {
		return false, nil
	}
	e.drawn = true
	if err := e.predict(ctx, picture, choice); err != nil {
		return false, err
	}
	return !e.DryRun, e.journalError()
}

// Take removes the pods of a choice, and returns how many were removed.
func (s *Session) Take(ctx context.Context, kind string, picture *target.Picture, choice *fault.Choice) (gone int, kept []target.Pod, err error) {
	goes, err := s.announce(ctx, kind, picture, choice)
	if err != nil || !goes {
		return 0, nil, err
	}
	return env{s.engine, s.undo}.Remove(ctx, choice.Pods, choice.How, nil)
}

// Injector injects a fault for a choice, like fault.Fault.Inject.
type Injector func(ctx context.Context, env fault.Env, choice *fault.Choice) error

// Inject injects a fault for a given choice.
func (s *Session) Inject(ctx context.Context, kind string, do Injector, picture *target.Picture, choice *fault.Choice) error {
	goes, err := s.announce(ctx, kind, picture, choice)
	if err != nil || !goes {
		return err
	}
	return s.inject(ctx, s.undo, do, choice)
}

// AwaitRecovery waits until every lost pod is replaced, or until the patience is over.
func (s *Session) AwaitRecovery(ctx context.Context, patience time.Duration) error {
	return s.awaitRecovery(ctx, patience)
}

// Picture returns the current cluster, with the workloads that the run waits for.
func (s *Session) Picture() *target.Picture { return s.picture() }

// Note writes a message to the user and the journal.
func (s *Session) Note(format string, args ...any) { s.note(format, args...) }

func (e *engine) predict(ctx context.Context, picture *target.Picture, choice *fault.Choice) error {
	if e.Assessor == nil || choice.How == "" { // which takes nothing away
		return nil
	}
	prediction, err := e.Assessor.Predict(ctx, picture, choice.Loss())
	if err != nil {
		return fmt.Errorf("predicting the effect: %w", err)
	}
	e.write(journal.Record{Prediction: prediction})
	return nil
}

// lose has the observer know that the losses on the nodes are the run's, and returns how
// many pods that are. Those on their way out are lost already, those that are part of their
// nodes come back with these, and the program's own is not observed.
func (e *engine) lose(picture *target.Picture, nodes []*corev1.Node) (pods int) {
	lost, now := map[string]bool{}, time.Now()
	for _, node := range nodes {
		lost[node.Name] = true
		e.down[node.Name] = e.down[node.Name] || cluster.NodeReady(node) // of others nobody awaits the return
	}
	for _, pod := range picture.Pods {
		leaving, own := pod.DeletionTimestamp != nil, picture.IsOwn(pod)
		if !lost[pod.Spec.NodeName] || !cluster.Holds(pod) || leaving || own {
			continue
		}
		e.doomed = append(e.doomed, pod.UID)
		if cluster.BelongsToNode(pod) {
			e.observer.Returns(pod.UID)
			continue
		}
		e.lost = append(e.lost, pod)
		e.observer.Drawn(target.Pod{Pod: pod, Workload: picture.Owners.Of(pod), Rank: -1}, now)
		pods++
	}
	return pods
}

func choiceOf(kind string, choice *fault.Choice) *journal.Choice {
	c := &journal.Choice{Fault: kind, How: choice.How, Candidates: choice.Candidates, Excluded: choice.Excluded}
	for _, pod := range choice.Pods {
		c.Victims = append(c.Victims, journal.VictimOf(pod))
	}
	for _, node := range choice.Nodes {
		c.Nodes = append(c.Nodes, node.Name)
	}
	return c
}
