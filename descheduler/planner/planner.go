// Package planner makes plans: strategies propose, and of what they propose it keeps
// the moves that the scheduler, simulated, would turn into an improvement, and that the
// evictor's arguments, budgets and limits allow.
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

// Memory knows what was moved lately.
type Memory interface {
	// Resting says whether a pod of the workload was moved so lately that the workload
	// is to be left alone, and until when.
	Resting(workload *cluster.Workload, now time.Time) (time.Time, bool)
}

// Options say how to plan.
type Options struct {
	Policy *policy.Policy
	// Strategies are those that the policy may name.
	Strategies []strategy.Plugin
	// Profiles are those of all schedulers that replacements may be placed by, Registry
	// holds the plugins that they use beside the engine's own.
	Profiles []*schedulerconfig.KubeSchedulerProfile
	Registry frameworkruntime.Registry
	// Usage is Env.Usage.
	Usage func(context.Context, *policy.MetricsUtilization) (strategy.Usage, error)
	// Preemptible makes Env.Preemptible of a picture.
	Preemptible func(*cluster.Snapshot) strategy.Preemptible
	// Memory is asked which workloads rest; nil for none.
	Memory Memory
	// Own is the pod that the program runs in, which is never moved; empty for none.
	Own types.NamespacedName
	// Now is the clock. Pictures are taken to be of its time.
	Now func() time.Time
	// Wave bounds the waves, beside the budgets.
	Wave disruption.Limits
	// Progress, where given, is called with every proposal.
	Progress func(Progress)
	// Observe, where given, is told how long each strategy took within a plan.
	Observe func(profile, strategy string, took time.Duration)
}

// Progress is how far a plan has come.
type Progress struct {
	Profile, Strategy string
	// Proposed counts the proposals so far, Kept the moves in the plan.
	Proposed, Kept int
}

// Planner makes plans by a policy. It is not safe for concurrent use.
type Planner struct {
	opts     Options
	plugins  map[string]strategy.Plugin
	selector labels.Selector
}

// New returns a planner. It fails on a policy that names a strategy that is not there.
func New(opts Options) (*Planner, error) {
	p := &Planner{opts: opts, plugins: map[string]strategy.Plugin{}, selector: labels.Everything()}
	for _, plugin := range opts.Strategies {
		p.plugins[plugin.Name] = plugin
	}
	for _, s := range p.steps() {
		if _, known := p.plugins[s.name]; !known {
			return nil, fmt.Errorf("profile %q: no strategy %s was built in", s.profile.Name, s.name)
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

// steps returns all strategies in the order in which they are run: first what must go
// from where it is, of all profiles, then what balances.
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

// Picture says how full the nodes of a cluster are that the policy looks at, as plans count it.
// Pods that were evicted are left out, also those that the picture does not show to be on their
// way yet: it may be a moment old.
func (p *Planner) Picture(picture *cluster.Snapshot, evictions []plan.Eviction) plan.Picture {
	state := strategy.NewState(picture, p.selector)
	for i := range evictions {
		if evictions[i].Outcome == disruption.Evicted {
			state.Remove(evictions[i].Move.Object)
		}
	}
	return pictureOf(state)
}

// Plan makes a plan on a picture. What the run has done so far counts against the limits,
// and is not moved again.
func (p *Planner) Plan(ctx context.Context, picture *cluster.Snapshot, done plan.Done) (*plan.Plan, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends what the simulation runs in the background
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

// maxRounds bounds how often the strategies take turns. What one moves may make room for
// what another proposed in vain, or undo some of what it has reached.
const maxRounds = 4
