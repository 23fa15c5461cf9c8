package preemptible

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// refusedDomains are the domains of labels that Karpenter rejects in affinities: it creates
// no node for a pod with such a label, whatever the labels of the cluster's nodes (the first
// with its AWS provider, all others up to at least v1.8; v1.15 accepts them). A domain
// includes its subdomains, except for the permitted ones.
var (
	refusedDomains   = []string{"karpenter.k8s.aws", "kubernetes.io", "k8s.io"}
	permittedDomains = []string{"node.kubernetes.io", "node-restriction.kubernetes.io", "kops.k8s.io"}
)

// said returns the labels that are used in affinities: all but those for which Karpenter
// would create no nodes.
func (r Recognizer) said() []NodeLabel {
	return slices.DeleteFunc(slices.Clone(r.Labels), func(label NodeLabel) bool {
		domain, _, _ := strings.Cut(label.Key, "/")
		below := func(parent string) bool { return domain == parent || strings.HasSuffix(domain, "."+parent) }
		return slices.ContainsFunc(refusedDomains, below) && !slices.ContainsFunc(permittedDomains, below)
	})
}

// Excluded returns the requirements that no preemptible node meets, as far as affinities can
// express that. A node is preemptible if it has any of the labels, so all of them must hold.
func (r Recognizer) Excluded() []corev1.NodeSelectorRequirement {
	return r.requirements(corev1.NodeSelectorOpNotIn)
}

// Required returns the requirements of which a preemptible node meets at least one, as far as
// affinities can express that.
func (r Recognizer) Required() []corev1.NodeSelectorRequirement {
	return r.requirements(corev1.NodeSelectorOpIn)
}

func (r Recognizer) requirements(operator corev1.NodeSelectorOperator) []corev1.NodeSelectorRequirement {
	var all []corev1.NodeSelectorRequirement
	for _, label := range r.said() {
		all = append(all, corev1.NodeSelectorRequirement{Key: label.Key, Operator: operator, Values: label.Values})
	}
	return all
}

// KeepsOff reports whether a pod's own node selector or required node affinity excludes
// preemptible nodes: it requires another value of one of the labels, or excludes all labels
// in affinities. It assumes that no node has two contradictory labels.
func (r Recognizer) KeepsOff(spec *corev1.PodSpec) bool {
	if r.Confines(spec) {
		return false // it is contradictory, whatever else it requires
	}
	return r.selects(spec, false) || r.allTerms(spec, func(term corev1.NodeSelectorTerm) bool {
		if slices.ContainsFunc(term.MatchExpressions, r.wants(true)) {
			return false
		}
		return slices.ContainsFunc(term.MatchExpressions, r.wants(false)) ||
			!slices.ContainsFunc(r.said(), func(label NodeLabel) bool { return !slices.ContainsFunc(term.MatchExpressions, label.ruledOut) })
	})
}

// Confines reports whether a pod's own node selector or required node affinity only allows
// preemptible nodes.
func (r Recognizer) Confines(spec *corev1.PodSpec) bool {
	return r.selects(spec, true) || r.allTerms(spec, func(term corev1.NodeSelectorTerm) bool {
		return slices.ContainsFunc(term.MatchExpressions, r.wants(true))
	})
}

// selects reports whether the node selector has a value of one of the labels that matches, or
// one that does not.
func (r Recognizer) selects(spec *corev1.PodSpec, counts bool) bool {
	return slices.ContainsFunc(r.Labels, func(label NodeLabel) bool {
		value, has := spec.NodeSelector[label.Key]
		return has && slices.Contains(label.Values, value) == counts
	})
}

// allTerms reports whether the required node affinity has terms, and all of them meet the
// condition.
func (r Recognizer) allTerms(spec *corev1.PodSpec, such func(corev1.NodeSelectorTerm) bool) bool {
	required := requiredOf(spec.Affinity)
	return required != nil && len(required.NodeSelectorTerms) > 0 &&
		!slices.ContainsFunc(required.NodeSelectorTerms, func(term corev1.NodeSelectorTerm) bool { return !such(term) })
}

