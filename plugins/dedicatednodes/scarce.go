package dedicatednodes

import (
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	v1helper "k8s.io/kubernetes/pkg/apis/core/v1/helper"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// scarceResources are the extended resources whose nodes are kept free.
type scarceResources struct {
	// listed are the resources in the arguments. Empty means all.
	listed sets.Set[corev1.ResourceName]
	// extended caches, by name, whether a resource is extended, because that takes longer
	// than the rest of a score.
	extended sync.Map
}

func newScarceResources(names []string) *scarceResources {
	r := &scarceResources{listed: sets.New[corev1.ResourceName]()}
	for _, name := range names {
		r.listed.Insert(corev1.ResourceName(name))
	}
	return r
}

// has reports whether the resource is scarce.
func (r *scarceResources) has(name corev1.ResourceName) bool {
	if len(r.listed) > 0 {
		return r.listed.Has(name)
	}
	if known, ok := r.extended.Load(name); ok {
		return known.(bool)
	}
	extended := v1helper.IsExtendedResourceName(name)
	r.extended.Store(name, extended)
	return extended
}

// requested returns the scarce resources that the pod requests, in order.
func (r *scarceResources) requested(pod *corev1.Pod) []corev1.ResourceName {
	names := []corev1.ResourceName{}
	// The engine adds exactly this to what is requested on the pod's node.
	total := (&framework.PodInfo{Pod: pod}).CalculateResource().Resource
	for name, request := range total.GetScalarResources() {
		if request > 0 && r.has(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// free returns the fraction of the node's scarce resources that is not requested yet, from 0
// to 1: the largest over all resources, or 0 if the pod requests any of the node's scarce
// resources.
func (r *scarceResources) free(node fwk.NodeInfo, requests sets.Set[corev1.ResourceName]) float64 {
	most, requested := 0.0, node.GetRequested().GetScalarResources()
	for name, allocatable := range node.GetAllocatable().GetScalarResources() {
		if allocatable <= 0 || !r.has(name) {
			continue
		}
		if requests.Has(name) {
			return 0
		}
		most = max(most, float64(allocatable-requested[name])/float64(allocatable))
	}
	return most
}
