package supervisor

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/process"
)

// startComponent runs the binary as one of the components, or the component's program for
// other Kubernetes versions. KWOK, which is not part of Kubernetes, is always in the binary.
func (s *supervisor) startComponent(name string, args []string) error {
	path := s.binary
	if s.opts.Kubernetes != playground.LinkedVersion && name != playground.Kwok {
		path = filepath.Join(playground.ControlPlane(s.binary, s.opts.Kubernetes), name)
	} else {
		args = append([]string{"component", name}, args...)
	}
	_, err := s.startProcess(process.Spec{Name: name, Path: path, Args: args, Env: append(componentEnv(name), "KWOK_WORKDIR="+s.dir)})
	return err
}

// startProcess starts a process without which the playground fails.
func (s *supervisor) startProcess(spec process.Spec) (*process.Process, error) {
	spec.Log = filepath.Join(s.logDir(), spec.Name+".log")
	p, err := process.Start(spec)
	if err != nil {
		return nil, err
	}
	s.components = append(s.components, p)
	s.follow(p)
	return p, nil
}

// follow reports the end of a component.
func (s *supervisor) follow(p *process.Process) {
	go func() {
		<-p.Done()
		s.failed <- p
	}()
}

// signal sends a signal to a component.
func (s *supervisor) signal(signal playground.Signal) error {
	for _, p := range s.components {
		if p.Name() == signal.Component {
			return p.Signal(signal.Signal)
		}
	}
	return fmt.Errorf("no component %q to send %v to", signal.Component, signal.Signal)
}

// restart starts a component that has ended again.
func (s *supervisor) restart(p *process.Process) error {
	again, err := p.Again()
	if err != nil {
		return err
	}
	s.components[slices.Index(s.components, p)] = again
	s.follow(again)
	return nil
}

// explain describes why a component ended unexpectedly.
func (s *supervisor) explain(p *process.Process) error {
	err := p.EndedByItself()
	for _, dir := range []string{s.dir, s.logDir()} {
		if full := playground.CheckRoom(dir); full != nil {
			err = fmt.Errorf("%w: %w", full, err)
			break
		}
	}
	return err
}

// orFailed runs work, and cancels it if a component fails.
func (s *supervisor) orFailed(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- work(ctx) }()
	select {
	case err := <-result:
		return err
	case p := <-s.failed:
		return s.explain(p)
	}
}

// await polls until the check succeeds, ctx ends or a component fails.
func (s *supervisor) await(ctx context.Context, what string, check func(context.Context) error) error {
	return s.orFailed(ctx, func(ctx context.Context) error {
		var last error
		if err := wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
			last = check(ctx)
			return last == nil, nil
		}); err != nil {
			return fmt.Errorf("waiting for %s: %w (last error: %v)", what, context.Cause(ctx), last)
		}
		return nil
	})
}

// stop kills the components in reverse order. Nothing in them needs a graceful shutdown.
func (s *supervisor) stop() {
	for _, p := range slices.Backward(s.components) {
		p.Kill()
	}
	if s.network != nil {
		s.network.Close()
	}
}
