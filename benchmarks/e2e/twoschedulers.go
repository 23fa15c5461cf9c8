package e2e

import (
	"context"

	"github.com/stowage-k8s/stowage/benchmarks/e2e/beside"
	"github.com/stowage-k8s/stowage/benchmarks/subjects"
)

// measure has a subject schedule the pods of a comparison once, alone or beside another.
func (p programs) measure(ctx context.Context, c Comparison, s Subject, logDir string, doing func(string)) (sample, error) {
	if c.Case.beside == "" {
		return p.run(ctx, c, s, logDir, doing)
	}
	own, err := s.encode(beside.Own)
	if err != nil {
		return sample{}, err
	}
	other, err := Subject{configuration: subjects.Configurations[c.Case.beside]}.encode(beside.Other)
	if err != nil {
		return sample{}, err
	}
	result, err := beside.Run(ctx, beside.Load{Nodes: c.Size.Nodes, Pods: c.Measured()}, beside.Options{
		Configurations: map[string][]byte{beside.Own: own, beside.Other: other}, LogDir: logDir, Progress: doing,
	})
	placed := result.Own.Placed + result.Other.Placed
	return sample{podsPerSecond: float64(placed) / result.Took.Seconds(), beside: result}, err
}

// perThousand returns how many pods of those that were placed were refused.
func perThousand(counts ...beside.Count) float64 {
	placed, refused := 0, 0
	for _, c := range counts {
		placed, refused = placed+c.Placed, refused+c.Refused
	}
	return 1000 * float64(refused) / float64(placed)
}
