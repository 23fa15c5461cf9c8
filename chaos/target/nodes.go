package target

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/spelling"
)

// Nodes selects nodes. A node must match all fields that are set. Control plane nodes are
// protected unless included.
type Nodes struct {
	// Names are names of existing nodes.
	Names field.List `json:"names,omitempty" doc:"only these nodes" schema:"minItems=1"`
	// Labels is a label selector.
	Labels field.Text `json:"labels,omitempty" doc:"only nodes whose labels this selector matches, such as pool=batch,arch!=arm64" schema:"minLength=1"`
	// Zone is a value of the label topology.kubernetes.io/zone.
	Zone field.Text `json:"zone,omitempty" doc:"only nodes in this zone" schema:"minLength=1"`
	// Preemptible selects preemptible nodes, or, if false, all others.
	Preemptible field.Bool `json:"preemptible,omitempty" doc:"true: only preemptible nodes; false: only other nodes"`
	// Count is the maximum number of nodes to draw. Percent is the percentage, rounded down to at
	// least one node. Without either, all nodes are drawn.
	Count   field.Number `json:"count,omitempty" doc:"the maximum number of nodes to draw" schema:"minimum=1"`
	Percent field.Number `json:"percent,omitempty" doc:"the percentage of the nodes to draw, from 1 to 100, rounded down to at least one node" schema:"minimum=1,maximum=100"`

	IncludeControlPlane bool `json:"includeControlPlane,omitempty" doc:"include control plane nodes"`
	// SpareMarked excludes nodes marked as do-not-disrupt. The fault sets it if it removes nodes
	// on purpose, and not like an outage.
	SpareMarked bool `json:"-"`
	// TakeLeaving includes nodes that are already being removed. The fault sets it for an outage
	// that hits all nodes.
	TakeLeaving bool `json:"-"`
	// All is required for a selection that would otherwise be empty.
	All bool `json:"all,omitempty" doc:"select every node. Required if no other selector and no limit is set"`
}

// The flags whose names differ from those of their fields.
var nodeFlags = map[string]string{"names": "nodes", "labels": "node-labels", "all": "all-nodes"}

// Add adds the flags that set the fields.
func (n *Nodes) Add(fs *pflag.FlagSet) {
	fs.Var(&n.Names, "nodes", "only these nodes: `names`, separated by commas")
	fs.Var(&n.Labels, "node-labels", "only nodes whose labels this `selector` matches, such as pool=batch,arch!=arm64")
	fs.Var(&n.Zone, "zone", "only nodes in this `zone`")
	fs.Var(&n.Preemptible, "preemptible", "only preemptible nodes; with =false, only other nodes")
	fs.Lookup("preemptible").NoOptDefVal = string(field.Yes)
	fs.Var(&n.Count, "count", "the maximum `number` of nodes to draw")
	fs.Var(&n.Percent, "percent", "the percentage of the nodes to draw, a `number` from 1 to 100, rounded down to at least one node")
	fs.BoolVar(&n.IncludeControlPlane, "include-control-plane", n.IncludeControlPlane, "include control plane nodes")
	fs.BoolVar(&n.All, "all-nodes", n.All, "select every node. Required if no other selector and no limit is set")
}

// NodeSelection selects nodes.
type NodeSelection struct {
	nodes  Nodes
	labels labels.Selector // nil where nothing was said
}

// Compile parses the fields. Its errors are of type field.Error, joined if there are several, and
// name the allowed values. A selection that matches every node is refused unless All, Count or
// Percent is set.
func (n Nodes) Compile() (*NodeSelection, error) {
	s := &NodeSelection{nodes: n}
	var all []error
	report := func(name string, err error) {
		if err != nil {
			all = append(all, nodeError(name, err))
		}
	}
	report("names", n.Names.Check())
	report("labels", parse(&s.labels, n.Labels, parseSelector))
	report("zone", n.Zone.Check())
	report("preemptible", n.Preemptible.Check())
	report("count", n.Count.Check(maxCount))
	report("percent", n.Percent.Check(100))
	if n.Count != 0 && n.Percent != 0 {
		report("count", errors.New("cannot be combined with percent"))
	}
	limited := n.Count != 0 || n.Percent != 0 && n.Percent != 100
	if n.Names == nil && n.Labels == "" && n.Zone == "" && n.Preemptible == "" && !limited && !n.All {
		report("all", errors.New("no selector given: select nodes by names, labels, zone or preemptible, limit them by count or percent, or set all to select every node"))
	}
	if len(all) > 0 {
		return nil, errors.Join(all...)
	}
	return s, nil
}

// maxCount is more nodes than a cluster can have.
const maxCount = 1_000_000

func nodeError(name string, err error) error {
	return &field.Error{Field: name, Flag: nodeFlags[name], Err: err}
}

