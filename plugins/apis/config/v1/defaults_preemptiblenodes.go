package v1

import (
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// SetDefaults_PreemptibleNodesArgs sets the defaults: the labels and taints of supported
// platforms, and no limits.
func SetDefaults_PreemptibleNodesArgs(args *PreemptibleNodesArgs) {
	known := preemptible.Known()
	if len(args.NodeLabels) == 0 {
		for _, label := range known.Labels {
			args.NodeLabels = append(args.NodeLabels, NodeLabel(label))
		}
	}
	if len(args.TerminationNotices) == 0 {
		args.TerminationNotices = known.Notices
	}
	if args.Default.Preemptible == "" {
		args.Default.Preemptible = PreemptibleMode(config.PreemptibleAllow)
	}
	if args.Enforcement == "" {
		args.Enforcement = Enforcement(config.Soft)
	}
}
