// Package executor carries a plan out on a live cluster: wave by wave, each justified
// anew on the cluster as it is, and each waited for before the next. It stops by itself
// where going on could do harm.
package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// Cluster is a cluster that is being followed.
type Cluster interface {
	// Snapshot returns the cluster as it is now.
	Snapshot() *cluster.Snapshot
	// Changed returns a channel that can be received from when the cluster has changed
	// since the call.
	Changed() <-chan struct{}
}

// Planner makes plans. Its methods return soon after the context has ended.
type Planner interface {
	// Check plans the moves anew on a picture: which are still justified, with where they
	// would go now, and why the others are not.
	Check(ctx context.Context, picture *cluster.Snapshot, moves []plan.Move, done plan.Done) (kept []plan.Move, dropped []plan.Refusal, err error)
	// Plan makes a whole new plan.
	Plan(ctx context.Context, picture *cluster.Snapshot, done plan.Done) (*plan.Plan, error)
}

// Options say how to carry plans out. All of Cluster, Planner, Evictor, Pods, Clock and
// the durations are needed.
type Options struct {
	Cluster Cluster
	Planner Planner
	// Evictor evicts. With disruption.ServerDryRun the API server is asked about each
	// move and nothing is waited for.
	Evictor *disruption.Evictor
	// Pods is asked what became of a pod whose eviction got no answer. It takes the
	// right to get pods.
	Pods  typedcorev1.PodsGetter
	Clock clock.Clock
	// Limits bound each wave, beside the budgets: Total is its size. OnePer is the
	// executor's own: of a workload without a budget at most one pod goes at a time.
	Limits disruption.Limits
	// AtOnce is how many evictions are requested side by side, at least 1. Each takes the
	// API server some time: 100 ms where nothing else changes.
	AtOnce int
	// WaveTimeout is how long the replacements of a wave may take to be ready, beyond the
	// longest grace period of its pods.
	WaveTimeout time.Duration
	// GracePeriodSeconds is the Evictor's; nil leaves it to the pods.
	GracePeriodSeconds *int64
	// Settle is how long budgets and rollouts are waited for when nothing else can go.
	Settle time.Duration
	// Patience is how long the API server may stay away.
	Patience time.Duration
	// Events, where given, gets an event about every pod that is evicted; with
	// FailureEvents about every one that could not be, too.
	Events        events.EventRecorder
	FailureEvents bool
	// Remember, where given, is called with every workload of which a pod is moved, once
	// in a run.
	Remember func(*cluster.Workload)
	// Progress, where given, is called when something has come about.
	Progress func(Progress)
}

// Progress is how far a run has come.
type Progress struct {
	// Wave counts from 1. Planned is how many moves it has, Evicted how many of their
	// pods were evicted, Ready how many replacements are ready or not to be expected.
	Wave, Planned, Evicted, Ready int
	// Left counts the moves that the plan has after this wave.
	Left int
	// Waiting says what is waited for; empty where nothing is.
	Waiting string
}

// maxVain is how many new plans a run makes in a row without a pod between them that got
// to a better place.
const maxVain = 5

// run is a plan that is being carried out.
type run struct {
	Options
	result *plan.Result
	// queue holds the plan's waves, with what is still to be done of them.
	queue [][]plan.Move
	done  plan.Done
	// outdated says that the plan is not worth going on with. differs says that something
	// came out otherwise than planned, as it does where a scheduler draws lots: each wave is
	// planned anew in any case, but at the end there may be more to do. That holds also where
	// all landed on nodes that were possible: the plan goes by one of them.
	outdated, differs bool
	vain              int

	// mu guards everything while evictions are requested side by side.
	mu sync.Mutex

	ledger *disruption.Ledger
	// wereReady are the nodes that were ready at some time of the run, and were to stay, by
	// name: machines that come back may have the name of one that is gone.
	wereReady  map[string]types.UID
	refusals   refusals
	landings   landings
	remembered map[types.UID]bool
	told       Progress
}

// Run carries the plan out. The error is the planner's; whatever else ends a run early is
// in the result, which there always is. When ctx ends, no other eviction is requested and
// replacements are no longer waited for. Result.Counts are those of the Evictor, so each
// run should have its own, and Result.After is left to the caller.
func Run(ctx context.Context, p *plan.Plan, opts Options) (*plan.Result, error) {
	r := &run{
		Options:    opts,
		result:     &plan.Result{Evictions: []plan.Eviction{}},
		done:       plan.Done{Replacements: map[types.UID]bool{}, Refused: map[types.UID]string{}},
		ledger:     disruption.NewLedger(nil, nil, nil),
		wereReady:  map[string]types.UID{},
		remembered: map[types.UID]bool{},
	}
	begin := r.Clock.Now()
	r.enqueue(p)
	err := r.loop(ctx)
	r.result.Counts = r.Evictor.Counts()
	r.result.Took = r.Clock.Since(begin)
	var stop *stop
	switch {
	case err == nil:
		return r.result, nil
	case ctx.Err() != nil:
		stop = r.interrupted(context.Cause(ctx))
	case !errors.As(err, &stop):
		return r.result, err
	}
	r.result.Stopped, r.result.Cause, r.result.Safety = stop.reason, stop.cause, stop.cause != plan.Interrupted
	klog.FromContext(ctx).V(2).Info("The run ended early", "cause", stop.cause, "reason", stop.reason)
	return r.result, nil
}