// wants finds requirements for values of one of the labels that all match, or of which none
// matches.
func (r Recognizer) wants(counts bool) func(corev1.NodeSelectorRequirement) bool {
	return func(e corev1.NodeSelectorRequirement) bool {
		i := slices.IndexFunc(r.Labels, func(label NodeLabel) bool { return label.Key == e.Key })
		return i >= 0 && e.Operator == corev1.NodeSelectorOpIn &&
			!slices.ContainsFunc(e.Values, func(value string) bool { return slices.Contains(r.Labels[i].Values, value) != counts })
	}
}

// ruledOut reports whether a requirement excludes all matching values of the label.
func (l NodeLabel) ruledOut(e corev1.NodeSelectorRequirement) bool {
	return e.Key == l.Key && (e.Operator == corev1.NodeSelectorOpDoesNotExist ||
		e.Operator == corev1.NodeSelectorOpNotIn && !slices.ContainsFunc(l.Values, func(value string) bool { return !slices.Contains(e.Values, value) }))
}

// Exclude returns the affinity with requirements that exclude preemptible nodes. The API
// server allows this change for a pod with scheduling gates: requirements are appended to
// existing terms, but not to a term without requirements, which matches nothing.
func (r Recognizer) Exclude(affinity *corev1.Affinity) *corev1.Affinity {
	affinity, required := withRequired(affinity)
	if len(required.NodeSelectorTerms) == 0 {
		required.NodeSelectorTerms = []corev1.NodeSelectorTerm{{MatchExpressions: r.Excluded()}}
		return affinity
	}
	for i := range required.NodeSelectorTerms {
		if term := &required.NodeSelectorTerms[i]; len(term.MatchExpressions)+len(term.MatchFields) > 0 {
			term.MatchExpressions = append(term.MatchExpressions, r.Excluded()...)
		}
	}
	return affinity
}

// Confine returns the affinity with requirements for preemptible nodes. That requires a term
// for each label, and the API server does not allow adding terms if a pod has some: then it
// returns false and the unchanged affinity.
func (r Recognizer) Confine(affinity *corev1.Affinity) (*corev1.Affinity, bool) {
	confined, required := withRequired(affinity)
	if len(required.NodeSelectorTerms) > 0 {
		return affinity, false
	}
	for _, e := range r.Required() {
		required.NodeSelectorTerms = append(required.NodeSelectorTerms, corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{e}})
	}
	return confined, true
}

// favorites is the weight of the first label of preemptible nodes in a preference, and the
// lowest: autoscalers try the one with the highest weight first.
const favorites, leastFavorite = 100, 1

// Favor returns the affinity with preferences for preemptible nodes, one for each label.
func (r Recognizer) Favor(affinity *corev1.Affinity) *corev1.Affinity {
	if affinity = affinity.DeepCopy(); affinity == nil {
		affinity = &corev1.Affinity{}
	}
	if affinity.NodeAffinity == nil {
		affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	preferred := &affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution
	for i, e := range r.Required() {
		*preferred = append(*preferred, corev1.PreferredSchedulingTerm{
			Weight:     max(favorites-int32(i), leastFavorite),
			Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{e}},
		})
	}
	return affinity
}

// withRequired returns a copy of the affinity, and its required node affinity.
func withRequired(affinity *corev1.Affinity) (*corev1.Affinity, *corev1.NodeSelector) {
	if affinity = affinity.DeepCopy(); affinity == nil {
		affinity = &corev1.Affinity{}
	}
	if affinity.NodeAffinity == nil {
		affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	if affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{}
	}
	return affinity, affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
}

func requiredOf(affinity *corev1.Affinity) *corev1.NodeSelector {
	if affinity == nil || affinity.NodeAffinity == nil {
		return nil
	}
	return affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
}
