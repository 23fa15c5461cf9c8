// Package preemptible knows nodes that a platform may take back at short notice, and
// what workloads say of such nodes. The scheduler's plugin and the descheduler share it,
// so that one never undoes what the other has done.
package preemptible

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// NodeLabel is a label of a node, with the values that count.
type NodeLabel struct {
	Key    string
	Values []string
}

// Recognizer tells preemptible nodes, and those that will soon be gone.
type Recognizer struct {
	// Labels are those by which a preemptible node is known: any one will do.
	Labels []NodeLabel
	// Notices are the keys of the taints that announce a node's end. One that ends in *
	// stands for every key that begins like it.
	Notices []string
}

// Known returns a Recognizer that knows the platforms' and autoscalers' labels and taints. The
// README of the plugin PreemptibleNodes has their sources.
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

// Preemptible reports whether the platform may take the node back at short notice.
func (r Recognizer) Preemptible(node *corev1.Node) bool {
	return slices.ContainsFunc(r.Labels, func(label NodeLabel) bool {
		value, has := node.Labels[label.Key]
		return has && slices.Contains(label.Values, value)
	})
}

// Notified reports whether a taint says that the node will soon be gone.
func (r Recognizer) Notified(node *corev1.Node) bool {
	return cluster.TaintedBy(node, r.Notices) != ""
}
