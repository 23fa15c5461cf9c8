// Package playground starts a real Kubernetes control plane with fake nodes on this machine:
// etcd, kube-apiserver, kube-controller-manager, kube-scheduler and KWOK, as child processes
// of the stowage-playground binary. It does not link any of them, so that its users (tests,
// benchmarks, the demo) build fast. The control plane of an older Kubernetes version has its
// own programs, see Versions.
package playground

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/stowage-k8s/stowage/internal/process"
)

// BinaryName is the name of the playground's executable.
const BinaryName = "stowage-playground"

// stopGrace is the time that the supervisor gets to clean up before it is killed.
const stopGrace = downTimeout / 2

// Playground is a running control plane.
type Playground struct {
	Info

	opts       Options
	dir        string
	lock       *os.File
	supervisor *process.Process
	lifeline   io.WriteCloser

	done chan struct{}
	stop sync.Once
	err  error
}

// Start starts a playground, and returns when its control plane responds and its nodes are
// Ready. It ends with Stop, when ctx ends, and when this process ends for any reason. No
// process, port or file of it remains.
func Start(ctx context.Context, opts Options) (*Playground, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	if opts.Binary == "" {
		binary, err := FindBinary(BinaryName)
		if err != nil {
			return nil, err
		}
		opts.Binary = binary
	}
	if err := opts.checkBuilt(); err != nil {
		return nil, err
	}
	dir, lock, err := claim(opts.Name)
	if err != nil {
		return nil, err
	}
	opts.Name = nameOf(dir)
	p := &Playground{opts: opts, dir: dir, lock: lock, done: make(chan struct{})}
	events, err := p.startSupervisor()
	if err != nil {
		p.cleanUp()
		return nil, err
	}
	ready := make(chan Info, 1)
	go p.follow(events, ready)
	select {
	case p.Info = <-ready:
		context.AfterFunc(ctx, p.Stop)
		return p, nil
	case <-p.done:
		if p.err == nil {
			return nil, errors.New("the playground was stopped while it was starting")
		}
		return nil, p.err
	case <-ctx.Done():
		p.Stop()
		return nil, fmt.Errorf("starting a playground: %w", context.Cause(ctx))
	}
}

// startSupervisor starts the supervisor and returns its stream of events.
func (p *Playground) startSupervisor() (io.ReadCloser, error) {
	stdin, lifeline, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	events, eventsIn, err := os.Pipe()
	if err != nil {
		lifeline.Close()
		return nil, err
	}
	defer eventsIn.Close()
	p.lifeline = lifeline
	p.supervisor, err = process.Start(process.Spec{
		Name:  "the playground's supervisor",
		Path:  p.opts.Binary,
		Args:  []string{"supervise", p.dir},
		Stdin: stdin,
		// Only the Go runtime writes to it, when the process crashes.
		Stderr: os.Stderr,
		// In the order of LockFD and EventsFD.
		ExtraFiles: []*os.File{p.lock, eventsIn},
		// The supervisor must survive this process until it has cleaned up. It notices the
		// end of its standard input.
		OutlivesParent: true,
	})
	if err != nil {
		events.Close()
		return nil, err
	}
	if err := json.NewEncoder(lifeline).Encode(p.opts); err != nil {
		p.supervisor.Kill()
		events.Close()
		return nil, fmt.Errorf("sending the options to the playground's supervisor: %w", err)
	}
	return events, nil
}

// follow reads the supervisor's events until it ends, then cleans up.
func (p *Playground) follow(events io.ReadCloser, ready chan<- Info) {
	defer events.Close()
	lines := bufio.NewScanner(events)
	for lines.Scan() {
		var event Event
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			event.Error = fmt.Sprintf("reading from the playground's supervisor: %v", err)
		}
		switch {
		case event.Step != nil:
			p.opts.Progress(*event.Step)
		case event.Ready != nil:
			ready <- *event.Ready
		case event.Error != "":
			p.err = errors.New(event.Error)
		}
	}
	if err := p.supervisor.Err(); err != nil && p.err == nil {
		p.err = err
	}
	p.cleanUp()
	close(p.done)
}

// cleanUp removes what a supervisor that was killed could not remove.
func (p *Playground) cleanUp() {
	if p.lifeline != nil {
		p.lifeline.Close()
	}
	if err := Remove(p.lock, p.dir); err != nil && p.err == nil {
		p.err = err
	}
	p.lock.Close()
}

// Stop ends the playground and waits until it is completely removed.
func (p *Playground) Stop() {
	p.stop.Do(func() { p.supervisor.Stop(context.Background(), stopGrace) })
	<-p.done
}

// Done returns a channel that is closed when the playground has ended.
func (p *Playground) Done() <-chan struct{} { return p.done }

// Err returns, after Done is closed, why the playground ended unexpectedly, or nil if it was
// stopped.
func (p *Playground) Err() error { return p.err }

// Context returns a context that also ends with the playground, for work that would otherwise
// wait for an answer forever.
func (p *Playground) Context(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-p.done:
			cancel(p.err)
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// RESTConfig returns a client configuration for the administrator, with the
// playground's QPS and burst.
func (p *Playground) RESTConfig() (*rest.Config, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", p.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading the playground's kubeconfig: %w", err)
	}
	cfg.QPS, cfg.Burst = p.opts.ClientQPS, p.opts.ClientBurst
	cfg.ContentType = "application/vnd.kubernetes.protobuf"
	cfg.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	return cfg, nil
}

// Client returns a client for the administrator.
func (p *Playground) Client() (kubernetes.Interface, error) {
	cfg, err := p.RESTConfig()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(cfg)
}
