package loop

import (
	"context"
	"runtime"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// footprint is what a scheduler takes before it has placed much.
type footprint struct {
	// first is the CPU time of the first pod, for which the snapshot and all that plugins
	// keep of it are made from nothing, in milliseconds.
	first float64
	// heap is what is kept after that, in bytes: the scheduler's cache, its snapshot and
	// what plugins keep, without the nodes and pods themselves, which all subjects share.
	heap float64
}

// weigh schedules the first pod and notes the footprint. The heap was that large before
// there was a scheduler.
func (r *runner) weigh(ctx context.Context, before uint64) error {
	first, err := r.batch(ctx, limits{least: 1, most: 1})
	if err != nil {
		return err
	}
	r.footprint = &footprint{first: first.microseconds / 1000, heap: float64(HeapInUse()) - float64(before)}
	return nil
}

// HeapInUse returns how many bytes are kept.
func HeapInUse() uint64 {
	runtime.GC()
	runtime.GC() // what pools held survives the first
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// figures lists the footprint.
func (f *footprint) figures(c Case, subject string) []figure.Figure {
	return []figure.Figure{
		figure.Figure{Case: c.String(), Subject: subject, Metric: FirstPod, Value: f.first, Unit: "ms", Better: figure.Lower}.Rounded(1),
		figure.Figure{Case: c.String(), Subject: subject, Metric: Heap, Value: f.heap / (1 << 20), Unit: "MiB", Better: figure.Lower}.Rounded(2),
	}
}
