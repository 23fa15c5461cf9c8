package randomcluster

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// NewPod draws a pod on the node, or a pending one without a node. Most pods belong to a
// workload with many pods, so that the same requirements are repeated.
func (w *World) NewPod(node string) *corev1.Pod {
	pod := w.newWorkload()
	if w.Chance(0.7) {
		pod = Pick(w, w.workloads...).DeepCopy()
	}
	w.name(pod)
	pod.Spec.NodeName = node
	if by := metav1.GetControllerOf(pod); node == "" && by != nil && by.Kind == "DaemonSet" && w.Chance(0.9) {
		w.nameNode(pod, w.someNode())
	}
	if w.options.Alike && node != "" && w.Chance(0.1) {
		pod.OwnerReferences = owner("apps/v1", "DaemonSet", metav1.ObjectMeta{Name: "everywhere", UID: "everywhere"})
	}
	if node != "" && w.Chance(0.1) {
		pod.DeletionTimestamp = &metav1.Time{}
	}
	if node != "" {
		// A pod that asks for a claim that does not exist has no node.
		pod.Spec.Volumes = slices.DeleteFunc(slices.Clone(pod.Spec.Volumes), func(v corev1.Volume) bool {
			return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == noClaim
		})
	}
	w.makeClaims(pod)
	return pod
}

// Another returns a pending pod with the same requirements as the given one or, in a world
// with Everything, with one difference.
func (w *World) Another(pod *corev1.Pod) *corev1.Pod {
	pod = pod.DeepCopy()
	w.name(pod)
	if w.options.Everything && w.Chance(0.6) {
		w.vary(pod)
	}
	w.makeClaims(pod)
	return pod
}

func (w *World) name(pod *corev1.Pod) {
	w.made++
	pod.Name = fmt.Sprintf("pod-%d", w.made)
	pod.UID = types.UID(pod.Name)
}

// newWorkload draws the requirements of a pod.
func (w *World) newWorkload() *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: w.someNamespace(), Labels: w.newLabels()}}
	w.addNodeAffinity(pod)
	w.addTolerations(pod)
	w.addPodAffinity(pod)
	w.addConstraints(pod)
	if w.options.Everything {
		w.outfit(pod)
	}
	return pod
}

func (w *World) someNamespace() string {
	if w.Chance(0.5) {
		return namespaces[0]
	}
	return Pick(w, namespaces...)
}

func (w *World) newLabels() map[string]string {
	labels := map[string]string{}
	if w.Chance(0.95) {
		labels["app"] = Pick(w, "a", "a", "b", "c")
	}
	if w.Chance(0.6) {
		labels["tier"] = Pick(w, "x", "y")
	}
	if w.Chance(0.5) {
		labels["rev"] = Pick(w, "1", "2")
	}
	return labels
}

func (w *World) addNodeAffinity(pod *corev1.Pod) {
	if w.Chance(0.15) {
		pod.Spec.NodeSelector = map[string]string{corev1.LabelTopologyZone: Pick(w, "z1", "z2")}
	}
	if !w.Chance(0.15) {
		return
	}
	term := corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
		Pick(w,
			corev1.NodeSelectorRequirement{Key: Size, Operator: corev1.NodeSelectorOpGt, Values: []string{"1"}},
			corev1.NodeSelectorRequirement{Key: Size, Operator: corev1.NodeSelectorOpLt, Values: []string{Pick(w, "16", "a size that is no number")}},
			corev1.NodeSelectorRequirement{Key: Rack, Operator: corev1.NodeSelectorOpExists},
			corev1.NodeSelectorRequirement{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpNotIn, Values: []string{"z1"}},
		),
	}}
	if w.Chance(0.2) {
		term.MatchFields = []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpNotIn, Values: []string{w.nodeName()}}}
	}
	pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}},
	}}
}

func (w *World) addTolerations(pod *corev1.Pod) {
	if w.Chance(0.2) {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: "dedicated", Operator: corev1.TolerationOpEqual, Value: "x"})
	}
	if w.Chance(0.1) {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule})
	}
}

func (w *World) addPodAffinity(pod *corev1.Pod) {
	if !w.Chance(w.options.Affinity) {
		return
	}
	if pod.Spec.Affinity == nil {
		pod.Spec.Affinity = &corev1.Affinity{}
	}
	if w.Chance(0.5) {
		pod.Spec.Affinity.PodAffinity = &corev1.PodAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution:  w.newTerms(0.4, pod.Labels),
			PreferredDuringSchedulingIgnoredDuringExecution: w.newWeightedTerms(0.6),
		}
	}
	if w.Chance(0.5) {
		pod.Spec.Affinity.PodAntiAffinity = &corev1.PodAntiAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution:  w.newTerms(0.4, nil),
			PreferredDuringSchedulingIgnoredDuringExecution: w.newWeightedTerms(0.6),
		}
	}
}

