// Package executor executes a plan on a live cluster, wave by wave. Each wave is checked
// against the current cluster, and must finish before the next one starts. The run stops if
// continuing could do harm.
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
	"github.com/stowage-k8s/stowage/internal/standin"
)

// Cluster is a cluster that is being watched.
type Cluster interface {
	// Snapshot returns the current cluster.
	Snapshot() *cluster.Snapshot
	// Changed returns a channel that can be received from when the cluster has changed
	// since the call.
	Changed() <-chan struct{}
}

// Planner makes plans. Its methods return soon after the context has ended.
type Planner interface {
	// Check plans the moves again on a snapshot. It returns those that are still justified,
	// with their new destinations, and why the others are not.
	Check(ctx context.Context, picture *cluster.Snapshot, moves []plan.Move, done plan.Done) (kept []plan.Move, dropped []plan.Refusal, err error)
	// Plan makes a whole new plan.
	Plan(ctx context.Context, picture *cluster.Snapshot, done plan.Done) (*plan.Plan, error)
}

// StandIns moves pods by stand-ins: a standin.Mover.
type StandIns interface {
	Begin(ctx context.Context, pod *corev1.Pod, node string) (*standin.Move, error)
	Step(ctx context.Context, mv *standin.Move) (standin.Result, error)
	Due(mv *standin.Move, standIn, old *corev1.Pod) bool
	Restore(ctx context.Context, namespace string) ([]standin.Restored, error)
}

// Options are the options of a run. Cluster, Planner, Evictor, Pods, Clock and the durations
// are required.
type Options struct {
	Cluster Cluster
	Planner Planner
	// Evictor evicts. With disruption.ServerDryRun, each move is a dry-run request, and
	// nothing is waited for.
	Evictor *disruption.Evictor
	// Pods is used to look up a pod whose eviction got no response. This requires permission
	// to get pods.
	Pods  typedcorev1.PodsGetter
	Clock clock.Clock
	// Limits limit each wave, in addition to the budgets: Total is its size. OnePer is set by
	// the executor: a workload without a budget loses at most one pod at a time.
	Limits disruption.Limits
	// AtOnce is how many evictions are requested in parallel, at least 1. Each takes the API
	// server some time: 100 ms if nothing else changes.
	AtOnce int
	// WaveTimeout is how long the replacements of a wave may take to become ready, in addition
	// to the longest grace period of its pods.
	WaveTimeout time.Duration
	// GracePeriodSeconds is the Evictor's; nil leaves it to the pods.
	GracePeriodSeconds *int64
	// StandIns moves pods by stand-ins, at most MaxStandIns at once. It is required for plans with
	// such moves.
	StandIns    StandIns
	MaxStandIns int
	// Settle is how long to wait for budgets and rollouts if nothing else can be evicted.
	Settle time.Duration
	// Patience is how long the API server may be unavailable.
	Patience time.Duration
	// Events, if set, gets an event about each evicted pod, and with FailureEvents also about
	// each pod that could not be evicted.
	Events        events.EventRecorder
	FailureEvents bool
	// Remember, if set, is called once per run with each workload that has a pod moved.
	Remember func(*cluster.Workload)
	// Progress, if set, is called when there is progress.
	Progress func(Progress)
}

// Progress is the progress of a run.
type Progress struct {
	// Wave counts from 1. Planned is the number of its moves, Evicted how many of their pods
	// were evicted, Ready how many replacements are ready or not expected.
	Wave, Planned, Evicted, Ready int
	// Left counts the moves of the plan after this wave.
	Left int
	// Waiting says what the run is waiting for, if anything.
	Waiting string
}

// maxVain is how many new plans a run makes in a row without moving a pod to a better node.
const maxVain = 5

