package karpenter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/benchmarks/child"
	"github.com/stowage-k8s/stowage/benchmarks/steps"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/karpenter"
	"github.com/stowage-k8s/stowage/internal/process"
)

const (
	namespace = metav1.NamespaceDefault
	// pods is how many there are, and fewer how many are left of them.
	pods, fewer = 200, 80
	refresh     = 100 * time.Millisecond
	// patience bounds each phase. A cluster has settled when nothing has happened for calm:
	// Karpenter waits ten seconds until it looks at a node that has changed, looks every ten,
	// and waits for fifteen more before it acts.
	patience = 15 * time.Minute
	calm     = time.Minute
)

// bench is a playground with Karpenter and a scheduler, for one trial.
type bench struct {
	play    *playground.Playground
	client  kubernetes.Interface
	watcher *watcher
	// scheduler is the subject's, where the playground does not have it.
	scheduler *process.Process
	karpenter *process.Process
	// ctx ends with the playground, too, and with what else there has to be.
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// trial is a subject with one mix of pods under one policy of Karpenter's.
type trial struct {
	subject Subject
	policy  string
	seed    uint64
	logDir  string
	// dir is for files that programs read.
	dir  string
	show func(string)
}

func (t trial) String() string {
	return fmt.Sprintf("%s, seed %d, %s", t.policy, t.seed, t.subject.Name)
}

// measured is a figure of one phase.
type measured struct {
	phase, metric string
	value         float64
}

// run has a cluster of its own go through all phases.
func (t trial) run(ctx context.Context) (list []measured, err error) {
	diary, closeDiary, err := t.diary()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeDiary()) }()
	b := &bench{}
	defer b.stop()
	if err := t.start(ctx, b, diary); err != nil {
		return nil, err
	}
	list, err = t.phases(b)
	if cause := context.Cause(b.ctx); err != nil && cause != nil {
		err = cause
	}
	return list, err
}

// diary returns what takes down what happens in the trial.
func (t trial) diary() (io.Writer, func() error, error) {
	if t.logDir == "" {
		return io.Discard, func() error { return nil }, nil
	}
	name := strings.NewReplacer(", ", "-", " ", "-").Replace(t.String()) + ".log"
	file, err := os.Create(filepath.Join(t.logDir, name))
	if err != nil {
		return nil, nil, err
	}
	return file, file.Close, nil
}

// start brings all that up.
func (t trial) start(ctx context.Context, b *bench, diary io.Writer) error {
	nodes, err := karpenter.SystemNodes()
	if err != nil {
		return err
	}
	b.play, err = playground.Start(ctx, playground.Options{Pool: nodes, Progress: func(s playground.Step) { t.show(s.Message) }})
	if err != nil {
		return err
	}
	b.ctx, b.cancel = b.play.Context(ctx)
	cfg, err := b.play.RESTConfig()
	if err != nil {
		return err
	}
	if b.client, err = kubernetes.NewForConfig(cfg); err != nil {
		return err
	}
	cfg.ContentType, cfg.AcceptContentTypes = "", "" // what has no type has no protobuf form
	dynamic, err := dynamic.NewForConfig(cfg)
	if err != nil {
		return err
	}
	t.show("starting Karpenter")
	if b.karpenter, err = karpenter.Start(b.ctx, b.play); err != nil {
		return err
	}
	b.need(b.karpenter)
	if t.subject.start != nil {
		if err := t.subject.start(b, filepath.Join(t.dir, "scheduler.yaml")); err != nil {
			return err
		}
		b.need(b.scheduler)
	}
	if err := (karpenter.Pool{Name: "default", Policy: t.policy}).Apply(b.ctx, b.play); err != nil {
		return err
	}
	b.watcher, err = watch(b.ctx, b.client, dynamic, diary)
	return err
}

// need ends the trial when a program ends by itself.
func (b *bench) need(p *process.Process) {
	go func() {
		<-p.Done()
		if err := p.EndedByItself(); err != nil {
			b.cancel(err)
		}
	}()
}

// stop ends everything.
func (b *bench) stop() {
	for _, p := range []*process.Process{b.scheduler, b.karpenter} {
		if p != nil {
			p.Kill()
		}
	}
	if b.cancel != nil {
		b.cancel(nil)
	}
	if b.play != nil {
		b.play.Stop()
	}
}

// phases goes through them.
func (t trial) phases(b *bench) (list []measured, err error) {
	note := func(phase, metric string, value float64) { list = append(list, measured{phase, metric, value}) }
	noteFleet := func(phase string, f fleet) {
		note(phase, "nodes", float64(f.nodes))
		note(phase, "price", f.price)
	}
	counts := mix(t.seed, pods)

	took, err := b.reach(t.show, scaleUp, func() error { return t.create(b, counts) }, pods)
	if err != nil {
		return list, err
	}
	planned := b.watcher.planned()
	note(scaleUp, "planned_nodes", float64(planned.nodes))
	note(scaleUp, "planned_price", planned.price)
	note(scaleUp, "left_over", float64(b.watcher.leftOver()))
	note(scaleUp, "running_s", took.Seconds())
	noteFleet(scaleUp, b.watcher.fleet())

	for _, phase := range []struct {
		name string
		pods int
		do   func() error
	}{
		{settled, pods, func() error { return nil }},
		{scaleDown, fewer, func() error { return b.scale(shrunk(counts, fewer)) }},
		{rollout, fewer, b.restart},
	} {
		b.watcher.begin()
		took, err := b.reach(t.show, phase.name, phase.do, phase.pods)
		if err != nil {
			return list, err
		}
		if phase.name == rollout {
			note(rollout, "running_s", took.Seconds())
		}
		if err := t.settle(b, phase.name); err != nil {
			return list, err
		}
		note(phase.name, "disrupted", float64(b.watcher.disrupted()))
		noteFleet(phase.name, b.watcher.fleet())
	}
	return list, nil
}

// settle waits until nothing happens any more, and has the descheduler at it where it is part
// of the subject.
func (t trial) settle(b *bench, phase string) error {
	if err := b.calm(t.show, phase); err != nil || !t.subject.descheduled {
		return err
	}
	t.show(phase + ": descheduling")
	path, err := playground.FindBinary(deschedulerProgram)
	if err != nil {
		return err
	}
	policyFile, err := writePolicy(t.dir)
	if err != nil {
		return err
	}
	var stdout, stderr bytes.Buffer
	ran, err := child.Run(b.ctx, path, deschedulerArgs(b.play.Kubeconfig, policyFile), &stdout, &stderr)
	if err != nil {
		return err
	}
	if ran.Code != 0 {
		return fmt.Errorf("%s ended with exit code %d: %s", deschedulerProgram, ran.Code, stderr.String())
	}
	return b.calm(t.show, phase)
}

// calm waits until all pods run and nothing has happened for long enough.
func (b *bench) calm(show func(string), phase string) error {
	return steps.Await(b.ctx, refresh, patience, show, func(context.Context) (string, bool, error) {
		running, all := b.watcher.running()
		quiet := b.watcher.quiet()
		f := b.watcher.fleet()
		return fmt.Sprintf("%s: %d of %d pods Running on %d nodes, nothing has happened for %.0f s", phase, running, all, f.nodes, quiet.Seconds()),
			running == all && quiet >= calm, nil
	})
}
