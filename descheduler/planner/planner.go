// Package planner makes plans. Strategies propose moves. The planner simulates the scheduler
// and keeps the moves that are an improvement, and that the evictor's arguments, budgets and
// limits allow.
package planner

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// Memory knows the cooldowns of workloads.
type Memory interface {
	// Resting says whether the workload has a cooldown, because one of its pods was moved
	// recently, and when it ends.
	Resting(workload *cluster.Workload, now time.Time) (time.Time, bool)
}

// Options are the options of a planner.
type Options struct {
	Policy *policy.Policy
	// Strategies are those that the policy may name.
	Strategies []strategy.Plugin
	// Profiles are the profiles of all schedulers that may place replacements. Registry contains
	// the plugins that they use in addition to the engine's own.
	Profiles []*schedulerconfig.KubeSchedulerProfile
	Registry frameworkruntime.Registry
	// Usage is Env.Usage.
	Usage func(context.Context, *policy.MetricsUtilization) (strategy.Usage, error)
	// Preemptible returns Env.Preemptible for a snapshot.
	Preemptible func(*cluster.Snapshot) strategy.Preemptible
	// Memory knows which workloads have a cooldown; nil means none.
	Memory Memory
	// Own is the pod that the program runs in, if any. It is never moved.
	Own types.NamespacedName
	// Now is the clock. Snapshots are assumed to be of its time.
	Now func() time.Time
	// Wave limits the waves, in addition to the budgets.
	Wave disruption.Limits
	// Progress, if set, is called with every proposal.
	Progress func(Progress)
	// Observe, if set, is called with the time that each strategy took within a plan.
	Observe func(profile, strategy string, took time.Duration)
}

// Progress is the progress of a plan.
type Progress struct {
	Profile, Strategy string
	// Proposed counts the proposals so far, Kept the moves in the plan.
	Proposed, Kept int
}

// Planner makes plans according to a policy. It is not safe for concurrent use.
type Planner struct {
	opts     Options
	plugins  map[string]strategy.Plugin
	selector labels.Selector
}

// New returns a planner. It fails if the policy names a strategy that is not compiled in.
func New(opts Options) (*Planner, error) {
	p := &Planner{opts: opts, plugins: map[string]strategy.Plugin{}, selector: labels.Everything()}
	for _, plugin := range opts.Strategies {
		p.plugins[plugin.Name] = plugin
	}
	for _, s := range p.steps() {
		if _, known := p.plugins[s.name]; !known {
			return nil, fmt.Errorf("profile %q: strategy %s is not compiled in", s.profile.Name, s.name)
		}
	}
	if s := opts.Policy.NodeSelector; s != nil {
		var err error
		if p.selector, err = labels.Parse(*s); err != nil {
			return nil, fmt.Errorf("nodeSelector: %w", err)
		}
	}
	return p, nil
}

// step is a strategy of a profile.
type step struct {
	profile *policy.Profile
	name    string
}

// steps returns all strategies in the order in which they run: first those of the extension
// point deschedule of all profiles, then those of balance.
func (p *Planner) steps() []step {
	var deschedule, balance []step
	for i := range p.opts.Policy.Profiles {
		profile := &p.opts.Policy.Profiles[i]
		for _, name := range profile.Plugins.Deschedule.Enabled {
			deschedule = append(deschedule, step{profile, name})
		}
		for _, name := range profile.Plugins.Balance.Enabled {
			balance = append(balance, step{profile, name})
		}
	}
	return append(deschedule, balance...)
}

// Picture returns the utilization of the nodes that the policy selects. Evicted pods do not
// count, even if the snapshot does not show yet that they terminate.
func (p *Planner) Picture(picture *cluster.Snapshot, evictions []plan.Eviction) plan.Picture {
	state := strategy.NewState(picture, p.selector)
	for i := range evictions {
		if o := evictions[i].Outcome; o == disruption.Evicted || o == plan.Moved {
			state.Remove(evictions[i].Move.Object)
		}
	}
	return pictureOf(state)
}

// Plan makes a plan for a snapshot. What the run has done so far counts against the limits,
// and is not moved again.
func (p *Planner) Plan(ctx context.Context, picture *cluster.Snapshot, done plan.Done) (*plan.Plan, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the simulation's goroutines
	begin := time.Now()
	r, err := p.newRun(ctx, picture, done)
	if err != nil {
		return nil, err
	}
	made := &plan.Plan{Before: pictureOf(r.state)}
	env := strategy.Env{Now: r.now, Usage: p.opts.Usage, SpreadDefaults: r.sim.SpreadDefaults}
	if p.opts.Preemptible != nil {
		env.Preemptible = p.opts.Preemptible(picture)
	}
	steps := p.steps()
	for range maxRounds {
		before := len(r.moves)
		for _, s := range steps {
			if err := p.propose(ctx, r, s, env); err != nil {
				return nil, err
			}
		}
		if len(r.moves) == before || len(steps) == 1 {
			break
		}
	}
	made.Moves, made.Refused = r.moves, r.refused.except(r.moved)
	made.Idle = r.idlers()
	made.Waves = r.waves()
	made.After = pictureOf(r.state)
	made.Took = time.Since(begin)
	return made, nil
}

// propose runs one strategy.
func (p *Planner) propose(ctx context.Context, r *run, s step, env strategy.Env) error {
	proposer, err := p.plugins[s.name].New(s.profile.Args(s.name), env)
	if err != nil {
		return fmt.Errorf("profile %q, strategy %s: %w", s.profile.Name, s.name, err)
	}
	delete(r.idle, idler{s.profile.Name, s.name})
	started := time.Now()
	if err := proposer.Deschedule(ctx, r.session(s.profile, s.name)); err != nil {
		return fmt.Errorf("profile %q, strategy %s: %w", s.profile.Name, s.name, err)
	}
	if p.opts.Observe != nil {
		p.opts.Observe(s.profile.Name, s.name, time.Since(started))
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("planning was interrupted: %w", context.Cause(ctx))
	}
	return nil
}

// maxRounds limits how often the strategies take turns. Moves of one may make room for moves
// that another could not make, or undo some of its improvements.
const maxRounds = 4
