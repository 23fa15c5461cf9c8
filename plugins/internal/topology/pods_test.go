package topology

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// newPod draws a pod for the node; with no node, one to be placed. Most pods are one
// of many of the same workload, so that the same is asked again later.
func (w *world) newPod(node string) *corev1.Pod {
	pod := w.newWorkload()
	if w.chance(0.7) {
		pod = pick(w.Rand, w.workloads...).DeepCopy()
	}
	w.made++
	pod.Name = fmt.Sprintf("pod-%d", w.made)
	pod.UID = types.UID(pod.Name)
	pod.Spec.NodeName = node
	if node != "" && w.chance(0.1) {
		pod.DeletionTimestamp = &metav1.Time{}
	}
	return pod
}

// newWorkload draws what a pod asks for.
func (w *world) newWorkload() *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: w.someNamespace(), Labels: w.newLabels()}}
	w.addNodeAffinity(pod)
	w.addTolerations(pod)
	w.addPodAffinity(pod)
	w.addConstraints(pod)
	return pod
}

func (w *world) someNamespace() string {
	if w.chance(0.5) {
		return namespaces[0]
	}
	return pick(w.Rand, namespaces...)
}

func (w *world) newLabels() map[string]string {
	labels := map[string]string{}
	if w.chance(0.95) {
		labels["app"] = pick(w.Rand, "a", "a", "b", "c")
	}
	if w.chance(0.6) {
		labels["tier"] = pick(w.Rand, "x", "y")
	}
	if w.chance(0.5) {
		labels["rev"] = pick(w.Rand, "1", "2")
	}
	return labels
}

func (w *world) addNodeAffinity(pod *corev1.Pod) {
	if w.chance(0.15) {
		pod.Spec.NodeSelector = map[string]string{corev1.LabelTopologyZone: pick(w.Rand, "z1", "z2")}
	}
	if !w.chance(0.15) {
		return
	}
	term := corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
		pick(w.Rand,
			corev1.NodeSelectorRequirement{Key: size, Operator: corev1.NodeSelectorOpGt, Values: []string{"1"}},
			corev1.NodeSelectorRequirement{Key: size, Operator: corev1.NodeSelectorOpLt, Values: []string{pick(w.Rand, "16", "a size that is no number")}},
			corev1.NodeSelectorRequirement{Key: rack, Operator: corev1.NodeSelectorOpExists},
			corev1.NodeSelectorRequirement{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpNotIn, Values: []string{"z1"}},
		),
	}}
	if w.chance(0.2) {
		term.MatchFields = []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpNotIn, Values: []string{w.nodeName()}}}
	}
	pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}},
	}}
}

func (w *world) addTolerations(pod *corev1.Pod) {
	if w.chance(0.2) {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: "dedicated", Operator: corev1.TolerationOpEqual, Value: "x"})
	}
	if w.chance(0.1) {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule})
	}
}

func (w *world) addPodAffinity(pod *corev1.Pod) {
	if !w.chance(0.6) {
		return
	}
	if pod.Spec.Affinity == nil {
		pod.Spec.Affinity = &corev1.Affinity{}
	}
	if w.chance(0.5) {
		pod.Spec.Affinity.PodAffinity = &corev1.PodAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution:  w.newTerms(0.4, pod.Labels),
			PreferredDuringSchedulingIgnoredDuringExecution: w.newWeightedTerms(0.6),
		}
	}
	if w.chance(0.5) {
		pod.Spec.Affinity.PodAntiAffinity = &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution:  w.newTerms(0.4, nil),
			PreferredDuringSchedulingIgnoredDuringExecution: w.newWeightedTerms(0.6),
		}
	}
}

// newTerms draws up to two terms; half of them select by the labels, if there are any.
func (w *world) newTerms(likely float64, own map[string]string) []corev1.PodAffinityTerm {
	var terms []corev1.PodAffinityTerm
	for range 2 {
		if !w.chance(likely) {
			continue
		}
		term := w.newTerm()
		if len(own) > 0 && w.chance(0.5) {
			term.LabelSelector = &metav1.LabelSelector{MatchLabels: own}
		}
		terms = append(terms, term)
	}
	return terms
}