// enqueue makes a plan what is to be done.
func (r *run) enqueue(p *plan.Plan) {
	r.queue = nil
	for _, wave := range p.Waves {
		var moves []plan.Move
		for _, i := range wave {
			moves = append(moves, p.Moves[i])
		}
		r.queue = append(r.queue, moves)
	}
}

// loop does one wave after the other until nothing is left. An error that is a *stop is
// not one of the program.
func (r *run) loop(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		for len(r.queue) > 0 && len(r.queue[0]) == 0 {
			r.queue = r.queue[1:]
		}
		switch {
		case r.outdated || len(r.queue) == 0 && r.differs:
			if err := r.replan(ctx); err != nil {
				return err
			}
			continue
		case len(r.queue) == 0:
			return nil
		}
		picture, units, err := r.next(ctx)
		if err != nil {
			return err
		}
		if units, err = r.check(ctx, picture, units); err != nil {
			return err
		}
		if len(units) == 0 {
			continue
		}
		if err := r.carryOut(ctx, picture, units); err != nil {
			return err
		}
	}
}

// replan replaces the plan by a new one.
func (r *run) replan(ctx context.Context) error {
	if r.vain++; r.vain > maxVain {
		return &stop{plan.NoProgress, fmt.Sprintf("the cluster keeps moving: %d new plans in a row moved no pod to a better place; run again when it is quieter", maxVain)}
	}
	p, err := r.planSettled(ctx)
	if err != nil {
		return err
	}
	r.outdated, r.differs = false, false
	r.result.Replans++
	r.enqueue(p)
	return nil
}

// lag is how long statuses of budgets may be behind the pods they are about.
const lag = 10 * time.Second

// planSettled makes a new plan on a cluster that shows what the run has done: statuses of
// workloads and budgets lag behind the pods. An empty plan that is so for these alone is
// made again when they have changed.
func (r *run) planSettled(ctx context.Context) (*plan.Plan, error) {
	begin := r.Clock.Now()
	for {
		changed, over := r.Cluster.Changed(), r.Clock.Since(begin)
		picture := r.Cluster.Snapshot()
		if err := r.checkNodes(picture, nil); err != nil {
			return nil, err
		}
		waiting := r.unsettled(picture)
		if waiting == "" || over >= r.Settle {
			p, err := r.Planner.Plan(ctx, picture, r.done)
			if err != nil {
				return nil, fmt.Errorf("planning again: %w", err)
			}
			if len(p.Moves) > 0 || over >= min(lag, r.Settle) || !r.keptByItself(p) {
				return p, nil
			}
			waiting = "the budgets of workloads that were moved"
		}
		r.tell(Progress{Wave: r.result.Waves, Waiting: waiting})
		if err := r.wait(ctx, changed, begin.Add(r.Settle)); err != nil {
			return nil, err
		}
	}
}

// unsettled names a workload of this run that is still being brought to what it should be.
func (r *run) unsettled(picture *cluster.Snapshot) string {
	owners := cluster.NewOwners(picture)
	for _, pod := range picture.Pods {
		if w := owners.Of(pod); w != nil && r.remembered[w.UID] && w.Rollout != "" {
			return fmt.Sprintf("%s (%s)", w, w.Rollout)
		}
	}
	return ""
}

// keptByItself says whether the plan refuses pods of workloads of this run for what the
// run itself may have brought about.
func (r *run) keptByItself(p *plan.Plan) bool {
	moved := map[string]bool{}
	for i := range r.done.Moves {
		moved[r.done.Moves[i].Pod.Workload] = true
	}
	return slices.ContainsFunc(p.Refused, func(refused plan.Refusal) bool {
		return (refused.Rule == strategy.OverBudget || refused.Rule == strategy.Rollout) && moved[refused.Pod.Workload]
	})
}

// carryOut evicts a wave and waits for its replacements. What it evicted is waited for
// even where evicting had to stop.
func (r *run) carryOut(ctx context.Context, picture *cluster.Snapshot, units []unit) error {
	r.result.Waves++
	begin := r.Clock.Now()
	w := r.newWave(picture, units)
	stopped := r.evict(ctx, w, units)
	err := r.await(ctx, w)
	r.result.WavesTook = append(r.result.WavesTook, r.Clock.Since(begin))
	if landed := r.conclude(w); err == nil {
		err = landed
	}
	if stopped != nil {
		return stopped
	}
	return err
}

// tell reports progress, where there is any.
func (r *run) tell(p Progress) {
	for _, moves := range r.queue {
		p.Left += len(moves)
	}
	if r.Progress != nil && p != r.told {
		r.told = p
		r.Progress(p)
	}
}

// lookAgainAfter keeps a cluster in which much changes from being looked at all the time.
const lookAgainAfter = 100 * time.Millisecond

// wait returns when there may be something new: the channel can be received from, or the
// deadline is over.
func (r *run) wait(ctx context.Context, changed <-chan struct{}, deadline time.Time) error {
	if err := r.sleep(ctx, lookAgainAfter); err != nil {
		return err
	}
	select {
	case <-changed:
	case <-r.Clock.After(deadline.Sub(r.Clock.Now())):
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (r *run) sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-r.Clock.After(d):
	case <-ctx.Done():
	}
	return ctx.Err()
}

// podsOf returns the pods of a picture by UID.
func podsOf(picture *cluster.Snapshot) map[types.UID]*corev1.Pod {
	pods := make(map[types.UID]*corev1.Pod, len(picture.Pods))
	for _, pod := range picture.Pods {
		pods[pod.UID] = pod
	}
	return pods
}
