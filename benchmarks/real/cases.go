package real

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/benchmarks/figure"
)

// steadyPods is how many pods run while one of them is evicted, or a leader is lost.
const steadyPods = 4

// replacement evicts pods one after the other, and follows what takes the place of each.
func (b *bench) replacement() ([]figure.Figure, error) {
	if err := b.scale(steadyPods); err != nil {
		return nil, err
	}
	var created, bound, started, ready []time.Duration
	for i := range b.size.Evictions {
		b.opts.Progress(fmt.Sprintf("replacement: %d of %d", i, b.size.Evictions))
		victim := b.watcher.running(true)[0]
		begin := time.Now()
		eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: victim.name}}
		if err := b.client.PolicyV1().Evictions(namespace).Evict(b.ctx, eviction); err != nil {
			return nil, err
		}
		next, err := b.next(begin)
		if err != nil {
			return nil, err
		}
		created = append(created, next.created.Sub(begin))
		bound = append(bound, next.bound.Sub(begin))
		started = append(started, next.started.Sub(begin))
		ready = append(ready, next.ready.Sub(begin))
		if err := b.awaitReady(steadyPods); err != nil {
			return nil, err
		}
	}
	return []figure.Figure{sampled("created_s", created), sampled("bound_s", bound), sampled("started_s", started), sampled("ready_s", ready)}, nil
}

// next waits until the one pod that was created after a moment is Ready.
func (b *bench) next(after time.Time) (life, error) {
	var found life
	err := b.await("a new pod Ready", func(context.Context) (bool, error) {
		for _, l := range b.watcher.since(after) {
			if !l.ready.IsZero() {
				found = l
				return true, nil
			}
		}
		return false, nil
	})
	return found, err
}

// leaderLoss loses the scheduler's leader, and creates a pod at once: it is the other replica
// that places it.
func (b *bench) leaderLoss(lose func(*corev1.Pod) error) ([]figure.Figure, error) {
	var lease, bound []time.Duration
	for i := range b.size.Losses {
		b.opts.Progress(fmt.Sprintf("leader: %d of %d", i, b.size.Losses))
		if err := errors.Join(b.awaitScheduler(), b.scale(0)); err != nil {
			return nil, err
		}
		was, err := b.leader(b.ctx)
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(was, "_")
		pod, err := b.client.CoreV1().Pods(systemNamespace).Get(b.ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		begin := time.Now()
		if err := lose(pod); err != nil {
			return nil, err
		}
		if err := b.await("another leader", func(ctx context.Context) (bool, error) {
			now, err := b.leader(ctx)
			return now != "" && now != was, err
		}); err != nil {
			return nil, err
		}
		lease = append(lease, time.Since(begin))
		if err := b.scale(1); err != nil {
			return nil, err
		}
		bound = append(bound, b.watcher.running(true)[0].bound.Sub(begin))
	}
	return []figure.Figure{sampled("lease_s", lease), sampled("bound_s", bound)}, nil
}

// drain has all pods on one node, and drains that as an administrator does.
func (b *bench) drain() ([]figure.Figure, error) {
	full, empty := b.play.RealNodes[0], b.play.RealNodes[1]
	var drained, ready []time.Duration
	for i := range b.size.Drains {
		b.opts.Progress(fmt.Sprintf("drain: %d of %d", i, b.size.Drains))
		if err := errors.Join(b.scale(0), b.kubectl("cordon", empty), b.scale(b.size.Pods), b.kubectl("uncordon", empty), b.awaitScheduler()); err != nil {
			return nil, err
		}
		begin := time.Now()
		if err := b.kubectl("drain", full, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout="+patience.String()); err != nil {
			return nil, err
		}
		drained = append(drained, time.Since(begin))
		if err := b.awaitReady(b.size.Pods); err != nil {
			return nil, err
		}
		var last time.Time
		for _, l := range b.watcher.running(true) {
			if l.ready.After(last) {
				last = l.ready
			}
		}
		ready = append(ready, last.Sub(begin))
		if err := b.kubectl("uncordon", full); err != nil {
			return nil, err
		}
	}
	return []figure.Figure{sampled("drained_s", drained), sampled("ready_s", ready)}, nil
}

func (b *bench) kubectl(args ...string) error {
	_, err := b.play.Kubectl(b.ctx, args...)
	return err
}
