package karpenter

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/benchmarks/steps"
)

// The phases that a cluster goes through: as soon as all pods run; when nothing happens any
// more; the same with fewer pods; and with all of these replaced at once.
const (
	scaleUp   = "scale-up"
	settled   = "settled"
	scaleDown = "scale-down"
	rollout   = "rollout"
)

// create creates all workloads at once.
func (t trial) create(b *bench, counts []int) error {
	return b.each(func(ctx context.Context, i int) error {
		_, err := b.client.AppsV1().Deployments(namespace).Create(ctx, sizes[i].deployment(t.subject.schedulerName(), int32(counts[i])), metav1.CreateOptions{})
		return err
	})
}

// scale sets how many pods the workloads have.
func (b *bench) scale(counts []int) error {
	return b.patch(func(i int) string { return fmt.Sprintf(`{"spec": {"replicas": %d}}`, counts[i]) })
}

// restart has the pods of all workloads replaced, as `kubectl rollout restart` does.
func (b *bench) restart() error {
	return b.patch(func(int) string {
		return fmt.Sprintf(`{"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": %q}}}}}`, time.Now().Format(time.RFC3339))
	})
}

func (b *bench) patch(patch func(i int) string) error {
	return b.each(func(ctx context.Context, i int) error {
		_, err := b.client.AppsV1().Deployments(namespace).Patch(ctx, sizes[i].name, types.MergePatchType, []byte(patch(i)), metav1.PatchOptions{})
		return err
	})
}

// each does something to every workload, all at once.
func (b *bench) each(do func(ctx context.Context, i int) error) error {
	return steps.Each(b.ctx, len(sizes), "workloads", func(string) {}, do)
}

// reach does something to the workloads, and waits until their pods are as they are to be and
// run. It returns how long that took.
func (b *bench) reach(show func(string), phase string, do func() error, pods int) (time.Duration, error) {
	begin := time.Now()
	if err := do(); err != nil {
		return 0, err
	}
	err := steps.Await(b.ctx, refresh, patience, show, func(ctx context.Context) (string, bool, error) {
		running, all := b.watcher.running()
		f := b.watcher.fleet()
		status := fmt.Sprintf("%s: %d of %d pods Running, %d there, on %d nodes", phase, running, pods, all, f.nodes)
		if running != pods || all != pods {
			return status, false, nil
		}
		complete, err := b.complete(ctx)
		return status, complete, err
	})
	return time.Since(begin), err
}

// complete says whether the controllers have done what the workloads ask for.
func (b *bench) complete(ctx context.Context) (bool, error) {
	deployments, err := b.client.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, err
	}
	for _, d := range deployments.Items {
		if n := *d.Spec.Replicas; d.Status.ObservedGeneration != d.Generation || d.Status.Replicas != n || d.Status.UpdatedReplicas != n || d.Status.AvailableReplicas != n {
			return false, nil
		}
	}
	return true, nil
}
