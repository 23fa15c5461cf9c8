package scale

import (
	"context"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/benchmarks/subjects"
	"github.com/stowage-k8s/stowage/internal/process"
)

// memory starts the scheduler anew, and kube-scheduler's default profile beside it: both read the
// cluster at the same time, and place as many pods.
func (b *bench) memory() (*outcome, error) {
	b.scheduler.Kill()
	delete(b.meter.pids, schedulerProgram)
	b.meter.begin()
	begin := time.Now()
	other, err := b.runDefault()
	if err != nil {
		return nil, err
	}
	defer func() {
		other.Kill()
		delete(b.meter.pids, subjects.Default)
	}()
	if err := b.runScheduler(); err != nil {
		return nil, err
	}
	extra, both := b.size.extra(), []string{scheduler, corev1.DefaultSchedulerName}
	if err := b.each(extra, "creating pods", func(ctx context.Context, i int) error { return b.createExtra(ctx, i, both[i%2]) }); err != nil {
		return nil, err
	}
	if err := b.awaitExtra(extra); err != nil {
		return nil, err
	}
	o := b.outcome(time.Since(begin))
	o.count("pods_created", extra)
	o.add("memory_of_default_pct", 1, 100*float64(o.costs[schedulerProgram].peak)/float64(o.costs[subjects.Default].peak))
	return o, b.deleteExtra(extra)
}

// runDefault starts the same program with kube-scheduler's default profile, and no plugin of
// Stowage's.
func (b *bench) runDefault() (*process.Process, error) {
	cfg, err := subjects.Configurations[subjects.Default].Read()
	if err != nil {
		return nil, err
	}
	yaml, err := subjects.Encode(cfg)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(b.dir, "default.yaml")
	if err := os.WriteFile(file, yaml, 0o600); err != nil {
		return nil, err
	}
	other, err := b.play.StartProgram(schedulerProgram, subjects.Default, append(b.schedulerArgs(), "--config", file)...)
	if err != nil {
		return nil, err
	}
	b.meter.pids[subjects.Default] = other.PID()
	return other, nil
}
