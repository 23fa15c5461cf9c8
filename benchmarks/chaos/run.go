// Package chaos measures whether stowage-chaos does what it says: the tool runs as a
// process against real control planes with fake nodes, and what it did is told by a watcher
// with a client of its own, and by the nodes as they were before and are after.
package chaos

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/playground"
)

// Size says how much is measured.
type Size struct {
	// EvictNodes are the nodes that pods are evicted on, Forms how many times each form of
	// budget is there, and Evictions how many evictions there are at least.
	EvictNodes, Forms, Evictions int
	// Nodes are those that a zone of three is lost of; see Pool.
	Nodes int
	// Recovery is how long, in seconds, the tool waits for workloads to recover, some of which
	// cannot before the nodes are back; and Notice that which preemptible nodes are taken back with.
	Recovery, Notice int
	// Kills is how many times the tool is killed.
	Kills int
	// DecisionNodes and DecisionPods are those of the cluster in memory.
	DecisionNodes, DecisionPods int
}

// Full is the size that the figures are published for, and Quick one of 10 minutes at most.
var (
	Full  = Size{EvictNodes: 500, Forms: 10, Evictions: 10_000, Nodes: 3000, Recovery: 240, Notice: 60, Kills: 50, DecisionNodes: 5000, DecisionPods: 150_000}
	Quick = Size{EvictNodes: 200, Forms: 4, Evictions: 2000, Nodes: 300, Recovery: 30, Notice: 15, Kills: 10, DecisionNodes: 5000, DecisionPods: 150_000}
)

// Case is a question that is measured.
type Case struct {
	Name string
	on   stage
	run  func(*trial) ([]measured, error)
}

// stage is what a case runs on.
type stage int

const (
	// allForms is a cluster with all forms of budgets, overZones one whose workloads are
	// spread over zones, and inMemory no cluster at all.
	allForms stage = iota
	overZones
	inMemory
)

// Cases are all that is measured, those on the same stage one after the other.
func Cases() []Case {
	return []Case{
		{"evict-random", allForms, evictRandom},
		{"replay", allForms, replay},
		{"zone-loss", overZones, zoneLoss},
		{"spot-storm", overZones, spotStorm("down", 0)},
		{"spot-storm-drained", overZones, spotStorm("drained", 1)},
		{"kill-9", overZones, kill9},
		{"decision", inMemory, decision},
	}
}

// nodes is how many nodes the case has.
func (c Case) nodes(size Size) int {
	switch c.on {
	case allForms:
		return size.EvictNodes
	case overZones:
		return size.Nodes
	}
	return size.DecisionNodes
}

// Options say how to run cases.
type Options struct {
	// Seed is that of all draws.
	Seed uint64
	// Binary is the tool; empty is the one that `make build` leaves in bin/.
	Binary string
	// LogDir takes what the tool writes, its journals included; nobody does where it is empty.
	LogDir string
	// Progress is shown where the run is; Note is told what is to stay on the screen.
	Progress, Note func(string)
	// Timelines gets what is for charts, as soon as it is there.
	Timelines func([]figure.Series)
	// Finished gets all figures so far, after each case.
	Finished func([]figure.Figure) error
}

// trial is a case that is run.
type trial struct {
	*bench
	size Size
	opts *Options
	show func(string)
}

// tool returns what runs the program, with a name for its files.
func (t *trial) tool(name string) tool {
	return tool{bench: t.bench, opts: t.opts, name: name, show: t.show, status: func() string {
		settled, all, _ := t.watcher.settled()
		ready, nodes := t.watcher.nodesReady()
		return fmt.Sprintf("%d evictions seen, %d of %d workloads complete, %d of %d nodes Ready", t.watcher.evictions(), settled, all, ready, nodes)
	}}
}

// seed is the seed of a run of the tool, as its flag takes it.
func (t *trial) seed(run int) string { return strconv.FormatUint(t.opts.Seed+uint64(run), 10) }

// runner runs cases.
type runner struct {
	size    Size
	opts    Options
	bench   *bench
	on      stage
	figures []figure.Figure
}

// Run runs the cases and returns the figures. What goes wrong with one does not keep the
// others from being measured; it is in the error.
func Run(ctx context.Context, cases []Case, size Size, opts Options) ([]figure.Figure, error) {
	if opts.Binary == "" && slices.ContainsFunc(cases, func(c Case) bool { return c.on != inMemory }) {
		var err error
		if opts.Binary, err = playground.FindBinary(program); err != nil {
			return nil, err
		}
	}
	r := &runner{size: size, opts: opts}
	defer func() { r.bench.stop() }()
	var errs []error
	for i, c := range cases {
		name := fmt.Sprintf("%s/%d", c.Name, c.nodes(size))
		title := fmt.Sprintf("%d of %d: %s", i+1, len(cases), name)
		measured, err := r.measure(ctx, c, func(status string) { opts.Progress(title + ": " + status) })
		switch {
		case ctx.Err() != nil:
			return r.figures, context.Cause(ctx)
		case err != nil:
			err = fmt.Errorf("%s: %w", name, err)
			opts.Note(err.Error())
			errs = append(errs, err)
			r.bench.stop() // in what state it is nobody knows
			r.bench = nil
			continue
		}
		figures := collect(name, measured)
		r.figures = append(r.figures, figures...)
		opts.Note(title + ": " + summary(figures))
		if err := opts.Finished(r.figures); err != nil {
			return r.figures, err
		}
	}
	return r.figures, errors.Join(errs...)
}

// measure runs a case on its stage.
func (r *runner) measure(ctx context.Context, c Case, show func(string)) ([]measured, error) {
	t := &trial{size: r.size, opts: &r.opts, show: show}
	if c.on == inMemory {
		r.bench.stop() // it would take time from what is measured
		r.bench = nil
		t.bench = &bench{ctx: ctx}
		return c.run(t)
	}
	if r.bench == nil || r.on != c.on {
		r.bench.stop()
		fleet := ofAllForms(r.size.Forms)
		if c.on == overZones {
			fleet = spread(r.size.Nodes)
		}
		var err error
		if r.bench, err = startBench(ctx, c.nodes(r.size), fleet, show); err != nil {
			r.bench = nil
			return nil, err
		}
		r.on = c.on
	}
	t.bench = r.bench
	if err := t.settle(show); err != nil {
		return nil, err
	}
	return c.run(t)
}
