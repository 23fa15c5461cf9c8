package faults

import (
	"errors"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/fault"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// Zone are the arguments of the fault zone. By default, the zone is drawn.
type Zone struct {
	Zone                field.Text `json:"zone,omitempty" doc:"the zone, as in the label topology.kubernetes.io/zone. Default: random"`
	IncludeControlPlane bool       `json:"includeControlPlane,omitempty" doc:"include control plane nodes"`
	Loss
}

// zone drains all nodes of a zone, or takes them down.
type zone struct {
	loss
	args       Zone
	recognizer preemptible.Recognizer
}

var _ interface {
	fault.Lasting
	fault.Checked
} = &zone{}

func (z Zone) fault(recognizer preemptible.Recognizer) (fault.Fault, error) {
	f := &zone{args: z, recognizer: recognizer}
	var err1, err2 error
	f.loss, err1 = z.Loss.compile(drained, down)
	if err := z.Zone.Check(); err != nil {
		err2 = &field.Error{Field: "zone", Err: err}
	}
	return checked(f, err1, err2)
}

// Check implements fault.Checked. It is an error if no node has a zone.
func (z *zone) Check(picture *target.Picture) error {
	if len(target.Zones(picture)) == 0 {
		return errors.New("no zone found: no node has the label topology.kubernetes.io/zone")
	}
	if z.args.Zone == "" {
		return nil
	}
	_, err := z.in(picture, string(z.args.Zone))
	return err
}

// Choose implements fault.Fault. A zone without candidates is not drawn.
func (z *zone) Choose(picture *target.Picture, seed draw.Seed) (*fault.Choice, error) {
	zones := []string{string(z.args.Zone)}
	if z.args.Zone == "" {
		zones = target.Zones(picture)
		draw.Sort(seed, zones, func(name string) string { return name })
	}
	choice := z.choice(nil, 0, nil)
	for _, name := range zones {
		selected, err := z.in(picture, name)
		if err != nil {
			return nil, err
		}
		choice = z.choice(selected.Nodes, len(selected.Nodes), selected.Excluded)
		if len(selected.Nodes) > 0 {
			break
		}
	}
	return choice, nil
}

// in returns the nodes of a zone.
func (z *zone) in(picture *target.Picture, name string) (target.SelectedNodes, error) {
	selection, err := target.Nodes{
		Zone: field.Text(name), IncludeControlPlane: z.args.IncludeControlPlane, SpareMarked: z.spares, TakeLeaving: z.kind == down,
	}.Compile()
	if err != nil {
		return target.SelectedNodes{}, err
	}
	return selection.Nodes(picture, z.recognizer)
}
