package pool

import (
	"maps"
	"slices"
)

// Platforms maps the name of a platform to the labels of its preemptible nodes.
var Platforms = map[string]map[string]string{
	"karpenter": {"karpenter.sh/capacity-type": "spot"},
	"eks":       {"eks.amazonaws.com/capacityType": "SPOT"},
	"gke":       {"cloud.google.com/gke-spot": "true"},
	"aks":       {"kubernetes.azure.com/scalesetpriority": "spot"},
	"spotinst":  {"spotinst.io/node-lifecycle": "spot"},
	"castai":    {"scheduling.cast.ai/spot": "true"},
	"generic":   {"node.kubernetes.io/lifecycle": "spot"},
}

// platformNames lists the platforms in order, for messages.
func platformNames() []string {
	return slices.Sorted(maps.Keys(Platforms))
}