// newTerms draws up to two terms; half of them select by the labels, if there are any.
func (w *World) newTerms(likely float64, own map[string]string) []corev1.PodAffinityTerm {
	var terms []corev1.PodAffinityTerm
	for range 2 {
		if !w.Chance(likely) {
			continue
		}
		term := w.newTerm()
		if len(own) > 0 && w.Chance(0.5) {
			term.LabelSelector = &metav1.LabelSelector{MatchLabels: own}
		}
		terms = append(terms, term)
	}
	return terms
}

func (w *World) newWeightedTerms(likely float64) []corev1.WeightedPodAffinityTerm {
	var terms []corev1.WeightedPodAffinityTerm
	for range 2 {
		if w.Chance(likely) {
			terms = append(terms, corev1.WeightedPodAffinityTerm{Weight: int32(Pick(w, 1, 10, 1+w.IntN(100))), PodAffinityTerm: w.newTerm()})
		}
	}
	return terms
}

func (w *World) newTerm() corev1.PodAffinityTerm {
	term := corev1.PodAffinityTerm{TopologyKey: w.newKey(), LabelSelector: w.newSelector()}
	if w.Chance(0.2) {
		term.Namespaces = []string{Pick(w, namespaces...), Pick(w, namespaces...)}
	}
	if w.Chance(0.3) {
		term.NamespaceSelector = Pick(w,
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

func (w *World) newKey() string {
	return Pick(w, corev1.LabelHostname, corev1.LabelHostname, corev1.LabelHostname, corev1.LabelHostname,
		corev1.LabelTopologyZone, corev1.LabelTopologyZone, corev1.LabelTopologyZone, corev1.LabelTopologyZone, Rack, Rack, Nowhere)
}

// newSelector draws a selector: most match pods of one app, some nothing or everything.
func (w *World) newSelector() *metav1.LabelSelector {
	app := Pick(w, "a", "b", "c")
	switch {
	case w.Chance(0.05):
		return nil
	case w.Chance(0.05):
		return &metav1.LabelSelector{}
	case w.Chance(0.5):
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}
	case w.Chance(0.4):
		return &metav1.LabelSelector{MatchLabels: map[string]string{"app": app, "tier": Pick(w, "x", "y")}}
	}
	return Pick(w,
		selectBy("app", metav1.LabelSelectorOpIn, "a", "b"),
		selectBy("app", metav1.LabelSelectorOpNotIn, app),
		selectBy("tier", metav1.LabelSelectorOpExists),
		selectBy("tier", metav1.LabelSelectorOpDoesNotExist),
	)
}

func selectBy(key string, op metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: op, Values: values}}}
}

func (w *World) addConstraints(pod *corev1.Pod) {
	if !w.Chance(w.options.Spread) {
		return
	}
	for _, kind := range []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule, corev1.ScheduleAnyway} {
		for range 2 {
			if w.Chance(0.4) {
				pod.Spec.TopologySpreadConstraints = append(pod.Spec.TopologySpreadConstraints, w.NewConstraint(w.newKey(), kind))
			}
		}
	}
}

// NewConstraint draws a topology spread constraint.
func (w *World) NewConstraint(key string, kind corev1.UnsatisfiableConstraintAction) corev1.TopologySpreadConstraint {
	c := corev1.TopologySpreadConstraint{
		MaxSkew: int32(1 + w.IntN(4)), TopologyKey: key, WhenUnsatisfiable: kind, LabelSelector: w.newSelector(),
		NodeAffinityPolicy: w.newPolicy(), NodeTaintsPolicy: w.newPolicy(),
	}
	if kind == corev1.DoNotSchedule && w.Chance(0.6) {
		c.MinDomains = ptr.To(int32(1 + w.IntN(10)))
	}
	if w.Chance(0.3) {
		c.MatchLabelKeys = []string{Pick(w, "rev", "tier", "no pod has this")}
	}
	return c
}

func (w *World) newPolicy() *corev1.NodeInclusionPolicy {
	return Pick(w, nil, ptr.To(corev1.NodeInclusionPolicyHonor), ptr.To(corev1.NodeInclusionPolicyIgnore))
}
