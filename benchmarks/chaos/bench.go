package chaos

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/benchmarks/steps"
	"github.com/stowage-k8s/stowage/internal/playground"
)

const (
	// refresh is how often the state of the cluster is looked at.
	refresh = 100 * time.Millisecond
	// patience bounds each step of building a cluster, and of waiting until it is calm.
	patience = 10 * time.Minute
	// calm is for how long nothing must have changed when a cluster has settled.
	calm = 2 * time.Second
)

// bench is a playground with a fleet on it, on which cases run one after the other.
type bench struct {
	play   *playground.Playground
	client kubernetes.Interface
	// dir takes what the tool writes.
	dir     string
	fleet   *Fleet
	watcher *watcher
	// ctx ends with the playground, too.
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// startBench starts a playground and builds the fleet on it.
func startBench(ctx context.Context, nodes int, fleet *Fleet, show func(string)) (_ *bench, err error) {
	b := &bench{fleet: fleet}
	pool := Pool(nodes)
	b.play, err = playground.Start(ctx, playground.Options{Pool: pool, Progress: func(s playground.Step) { show(s.Message) }})
	if err != nil {
		return nil, err
	}
	b.ctx, b.cancel = b.play.Context(ctx)
	defer func() {
		if err != nil {
			b.stop()
		}
	}()
	if b.dir, err = os.MkdirTemp("", "stowage-bench-chaos-"); err != nil {
		return nil, err
	}
	if b.client, err = b.play.Client(); err != nil {
		return nil, err
	}
	var names []string
	for _, node := range pool.Nodes() {
		names = append(names, node.Name)
	}
	if b.watcher, err = watch(b.ctx, b.client, startBinder(b.ctx, b.client, names).pod); err != nil {
		return nil, err
	}
	return b, b.build(show)
}

// stop ends everything.
func (b *bench) stop() {
	if b == nil {
		return
	}
	b.cancel(nil)
	b.play.Stop()
	os.RemoveAll(b.dir)
}

// build creates the fleet and waits until it is ready and the controllers have counted it.
func (b *bench) build(show func(string)) error {
	b.watcher.expect(b.fleet)
	for _, namespace := range b.fleet.namespaces() {
		if err := b.makeNamespace(namespace); err != nil {
			return err
		}
	}
	err := steps.Each(b.ctx, len(b.fleet.Budgets), "creating budgets", show, func(ctx context.Context, i int) error {
		pdb := b.fleet.Budgets[i]
		_, err := b.client.PolicyV1().PodDisruptionBudgets(pdb.Namespace).Create(ctx, pdb, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	err = steps.Each(b.ctx, len(b.fleet.Workloads), "creating workloads", show, func(ctx context.Context, i int) error {
		w := b.fleet.Workloads[i]
		if w.Stateful {
			_, err := b.client.AppsV1().StatefulSets(w.Namespace).Create(ctx, w.statefulSet(), metav1.CreateOptions{})
			return err
		}
		_, err := b.client.AppsV1().Deployments(w.Namespace).Create(ctx, w.deployment(), metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	return b.settle(show)
}

// makeNamespace makes a namespace and waits until pods can be created there.
func (b *bench) makeNamespace(name string) error {
	object := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := b.client.CoreV1().Namespaces().Create(b.ctx, object, metav1.CreateOptions{}); err != nil {
		return err
	}
	return await(b.ctx, func(ctx context.Context) (string, bool, error) {
		_, err := b.client.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return "waiting for namespace " + name, false, nil
		}
		return "", err == nil, err
	}, func(string) {})
}

// settle waits until all nodes are Ready, every workload has what it wants, the budgets
// have been counted and nothing changes any more.
func (b *bench) settle(show func(string)) error {
	return await(b.ctx, func(ctx context.Context) (string, bool, error) {
		ready, nodes := b.watcher.nodesReady()
		settled, all, quiet := b.watcher.settled()
		status := fmt.Sprintf("waiting for calm: %d of %d nodes Ready, %d of %d workloads complete", ready, nodes, settled, all)
		if ready < nodes || settled < all || quiet < calm {
			return status, false, nil
		}
		list, err := b.client.PolicyV1().PodDisruptionBudgets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{})
		if err != nil {
			return "", false, err
		}
		for _, pdb := range list.Items {
			if pdb.Status.ObservedGeneration != pdb.Generation {
				return fmt.Sprintf("waiting for budget %s/%s to be counted", pdb.Namespace, pdb.Name), false, nil
			}
		}
		return status, true, nil
	}, show)
}

// await waits until something is as it should be, and shows how far it has come.
func await(ctx context.Context, done func(context.Context) (string, bool, error), show func(string)) error {
	return steps.Await(ctx, refresh, patience, show, done)
}
