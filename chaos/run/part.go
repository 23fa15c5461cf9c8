package run

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/undo"
)

// Part is a part of a run that is restored by itself. It goes by an ID of its own, since what
// other parts have changed lasts until the end of the run.
type Part struct {
	engine *engine
	id     string
	undo   *undo.Undo
}

func (e *engine) newPart() (*Part, error) {
	e.parts++
	id := fmt.Sprintf("%s%s%d", e.ID, undo.PartSeparator, e.parts)
	u, err := e.newUndo(id)
	return &Part{e, id, u}, err
}

// Part begins a part of the run, which is a step in the journal.
func (s *Session) Part(name, kind string) (*Part, error) {
	part, err := s.newPart()
	if err != nil {
		return nil, err
	}
	s.at(s.parts, 0)
	s.write(journal.Record{StepBegin: &journal.StepBegin{Name: name, Kind: kind}})
	return part, s.journalError()
}

// Record writes a record.
func (s *Session) Record(r journal.Record) error {
	s.write(r)
	return s.journalError()
}

// Sleep waits, or returns why the context has ended.
func (s *Session) Sleep(ctx context.Context, d time.Duration) error { return s.sleep(ctx, d) }

// Drain cordons nodes, and evicts their pods like fault.Env.Drain.
func (p *Part) Drain(ctx context.Context, kind string, picture *target.Picture, nodes []*corev1.Node, how fault.Draining) error {
	choice := &fault.Choice{How: assess.Drain, Candidates: len(nodes), Nodes: nodes, IncludeDoNotDisrupt: how.IncludeDoNotDisrupt}
	goes, err := p.engine.announce(ctx, kind, picture, choice)
	if err != nil || !goes {
		return err
	}
	p.engine.taken = true // also if the nodes are empty
	return p.engine.inject(ctx, p.undo, func(ctx context.Context, env fault.Env, choice *fault.Choice) error {
		if err := env.Undo().Cordon(ctx, choice.Nodes...); err != nil {
			return err
		}
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
