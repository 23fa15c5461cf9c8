package strategies

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	operators "k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// spreadConstraint is a topology spread constraint of a pod, as the scheduler evaluates it. Pods
// of a namespace with equal constraints share one.
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

// spreadDomains says which nodes count, and which domain each is in.
type spreadDomains struct {
	id string
	// key is the label whose values are the domains.
	key string
	// keys are the labels that nodes must have, those of the pod's other constraints of
	// the same kind among them.
	keys []string
	// affinity, if set, must match the node.
	affinity *nodeaffinity.RequiredNodeAffinity
	// honorTaints excludes nodes with taints that are not tolerated.
	honorTaints bool
	tolerations []corev1.Toleration
}

// of returns the domain of a node, or false if the node does not count.
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

// counts says whether the pod counts for the constraint, on whatever node.
func (c *spreadConstraint) counts(pod *corev1.Pod) bool {
	return pod.Namespace == c.namespace && pod.DeletionTimestamp == nil && c.selector.Matches(labels.Set(pod.Labels))
}

// spreadDefaults is Env.SpreadDefaults.
type spreadDefaults func(*corev1.Pod, corev1.UnsatisfiableConstraintAction) strategy.SpreadDefaults

// spreadReader reads the constraints of pods, and shares those that are the same.
type spreadReader struct {
	constraints map[string]*spreadConstraint
	domains     map[string]*spreadDomains
	defaults    spreadDefaults
	// known are the defaults so far.
	known map[spreadSelected]strategy.SpreadDefaults
}

// spreadSelected is what defaults depend on: the scheduler, and what may select the pod.
type spreadSelected struct {
	when                         corev1.UnsatisfiableConstraintAction
	scheduler, namespace, labels string
	owner                        types.UID
}

func newSpreadReader(defaults spreadDefaults) *spreadReader {
	return &spreadReader{
		constraints: map[string]*spreadConstraint{}, domains: map[string]*spreadDomains{},
		defaults: defaults, known: map[spreadSelected]strategy.SpreadDefaults{},
	}
}

// of returns the pod's constraints: its own, or its scheduler's defaults. Soft defaults are only
// read if they are wanted.
func (r *spreadReader) of(pod *corev1.Pod, soft bool) []*spreadConstraint {
	switch {
	case len(pod.Spec.TopologySpreadConstraints) > 0:
		return r.read(pod, strategy.SpreadDefaults{Constraints: pod.Spec.TopologySpreadConstraints})
	case r.defaults == nil:
		return nil
	}
	constraints := r.read(pod, r.defaultsOf(pod, corev1.DoNotSchedule))
	if soft {
		constraints = append(constraints, r.read(pod, r.defaultsOf(pod, corev1.ScheduleAnyway))...)
	}
	return constraints
}

func (r *spreadReader) defaultsOf(pod *corev1.Pod, when corev1.UnsatisfiableConstraintAction) strategy.SpreadDefaults {
	selected := spreadSelected{when: when, scheduler: pod.Spec.SchedulerName, namespace: pod.Namespace, labels: labels.Set(pod.Labels).String()}
	if owner := metav1.GetControllerOfNoCopy(pod); owner != nil {
		selected.owner = owner.UID
	}
	defaults, known := r.known[selected]
	if !known {
		defaults = r.defaults(pod, when)
		r.known[selected] = defaults
	}
	return defaults
}

// read returns the constraints of the pod, without invalid ones.
func (r *spreadReader) read(pod *corev1.Pod, of strategy.SpreadDefaults) []*spreadConstraint {
	var constraints []*spreadConstraint
	for i := range of.Constraints {
		raw := &of.Constraints[i]
		selector, err := spreadSelector(raw, pod)
		if err != nil {
			continue
		}
		domains := r.readDomains(raw, pod, of)
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
func (r *spreadReader) readDomains(raw *corev1.TopologySpreadConstraint, pod *corev1.Pod, of strategy.SpreadDefaults) *spreadDomains {
	d := &spreadDomains{key: raw.TopologyKey, honorTaints: raw.NodeTaintsPolicy != nil && *raw.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor}
	for _, other := range of.Constraints {
		if other.WhenUnsatisfiable == raw.WhenUnsatisfiable && (!of.Alone || other.TopologyKey == raw.TopologyKey) {
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
