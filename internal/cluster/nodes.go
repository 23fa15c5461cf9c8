package cluster

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// NodeReady reports whether the node has the condition Ready.
func NodeReady(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// ControlPlane reports whether the node is a control plane node. Older clusters use the second
// label.
func ControlPlane(node *corev1.Node) bool {
	_, is := node.Labels["node-role.kubernetes.io/control-plane"]
	_, was := node.Labels["node-role.kubernetes.io/master"]
	return is || was
}

// noticeTaints are the keys of taints by which platforms announce the removal of a node,
// whatever their effect. Until then, its pods may remain.
var noticeTaints = []string{
	"aws-node-termination-handler/*",
	"cloud.google.com/impending-node-termination",
	corev1.TaintNodeOutOfService,
}

// drainTaints are the keys of taints of nodes that an autoscaler or a platform drains,
// whatever their effect. DeletionCandidateOfClusterAutoscaler is not included, because a
// candidate may remain.
var drainTaints = []string{
	"ToBeDeletedByClusterAutoscaler",
	"karpenter.sh/disrupted",
	"karpenter.sh/disruption", // before Karpenter 1.0
	"karpenter.sh/rebooting",  // the node comes back, its pods do not
	"remediator.kubernetes.azure.com/unschedulable",
	"autoscaling.cast.ai/draining",
}

// RemovalTaints returns the keys of taints of nodes that will be removed, for TaintedBy.
func RemovalTaints() []string { return slices.Concat(noticeTaints, drainTaints) }

// TaintedBy returns the key of the node's first taint that matches one of the keys, or "". A
// key that ends in * matches all keys with that prefix.
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

// NodeLeaving describes how it is known that the node will be removed, or returns "" if it
// will not. Its pods will move, and no new pods should be placed on it.
func NodeLeaving(node *corev1.Node) string {
	if drained := NodeDrained(node); drained != "" {
		return drained
	}
	return tainted(node, noticeTaints)
}

// NodeDrained describes how it is known that another component evicts the pods of the node,
// or returns "" for other nodes.
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

// autoscalerLabels and autoscalerTaints are labels and keys of taints that only an autoscaler
// sets.
var (
	autoscalerLabels = []string{"karpenter.sh/nodepool", "karpenter.sh/provisioner-name"} // the latter before Karpenter 0.32
	autoscalerTaints = []string{"ToBeDeletedByClusterAutoscaler", "DeletionCandidateOfClusterAutoscaler", "karpenter.sh/*"}
)

// Autoscaled reports whether an autoscaler has marked the node. Cluster Autoscaler only marks
// nodes that it removes or may remove, so a cluster with one may temporarily have no such
// node.
func Autoscaled(node *corev1.Node) bool {
	return slices.ContainsFunc(autoscalerLabels, func(key string) bool { _, has := node.Labels[key]; return has }) ||
		TaintedBy(node, autoscalerTaints) != ""
}
