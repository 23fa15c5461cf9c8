package faults

import (
	"errors"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// Node are the arguments of the fault node. By default, one node is drawn.
type Node struct {
	target.Nodes
	Loss
}

// nodes drains nodes of a selection, or takes them down.
type nodes struct {
	loss
	selection  *target.NodeSelection
	recognizer preemptible.Recognizer
}

var _ interface {
	fault.Lasting
	fault.Checked
} = &nodes{}

func (n Node) fault(recognizer preemptible.Recognizer) (fault.Fault, error) {
	if n.Count == 0 && n.Percent == 0 && n.Names == nil && !n.All {
		n.Count = 1
	}
	return newNodes(n.Nodes, n.Loss, recognizer, drained, down)
}

func newNodes(which target.Nodes, how Loss, recognizer preemptible.Recognizer, kinds ...string) (*nodes, error) {
	loss, err2 := how.compile(kinds...)
	which.SpareMarked = loss.spares
	selection, err1 := which.Compile()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return &nodes{loss: loss, selection: selection, recognizer: recognizer}, nil
}

// Check implements fault.Checked.
func (n *nodes) Check(picture *target.Picture) error {
	_, err := n.selection.Nodes(picture, n.recognizer)
	return err
}

// Choose implements fault.Fault.
func (n *nodes) Choose(picture *target.Picture, seed draw.Seed) (*fault.Choice, error) {
	selected, err := n.selection.Nodes(picture, n.recognizer)
	if err != nil {
		return nil, err
	}
	return n.choice(n.selection.Draw(seed, selected.Nodes), len(selected.Nodes), selected.Excluded), nil
}
