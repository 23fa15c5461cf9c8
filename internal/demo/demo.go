// Package demo shows Stowage at work on a playground, act by act.
package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/internal/manifests"
	"github.com/stowage-k8s/stowage/internal/page"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/observe"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/report"
)

// Options say how to run the demo.
type Options struct {
	// Playground is what to run it on.
	Playground playground.Options
	// Keep leaves everything up at the end, until the context ends.
	Keep bool
	// ReportDir is the folder that takes the report, in HTML; empty for none.
	ReportDir string
}

// demo is one run of the demo.
type demo struct {
	play     *playground.Playground
	pool     *pool.Pool
	client   kubernetes.Interface
	applier  *manifests.Applier
	observer *observe.Observer
	live     *report.Live
	laps     report.Laps
	// abort ends the run for the reason given.
	abort context.CancelCauseFunc
	// reportDir takes the report: what the acts have told so far.
	reportDir string
	headlines []page.Headline
	sections  []page.Section
	// ends undo what the acts have started.
	ends []func()
}

// end remembers what to do at the end of the run.
func (d *demo) end(undo func()) { d.ends = append(d.ends, undo) }

// Run runs the demo and prints what it shows. It returns an error when something
// failed, or when at the end of an act a pod that fits is not running.
func Run(ctx context.Context, opts Options, live *report.Live) error {
	for _, program := range []string{schedulerProgram, deschedulerProgram, chaosProgram} {
		if _, err := playground.FindBinary(program); err != nil {
			return err
		}
	}
	if opts.ReportDir != "" {
		if err := os.MkdirAll(opts.ReportDir, 0o755); err != nil {
			return fmt.Errorf("creating the report directory: %w", err)
		}
	}
	d := &demo{live: live, reportDir: opts.ReportDir}
	d.laps.Start()
	live.Println("Starting a control plane and its nodes")
	opts.Playground.Progress = func(s playground.Step) { live.Step(s.String(), s.Interim) }
	play, err := playground.Start(ctx, opts.Playground)
	if err != nil {
		return err
	}
	d.end(play.Stop)
	defer func() {
		for _, undo := range slices.Backward(d.ends) {
			undo()
		}
	}()
	d.play, d.pool = play, opts.Playground.Pool
	d.laps.Lap("playground with %d nodes Ready", play.Nodes)
	ctx, d.abort = play.Context(ctx)
	defer d.abort(nil)
	err = d.acts(ctx)
	if err == nil && opts.Keep {
		err = d.keep(ctx)
	}
	return explain(ctx, err)
}

// acts plays the demo's acts.
func (d *demo) acts(ctx context.Context) error {
	if err := d.connect(ctx); err != nil {
		return err
	}
	if err := d.pack(ctx); err != nil {
		return err
	}
	if err := d.preempt(ctx); err != nil {
		return err
	}
	if err := d.rebalance(ctx); err != nil {
		return err
	}
	if err := d.chaos(ctx); err != nil {
		return err
	}
	d.live.Println(d.laps.String())
	return d.writePage()
}

// explain prefers the reason why the context ended to what failed because of it.
func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// connect makes the clients that the acts need.
func (d *demo) connect(ctx context.Context) error {
	cfg, err := d.play.RESTConfig()
	if err != nil {
		return err
	}
	if d.client, err = kubernetes.NewForConfig(cfg); err != nil {
		return err
	}
	if d.applier, err = manifests.NewApplier(cfg); err != nil {
		return err
	}
	d.observer, err = observe.Start(ctx, d.client)
	return err
}

// keep stays up until the user wants the end, and says how to look around.
func (d *demo) keep(ctx context.Context) error {
	d.live.Println(fmt.Sprintf(`
Everything keeps running until Ctrl-C. In another terminal:

  export KUBECONFIG=%s
  bin/kubectl get nodes
  bin/kubectl get pods -n %s -o wide
  bin/kubectl get leases -A
`, d.play.Kubeconfig, namespace))
	<-ctx.Done()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}
