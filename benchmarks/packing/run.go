package packing

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// Options say how to compare subjects.
type Options struct {
	// Seeds is how many orders of arrival there are: those of the seeds from 1.
	Seeds int
	// Compact has the smallest cluster looked for, too, which takes longer than the rest.
	Compact bool
	// Progress is told where the comparison is, by one replay at a time.
	Progress func(Progress)
	// Finished is told of all results there are when a workload is through.
	Finished func([]figure.Figure, []figure.Series) error
}

// Progress is how far a comparison has got.
type Progress struct {
	// Done is how many of the Replays have come to their end.
	Done, Replays int
	// Workload, Subject and Seed are those of a replay that is running, and Doing what it
	// does.
	Workload, Subject string
	Seed              uint64
	Doing             string
}

// String says it in one line.
func (p Progress) String() string {
	return fmt.Sprintf("%d of %d replays: %s, %s, seed %d: %s", p.Done, p.Replays, p.Workload, p.Subject, p.Seed, p.Doing)
}

// Run replays each workload for each subject and each seed, as many at a time as there
// are cores.
func Run(ctx context.Context, workloads []Workload, subjects []Subject, opts Options) error {
	var figures []figure.Figure
	var series []figure.Series
	t := &tracker{opts: opts, state: Progress{Replays: len(workloads) * len(subjects) * opts.Seeds}}
	for _, w := range workloads {
		results, err := replayAll(ctx, w, subjects, t)
		if err != nil {
			return err
		}
		for i, subject := range subjects {
			figures = append(figures, figuresOf(w, subject, results[i])...)
			series = append(series, seriesOf(w, subject, results[i])...)
		}
		if err := opts.Finished(figures, series); err != nil {
			return err
		}
	}
	return nil
}

// replayAll returns the results of each subject, by seed. The subjects take turns.
func replayAll(ctx context.Context, w Workload, subjects []Subject, t *tracker) ([][]result, error) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	results := make([][]result, len(subjects))
	for i := range subjects {
		results[i] = make([]result, t.opts.Seeds)
	}
	var running sync.WaitGroup
	cores := make(chan struct{}, runtime.GOMAXPROCS(0))
	for seed := range t.opts.Seeds {
		for i, subject := range subjects {
			cores <- struct{}{}
			running.Go(func() {
				defer func() { <-cores }()
				var err error
				if results[i][seed], err = replayOne(ctx, w, subject, uint64(seed+1), t); err != nil {
					end(err) // the first counts
				}
			})
		}
	}
	running.Wait()
	return results, context.Cause(ctx)
}

// replayOne returns the result of one subject and seed.
func replayOne(ctx context.Context, w Workload, subject Subject, seed uint64, t *tracker) (result, error) {
	doing := func(format string, args ...any) { t.show(w.Name, subject.Name, seed, fmt.Sprintf(format, args...)) }
	r := newReplay(w)
	err := r.run(ctx, subject, seed, func(done, all int) { doing("pod %d of %d", done, all) })
	if err == nil && t.opts.Compact {
		r.compacted, err = compact(ctx, w, subject, seed, func(nodes int) { doing("all pods on %d nodes", nodes) })
	}
	t.done()
	return r.result, err
}

// tracker says where replays are that run side by side.
type tracker struct {
	opts  Options
	mu    sync.Mutex
	state Progress
}

func (t *tracker) show(workload, subject string, seed uint64, doing string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.state
	p.Workload, p.Subject, p.Seed, p.Doing = workload, subject, seed, doing
	t.opts.Progress(p)
}

func (t *tracker) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.state.Done++
}
