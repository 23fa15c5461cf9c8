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

// Nodes is what users select nodes by. Everything that is given must hold. Nodes of the
// control plane are protected unless asked for.
type Nodes struct {
	// Names are names of nodes, which must be there.
	Names field.List `json:"names,omitempty" doc:"only these nodes" schema:"minItems=1"`
	// Labels is a label selector.
	Labels field.Text `json:"labels,omitempty" doc:"only nodes whose labels this selector matches, such as pool=batch,arch!=arm64" schema:"minLength=1"`
	// Zone is a value of the label topology.kubernetes.io/zone.
	Zone field.Text `json:"zone,omitempty" doc:"only nodes in this zone" schema:"minLength=1"`
	// Preemptible is true for nodes that the platform may take back, false for all others.
	Preemptible field.Bool `json:"preemptible,omitempty" doc:"true: only nodes that the platform may take back at short notice; false: only others"`
	// Count is how many are drawn at most. Percent is how many of a hundred are, rounded
	// down, but one at least. Without either all are.
	Count   field.Number `json:"count,omitempty" doc:"draw this number of nodes at most" schema:"minimum=1"`
	Percent field.Number `json:"percent,omitempty" doc:"draw this part of the nodes, of a hundred: rounded down, but one at least" schema:"minimum=1,maximum=100"`

	IncludeControlPlane bool `json:"includeControlPlane,omitempty" doc:"nodes of the control plane, too"`
	// SpareMarked leaves out nodes that somebody has marked for every disruptor. The fault
	// says so, for one that takes them on purpose rather than as an outage would.
	SpareMarked bool `json:"-"`
	// TakeLeaving takes nodes, too, that somebody takes away already. The fault says so, for
	// an outage that hits all there is.
	TakeLeaving bool `json:"-"`
	// All is needed for a selection that would otherwise be empty.
	All bool `json:"all,omitempty" doc:"all nodes that nothing else leaves out: needed where nothing else selects or limits"`
}

// The flags that are not called as their fields are.
var nodeFlags = map[string]string{"names": "nodes", "labels": "node-labels", "all": "all-nodes"}

// Add adds the flags that set the fields.
func (n *Nodes) Add(fs *pflag.FlagSet) {
	fs.Var(&n.Names, "nodes", "only these nodes: `names`, with commas between them")
	fs.Var(&n.Labels, "node-labels", "only nodes whose labels this `selector` matches, such as pool=batch,arch!=arm64")
	fs.Var(&n.Zone, "zone", "only nodes in this `zone`")
	fs.Var(&n.Preemptible, "preemptible", "only nodes that the platform may take back at short notice; with =false, only others")
	fs.Lookup("preemptible").NoOptDefVal = string(field.Yes)
	fs.Var(&n.Count, "count", "draw this `number` of nodes at most")
	fs.Var(&n.Percent, "percent", "draw this part of the nodes, a `number` from 1 to 100: rounded down, but one at least")
	fs.BoolVar(&n.IncludeControlPlane, "include-control-plane", n.IncludeControlPlane, "nodes of the control plane, too")
	fs.BoolVar(&n.All, "all-nodes", n.All, "all nodes that nothing else leaves out: needed where nothing else selects or limits")
}

// NodeSelection selects nodes.
type NodeSelection struct {
	nodes  Nodes
	labels labels.Selector // nil where nothing was said
}

// Compile reads the fields. Its errors are of type field.Error, joined where there are
// several, and say what is allowed. A selection that would match every node is refused
// unless All says so, or Count or Percent limits it.
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
		report("count", errors.New("is given, and so is a percentage: one of them is enough"))
	}
	limited := n.Count != 0 || n.Percent != 0 && n.Percent != 100
	if n.Names == nil && n.Labels == "" && n.Zone == "" && n.Preemptible == "" && !limited && !n.All {
		report("all", errors.New("an empty selection would match every node, and is refused without this: select by names, labels, zone or preemptible, or draw a number or a percentage"))
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

// SelectedNodes are the nodes to draw from, in the picture's order, and how many there
// are besides, by why they are not among them.
type SelectedNodes struct {
	Nodes    []*corev1.Node
	Excluded map[string]int
}

// Why nodes are not selected, besides other names and labels. Of several reasons the
// first counts.
const (
	whyZone         = "in another zone"
	whyPreemptible  = "preemptible"
	whyOnDemand     = "not preemptible"
	whyControlPlane = "of the control plane"
	whyLeaving      = "on its way out"
)

// Nodes selects out of the picture. Names and a zone that are not in it are an error, and
// so is a node that is named but protected, and not asked for. The recognizer tells
// preemptible nodes. The node that this program runs on is selected by its name only, and
// so are those that somebody takes away: what is lost there is lost anyway.
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

// why says why a node is not selected, whatever its name; nothing where it is.
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
	case !s.nodes.IncludeControlPlane && controlPlane(node):
		return whyControlPlane
	}
	if mark, marked := cluster.NodeDoNotDisrupt(node); marked && s.nodes.SpareMarked {
		return whyMarked(mark)
	}
	return ""
}

// check says what the selection names that is not in the picture, or protected.
func (s *NodeSelection) check(p *Picture) error {
	nodes := map[string]*corev1.Node{}
	for _, node := range p.Snapshot.Nodes {
		nodes[node.Name] = node
	}
	for _, name := range s.nodes.Names {
		node, there := nodes[name]
		if !there {
			return nodeError("names", fmt.Errorf("there is no node %s%s", name, spelling.DidYouMean(name, slices.Sorted(maps.Keys(nodes)))))
		}
		if controlPlane(node) && !s.nodes.IncludeControlPlane {
			return nodeError("includeControlPlane", fmt.Errorf("node %s is asked for, and protected without this: it is of the control plane", name))
		}
		if mark, marked := cluster.NodeDoNotDisrupt(node); marked && s.nodes.SpareMarked {
			return nodeError("includeDoNotDisrupt", fmt.Errorf("node %s is asked for, and protected without this: it has the annotation %s", name, mark))
		}
	}
	zones := Zones(p)
	if zone := string(s.nodes.Zone); zone != "" && !slices.Contains(zones, zone) {
		there := strings.Join(zones, ", ")
		if there == "" {
			there = "none: no node has the label " + corev1.LabelTopologyZone
		}
		return nodeError("zone", fmt.Errorf("there is no zone %s%s: there are %s", zone, spelling.DidYouMean(zone, zones), there))
	}
	return nil
}

// Draw draws as many of the nodes as are to be: a random sample that stays the same, as
// far as it can, when nodes come or go.
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

// ZoneOf returns the zone of a node; nothing where it has none.
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

// controlPlane says whether a node is of the control plane; the second label is how older
// clusters say so.
func controlPlane(node *corev1.Node) bool {
	_, is := node.Labels["node-role.kubernetes.io/control-plane"]
	_, was := node.Labels["node-role.kubernetes.io/master"]
	return is || was
}
