package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/undo"
)

// Part is a part of a run that is restored by itself. It goes by an ID of its own, since what
// other parts have changed lasts until the end of the run.
type Part struct {
	// Step is the number of its step in the journal, if it is one.
	Step int

	engine *engine
	id     string
	undo   *undo.Undo
}

func (e *engine) newPart() (*Part, error) {
	e.parts++
	id := fmt.Sprintf("%s%s%d", e.ID, undo.PartSeparator, e.parts)
	u, err := e.newUndo(id)
	return &Part{Step: e.parts, engine: e, id: id, undo: u}, err
}

// Part begins a part of the run, which is a step in the journal.
func (s *Session) Part(name, kind string) (*Part, error) {
	part, err := s.newPart()
	if err != nil {
		return nil, err
	}
	s.at(part.Step, 0)
	s.write(journal.Record{StepBegin: &journal.StepBegin{Name: name, Kind: kind}})
	return part, s.journalError()
}

// Record writes a record.
func (s *Session) Record(r journal.Record) error {
	s.write(r)
	return s.journalError()
}

// Client returns a client of the cluster.
func (s *Session) Client() kubernetes.Interface { return s.live.Client }

// Sleep waits, or returns why the context has ended.
func (s *Session) Sleep(ctx context.Context, d time.Duration) error { return s.sleep(ctx, d) }

// confirmPause is how long to wait before trying again to renew the lease.
const confirmPause = 500 * time.Millisecond

// Confirm renews the lease of the run, as soon as the API server lets it. It is an error if that is
// impossible: then another run may have taken it, and nothing more may be changed.
func (s *Session) Confirm(ctx context.Context) error {
	if s.held == nil {
		return errors.New("the run has no lease")
	}
	for deadline := time.Now().Add(s.RecoveryPatience); ; {
		err := s.held.Renew(ctx)
		if err == nil || errors.Is(err, undo.ErrTaken) || apierrors.IsForbidden(err) || !time.Now().Before(deadline) {
			return err
		}
		if err := s.Sleep(ctx, confirmPause); err != nil {
			return err
		}
	}
}

// Leave has nodes stay as they are at the end, with their marks: something that cannot be undone has
// begun with them.
func (s *Session) Leave(nodes ...*corev1.Node) {
	for _, node := range nodes {
		s.left.Insert(node.Name)
	}
}

// Unleave takes Leave back.
func (s *Session) Unleave(nodes ...*corev1.Node) {
	for _, node := range nodes {
		s.left.Delete(node.Name)
	}
}

// Cordon cordons nodes until the part is restored.
func (p *Part) Cordon(ctx context.Context, nodes ...*corev1.Node) error {
	return p.undo.Cordon(ctx, nodes...)
}

// Drain evicts the pods of nodes, like fault.Env.Drain.
func (p *Part) Drain(ctx context.Context, kind string, picture *target.Picture, nodes []*corev1.Node, how fault.Draining) error {
	choice := &fault.Choice{How: assess.Drain, Candidates: len(nodes), Nodes: nodes, IncludeDoNotDisrupt: how.IncludeDoNotDisrupt, MakeBeforeBreak: how.MakeBeforeBreak}
	goes, err := p.engine.announce(ctx, kind, picture, choice)
	if err != nil || !goes {
		return err
	}
	p.engine.taken = true // also if the nodes are empty
	return p.engine.inject(ctx, p.undo, func(ctx context.Context, env fault.Env, choice *fault.Choice) error {
		return env.Drain(ctx, choice.Nodes, how)
	}, choice)
}

// Restore restores what the part has changed.
func (p *Part) Restore(ctx context.Context) error { return p.engine.restore(ctx, p.id) }

// Keep leaves nodes as the part has changed them.
func (p *Part) Keep(ctx context.Context, nodes ...*corev1.Node) error {
	if err := p.undo.Keep(ctx, nodes...); err != nil {
		return err
	}
	for _, node := range nodes {
		p.engine.write(journal.Record{Restored: &journal.Change{Object: "Node " + node.Name, What: "left as it is"}})
	}
	return p.engine.journalError()
}
