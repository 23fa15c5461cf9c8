package packing

import (
	"context"
	"fmt"
)

// Progress is how far a comparison has got.
type Progress struct {
	Workload, Subject string
	Seed              uint64
	// Replay is the number of the replay that is running, of Replays, from 1.
	Replay, Replays int
	// Arrived is how many of the replay's pods have arrived.
	Arrived, Pods int
}

// String says it in one line.
func (p Progress) String() string {
	return fmt.Sprintf("replay %d of %d: %s, %s, seed %d: pod %d of %d", p.Replay, p.Replays, p.Workload, p.Subject, p.Seed, p.Arrived, p.Pods)
}

// Run replays each workload for each subject and for each seed from 1 to seeds, and
// calls finished with the results of a workload as soon as they are there. The
// subjects take turns, so that what there is after any of the seeds compares them all.
func Run(ctx context.Context, workloads []Workload, subjects []Subject, seeds int, progress func(Progress), finished func([]Result) error) error {
	p := Progress{Replays: len(workloads) * len(subjects) * seeds}
	for _, w := range workloads {
		var results []Result
		for i := range seeds {
			for _, subject := range subjects {
				p.Workload, p.Subject, p.Seed = w.Name, subject.Name, uint64(i+1)
				p.Replay++
				result, err := Replay(ctx, w, subject, p.Seed, func(done, all int) {
					p.Arrived, p.Pods = done, all
					progress(p)
				})
				if err != nil {
					return err
				}
				results = append(results, result)
			}
		}
		if err := finished(results); err != nil {
			return err
		}
	}
	return nil
}
