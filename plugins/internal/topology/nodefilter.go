package topology

import (
	"encoding/json"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	v1helper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/helper"
)

// nodeFilter determines which nodes belong to a term's domains. The zero filter admits all.
type nodeFilter struct {
	// keys are labels that a node must have, whatever their values.
	keys []string
	// affinity is the pod's requirement for a node's labels and name; nil if the term ignores
	// it.
	affinity *nodeaffinity.RequiredNodeAffinity
	// taints means that nodes whose taints exclude the pod do not count.
	taints      bool
	tolerations []corev1.Toleration
	// comparisons reports whether tolerations may compare numbers.
	comparisons bool
	// podID identifies affinity and tolerations.
	podID string
}

// admits reports whether the node counts.
func (f *nodeFilter) admits(node *corev1.Node) bool {
	if !hasAll(node.Labels, f.keys) {
		return false
	}
	if f.affinity != nil {
		// As upstream, an expression that cannot be parsed matches nothing.
		if matches, _ := f.affinity.Match(node); !matches {
			return false
		}
	}
	if f.taints {
		_, untolerated := v1helper.FindMatchingUntoleratedTaint(klog.Background(), node.Spec.Taints, f.tolerations, helper.DoNotScheduleTaintsFilterFunc(), f.comparisons)
		return !untolerated
	}
	return true
}

// writeID writes what identifies the filter.
func (f *nodeFilter) writeID(id *strings.Builder) {
	for _, key := range f.keys {
		writePart(id, key)
	}
	id.WriteByte(2)
	writePart(id, f.podID)
}

// honour restricts the filter to nodes that match the pod's node selector, required node
// affinity and tolerations, where requested.
func (f *nodeFilter) honour(pod *corev1.Pod, affinity, taints bool) error {
	var asks struct {
		Selector    map[string]string    `json:",omitempty"`
		Affinity    *corev1.NodeSelector `json:",omitempty"`
		Taints      bool                 `json:",omitempty"`
		Tolerations []corev1.Toleration  `json:",omitempty"`
	}
	if affinity {
		asks.Selector, asks.Affinity = pod.Spec.NodeSelector, requiredNodes(pod)
		if len(asks.Selector) > 0 || asks.Affinity != nil {
			required := nodeaffinity.GetRequiredNodeAffinity(pod)
			f.affinity = &required
		}
	}
	if taints {
		asks.Taints, asks.Tolerations = true, pod.Spec.Tolerations
		f.taints, f.tolerations = true, pod.Spec.Tolerations
	}
	if f.affinity == nil && !f.taints {
		return nil
	}
	id, err := json.Marshal(asks)
	if err != nil {
		return fmt.Errorf("reading the required nodes of pod %s: %w", klog.KObj(pod), err)
	}
	f.podID = string(id)
	return nil
}

// requiredNodes returns the pod's required node affinity; nil if it has none.
func requiredNodes(pod *corev1.Pod) *corev1.NodeSelector {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return nil
	}
	return pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
}

// hasAll reports whether the labels have all the keys.
func hasAll(labels map[string]string, keys []string) bool {
	for _, key := range keys {
		if _, has := labels[key]; !has {
			return false
		}
	}
	return true
}
