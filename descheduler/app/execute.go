package app

import (
	"context"
	"errors"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/descheduler/executor"
	"github.com/stowage-k8s/stowage/descheduler/memory"
	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/planner"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/telemetry"
)

// evictionsAtOnce is how many evictions are requested in parallel, for pods of different budgets.
const evictionsAtOnce = 10

// settle is how long a run waits for budgets and rollouts when nothing else can be evicted.
const settle = time.Minute

// apiPatience is how long the API server may be unavailable during a run.
const apiPatience = time.Minute

// lastWords is the timeout of each of the last requests after SIGTERM.
const lastWords = 500 * time.Millisecond

// execute carries a plan out.
func (f *runFlags) execute(ctx context.Context, d *descheduler, made *plan.Plan, p *planner.Planner, moved *memory.Memory) (*plan.Result, error) {
	recorded := telemetry.NewEventLog(ctx, d.live.cluster, program)
	defer recorded.Close(ctx)
	keeping := keep(ctx, moved)
	result, err := executor.Run(ctx, made, executor.Options{
		Cluster: d.live.follower, Planner: p, Pods: d.live.cluster.CoreV1(), Clock: clock.RealClock{},
		Evictor:            disruption.NewEvictor(d.live.cluster, disruption.Options{Mode: disruption.ForReal, GracePeriodSeconds: d.policy.GracePeriodSeconds}),
		Limits:             disruption.Limits{Total: d.flags.waveSize},
		AtOnce:             evictionsAtOnce,
		GracePeriodSeconds: d.policy.GracePeriodSeconds,
		StandIns:           f.mover(d), MaxStandIns: d.maxStandIns(),
		WaveTimeout: f.waveTimeout, Settle: settle, Patience: apiPatience,
		Events: recorded, FailureEvents: d.policy.EvictionFailureEventNotification,
		Remember: keeping.moved,
		Progress: d.progress.executing,
	})
	if result != nil {
		result.After = p.Picture(d.live.follower.Snapshot(), result.Evictions)
		d.recorder.ObserveResult(result)
	}
	return result, errors.Join(err, keeping.end(ctx))
}

// keeper stores cooldowns in the background while pods are moved. The next run finds them
// even if this one is killed.
type keeper struct {
	memory *memory.Memory
	news   chan struct{}
	done   chan struct{}
}

func keep(ctx context.Context, m *memory.Memory) *keeper {
	k := &keeper{memory: m, news: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(k.done)
		for range k.news {
			if err := m.Save(ctx, time.Now()); err != nil && ctx.Err() == nil {
				klog.FromContext(ctx).Error(err, "Failed to store cooldowns, will retry")
			}
		}
	}()
	return k
}

func (k *keeper) moved(w *cluster.Workload) {
	k.memory.Moved(w, time.Now())
	select {
	case k.news <- struct{}{}:
	default: // the write that is already pending includes it
	}
}

// end writes the rest, whatever ended the run.
func (k *keeper) end(ctx context.Context) error {
	close(k.news)
	<-k.done
	patience := exportTimeout
	if ctx.Err() != nil {
		patience = lastWords
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	return k.memory.Save(ctx, time.Now())
}
