// Package preemptible recognizes nodes that a platform may remove at short notice, and reads
// the policies of workloads for such nodes. The scheduler's plugin and the descheduler share
// it, so that neither reverts what the other does.
package preemptible

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// NodeLabel is a label of nodes, with the values that match.
type NodeLabel struct {
	Key    string
	Values []string
}

// Recognizer recognizes preemptible nodes, and nodes that will be removed soon.
type Recognizer struct {
	// Labels are the labels that mark preemptible nodes. A node is preemptible if it has any
	// of them.
	Labels []NodeLabel
	// Notices are the keys of taints that announce the removal of a node. A key that ends in
	// * matches all keys with that prefix.
	Notices []string
}

// Known returns a Recognizer for the labels and taints of supported platforms and
// autoscalers. The README of the plugin PreemptibleNodes lists the sources.
func Known() Recognizer {
	return Recognizer{
		Labels: []NodeLabel{
			{Key: "karpenter.sh/capacity-type", Values: []string{"spot"}},
			{Key: "karpenter.k8s.aws/capacity-reservation-interruptible", Values: []string{"true"}},
			{Key: "eks.amazonaws.com/capacityType", Values: []string{"SPOT"}},
			{Key: "eks.amazonaws.com/capacity-reservation-interruptible", Values: []string{"true"}},
			{Key: "cloud.google.com/gke-spot", Values: []string{"true"}},
			{Key: "cloud.google.com/gke-preemptible", Values: []string{"true"}},
			{Key: "cloud.google.com/gke-provisioning", Values: []string{"spot", "preemptible"}},
			{Key: "kubernetes.azure.com/scalesetpriority", Values: []string{"spot"}},
			{Key: "kubernetes.azure.com/priority", Values: []string{"spot"}},
			{Key: "oci.oraclecloud.com/oke-is-preemptible", Values: []string{"true"}},
			{Key: "node.alibabacloud.com/spot-strategy", Values: []string{"SpotWithPriceLimit", "SpotAsPriceGo"}},
			{Key: "yandex.cloud/preemptible", Values: []string{"true"}},
			{Key: "together.ai/compute-class", Values: []string{"preemptible"}},
			{Key: "machine.openshift.io/interruptible-instance", Values: []string{""}},
			{Key: "cluster.x-k8s.io/interruptible", Values: []string{""}},
			{Key: "node-role.kubernetes.io/spot-worker", Values: []string{"true"}},
			{Key: "k8c.io/aws-spot", Values: []string{"aws-node-termination-handler"}},
			{Key: "spotinst.io/node-lifecycle", Values: []string{"spot"}},
			{Key: "scheduling.cast.ai/spot", Values: []string{"true"}},
			{Key: "node.kubernetes.io/lifecycle", Values: []string{"spot"}},
		},
		Notices: cluster.RemovalTaints(),
	}
}

// Preemptible reports whether the platform may remove the node at short notice.
func (r Recognizer) Preemptible(node *corev1.Node) bool {
	return slices.ContainsFunc(r.Labels, func(label NodeLabel) bool {
		value, has := node.Labels[label.Key]
		return has && slices.Contains(label.Values, value)
	})
}

// Notified reports whether a taint announces the removal of the node.
func (r Recognizer) Notified(node *corev1.Node) bool {
	return cluster.TaintedBy(node, r.Notices) != ""
}
