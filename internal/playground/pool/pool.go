// Package pool reads a YAML file that describes fake nodes, as groups of equal machines in
// zones, and creates the Node objects.
package pool

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

const (
	// APIVersion and Kind are those of a pool file.
	APIVersion = "playground.stowage.dev/v1alpha1"
	Kind       = "NodePool"

	// FakeAnnotation with the value Fake marks nodes without a kubelet.
	FakeAnnotation = "kwok.x-k8s.io/node"
	Fake           = "fake"
	// GroupLabel names the group of a fake node.
	GroupLabel = "playground.stowage.dev/group"

	// MaxNodes is the maximum number of nodes of a pool: more than a control plane can have.
	MaxNodes = 1_000_000

	// podsPerNode is Kubernetes' default limit.
	podsPerNode = "110"
)

// Pool is a set of fake nodes.
type Pool struct {
	metav1.TypeMeta `json:",inline"`

	// Groups are the kinds of nodes.
	Groups []Group `json:"groups"`
}

// Group is a number of nodes that only differ in name and zone.
type Group struct {
	// Name is the prefix of the nodes' names and the value of GroupLabel.
	Name string `json:"name"`
	// Count is the number of nodes.
	Count int `json:"count"`
	// Zones are assigned to the nodes in turn. Empty means a single zone, zone-a.
	Zones []string `json:"zones,omitempty"`
	// InstanceType is the value of node.kubernetes.io/instance-type. Empty means the group's
	// name.
	InstanceType string `json:"instanceType,omitempty"`
	// Capacity is the capacity of each node, all of which is allocatable: cpu, memory, pods
	// (default: 110), ephemeral-storage, extended resources.
	Capacity map[corev1.ResourceName]Quantity `json:"capacity"`
	// Labels and Taints are added to each node.
	Labels map[string]string `json:"labels,omitempty"`
	Taints []corev1.Taint    `json:"taints,omitempty"`
	// Preemptible names the platform whose label marks the nodes as preemptible;
	// empty means on-demand nodes. See Platforms.
	Preemptible string `json:"preemptible,omitempty"`
}

// Quantity is a Kubernetes quantity as written in the file, a number or a string. Validate
// parses it, so that errors name the field.
type Quantity string

// UnmarshalJSON accepts a number or a string.
func (q *Quantity) UnmarshalJSON(data []byte) error {
	*q = Quantity(strings.Trim(string(data), `"`))
	return nil
}

// Load reads and validates a pool file. Errors name the file and the field.
func Load(path string) (*Pool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the pool file: %w", err)
	}
	p, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("pool file %s: %w", path, err)
	}
	return p, nil
}

// Parse decodes a pool strictly and validates it.
func Parse(data []byte) (*Pool, error) {
	raw, err := yaml.YAMLToJSONStrict(data)
	if err != nil {
		return nil, err
	}
	p := &Pool{}
	unknown, err := json.UnmarshalStrict(raw, p)
	if err != nil {
		return nil, err
	}
	if len(unknown) > 0 {
		return nil, unknown[0]
	}
	if err := p.Validate(); err != nil {
		return nil, err
	}
	return p, nil
}

// Size returns the number of nodes.
func (p *Pool) Size() int {
	total := 0
	for _, g := range p.Groups {
		total += g.Count
	}
	return total
}

// Scale returns the pool with the given total number of nodes. Its groups have the same
// proportions, by the method of largest remainders.
func (p *Pool) Scale(nodes int) *Pool {
	scaled := &Pool{TypeMeta: p.TypeMeta, Groups: slices.Clone(p.Groups)}
	size := p.Size()
	if size == 0 {
		return scaled
	}
	byRemainder := make([]int, len(p.Groups))
	left := nodes
	for i, g := range p.Groups {
		byRemainder[i] = i
		scaled.Groups[i].Count = g.Count * nodes / size
		left -= scaled.Groups[i].Count
	}
	slices.SortStableFunc(byRemainder, func(a, b int) int {
		return cmp.Compare(p.Groups[b].Count*nodes%size, p.Groups[a].Count*nodes%size)
	})
	for _, i := range byRemainder[:left] {
		scaled.Groups[i].Count++
	}
	return scaled
}

// Nodes returns the Node objects of the pool, which must be valid.
func (p *Pool) Nodes() []*corev1.Node {
	nodes := make([]*corev1.Node, 0, p.Size())
	for _, g := range p.Groups {
		for i := range g.Count {
			nodes = append(nodes, g.node(i))
		}
	}
	return nodes
}

// PreemptibleNodes returns the Node objects of the pool's preemptible groups.
func (p *Pool) PreemptibleNodes() []*corev1.Node {
	some := &Pool{}
	for _, g := range p.Groups {
		if g.Preemptible != "" {
			some.Groups = append(some.Groups, g)
		}
	}
	return some.Nodes()
}

// node returns the group's node of the given index.
func (g *Group) node(index int) *corev1.Node {
	zones := g.Zones
	if len(zones) == 0 {
		zones = []string{"zone-a"}
	}
	name := fmt.Sprintf("%s-%05d", g.Name, index)
	labels := map[string]string{
		corev1.LabelHostname:           name,
		corev1.LabelTopologyZone:       zones[index%len(zones)],
		corev1.LabelTopologyRegion:     "region-1",
		corev1.LabelInstanceTypeStable: cmp.Or(g.InstanceType, g.Name),
		corev1.LabelOSStable:           "linux",
		corev1.LabelArchStable:         "amd64",
		GroupLabel:                     g.Name,
	}
	for key, value := range Platforms[g.Preemptible] {
		labels[key] = value
	}
	for key, value := range g.Labels {
		labels[key] = value
	}
	capacity := corev1.ResourceList{corev1.ResourcePods: resource.MustParse(podsPerNode)}
	for name, q := range g.Capacity {
		capacity[name] = resource.MustParse(string(q))
	}
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{FakeAnnotation: Fake}},
		Spec:       corev1.NodeSpec{ProviderID: "kwok://" + name, Taints: slices.Clone(g.Taints)},
		Status:     corev1.NodeStatus{Capacity: capacity, Allocatable: capacity.DeepCopy()},
	}
}
