package cluster

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// NodeReady reports whether the node is Ready by its condition.
func NodeReady(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// noticeTaints are the keys of the taints by which platforms announce that a node will soon be
// gone, whatever their effect. Until then its pods may stay where they are.
var noticeTaints = []string{
	"aws-node-termination-handler/*",
	"cloud.google.com/impending-node-termination",
	corev1.TaintNodeOutOfService,
}

// drainTaints are the keys of the taints of nodes that an autoscaler or a platform empties, whatever
// their effect. DeletionCandidateOfClusterAutoscaler is not among them: a candidate may well stay.
var drainTaints = []string{
	"ToBeDeletedByClusterAutoscaler",
	"karpenter.sh/disrupted",
	"karpenter.sh/disruption", // before Karpenter 1.0
	"karpenter.sh/rebooting",  // the node comes back, its pods do not
	"remediator.kubernetes.azure.com/unschedulable",
	"autoscaling.cast.ai/draining",
}

// RemovalTaints returns the keys of the taints of nodes on their way out, as TaintedBy takes
// them.
func RemovalTaints() []string { return slices.Concat(noticeTaints, drainTaints) }

// TaintedBy returns the key of the node's first taint that is among the keys, of which
// one that ends in * stands for every key that begins like it; nothing where none is.
func TaintedBy(node *corev1.Node, keys []string) string {
	for _, taint := range node.Spec.Taints {
		for _, key := range keys {
			prefix, isPrefix := strings.CutSuffix(key, "*")
			if key == taint.Key || isPrefix && strings.HasPrefix(taint.Key, prefix) {
				return taint.Key
			}
		}
	}
	return ""
}

// NodeLeaving says by what it is known that the node is on its way out; nothing for a node
// that stays. Whatever is on it goes elsewhere, and nothing should come.
func NodeLeaving(node *corev1.Node) string {
	if drained := NodeDrained(node); drained != "" {
		return drained
	}
	return tainted(node, noticeTaints)
}

// NodeDrained says by what it is known that somebody takes the pods of the node away, so that nobody
// else has to; nothing for other nodes.
func NodeDrained(node *corev1.Node) string {
	if node.DeletionTimestamp != nil {
		return "is being deleted"
	}
	return tainted(node, drainTaints)
}

func tainted(node *corev1.Node, keys []string) string {
	if taint := TaintedBy(node, keys); taint != "" {
		return "has the taint " + taint
	}
	return ""
}

// autoscalerLabels are labels that only an autoscaler gives to nodes, autoscalerTaints the keys of
// taints that only one does.
var (
	autoscalerLabels = []string{"karpenter.sh/nodepool", "karpenter.sh/provisioner-name"} // the latter before Karpenter 0.32
	autoscalerTaints = []string{"ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler", "karpenter.sh/*"}
)

// Autoscaled reports whether an autoscaler has marked the node. Cluster Autoscaler marks only nodes
// that it takes away or may take away, so a cluster with one may have no such node for a time.
func Autoscaled(node *corev1.Node) bool {
	return slices.ContainsFunc(autoscalerLabels, func(key string) bool { _, has := node.Labels[key]; return has }) ||
		TaintedBy(node, autoscalerTaints) != ""
}
