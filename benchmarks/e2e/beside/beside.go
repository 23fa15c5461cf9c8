// Package beside has two schedulers work on the same nodes, which are nearly full, and counts
// the pods that these refuse: each learns where the other places pods when that is done.
package beside

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/benchmarks/steps"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/process"
)

const (
	// Own and Other are the names of the two schedulers' profiles.
	Own, Other = "own", "other"
	// PerSecond is how many pods arrive for each of the two.
	PerSecond = 100

	program   = "stowage-scheduler"
	namespace = metav1.NamespaceDefault
	// refresh is how often something is looked at that is waited for, at most for patience.
	refresh  = 100 * time.Millisecond
	patience = 10 * time.Minute
)

var both = []string{Own, Other}

// Options say how to run.
type Options struct {
	// Configurations are those of the two schedulers, by their names, with one profile each.
	Configurations map[string][]byte
	// LogDir takes what the programs write; nobody does where it is empty.
	LogDir string
	// Progress is shown where the run is.
	Progress func(string)
}

// Result is what became of the pods that arrived.
type Result struct {
	// Took is how long it was from the first that arrived until each had a node or was found
	// to fit nowhere.
	Took       time.Duration
	Own, Other Count
}

// Count is what became of the pods of one scheduler.
type Count struct {
	// Placed got a node, of which some Refused, for want of room; the others have no node.
	Placed, Refused, Unplaced int
}

// run is a playground with both schedulers.
type run struct {
	Load
	opts    Options
	dir     string
	play    *playground.Playground
	client  kubernetes.Interface
	watcher *watcher
	// schedulers are their processes.
	schedulers []*process.Process
	// ctx ends with the playground, too.
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// Run fills nodes, starts the schedulers, has pods arrive for both, and counts.
func Run(ctx context.Context, load Load, opts Options) (Result, error) {
	r := &run{Load: load, opts: opts}
	defer r.stop()
	if err := r.start(ctx); err != nil {
		return Result{}, err
	}
	begin := time.Now()
	if err := r.arrive(); err != nil {
		return Result{}, err
	}
	took, err := r.settle(begin)
	if err != nil {
		return Result{}, err
	}
	return Result{Took: took, Own: r.watcher.count(Own), Other: r.watcher.count(Other)}, nil
}

// start brings up a playground, fills its nodes, and starts the schedulers.
func (r *run) start(ctx context.Context) (err error) {
	if r.dir, err = os.MkdirTemp("", "stowage-bench-beside-"); err != nil {
		return err
	}
	r.play, err = playground.Start(ctx, playground.Options{
		Pool: r.pool(), LogDir: r.opts.LogDir, NoKubeScheduler: true,
		Progress: func(s playground.Step) { r.opts.Progress(s.Message) },
	})
	if err != nil {
		return err
	}
	r.ctx, r.cancel = r.play.Context(ctx)
	if r.client, err = r.play.Client(); err != nil {
		return err
	}
	if r.watcher, err = watch(r.ctx, r.client); err != nil {
		return err
	}
	nodes := r.pool().Nodes()
	err = steps.Each(r.ctx, len(nodes), "filling nodes", r.opts.Progress, func(ctx context.Context, i int) error {
		return r.create(ctx, r.filler(nodes[i].Name))
	})
	if err != nil {
		return err
	}
	for _, name := range both {
		if err := r.startScheduler(name); err != nil {
			return err
		}
		// It has the cluster before it once it has placed a pod.
		if err := r.create(r.ctx, smallest("first-of-"+name, name)); err != nil {
			return err
		}
	}
	return r.await("the pods before run", func() bool { return r.watcher.running() == len(nodes)+2 })
}

// startScheduler starts one of the schedulers, without which there is no point in going on.
func (r *run) startScheduler(name string) error {
	file := filepath.Join(r.dir, name+".yaml")
	if err := os.WriteFile(file, r.opts.Configurations[name], 0o600); err != nil {
		return err
	}
	scheduler, err := r.play.StartProgram(program, name, "--config", file, "--kubeconfig", r.play.Kubeconfig, "--secure-port", "0", "--leader-elect=false",
		"--kube-api-qps", fmt.Sprint(playground.DefaultClientQPS), "--kube-api-burst", fmt.Sprint(playground.DefaultClientBurst))
	if err != nil {
		return err
	}
	r.schedulers = append(r.schedulers, scheduler)
	go func() {
		<-scheduler.Done()
		if err := scheduler.EndedByItself(); err != nil {
			r.cancel(err)
		}
	}()
	return nil
}

// stop ends everything.
func (r *run) stop() {
	if r.cancel != nil {
		r.cancel(nil)
	}
	for _, scheduler := range r.schedulers {
		scheduler.Kill()
	}
	if r.play != nil {
		r.play.Stop()
	}
	os.RemoveAll(r.dir)
}

// arrive has pods arrive for both, at the same rate, whether the ones before have a node or
// not.
func (r *run) arrive() error {
	ticker := time.NewTicker(time.Second / PerSecond)
	defer ticker.Stop()
	pairs := make(chan int)
	go func() {
		defer close(pairs)
		for i := range r.Pods / 2 {
			select {
			case <-ticker.C:
				pairs <- i
			case <-r.ctx.Done():
				return
			}
		}
	}()
	return steps.Each(r.ctx, r.Pods/2, "pods arrive", r.opts.Progress, func(ctx context.Context, _ int) error {
		i, more := <-pairs
		if !more {
			return context.Cause(ctx)
		}
		for _, scheduler := range both {
			if err := r.create(ctx, r.pod(i, scheduler)); err != nil {
				return err
			}
		}
		return nil
	})
}

// settle waits until it is known of each pod what becomes of it, and returns how long it took
// until each was placed or not.
func (r *run) settle(begin time.Time) (time.Duration, error) {
	if err := r.await("pods get their nodes", func() bool { return r.watcher.undecided() == 0 }); err != nil {
		return 0, err
	}
	took := time.Since(begin)
	return took, r.await("nodes start or refuse them", r.watcher.settled)
}

func (r *run) await(what string, done func() bool) error {
	return steps.Await(r.ctx, refresh, patience, r.opts.Progress, func(context.Context) (string, bool, error) { return what, done(), nil })
}

func (r *run) create(ctx context.Context, pod *corev1.Pod) error {
	_, err := r.client.CoreV1().Pods(namespace).Create(ctx, pod, metav1.CreateOptions{})
	return err
}
