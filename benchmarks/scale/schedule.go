package scale

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/benchmarks/steps"
)

// idle looks at the cluster while nothing happens.
func (b *bench) idle() (*outcome, error) {
	b.meter.begin()
	b.opts.Progress("looking at what the idle cluster takes")
	timer := time.NewTimer(b.size.Idle)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-b.ctx.Done():
		return nil, context.Cause(b.ctx)
	}
	return b.outcome(time.Since(b.meter.began)), nil
}

// schedule creates pods as fast as the API server takes them, and deletes some of those that
// run meanwhile, which their ReplicaSets replace.
func (b *bench) schedule() (*outcome, error) {
	extra, churned := b.size.extra(), b.size.churned()
	victims := b.victims(churned)
	b.watcher.begin()
	b.meter.begin()
	begin := time.Now()
	err := b.each(extra, "creating pods", func(ctx context.Context, i int) error {
		for n := i * churned / extra; n < (i+1)*churned/extra; n++ {
			if err := b.delete(ctx, victims[n]); err != nil {
				return err
			}
		}
		return b.createExtra(ctx, i, scheduler)
	})
	if err != nil {
		return nil, err
	}
	created := time.Since(begin)
	if err := b.awaitExtra(extra); err != nil {
		return nil, err
	}
	o := b.outcome(time.Since(begin))
	s := b.watcher.result()
	o.count("pods_created", extra)
	o.rate("created_per_s", extra, created)
	o.count("pods_churned", s.lost)
	o.placed(s, s.created)
	o.latencies(s.took)
	return o, b.deleteExtra(extra)
}

// victims returns so many of the pods that run, from all over the cluster.
func (b *bench) victims(n int) []types.NamespacedName {
	var victims []types.NamespacedName
	every, i := b.size.Pods/n, 0
	for _, w := range b.workloads {
		for replica := range w.Nodes {
			if i%every == 0 && len(victims) < n {
				victims = append(victims, types.NamespacedName{Namespace: w.Namespace, Name: w.podName(replica)})
			}
			i++
		}
	}
	return victims
}

// createExtra creates an extra pod, for the scheduler of that name.
func (b *bench) createExtra(ctx context.Context, i int, schedulerName string) error {
	pod := b.size.extraPod(b.extraSteps, i)
	pod.Spec.SchedulerName = schedulerName
	_, err := b.client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	return err
}

// awaitExtra waits until so many extra pods, and all others, have a node.
func (b *bench) awaitExtra(n int) error {
	return b.await(refresh, func(context.Context) (string, bool, error) {
		all, extra, _ := b.watcher.state()
		status := fmt.Sprintf("scheduling: %d of %d pods have a node, and %d of those that ran before", extra.bound, n, all.bound-extra.bound)
		return status, extra.bound == n && all.bound == b.size.Pods+n, nil
	})
}

// deleteExtra deletes the extra pods of this step.
func (b *bench) deleteExtra(n int) error {
	defer func() { b.extraSteps++ }()
	return b.each(n, "deleting pods", func(ctx context.Context, i int) error {
		return b.delete(ctx, types.NamespacedName{Namespace: extraNamespace, Name: b.size.extraPod(b.extraSteps, i).Name})
	})
}

// delete deletes a pod at once.
func (b *bench) delete(ctx context.Context, pod types.NamespacedName) error {
	return b.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
}

// each does something for every index, several at once, until one fails.
func (b *bench) each(n int, what string, do func(ctx context.Context, i int) error) error {
	return steps.Each(b.ctx, n, what, b.opts.Progress, do)
}
