package deschedule

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/benchmarks/child"
	"github.com/stowage-k8s/stowage/benchmarks/figure"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/process"
)

const (
	// runTimeout bounds one run of a subject.
	runTimeout = 15 * time.Minute
	// calm is for how long nothing must have changed when a cluster has settled, and
	// stall after how long of that it will not settle any more.
	calm  = 1500 * time.Millisecond
	stall = 20 * time.Second
)

// bench is a playground on which comparisons of one number of nodes run.
type bench struct {
	nodes   int
	play    *playground.Playground
	client  kubernetes.Interface
	watcher *watcher
	proxy   *proxy
	// scheduler is Stowage's, once it has been needed.
	scheduler *process.Process
	// stages counts the states built so far.
	stages int
	// broken says that a state could not be removed.
	broken bool
	// ctx ends with the playground, too.
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// startBench starts a playground with its nodes, and what watches it. The folder is for
// the kubeconfig that subjects get.
func startBench(ctx context.Context, nodes int, dir string, show func(string)) (_ *bench, err error) {
	b := &bench{nodes: nodes}
	b.play, err = playground.Start(ctx, playground.Options{Pool: Pool(nodes), Progress: func(s playground.Step) { show(s.Message) }})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			b.stop()
		}
	}()
	b.ctx, b.cancel = b.play.Context(ctx)
	cfg, err := b.play.RESTConfig()
	if err != nil {
		return nil, err
	}
	if b.client, err = kubernetes.NewForConfig(cfg); err != nil {
		return nil, err
	}
	if b.watcher, err = watch(b.ctx, b.client); err != nil {
		return nil, err
	}
	b.proxy, err = startProxy(cfg, dir)
	return b, err
}

// stop ends everything.
func (b *bench) stop() {
	if b == nil {
		return
	}
	if b.proxy != nil {
		b.proxy.stop()
	}
	if b.cancel != nil {
		b.cancel(nil)
	}
	if b.scheduler != nil {
		b.scheduler.Kill()
	}
	b.play.Stop()
}

// trial is one subject in one comparison.
type trial struct {
	Comparison
	subject    Subject
	policyFile string
	opts       Options
	show       func(string)
}

// measure builds the comparison's state, has the subject at it, and removes it.
func (b *bench) measure(t trial) (_ []figure.Figure, err error) {
	ctx := b.ctx
	defer func() {
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err, b.broken = cause, true
		}
	}()
	workloads := t.Case.layout(Pool(t.Nodes).Nodes(), t.opts.Seed)
	if slices.ContainsFunc(workloads, func(w Workload) bool { return w.Spec.SchedulerName == stowageScheduler }) {
		if err := b.startScheduler(); err != nil {
			return nil, err
		}
	}
	b.stages++
	st := &stage{
		client: b.client, watcher: b.watcher, show: t.show,
		namespace: fmt.Sprintf("%s-%d", t.Case.Name, b.stages), workloads: workloads,
	}
	defer func() {
		clearErr := st.clear(ctx)
		b.broken = b.broken || clearErr != nil
		err = errors.Join(err, clearErr)
	}()
	if err := st.build(ctx); err != nil {
		return nil, err
	}
	o, err := b.descheduled(ctx, t)
	if err != nil {
		return nil, err
	}
	return o.figures(t.String(), t.subject.Name), nil
}

// startScheduler starts Stowage's scheduler, once.
func (b *bench) startScheduler() (err error) {
	if b.scheduler != nil {
		return nil
	}
	b.scheduler, err = b.play.StartVital(b.cancel, "stowage-scheduler", "--kubeconfig", b.play.Kubeconfig, "--secure-port", "0",
		"--leader-elect=false", "--kube-api-qps", fmt.Sprint(qps), "--kube-api-burst", fmt.Sprint(burst))
	return err
}

// descheduled runs the subject twice and says what has come of it.
func (b *bench) descheduled(ctx context.Context, t trial) (outcome, error) {
	before, err := b.picture(ctx)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{bound: t.Case.goal.bound(before), before: before.imbalance()}
	t.show("descheduling")
	if o.ran, err = b.deschedule(ctx, t, 1); err != nil {
		return o, err
	}
	o.calls = b.proxy.result()
	t.show("waiting for the pods to settle")
	if err := b.settle(ctx); err != nil {
		return o, err
	}
	o.seen = b.watcher.result()
	after, err := b.picture(ctx)
	if err != nil {
		return o, err
	}
	o.evictions, o.standIns = len(o.seen.evicted), t.Case.standIns
	for _, m := range pair(o.seen.left, o.seen.placements()) {
		if m.to != "" && m.to != m.from {
			o.moved++
		}
	}
	o.returned, o.useless = judge(pair(o.seen.evicted, o.seen.placements()), t.Case.goal, before, after)
	o.after, o.emptied = after.imbalance(), before.emptiedBy(after)
	was, is := before.grids(after)
	chart := t.String() + ": cpu requested on each node"
	t.opts.Grids(figure.Grid{Chart: chart, Name: "before", Unit: "%", Values: was}, figure.Grid{Chart: chart, Name: "after " + t.subject.Name, Unit: "%", Values: is})
	t.show("descheduling again")
	if _, err = b.deschedule(ctx, t, 2); err != nil {
		return o, err
	}
	if err := b.settle(ctx); err != nil {
		return o, err
	}
	o.second = len(b.watcher.result().evicted)
	return o, nil
}

// deschedule runs the subject once, and begins to count when it begins.
func (b *bench) deschedule(ctx context.Context, t trial, run int) (child.Ran, error) {
	path, err := t.subject.binary()
	if err != nil {
		return child.Ran{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, runTimeout, fmt.Errorf("it has not ended after %v", runTimeout))
	defer cancel()
	var stdout, stderr bytes.Buffer
	b.watcher.begin()
	b.proxy.begin()
	r, err := child.Run(ctx, path, t.subject.args(t.policyFile, b.proxy.kubeconfig), &stdout, &stderr)
	if err := errors.Join(err, keepLog(t.opts.LogDir, fmt.Sprintf("%s-%s-%d", t, t.subject.Name, run), &stdout, &stderr)); err != nil {
		return r, err
	}
	return r, t.subject.check(r, stderr.String())
}

// keepLog keeps what a subject has written.
func keepLog(dir, name string, outputs ...*bytes.Buffer) error {
	if dir == "" {
		return nil
	}
	file, err := os.Create(filepath.Join(dir, strings.ReplaceAll(name, "/", "-")+".log"))
	if err != nil {
		return err
	}
	for _, output := range outputs {
		if _, err := io.Copy(file, bytes.NewReader(output.Bytes())); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	return file.Close()
}

// settle waits until every workload has what it wants and nothing changes any more.
func (b *bench) settle(ctx context.Context) error {
	begin := time.Now()
	ticker := time.NewTicker(refresh)
	defer ticker.Stop()
	for {
		settled, quiet := b.watcher.settled()
		quiet = min(quiet, time.Since(begin))
		if settled && quiet >= calm || quiet >= stall {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
	}
}

// picture takes a picture of the cluster.
func (b *bench) picture(ctx context.Context) (*picture, error) {
	snapshot, err := cluster.Take(ctx, b.client)
	if err != nil {
		return nil, err
	}
	return newPicture(snapshot), nil
}
