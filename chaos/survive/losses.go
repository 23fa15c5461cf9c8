// Package survive tells which losses of nodes a cluster survives, and searches for the smallest
// change of a workload after which it survives one that it does not. The losses are predicted by
// chaos/assess. A change is tried on a copy of the cluster, in which the scheduler's own code
// places the changed pods. It makes no requests.
package survive

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/spelling"
)

// Kind is what is lost.
type Kind string

// The kinds of losses.
const (
	Zone        Kind = "zone"
	Pool        Kind = "pool"
	Preemptible Kind = "preemptible" // all preemptible nodes at once
	Node        Kind = "node"
)

// kinds are all kinds. A change for a large loss often serves for smaller ones, so these come last.
var kinds = []Kind{Zone, Pool, Preemptible, Node}

// ParseKinds returns the kinds of the names, in the order in which they are answered.
func ParseKinds(names []string) ([]Kind, error) {
	var all []string
	for _, kind := range kinds {
		all = append(all, string(kind))
	}
	for _, name := range names {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("%q%s: must be one of %s", name, spelling.DidYouMean(name, all), strings.Join(all, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(kinds), func(kind Kind) bool { return !slices.Contains(names, string(kind)) }), nil
}

// Loss is a loss of nodes at once.
type Loss struct {
	Kind  Kind     `json:"kind"`
	Name  string   `json:"name,omitempty"`
	Nodes []string `json:"nodes"`

	loss assess.Loss
	// keys are node labels by which pods are spread so that some of them outlast the loss.
	keys []string
}

func (l *Loss) String() string {
	if l.Kind == Preemptible {
		return "all preemptible nodes"
	}
	return string(l.Kind) + " " + l.Name
}

// Losses returns the losses of the kinds. Kinds that the cluster does not have are left out, such as
// zones where no node is in one. So are zones, pools and preemptible nodes that are the whole cluster:
// nothing survives that.
func Losses(picture *target.Picture, recognizer preemptible.Recognizer, kinds []Kind) []*Loss {
	var all []*Loss
	add := func(kind Kind, losses map[string]assess.Loss, keys []string) {
		for _, name := range slices.Sorted(maps.Keys(losses)) {
			l := &Loss{Kind: kind, Name: name, loss: losses[name]}
			for _, node := range l.loss.Nodes {
				l.Nodes = append(l.Nodes, node.Name)
			}
			slices.Sort(l.Nodes)
			if len(l.Nodes) == 0 || kind != Node && l.isAll(picture) {
				continue
			}
			l.keys = slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !l.divides(picture, key) })
			all = append(all, l)
		}
	}
	for _, kind := range kinds {
		switch kind {
		case Zone:
			add(kind, assess.EveryZone(picture), []string{corev1.LabelTopologyZone})
		case Pool:
			add(kind, assess.EveryPool(picture, ""), cluster.PoolLabels())
		case Preemptible:
			var keys []string
			for _, label := range recognizer.Labels {
				keys = append(keys, label.Key)
			}
			add(kind, map[string]assess.Loss{"": assess.AllPreemptible(picture, recognizer)}, keys)
		case Node:
			add(kind, assess.EveryNode(picture), []string{corev1.LabelHostname})
		}
	}
	return all
}

// isAll says whether no other node could take pods. The names of the nodes are sorted.
func (l *Loss) isAll(picture *target.Picture) bool {
	return !slices.ContainsFunc(picture.Nodes, func(node *corev1.Node) bool {
		_, lost := slices.BinarySearch(l.Nodes, node.Name)
		return !lost && cluster.NodeReady(node) && !node.Spec.Unschedulable
	})
}

// divides says whether the label has one value on all nodes that are lost, and others elsewhere.
func (l *Loss) divides(picture *target.Picture, key string) bool {
	value, has := l.loss.Nodes[0].Labels[key]
	lost := map[string]bool{}
	for _, node := range l.loss.Nodes {
		has = has && node.Labels[key] == value
		lost[node.Name] = true
	}
	return has && slices.ContainsFunc(picture.Nodes, func(node *corev1.Node) bool {
		other, labelled := node.Labels[key]
		return !lost[node.Name] && labelled && other != value
	})
}
