package strategies

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	operators "k8s.io/apimachinery/pkg/selection"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
)

// spreadConstraint is a topology spread constraint as the scheduler reads it from a pod.
// Pods of a namespace for which it comes to the same share one.
type spreadConstraint struct {
	// id is all of it, in one text.
	id         string
	namespace  string
	key        string
	maxSkew    int
	minDomains int
	hard       bool
	selector   labels.Selector
	domains    *spreadDomains
}

// spreadDomains says which nodes count, and what domain each is of.
type spreadDomains struct {
	id string
	// key is the label whose values are the domains.
	key string
	// keys are the labels that nodes must have, those of the pod's other constraints of
	// the same kind among them.
	keys []string
	// affinity, where given, must match the node.
	affinity *nodeaffinity.RequiredNodeAffinity
	// honorTaints leaves out nodes with taints that are not among those tolerated.
	honorTaints bool
	tolerations []corev1.Toleration
}

// of returns the domain of a node, or false where the node does not count.
func (d *spreadDomains) of(node *corev1.Node) (string, bool) {
	for _, key := range d.keys {
		if _, has := node.Labels[key]; !has {
			return "", false
		}
	}
	if d.affinity != nil {
		if matches, err := d.affinity.Match(node); err != nil || !matches {
			return "", false
		}
	}
	if d.honorTaints && !toleratesHardTaints(d.tolerations, node) {
		return "", false
	}
	return node.Labels[d.key], true
}

// counts says whether the pod counts for the constraint, wherever it is.
func (c *spreadConstraint) counts(pod *corev1.Pod) bool {
	return pod.Namespace == c.namespace && pod.DeletionTimestamp == nil && c.selector.Matches(labels.Set(pod.Labels))
}

// spreadReader reads the constraints of pods, and shares those that are the same.
type spreadReader struct {
	constraints map[string]*spreadConstraint
	domains     map[string]*spreadDomains
}

// read returns the pod's constraints, without those that cannot be read.
func (r *spreadReader) read(pod *corev1.Pod) []*spreadConstraint {
	var constraints []*spreadConstraint
	for i := range pod.Spec.TopologySpreadConstraints {
		raw := &pod.Spec.TopologySpreadConstraints[i]
		selector, err := spreadSelector(raw, pod)
		if err != nil {
			continue
		}
		domains := r.readDomains(raw, pod)
		minDomains := 1
		if raw.MinDomains != nil {
			minDomains = int(*raw.MinDomains)
		}
		id := jsonOf(pod.Namespace, raw.MaxSkew, minDomains, raw.WhenUnsatisfiable, selector.String(), domains.id)
		c := r.constraints[id]
		if c == nil {
			c = &spreadConstraint{
				id: id, namespace: pod.Namespace, key: raw.TopologyKey, maxSkew: int(raw.MaxSkew), minDomains: minDomains,
				hard: raw.WhenUnsatisfiable == corev1.DoNotSchedule, selector: selector, domains: domains,
			}
			r.constraints[id] = c
		}
		constraints = append(constraints, c)
	}
	return constraints
}

// readDomains fills in the defaults: node affinity is honored, taints are not.
func (r *spreadReader) readDomains(raw *corev1.TopologySpreadConstraint, pod *corev1.Pod) *spreadDomains {
	d := &spreadDomains{key: raw.TopologyKey, honorTaints: raw.NodeTaintsPolicy != nil && *raw.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor}
	for _, other := range pod.Spec.TopologySpreadConstraints {
		if other.WhenUnsatisfiable == raw.WhenUnsatisfiable {
			d.keys = append(d.keys, other.TopologyKey)
		}
	}
	slices.Sort(d.keys)
	d.keys = slices.Compact(d.keys)
	honorAffinity := raw.NodeAffinityPolicy == nil || *raw.NodeAffinityPolicy == corev1.NodeInclusionPolicyHonor
	var required any
	if affinity := nodeAffinityOf(pod); affinity != nil && affinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		required = affinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	honorAffinity = honorAffinity && (required != nil || len(pod.Spec.NodeSelector) > 0)
	parts := []any{d.key, d.keys}
	if honorAffinity {
		parts = append(parts, required, pod.Spec.NodeSelector)
	}
	if d.honorTaints {
		d.tolerations = pod.Spec.Tolerations
		parts = append(parts, d.tolerations)
	}
	d.id = jsonOf(parts...)
	if known := r.domains[d.id]; known != nil {
		return known
	}
	if honorAffinity {
		affinity := nodeaffinity.GetRequiredNodeAffinity(pod)
		d.affinity = &affinity
	}
	r.domains[d.id] = d
	return d
}

// spreadSelector is the constraint's selector, limited to pods that have the pod's own
// values of matchLabelKeys.
func spreadSelector(raw *corev1.TopologySpreadConstraint, pod *corev1.Pod) (labels.Selector, error) {
	selector, err := metav1.LabelSelectorAsSelector(raw.LabelSelector)
	if err != nil {
		return nil, err
	}
	for _, key := range raw.MatchLabelKeys {
		value, has := pod.Labels[key]
		if !has {
			continue
		}
		same, err := labels.NewRequirement(key, operators.In, []string{value})
		if err != nil {
			return nil, err
		}
		selector = selector.Add(*same)
	}
	return selector, nil
}