// SelectedNodes are the candidates, in the order of the picture, and the number of the others by
// reason.
type SelectedNodes struct {
	Nodes    []*corev1.Node
	Excluded map[string]int
}

// Reasons why nodes are not selected. The first one that applies counts.
const (
	whyZone         = "in another zone"
	whyPreemptible  = "preemptible"
	whyOnDemand     = "not preemptible"
	whyControlPlane = "of the control plane"
	whyLeaving      = "being removed"
)

// Nodes selects nodes from the picture. It is an error if a named node or zone does not exist, or
// if a named node is protected and not included. The node that this program runs on and nodes
// that are being removed are selected only by name.
func (s *NodeSelection) Nodes(p *Picture, r preemptible.Recognizer) (SelectedNodes, error) {
	if err := s.check(p); err != nil {
		return SelectedNodes{}, err
	}
	selected := SelectedNodes{Excluded: map[string]int{}}
	named := map[string]bool{}
	for _, name := range s.nodes.Names {
		named[name] = true
	}
	for _, node := range p.Snapshot.Nodes {
		why := whyName
		if s.nodes.Names == nil || named[node.Name] {
			why = s.why(node, r)
		}
		if why == "" && !named[node.Name] {
			switch {
			case p.OwnNode(node.Name):
				why = WhyOwn
			case cluster.NodeLeaving(node) != "" && !s.nodes.TakeLeaving:
				why = whyLeaving
			}
		}
		if why != "" {
			selected.Excluded[why]++
			continue
		}
		selected.Nodes = append(selected.Nodes, node)
	}
	return selected, nil
}

// why returns why a node is not selected, apart from its name. It is empty for a selected node.
func (s *NodeSelection) why(node *corev1.Node, r preemptible.Recognizer) string {
	switch {
	case s.labels != nil && !s.labels.Matches(labels.Set(node.Labels)):
		return whyLabels
	case s.nodes.Zone != "" && ZoneOf(node) != string(s.nodes.Zone):
		return whyZone
	case s.nodes.Preemptible == field.Yes && !r.Preemptible(node):
		return whyOnDemand
	case s.nodes.Preemptible == field.No && r.Preemptible(node):
		return whyPreemptible
	case !s.nodes.IncludeControlPlane && cluster.ControlPlane(node):
		return whyControlPlane
	}
	if mark, marked := cluster.NodeDoNotDisrupt(node); marked && s.nodes.SpareMarked {
		return whyMarked(mark)
	}
	return ""
}

// check returns an error for names that do not exist or are protected.
func (s *NodeSelection) check(p *Picture) error {
	nodes := map[string]*corev1.Node{}
	for _, node := range p.Snapshot.Nodes {
		nodes[node.Name] = node
	}
	for _, name := range s.nodes.Names {
		node, there := nodes[name]
		if !there {
			return nodeError("names", fmt.Errorf("no node %s%s", name, spelling.DidYouMean(name, slices.Sorted(maps.Keys(nodes)))))
		}
		if cluster.ControlPlane(node) && !s.nodes.IncludeControlPlane {
			return nodeError("includeControlPlane", fmt.Errorf("is required, because node %s is a control plane node", name))
		}
		if mark, marked := cluster.NodeDoNotDisrupt(node); marked && s.nodes.SpareMarked {
			return nodeError("includeDoNotDisrupt", fmt.Errorf("is required, because node %s has the annotation %s", name, mark))
		}
	}
	zones := Zones(p)
	if zone := string(s.nodes.Zone); zone != "" && !slices.Contains(zones, zone) {
		there := strings.Join(zones, ", ")
		if there == "" {
			there = "none, because no node has the label " + corev1.LabelTopologyZone
		}
		return nodeError("zone", fmt.Errorf("no zone %s%s: available are %s", zone, spelling.DidYouMean(zone, zones), there))
	}
	return nil
}

// Draw draws the requested number of nodes: a random sample that changes as little as possible
// when nodes are added or removed.
func (s *NodeSelection) Draw(seed draw.Seed, nodes []*corev1.Node) []*corev1.Node {
	drawn := slices.Clone(nodes)
	draw.Sort(seed, drawn, func(node *corev1.Node) string { return node.Name })
	most := len(drawn)
	switch {
	case s.nodes.Count != 0:
		most = min(most, int(s.nodes.Count))
	case s.nodes.Percent != 0:
		most = min(most, max(1, most*int(s.nodes.Percent)/100))
	}
	return drawn[:most]
}

// ZoneOf returns the zone of a node, or nothing.
func ZoneOf(node *corev1.Node) string { return node.Labels[corev1.LabelTopologyZone] }

// Zones returns the zones of the picture's nodes, by name.
func Zones(p *Picture) []string {
	zones := map[string]bool{}
	for _, node := range p.Snapshot.Nodes {
		if zone := ZoneOf(node); zone != "" {
			zones[zone] = true
		}
	}
	return slices.Sorted(maps.Keys(zones))
}
