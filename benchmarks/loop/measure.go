package loop

import (
	"context"
	"fmt"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/stowage-k8s/stowage/benchmarks/child"
	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// limits bound a batch of pods: no more than most, and when the time is up, no more
// than least.
type limits struct {
	least, most int
	time        time.Duration
}

// warmUp returns the bounds of a batch that does not count. Pods of a size that is new ask
// about every node, so there is one of each at least.
func (s *scenario) warmUp() limits {
	if s.workload.varied {
		return limits{least: variedSizes, most: variedSizes}
	}
	return limits{least: 3, most: 20, time: time.Second}
}

// longest is how many pods a batch that counts has at most: of one large app, as many as a
// fast scheduler places in the time that it has.
const longest = 2000

// measured returns the bounds of a batch that counts: two apps, if there is room for as
// many in each round. The first pod of an app may cost more than the others, so all
// batches should have as many of these. A batch takes some 10 ms, which CPU time is
// exact enough for.
func (s *scenario) measured(rounds int) (limits, error) {
	most := min(2*s.replicas, longest, (s.room-s.warmUp().most)/rounds)
	if most < 1 {
		return limits{}, fmt.Errorf("there is room for %d pods, which is not enough for %d rounds: have fewer", s.room, rounds)
	}
	return limits{least: min(3, most), most: most, time: 300 * time.Millisecond}, nil
}

// sample is what a pod of a batch has cost on average.
type sample struct {
	microseconds, allocations float64
}

// runner is a subject in a comparison.
type runner struct {
	*engine
	subject Subject
	// footprint is nil where it was not asked for.
	footprint *footprint
	// samples are those of the rounds.
	samples []sample
}

// measure returns the figures of all subjects.
func (c Comparison) measure(ctx context.Context, opts Options, progress func(subject, doing string)) ([]figure.Figure, error) {
	s := newScenario(c.Case, opts.Seed)
	bounds, err := s.measured(opts.Rounds)
	if err != nil {
		return nil, err
	}
	runners, err := c.prepare(ctx, s, progress)
	defer func() {
		for _, r := range runners {
			r.stop()
		}
	}()
	if err != nil {
		return nil, err
	}
	if err := runRounds(ctx, runners, bounds, opts, progress); err != nil {
		return nil, err
	}
	var figures []figure.Figure
	for _, r := range runners {
		figures = append(figures, r.figures(c.Case)...)
		if r.footprint != nil {
			figures = append(figures, r.footprint.figures(c.Case, r.subject.Name)...)
		}
		if c.Packed > 0 {
			progress(r.subject.Name, fmt.Sprintf("packing %d pods", c.Packed))
			packing, err := r.packing(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.subject.Name, err)
			}
			figures = append(figures, packing...)
		}
	}
	return figures, nil
}

// prepare returns the subjects, warmed up. The caller has to stop those returned,
// with an error as well.
func (c Comparison) prepare(ctx context.Context, s *scenario, progress func(subject, doing string)) ([]*runner, error) {
	var runners []*runner
	for _, subject := range c.Subjects {
		err := with(subject.gates, func() error {
			progress(subject.Name, "starting")
			before := uint64(0)
			if c.Footprint {
				before = HeapInUse()
			}
			e, err := newEngine(ctx, subject, s)
			if err != nil {
				return fmt.Errorf("%s: %w", subject.Name, err)
			}
			r := &runner{engine: e, subject: subject}
			runners = append(runners, r)
			progress(subject.Name, "warming up")
			if c.Footprint {
				if err := r.weigh(ctx, before); err != nil {
					return err
				}
			}
			_, err = r.batch(ctx, s.warmUp())
			return err
		})
		if err != nil {
			return runners, err
		}
	}
	return runners, nil
}

// runRounds has the subjects schedule a batch of pods each, in turns, and another
// first each time.
func runRounds(ctx context.Context, runners []*runner, bounds limits, opts Options, progress func(subject, doing string)) error {
	if opts.Profile != nil {
		if err := pprof.StartCPUProfile(opts.Profile); err != nil {
			return fmt.Errorf("starting the CPU profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	for round := range opts.Rounds {
		for i := range runners {
			r := runners[(round+i)%len(runners)]
			progress(r.subject.Name, fmt.Sprintf("round %d of %d", round+1, opts.Rounds))
			err := with(r.subject.gates, func() error {
				sample, err := r.batch(ctx, bounds)
				r.samples = append(r.samples, sample)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// batch schedules pods within the bounds, on one core. What was garbage before is not
// collected on their account.
func (r *runner) batch(ctx context.Context, bounds limits) (sample, error) {
	if err := r.enqueue(ctx, bounds.most); err != nil {
		return sample{}, fmt.Errorf("%s: %w", r.subject.Name, err)
	}
	runtime.GC()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var before, after runtime.MemStats
	var pods int
	var begin, end time.Duration
	var err error
	pprof.Do(ctx, pprof.Labels("subject", r.subject.Name), func(ctx context.Context) {
		runtime.ReadMemStats(&before)
		begin = child.OwnCPU()
		pods, err = r.schedule(ctx, bounds)
		end = child.OwnCPU()
		runtime.ReadMemStats(&after)
	})
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w", r.subject.Name, err)
	}
	return sample{
		microseconds: float64((end - begin).Nanoseconds()) / 1000 / float64(pods),
		allocations:  float64(after.Mallocs-before.Mallocs) / float64(pods),
	}, nil
}

// schedule schedules pods within the bounds, and returns how many.
func (r *runner) schedule(ctx context.Context, bounds limits) (int, error) {
	before, pods := len(r.binder.placed), 0
	for begin := time.Now(); pods < bounds.most && (pods < bounds.least || time.Since(begin) < bounds.time); pods++ {
		if err := r.scheduleOne(ctx); err != nil {
			return pods, err
		}
	}
	return pods, r.check(before + pods)
}

// figures returns what the rounds have measured.
func (r *runner) figures(c Case) []figure.Figure {
	var microseconds, allocations []float64
	for _, s := range r.samples {
		microseconds = append(microseconds, s.microseconds)
		allocations = append(allocations, s.allocations)
	}
	return []figure.Figure{
		summary(figure.Figure{Case: c.String(), Subject: r.subject.Name, Metric: CPUPerPod, Unit: "us"}, microseconds),
		summary(figure.Figure{Case: c.String(), Subject: r.subject.Name, Metric: allocsPerPod, Unit: "count"}, allocations),
	}
}

// packing returns how many nodes the first pods are on, and how many they would have
// to be on.
func (r *runner) packing(ctx context.Context, c Comparison) ([]figure.Figure, error) {
	pods, err := r.pack(ctx, c.Packed)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, pod := range pods {
		used[pod.Spec.NodeName] = true
	}
	bound := (&cluster.Snapshot{Nodes: r.scenario.nodes}).LowerBound(pods)
	return []figure.Figure{
		{Case: c.Case.String(), Subject: r.subject.Name, Metric: nodesUsed, Value: float64(len(used)), Unit: "count", Better: figure.Lower},
		{Case: c.Case.String(), Subject: r.subject.Name, Metric: lowerBound, Value: float64(bound), Unit: "count"},
	}, nil
}
