package v1

import (
	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// SetDefaults_PreemptibleNodesArgs knows the platforms, and sets no limits.
func SetDefaults_PreemptibleNodesArgs(args *PreemptibleNodesArgs) {
	if len(args.NodeLabels) == 0 {
		args.NodeLabels = []NodeLabel{
			{Key: "karpenter.sh/capacity-type", Values: []string{"spot"}},
			{Key: "eks.amazonaws.com/capacityType", Values: []string{"SPOT"}},
			{Key: "cloud.google.com/gke-spot", Values: []string{"true"}},
			{Key: "cloud.google.com/gke-preemptible", Values: []string{"true"}},
			{Key: "cloud.google.com/gke-provisioning", Values: []string{"spot", "preemptible"}},
			{Key: "kubernetes.azure.com/scalesetpriority", Values: []string{"spot"}},
			{Key: "spotinst.io/node-lifecycle", Values: []string{"spot"}},
			{Key: "scheduling.cast.ai/spot", Values: []string{"true"}},
			{Key: "node.kubernetes.io/lifecycle", Values: []string{"spot"}},
		}
	}
	if len(args.TerminationNotices) == 0 {
		args.TerminationNotices = []string{
			"aws-node-termination-handler/*",
			"cloud.google.com/impending-node-termination",
			"ToBeDeletedByClusterAutoscaler",
			"karpenter.sh/disrupted",
			"node.kubernetes.io/out-of-service",
		}
	}
	if args.Default.Preemptible == "" {
		args.Default.Preemptible = PreemptibleMode(config.PreemptibleAllow)
	}
	if args.Enforcement == "" {
		args.Enforcement = Enforcement(config.Soft)
	}
}
