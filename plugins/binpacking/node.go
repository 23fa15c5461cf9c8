package binpacking

import (
	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/usage"
)

// demand is what a pod requests of one resource, in the engine's units, and how
// much and how far that resource counts.
type demand struct {
	resource corev1.ResourceName
	request  int64
	weight   float64
	// ceiling is how full the node should get at most, from 0 to 1.
	ceiling float64
}

// request returns what a pod that requests the total requests of one resource: of
// pods, one.
func request(total fwk.Resource, name corev1.ResourceName) int64 {
	if name == corev1.ResourcePods {
		return 1
	}
	return usage.Quantity(total, name)
}

// filled returns the fraction of the node's allocatable that would be requested
// with the pod on it, from 0 to 1, and whether the node has the resource at all.
func (d demand) filled(node fwk.NodeInfo) (float64, bool) {
	requested, allocatable := usage.Of(node, d.resource)
	if allocatable <= 0 {
		return 0, false
	}
	return min(1, float64(requested+d.request)/float64(allocatable)), true
}
