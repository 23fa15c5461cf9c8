package cluster

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// NodeReady says whether the node is Ready by its condition.
func NodeReady(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// removalTaints are the keys of the taints by which platforms and autoscalers announce that
// a node will soon be gone, whatever their effect. DeletionCandidateOfClusterAutoscaler is
// not among them: a candidate may well stay.
var removalTaints = []string{
	"aws-node-termination-handler/*",
	"cloud.google.com/impending-node-termination",
	"ToBeDeletedByClusterAutoscaler",
	"karpenter.sh/disrupted",
	"karpenter.sh/disruption", // before Karpenter 1.0
	corev1.TaintNodeOutOfService,
}

// RemovalTaints returns the keys of the taints that announce a node's end, as TaintedBy
// takes them.
func RemovalTaints() []string { return slices.Clone(removalTaints) }

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
	if node.DeletionTimestamp != nil {
		return "is being deleted"
	}
	if taint := TaintedBy(node, removalTaints); taint != "" {
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

// Autoscaled says whether an autoscaler has marked the node. Cluster Autoscaler marks only nodes
// that it takes away or may take away, so a cluster with one may have no such node for a time.
func Autoscaled(node *corev1.Node) bool {
	return slices.ContainsFunc(autoscalerLabels, func(key string) bool { _, has := node.Labels[key]; return has }) ||
		TaintedBy(node, autoscalerTaints) != ""
}
