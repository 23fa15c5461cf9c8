// Package tui is the terminal UI of chaos: browse namespaces, zones, nodes, workloads, pods and
// budgets, pick a victim, preview its loss, act, and watch the recovery. It uses the cluster only
// through two interfaces, and makes no requests itself.
//
// All state is in a model that only messages change. Lists are built from a picture in the
// background, so that keys work at once in clusters of any size.
package tui

import (
	"context"
	"errors"
	"fmt"
	"io"

	tea "charm.land/bubbletea/v2"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
)

// Source provides the cluster.
type Source interface {
	// Picture returns the current cluster.
	Picture() *target.Picture
	// Changed receives when anything has changed since the last receive, like that of
	// cluster.Follower.
	Changed() <-chan struct{}
}

// Actions are the possible actions. Preview and Abort may be called in any goroutine. Do and
// Restore never run at the same time.
type Actions interface {
	// Preview predicts the loss of the victim. It changes nothing.
	Preview(ctx context.Context, victim Victim) (*assess.Prediction, error)
	// Do removes the victim, and returns when lost pods have recovered, when Abort is called, or
	// when the context ends. In the last case it returns at once and restores nothing. A dry run
	// never calls it.
	Do(ctx context.Context, victim Victim) error
	// Abort ends Do, but never Restore. It returns at once, and does nothing if no operation is
	// in progress.
	Abort()
	// Restore restores all changes of Do so far. It is called after each Do in any case, and does
	// nothing if nothing was changed.
	Restore(ctx context.Context) error
}

// Kind is the kind of a victim.
type Kind string

// The kinds of victims.
const (
	Pod      Kind = "pod"
	Workload Kind = "workload"
	Node     Kind = "node"
	Zone     Kind = "zone"
)

// Victim is what is removed, and how.
type Victim struct {
	Kind Kind
	// Owner is the Kubernetes kind of a workload, such as Deployment; empty otherwise.
	Owner string
	// Namespace is empty for nodes and zones.
	Namespace, Name string
	// UID is that of the object, so that no other object of its name is removed; empty for a
	// zone.
	UID types.UID
	// How is evict or delete for pods and workloads, drain or down for nodes and zones.
	How assess.How
}

// String names the victim, such as "Deployment default/web" or "zone a".
func (v Victim) String() string {
	kind := string(v.Kind)
	if v.Owner != "" {
		kind = v.Owner
	}
	if v.Namespace == "" {
		return kind + " " + v.Name
	}
	return fmt.Sprintf("%s %s/%s", kind, v.Namespace, v.Name)
}

// Options say what to show and where. In and Out should be a terminal.
type Options struct {
	Source  Source
	Actions Actions
	In      io.Reader
	Out     io.Writer
	// Title names the cluster: the context.
	Title string
	// DryRun shows predictions and does nothing.
	DryRun bool
	// Restore is the command that restores what a run has left.
	Restore string
}

// Run shows the terminal UI until the user quits or the context ends. In both cases, an operation
// in progress is aborted and restored first. The error is the cause of the context, a failure of
// the terminal, or that something could not be restored. Nothing else may write to the terminal
// meanwhile. The caller must turn signals into the end of the context.
func Run(ctx context.Context, opts Options) error {
	m := newModel(ctx, opts, clock.RealClock{})
	program := tea.NewProgram(m, tea.WithInput(opts.In), tea.WithOutput(opts.Out), tea.WithoutSignalHandler())
	feeding, stop := context.WithCancel(ctx)
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		f := feed{source: opts.Source, clock: clock.RealClock{}, send: func(b *board) { program.Send(boardMsg{b}) }}
		f.run(feeding)
	}()
	unwatch := context.AfterFunc(ctx, func() { program.Send(endMsg{}) })
	_, err := program.Run()
	unwatch()
	stop()
	<-fed
	if err != nil {
		err = fmt.Errorf("the terminal failed: %w", err)
	}
	return errors.Join(context.Cause(ctx), err, m.settle())
}
