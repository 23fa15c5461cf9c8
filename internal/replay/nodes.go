package replay

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/ask"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// sortNodes puts nodes that are alike beside each other.
func (c *comparison) sortNodes() {
	c.kinds = map[string]string{}
	for _, node := range c.picture.Nodes {
		c.kinds[node.Name] = ask.KindOf(node)
	}
	c.nodes = slices.SortedFunc(slices.Values(c.picture.Nodes), func(a, b *corev1.Node) int {
		return cmp.Or(cmp.Compare(c.kinds[a.Name], c.kinds[b.Name]), cmp.Compare(a.Name, b.Name))
	})
}

// keep finds the nodes that could not be switched off even if no pod were there that can move.
func (c *comparison) keep() {
	c.kept = map[string]string{}
	for _, pod := range c.staying {
		if mark, marked := cluster.KeepsNode(pod, c.opts.Now); marked {
			c.kept[pod.Spec.NodeName] = fmt.Sprintf("pod %s/%s, which stays there, has the annotation %s", pod.Namespace, pod.Name, mark)
		}
	}
	for _, node := range c.nodes {
		mark, marked := cluster.NodeDoNotDisrupt(node)
		switch leaving := cluster.NodeLeaving(node); {
		case leaving != "":
			c.kept[node.Name] = "it is being removed already: it " + leaving
		case cluster.ControlPlane(node):
			c.kept[node.Name] = "it is a control plane node"
		case marked:
			c.kept[node.Name] = "it has the annotation " + mark.String()
		}
	}
}

// closed says whether the node takes no new pods now.
func closed(node *corev1.Node) bool {
	notReady := slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status != corev1.ConditionTrue
	})
	return node.Spec.Unschedulable || notReady || cluster.NodeLeaving(node) != ""
}