func (w *world) newWeightedTerms(likely float64) []corev1.WeightedPodAffinityTerm {
	var terms []corev1.WeightedPodAffinityTerm
	for range 2 {
		if w.chance(likely) {
			terms = append(terms, corev1.WeightedPodAffinityTerm{Weight: int32(pick(w.Rand, 1, 10, 1+w.IntN(100))), PodAffinityTerm: w.newTerm()})
		}
	}
	return terms
}

func (w *world) newTerm() corev1.PodAffinityTerm {
	term := corev1.PodAffinityTerm{TopologyKey: w.newKey(), LabelSelector: w.newSelector()}
	if w.chance(0.2) {
		term.Namespaces = []string{pick(w.Rand, namespaces...), pick(w.Rand, namespaces...)}
	}
	if w.chance(0.3) {
		term.NamespaceSelector = pick(w.Rand,
			&metav1.LabelSelector{},
			&metav1.LabelSelector{MatchLabels: map[string]string{"team": "red"}},
			selectBy("team", metav1.LabelSelectorOpIn, "red", "blue"),
			selectBy("team", metav1.LabelSelectorOpNotIn, "red"),
			selectBy("env", metav1.LabelSelectorOpExists),
			selectBy("env", metav1.LabelSelectorOpDoesNotExist),
		)
	}
	return term
}

func (w *world) newKey() string {
	return pick(w.Rand, corev1.LabelHostname, corev1.LabelHostname, corev1.LabelHostname, corev1.LabelHostname,
		corev1.LabelTopologyZone, corev1.LabelTopologyZone, corev1.LabelTopologyZone, corev1.LabelTopologyZone, rack, rack, nowhere)
}

// newSelector draws a selector: most take pods of one app, some nothing or everything.
func (w *world) newSelector() *metav1.LabelSelector {
	app := pick(w.Rand, "a", "b", "c")
	switch {
	case w.chance(0.05):
		return nil
	case w.chance(0.05):
		return &metav1.LabelSelector{}
	case w.chance(0.5):
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
	case w.chance(0.4):
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": app, "tier": pick(w.Rand, "x", "y")}}
	}
	return pick(w.Rand,
		selectBy("app", metav1.LabelSelectorOpIn, "a", "b"),
		selectBy("app", metav1.LabelSelectorOpNotIn, app),
		selectBy("tier", metav1.LabelSelectorOpExists),
		selectBy("tier", metav1.LabelSelectorOpDoesNotExist),
	)
}

func selectBy(key string, op metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: op, Values: values}}}
}

func (w *world) addConstraints(pod *corev1.Pod) {
	if !w.chance(0.5) {
		return
	}
	for _, kind := range []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule, corev1.ScheduleAnyway} {
		for range 2 {
			if w.chance(0.4) {
				pod.Spec.TopologySpreadConstraints = append(pod.Spec.TopologySpreadConstraints, w.newConstraint(w.newKey(), kind))
			}
		}
	}
}

func (w *world) newConstraint(key string, kind corev1.UnsatisfiableConstraintAction) corev1.TopologySpreadConstraint {
	c := corev1.TopologySpreadConstraint{
		MaxSkew: int32(1 + w.IntN(4)), TopologyKey: key, WhenUnsatisfiable: kind, LabelSelector: w.newSelector(),
		NodeAffinityPolicy: w.newPolicy(), NodeTaintsPolicy: w.newPolicy(),
	}
	if kind == corev1.DoNotSchedule && w.chance(0.6) {
		c.MinDomains = ptr.To(int32(1 + w.IntN(10)))
	}
	if w.chance(0.3) {
		c.MatchLabelKeys = []string{pick(w.Rand, "rev", "tier", "no pod has this")}
	}
	return c
}

func (w *world) newPolicy() *corev1.NodeInclusionPolicy {
	return pick(w.Rand, nil, ptr.To(corev1.NodeInclusionPolicyHonor), ptr.To(corev1.NodeInclusionPolicyIgnore))
}
