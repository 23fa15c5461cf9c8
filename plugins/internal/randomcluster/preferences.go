package randomcluster

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

func (w *World) addMoreTolerations(pod *corev1.Pod) {
	tolerate := func(likely float64, t corev1.Toleration) {
		if w.Chance(likely) {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, t)
		}
	}
	for _, key := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		tolerate(0.5, corev1.Toleration{
			Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To(int64(Pick(w, 0, 300, 300, 300, 5000))),
		})
	}
	tolerate(0.1, corev1.Toleration{Key: "dedicated", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To(int64(1800))})
	tolerate(0.1, corev1.Toleration{Key: "broken", Operator: corev1.TolerationOpEqual, Value: "y"})
	tolerate(0.15, corev1.Toleration{Key: string(GPU), Operator: corev1.TolerationOpExists})
	tolerate(0.05, corev1.Toleration{Operator: corev1.TolerationOpExists})
}

// addPreferences has the pod prefer nodes, or ask for them by name.
func (w *World) addPreferences(pod *corev1.Pod) {
	if !w.Chance(w.options.Preferences) {
		return
	}
	if pod.Spec.Affinity == nil {
		pod.Spec.Affinity = &corev1.Affinity{}
	}
	if pod.Spec.Affinity.NodeAffinity == nil {
		pod.Spec.Affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	affinity := pod.Spec.Affinity.NodeAffinity
	for range 1 + w.IntN(2) {
		preference := corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{Pick(w,
			corev1.NodeSelectorRequirement{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{"z1", "z3"}},
			corev1.NodeSelectorRequirement{Key: corev1.LabelInstanceTypeStable, Operator: corev1.NodeSelectorOpIn, Values: []string{"type-16"}},
			corev1.NodeSelectorRequirement{Key: Rack, Operator: corev1.NodeSelectorOpDoesNotExist},
			corev1.NodeSelectorRequirement{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{w.nodeName(), w.nodeName()}},
		)}}
		if w.Chance(0.1) {
			preference = corev1.NodeSelectorTerm{MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{w.nodeName()}}}}
		}
		affinity.PreferredDuringSchedulingIgnoredDuringExecution = append(affinity.PreferredDuringSchedulingIgnoredDuringExecution,
			corev1.PreferredSchedulingTerm{Weight: int32(1 + w.IntN(100)), Preference: preference})
	}
	if w.Chance(0.1) {
		w.nameNode(pod, Pick(w, w.nodeName(), w.nodeName()))
	}
}

// addHostnames has few pods ask for nodes by the label that has their names.
func (w *World) addHostnames(pod *corev1.Pod) {
	if w.Chance(0.01) {
		pod.Spec.NodeSelector = map[string]string{corev1.LabelHostname: w.nodeName()}
	}
	if w.Chance(0.02) {
		w.requireNodes(pod, corev1.NodeSelectorRequirement{
			Key:      corev1.LabelHostname,
			Operator: Pick(w, corev1.NodeSelectorOpIn, corev1.NodeSelectorOpNotIn), Values: []string{w.nodeName(), w.nodeName(), w.nodeName()},
		})
	}
}

// requireNodes has the pod ask for nodes that meet the requirement, and nothing else.
func (w *World) requireNodes(pod *corev1.Pod, requirement corev1.NodeSelectorRequirement) {
	if pod.Spec.Affinity == nil {
		pod.Spec.Affinity = &corev1.Affinity{}
	}
	pod.Spec.Affinity.NodeAffinity = &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{requirement}}},
	}}
}

// groupLabel returns one of many labels that some nodes have.
func (w *World) groupLabel() string {
	return fmt.Sprintf("example.com/group-%d", w.IntN(100))
}

// nameNode has the pod ask for one node, as the controller of DaemonSets does.
func (w *World) nameNode(pod *corev1.Pod, node string) {
	if pod.Spec.Affinity == nil {
		pod.Spec.Affinity = &corev1.Affinity{}
	}
	if pod.Spec.Affinity.NodeAffinity == nil {
		pod.Spec.Affinity.NodeAffinity = &corev1.NodeAffinity{}
	}
	pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
		MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{node}}},
	}}}
}

// vary changes one thing about what a pod asks for.
func (w *World) vary(pod *corev1.Pod) {
	switch w.IntN(8) {
	case 0, 1:
		if i := slices.IndexFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool { return t.TolerationSeconds != nil }); i >= 0 {
			pod.Spec.Tolerations[i].TolerationSeconds = ptr.To(int64(Pick(w, 0, 300, 1000, 3000, 5000)))
		}
	case 2:
		if len(pod.Spec.Tolerations) > 0 {
			i := w.IntN(len(pod.Spec.Tolerations))
			pod.Spec.Tolerations = slices.Delete(pod.Spec.Tolerations, i, i+1)
		} else {
			w.addTolerations(pod)
		}
	case 3:
		requests := pod.Spec.Containers[0].Resources.Requests
		for _, name := range slices.Sorted(maps.Keys(requests)) {
			if w.Chance(0.5) {
				requests[name] = resource.MustParse(Pick(w, "0", "1", "2"))
			} else if w.Chance(0.5) {
				delete(requests, name)
			}
		}
	case 4:
		pod.Labels = w.newLabels()
	case 5:
		pod.Annotations = w.newPolicyAnnotations(0.7)
	case 6:
		for _, key := range slices.Sorted(maps.Keys(pod.Spec.NodeSelector)) {
			pod.Spec.NodeSelector[key] = Pick(w, "z1", "z2", "z3")
		}
	case 7:
		pod.Spec.Affinity = nil
		w.addPreferences(pod)
	}
}
