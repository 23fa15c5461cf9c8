package scale

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/benchmarks/steps"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/process"
)

const (
	// refresh is how often the state of the cluster is looked at, and survey how often where
	// that takes requests.
	refresh = 100 * time.Millisecond
	survey  = time.Second
	// patience bounds how long anything is waited for, and recovery how long the pods of a
	// zone may take to be placed again.
	patience = 15 * time.Minute
	recovery = time.Hour
	// leaseNamespace is where heartbeats are.
	leaseNamespace = "kube-node-lease"
)

// bench is a playground with everything on it.
type bench struct {
	size    Size
	opts    Options
	play    *playground.Playground
	client  kubernetes.Interface
	watcher *watcher
	meter   *meter
	// dir takes what the programs write.
	dir       string
	workloads []Workload
	scheduler *process.Process
	// extraSteps counts the steps that had extra pods.
	extraSteps int
	// ctx ends with the playground, too.
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// stop ends everything.
func (b *bench) stop() {
	if b.cancel != nil {
		b.cancel(nil)
	}
	if b.scheduler != nil {
		b.scheduler.Kill()
	}
	if b.play != nil {
		b.play.Stop()
	}
	os.RemoveAll(b.dir)
}

// load starts a playground on which all is there from the start, and waits until the
// controllers agree that it is.
func (b *bench) load(ctx context.Context) (_ *outcome, err error) {
	b.ctx = ctx
	begin := time.Now()
	if b.dir, err = os.MkdirTemp("", "stowage-bench-scale-"); err != nil {
		return nil, err
	}
	b.opts.Progress("writing the cluster")
	pool := Pool(b.size.Nodes)
	nodes := pool.Nodes()
	b.workloads = layout(nodes, b.size.Pods)
	file := filepath.Join(b.dir, "objects")
	if err := write(file, nodes, b.workloads, begin, b.size.Realistic); err != nil {
		return nil, fmt.Errorf("writing the cluster: %w", err)
	}
	b.play, err = playground.Start(ctx, playground.Options{
		Pool: pool, Preload: file, LogDir: b.opts.LogDir,
		NoKubeScheduler: true, // it would have no pods to place, and keep all of them in memory
		Progress:        func(s playground.Step) { b.opts.Progress(s.Message) },
	})
	if err != nil {
		return nil, err
	}
	b.ctx, b.cancel = b.play.Context(ctx)
	if b.meter, err = newMeter(b.play.PID); err != nil {
		return nil, err
	}
	if err := os.Remove(file); err != nil {
		return nil, err
	}
	if b.client, err = b.play.Client(); err != nil {
		return nil, err
	}
	b.opts.Progress("looking at the cluster")
	if b.watcher, err = watch(b.ctx, b.client); err != nil {
		return nil, err
	}
	if err := b.await(survey, b.agreed); err != nil {
		return nil, err
	}
	if n := b.watcher.strangers(); n > 0 {
		return nil, fmt.Errorf("%d pods were not there from the start: the controllers have made them", n)
	}
	took := time.Since(begin)
	budgets := 0
	for _, w := range b.workloads {
		if w.Budgeted {
			budgets++
		}
	}
	o := b.outcome(took)
	o.count("nodes", b.size.Nodes)
	o.count("pods", b.size.Pods)
	o.count("workloads", len(b.workloads))
	o.count("budgets", budgets)
	return o, nil
}

// agreed says whether the controllers and KWOK have taken note of all that is there.
func (b *bench) agreed(ctx context.Context) (string, bool, error) {
	all, _, ready := b.watcher.state()
	if all.ready != b.size.Pods || ready != b.size.Nodes {
		return fmt.Sprintf("%d of %d nodes and %d of %d pods Ready", ready, b.size.Nodes, all.ready, b.size.Pods), false, nil
	}
	leases, err := b.client.CoordinationV1().Leases(leaseNamespace).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return "", false, err
	}
	if n := len(leases.Items); n < b.size.Nodes {
		return fmt.Sprintf("%d of %d nodes have a heartbeat", n, b.size.Nodes), false, nil
	}
	budgets, err := b.client.PolicyV1().PodDisruptionBudgets(metav1.NamespaceAll).List(ctx, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return "", false, err
	}
	counted := 0
	for _, pdb := range budgets.Items {
		if pdb.Status.ObservedGeneration == pdb.Generation && pdb.Status.CurrentHealthy == pdb.Status.ExpectedPods {
			counted++
		}
	}
	if counted < len(budgets.Items) {
		return fmt.Sprintf("%d of %d budgets counted", counted, len(budgets.Items)), false, nil
	}
	_, err = b.client.CoreV1().ServiceAccounts(extraNamespace).Get(ctx, "default", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "waiting for namespace " + extraNamespace, false, nil
	}
	return "", err == nil, err
}

// startScheduler starts the scheduler, and waits until it has placed a pod.
func (b *bench) startScheduler() (*outcome, error) {
	b.meter.begin()
	begin := time.Now()
	if err := b.runScheduler(); err != nil {
		return nil, err
	}
	if err := b.createExtra(b.ctx, 0, scheduler); err != nil {
		return nil, err
	}
	if err := b.awaitExtra(1); err != nil {
		return nil, err
	}
	o := b.outcome(time.Since(begin))
	return o, b.deleteExtra(1)
}

// runScheduler starts the scheduler as it is shipped.
func (b *bench) runScheduler() (err error) {
	b.opts.Progress("starting " + schedulerProgram)
	if b.scheduler, err = b.play.StartVital(b.cancel, schedulerProgram, b.schedulerArgs()...); err != nil {
		return err
	}
	b.meter.pids[schedulerProgram] = b.scheduler.PID()
	return nil
}

// schedulerArgs are the arguments of the scheduler's program, whatever its profiles.
func (b *bench) schedulerArgs() []string {
	return []string{"--kubeconfig", b.play.Kubeconfig, "--secure-port", "0", "--leader-elect=false", "--kube-api-qps", fmt.Sprint(qps), "--kube-api-burst", fmt.Sprint(burst)}
}

// settle waits until every workload has all its pods Ready and nothing else is there.
func (b *bench) settle() error {
	return b.await(refresh, func(context.Context) (string, bool, error) {
		all, _, ready := b.watcher.state()
		status := fmt.Sprintf("waiting for calm: %d of %d nodes and %d of %d pods Ready, %d on their way out", ready, b.size.Nodes, all.ready, b.size.Pods, all.leaving)
		return status, ready == b.size.Nodes && all.ready == b.size.Pods && all.pods == b.size.Pods && all.leaving == 0, nil
	})
}

// await waits until something is as it should be, and shows how far it has come.
func (b *bench) await(interval time.Duration, done func(context.Context) (string, bool, error)) error {
	return steps.Await(b.ctx, interval, patience, b.opts.Progress, done)
}

// outcome returns the costs of a step that took so long.
func (b *bench) outcome(took time.Duration) *outcome {
	o := &outcome{costs: b.meter.costs()}
	o.seconds("wall_s", took)
	return o
}
