package cluster

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A pod can be moved without being missed: a stand-in for it is created on another node, and
// becomes one of its ReplicaSet's pods when it is ready. Both carry the same label meanwhile.
const (
	// StandInLabel marks the two pods of a move that is under way: OfStandIn is its value on the
	// stand-in, OfReplaced on the pod that will be deleted.
	StandInLabel = "stowage.dev/stand-in"
	OfStandIn    = "stand-in"
	OfReplaced   = "replaced"
	// StandInAnnotation says on the stand-in what it stands in for, and which run created it. It
	// stays when the move is over, because the node affinity does, too: it cannot be changed.
	StandInAnnotation = "stowage.dev/stand-in-for"
	// DeletionCostWasAnnotation is on the pod that will be deleted, and has the deletion cost that
	// the pod had before; "" if it had none.
	DeletionCostWasAnnotation = "stowage.dev/pod-deletion-cost-was"
	// ReplacedByAnnotation is on the pod that will be deleted, and names the run that has marked it.
	ReplacedByAnnotation = "stowage.dev/replaced-by-run"
)

// IsStandIn reports whether the pod is a stand-in and its move is not over. It is an additional
// pod, not one that its workload or a budget may count on.
func IsStandIn(pod *corev1.Pod) bool { return pod.Labels[StandInLabel] == OfStandIn }

// BeingReplaced reports whether a stand-in is about to replace the pod.
func BeingReplaced(pod *corev1.Pod) bool { return pod.Labels[StandInLabel] == OfReplaced }

// Pin adds a required node affinity for one of the nodes. It changes nothing that the pod's own
// affinity shares with other pods.
func Pin(spec *corev1.PodSpec, nodes ...string) {
	affinity, nodeAffinity := &corev1.Affinity{}, &corev1.NodeAffinity{}
	if spec.Affinity != nil {
		*affinity = *spec.Affinity
	}
	if affinity.NodeAffinity != nil {
		*nodeAffinity = *affinity.NodeAffinity
	}
	own := []corev1.NodeSelectorTerm{{}}
	if required := nodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		// A term that requires nothing matches nothing.
		own = slices.DeleteFunc(slices.Clone(required.NodeSelectorTerms), func(term corev1.NodeSelectorTerm) bool {
			return len(term.MatchExpressions) == 0 && len(term.MatchFields) == 0
		})
	}
	// One of the terms must match, so each is restricted.
	var terms []corev1.NodeSelectorTerm
	for _, term := range own {
		for _, node := range nodes {
			one := corev1.NodeSelectorRequirement{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}
			terms = append(terms, corev1.NodeSelectorTerm{MatchExpressions: term.MatchExpressions, MatchFields: append(slices.Clone(term.MatchFields), one)})
		}
	}
	nodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: terms}
	affinity.NodeAffinity = nodeAffinity
	spec.Affinity = affinity
}

// unpin removes what Pin has added for one node.
func unpin(spec *corev1.PodSpec) {
	if spec.Affinity == nil || spec.Affinity.NodeAffinity == nil || spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return
	}
	affinity := spec.Affinity.NodeAffinity
	terms := affinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
	for i := range terms {
		terms[i].MatchFields = slices.DeleteFunc(terms[i].MatchFields, func(r corev1.NodeSelectorRequirement) bool { return r.Key == metav1.ObjectNameField })
	}
	terms = slices.DeleteFunc(terms, func(t corev1.NodeSelectorTerm) bool { return len(t.MatchExpressions)+len(t.MatchFields) == 0 })
	if affinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms = terms; len(terms) > 0 {
		return
	}
	affinity.RequiredDuringSchedulingIgnoredDuringExecution = nil
	if len(affinity.PreferredDuringSchedulingIgnoredDuringExecution) == 0 {
		spec.Affinity.NodeAffinity = nil
	}
	if *spec.Affinity == (corev1.Affinity{}) {
		spec.Affinity = nil
	}
}

// beforeMove returns the pod as it would be if no move had ever been made by a stand-in: its
// controller's next pod is like that.
func beforeMove(pod *corev1.Pod) *corev1.Pod {
	_, stoodIn := pod.Annotations[StandInAnnotation]
	_, moves := pod.Labels[StandInLabel]
	if !stoodIn && !moves {
		return pod
	}
	pod = pod.DeepCopy()
	if stoodIn {
		unpin(&pod.Spec)
	}
	if cost, marked := pod.Annotations[DeletionCostWasAnnotation]; marked {
		pod.Annotations[corev1.PodDeletionCost] = cost
		if cost == "" {
			delete(pod.Annotations, corev1.PodDeletionCost)
		}
	}
	delete(pod.Labels, StandInLabel)
	maps.DeleteFunc(pod.Annotations, func(key, _ string) bool {
		return key == StandInAnnotation || key == DeletionCostWasAnnotation || key == ReplacedByAnnotation
	})
	return pod
}
