package cluster

import corev1 "k8s.io/api/core/v1"

// poolLabels are the labels by which autoscalers and platforms say which pool a node belongs to.
// Of several on one node the first counts.
var poolLabels = []string{
	"karpenter.sh/nodepool",
	"karpenter.sh/provisioner-name", // before Karpenter 0.32
	"cloud.google.com/gke-nodepool",
	"eks.amazonaws.com/nodegroup",
	"alpha.eksctl.io/nodegroup-name",
	"kubernetes.azure.com/agentpool",
	"kops.k8s.io/instancegroup",
	"worker.gardener.cloud/pool",
	"doks.digitalocean.com/node-pool",
	"k8s.scaleway.com/pool-name",
	"lke.linode.com/pool-id",
	"ibm-cloud.kubernetes.io/worker-pool-name",
	"magnum.openstack.org/nodegroup",
	"alibabacloud.com/nodepool-id",
	"yandex.cloud/node-group-id",
}

// PoolLabels returns the labels that PoolOf looks at.
func PoolLabels() []string { return append([]string(nil), poolLabels...) }

// PoolOf returns the pool, node group or agent pool of a node; nothing if no label says it.
func PoolOf(node *corev1.Node) string {
	for _, label := range poolLabels {
		if pool := node.Labels[label]; pool != "" {
			return pool
		}
	}
	return ""
}