// run is a plan that is being executed.
type run struct {
	Options
	result *plan.Result
	// queue contains the plan's waves, with their remaining moves.
	queue [][]plan.Move
	done  plan.Done
	// outdated says that the plan must be replaced. differs says that something went differently
	// than planned, for example because a scheduler picks at random. Each wave is planned again
	// in any case, but at the end there may be more to do. That is so even if all replacements
	// landed on possible nodes, because the plan assumes one of them.
	outdated, differs bool
	vain              int

	// mu guards everything while evictions are requested in parallel.
	mu sync.Mutex

	ledger *disruption.Ledger
	// wereReady are the nodes that were ready at some time during the run and were not being
	// removed, with their UIDs: a new machine may have the name of an old one.
	wereReady map[string]types.UID
	refusals  refusals
	// refusedStandIns counts the stand-ins whose creation was refused.
	refusedStandIns refusals
	// standIns says that the run may have created stand-ins. inVain are the reasons why those of
	// the latest moves did not help, in a row.
	standIns   bool
	inVain     []string
	landings   landings
	remembered map[types.UID]bool
	told       Progress
}

// Run executes the plan. An error is the planner's. Everything else that ends a run early is in
// the result, which is never nil. When ctx ends, no further eviction is requested and
// replacements are no longer awaited. Result.Counts are those of the Evictor, so each run
// should have its own. Result.After is left to the caller.
func Run(ctx context.Context, p *plan.Plan, opts Options) (*plan.Result, error) {
	r := &run{
		Options:    opts,
		result:     &plan.Result{Evictions: []plan.Eviction{}},
		done:       plan.Done{Replacements: map[types.UID]bool{}, Refused: map[types.UID]string{}},
		ledger:     disruption.NewLedger(nil, nil, nil),
		wereReady:  map[string]types.UID{},
		remembered: map[types.UID]bool{},

		refusedStandIns: refusals{of: "creations of stand-ins"},
	}
	begin := r.Clock.Now()
	r.enqueue(p)
	err := r.loop(ctx)
	r.restore(ctx)
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

// enqueue replaces the queue by the waves of a plan.
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

// loop executes one wave after the other until none is left. A *stop is not an error of the
// program.
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
		return &stop{plan.NoProgress, fmt.Sprintf("%d new plans in a row moved no pod to a better node, because the cluster keeps changing: run again later", maxVain)}
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

// lag is how long statuses of budgets may lag behind their pods.
const lag = 10 * time.Second

// planSettled makes a new plan on a cluster that shows what the run has done. Statuses of
// workloads and budgets lag behind the pods. If the plan may be empty only because of them, it
// is made again when they have changed.
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

// unsettled names a workload of this run whose rollout is still in progress.
func (r *run) unsettled(picture *cluster.Snapshot) string {
	owners := cluster.NewOwners(picture)
	for _, pod := range picture.Pods {
		if w := owners.Of(pod); w != nil && r.remembered[w.UID] && w.Rollout != "" {
			return fmt.Sprintf("%s (%s)", w, w.Rollout)
		}
	}
	return ""
}

// keptByItself says whether the plan refuses pods of workloads of this run for reasons that
// the run itself may have caused.
func (r *run) keptByItself(p *plan.Plan) bool {
	moved := map[string]bool{}
	for i := range r.done.Moves {
		moved[r.done.Moves[i].Pod.Workload] = true
	}
	return slices.ContainsFunc(p.Refused, func(refused plan.Refusal) bool {
		return (refused.Rule == strategy.OverBudget || refused.Rule == strategy.Rollout) && moved[refused.Pod.Workload]
	})
}

// carryOut evicts a wave and waits for its replacements, even if evicting had to stop.
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

// tell reports progress, if it has changed.
func (r *run) tell(p Progress) {
	for _, moves := range r.queue {
		p.Left += len(moves)
	}
	if r.Progress != nil && p != r.told {
		r.told = p
		r.Progress(p)
	}
}

// lookAgainAfter is the minimum time between two looks at a cluster that changes a lot.
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
