// Package tui is chaos in a terminal: browse namespaces, zones, nodes, workloads, pods and
// budgets, pick a victim, see what its loss would do, do it, and watch the recovery. What
// it knows and does goes through two interfaces; it makes no request itself.
//
// All state is in a model that changes by messages alone, and lists are made out of a
// picture beside it, so that keys are answered at once however large the cluster is.
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

// Source is where the cluster is seen.
type Source interface {
	// Picture returns the cluster as it is now.
	Picture() *target.Picture
	// Changed receives when anything has changed since the last time, as that of a
	// cluster.Follower does.
	Changed() <-chan struct{}
}

// Actions are what can be done. Preview is called by any goroutine, and so is Abort; Do and
// Restore never run at the same time.
type Actions interface {
	// Preview predicts what the loss of the victim would do. It changes nothing.
	Preview(ctx context.Context, victim Victim) (*assess.Prediction, error)
	// Do takes the victim away, and returns when what was lost has recovered, when Abort
	// was called or when the context has ended: then at once, with what it changed left as
	// it is. A dry run never calls it.
	Do(ctx context.Context, victim Victim) error
	// Abort ends Do, and never Restore. It returns at once; where nothing is under way it
	// does nothing.
	Abort()
	// Restore puts back all that Do has changed so far. It is called after each Do, whatever
	// came of it, and has nothing to do where nothing was changed.
	Restore(ctx context.Context) error
}

// Kind is what a victim is.
type Kind string

// The kinds of victims.
const (
	Pod      Kind = "pod"
	Workload Kind = "workload"
	Node     Kind = "node"
	Zone     Kind = "zone"
)

// Victim is what is taken away, and how.
type Victim struct {
	Kind Kind
	// Owner is the Kubernetes kind of a workload, such as Deployment; empty for all else.
	Owner string
	// Namespace is empty for nodes and zones.
	Namespace, Name string
	// UID is the object's, so that no other of its name is taken; empty for a zone.
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
	// Restore is the command that puts back what a run has left.
	Restore string
}

// Run shows the terminal UI until the user quits or the context ends. Either way what is
// under way is aborted and put back first. The error is the context's cause, that of the
// terminal, or that something could not be put back. While it runs nothing else may write
// to the terminal. The terminal's signals are the caller's to turn into the context's end.
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
