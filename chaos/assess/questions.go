package assess

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// down is the permanent loss of nodes, as in capacity planning.
func down(nodes []*corev1.Node) Loss { return Loss{How: Down, Nodes: nodes, Dead: true} }

// LargestNode returns the loss of the largest node that is Ready, is not being removed, and has
// pods that do not belong to the node. The largest node has the largest share of the cluster's
// allocatable cpu or memory. Ties are broken by requests, then by name. Without such a node,
// nothing is lost.
func LargestNode(picture *target.Picture) Loss {
	total, requested := cluster.Amounts{}, map[string]cluster.Amounts{}
	for _, node := range picture.Nodes {
		total.Add(cluster.Allocatable(node), 1)
		requested[node.Name] = cluster.Amounts{}
	}
	loses := map[string]bool{}
	for _, pod := range picture.Pods {
		if onNode(pod) && requested[pod.Spec.NodeName] != nil {
			requested[pod.Spec.NodeName].Add(cluster.Requests(pod), 1)
			loses[pod.Spec.NodeName] = loses[pod.Spec.NodeName] || alive(pod) && !cluster.BelongsToNode(pod)
		}
	}
	var nodes []*corev1.Node
	for _, node := range picture.Nodes {
		if loses[node.Name] && cluster.NodeReady(node) && cluster.NodeLeaving(node) == "" {
			nodes = append(nodes, node)
		}
	}
	if len(nodes) == 0 {
		return down(nil)
	}
	largest := slices.MinFunc(nodes, func(a, b *corev1.Node) int {
		return cmp.Or(
			cmp.Compare(share(cluster.Allocatable(b), total), share(cluster.Allocatable(a), total)),
			cmp.Compare(share(requested[b.Name], total), share(requested[a.Name], total)),
			cmp.Compare(a.Name, b.Name),
		)
	})
	return down([]*corev1.Node{largest})
}

// EveryNode returns the loss of each single node that is Ready and is not being removed.
func EveryNode(picture *target.Picture) map[string]Loss {
	losses := map[string]Loss{}
	for _, node := range picture.Nodes {
		if cluster.NodeReady(node) && cluster.NodeLeaving(node) == "" {
			losses[node.Name] = down([]*corev1.Node{node})
		}
	}
	return losses
}

// share returns the larger of the shares of cpu and memory, from 0 to 1.
func share(part, whole cluster.Amounts) float64 {
	largest := 0.0
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if whole[name] > 0 {
			largest = max(largest, float64(part[name])/float64(whole[name]))
		}
	}
	return largest
}

// EveryZone returns the loss of each zone, by the node label topology.kubernetes.io/zone. Nodes
// without the label are in no zone.
func EveryZone(picture *target.Picture) map[string]Loss {
	return each(picture, func(node *corev1.Node) string { return node.Labels[corev1.LabelTopologyZone] })
}

// EveryPool returns the loss of each pool of nodes, by a node label, or by those of autoscalers and
// platforms if it is empty. Nodes without such a label are in no pool.
func EveryPool(picture *target.Picture, label string) map[string]Loss {
	return each(picture, PoolBy(label))
}

// PoolBy returns what names the pool of a node: a node label, or those of autoscalers and platforms if
// it is empty.
func PoolBy(label string) func(*corev1.Node) string {
	if label == "" {
		return cluster.PoolOf
	}
	return func(node *corev1.Node) string { return node.Labels[label] }
}

// each returns the loss of all nodes of the same name, except those without one.
func each(picture *target.Picture, name func(*corev1.Node) string) map[string]Loss {
	nodes := map[string][]*corev1.Node{}
	for _, node := range picture.Nodes {
		if of := name(node); of != "" {
			nodes[of] = append(nodes[of], node)
		}
	}
	losses := make(map[string]Loss, len(nodes))
	for of, nodes := range nodes {
		losses[of] = down(nodes)
	}
	return losses
}

// Zone returns the loss of a zone. The error lists the available zones.
func Zone(picture *target.Picture, name string) (Loss, error) {
	losses := EveryZone(picture)
	if loss, known := losses[name]; known {
		return loss, nil
	}
	if len(losses) == 0 {
		return Loss{}, fmt.Errorf("no node is in zone %q: no node has the label %s", name, corev1.LabelTopologyZone)
	}
	return Loss{}, fmt.Errorf("no node is in zone %q: available zones are %s", name, strings.Join(slices.Sorted(maps.Keys(losses)), ", "))
}

// AllPreemptible returns the loss of all preemptible nodes. There may be none.
func AllPreemptible(picture *target.Picture, recognizer preemptible.Recognizer) Loss {
	var nodes []*corev1.Node
	for _, node := range picture.Nodes {
		if recognizer.Preemptible(node) {
			nodes = append(nodes, node)
		}
	}
	return down(nodes)
}
