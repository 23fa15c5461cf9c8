package candidatenodes

import (
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	versionutil "k8s.io/apimachinery/pkg/util/version"
	"k8s.io/component-base/version"
	ndf "k8s.io/component-helpers/nodedeclaredfeatures"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// modelled reports whether only our plugins, the properties that identify a kind of pod, and its needs
// determine where the pod may go.
func (pl *CandidateNodes) modelled(pod *corev1.Pod) bool {
	spec := &pod.Spec
	return spec.NodeName == "" && !scan.OfGroup(pod) && len(spec.ResourceClaims) == 0 && !namesNodes(spec) && !pl.asksForDevices(pod)
}

// namesNodes reports whether the pod selects nodes by name or hostname, which are not part of
// a node's state.
func namesNodes(spec *corev1.PodSpec) bool {
	if _, has := spec.NodeSelector[corev1.LabelHostname]; has {
		return true
	}
	return slices.ContainsFunc(nodeTerms(spec.Affinity), func(term corev1.NodeSelectorTerm) bool {
		return len(term.MatchFields) > 0 || slices.ContainsFunc(term.MatchExpressions, func(r corev1.NodeSelectorRequirement) bool {
			return r.Key == corev1.LabelHostname
		})
	})
}

// nodeTerms returns the terms of node affinity, required and preferred.
func nodeTerms(affinity *corev1.Affinity) []corev1.NodeSelectorTerm {
	if affinity == nil || affinity.NodeAffinity == nil {
		return nil
	}
	var terms []corev1.NodeSelectorTerm
	if required := affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
		terms = append(terms, required.NodeSelectorTerms...)
	}
	for _, preferred := range affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
		terms = append(terms, preferred.Preference)
	}
	return terms
}

// asksForDevices reports whether the pod requests an extended resource that drivers provide
// as devices, which are not part of a node's allocatable.
func (pl *CandidateNodes) asksForDevices(pod *corev1.Pod) bool {
	manager := pl.framework.SharedDRAManager()
	if manager == nil {
		return false
	}
	resolver := manager.DeviceClassResolver()
	if resolver == nil {
		return false
	}
	for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
		for _, container := range containers {
			for name := range container.Resources.Requests {
				if name != corev1.ResourceCPU && name != corev1.ResourceMemory && resolver.GetDeviceClass(name) != nil {
					return true
				}
			}
		}
	}
	return false
}

// labelsOf returns the keys of node labels that the pod uses.
func labelsOf(pod *corev1.Pod) []string {
	keys := slices.Collect(maps.Keys(pod.Spec.NodeSelector))
	for _, term := range nodeTerms(pod.Spec.Affinity) {
		for _, expression := range term.MatchExpressions {
			keys = append(keys, expression.Key)
		}
	}
	return keys
}

// appendKind appends what identifies the kind of a modelled pod: everything that the engine's
// filters and the remembered scores use.
func appendKind(key []byte, pod *corev1.Pod) []byte {
	key = appendRequests(key, pod)
	for _, t := range pod.Spec.Tolerations {
		key = appendText(key, t.Key, string(t.Operator), t.Value, string(t.Effect))
		if t.TolerationSeconds != nil {
			key = binary.AppendVarint(append(key, 1), *t.TolerationSeconds)
		}
	}
	key = append(key, 2)
	if len(pod.Spec.NodeSelector) > 0 {
		for _, name := range slices.Sorted(maps.Keys(pod.Spec.NodeSelector)) {
			key = appendText(key, name, pod.Spec.NodeSelector[name])
		}
	}
	key = append(key, 3)
	if pod.Spec.Affinity != nil && pod.Spec.Affinity.NodeAffinity != nil {
		if text, err := json.Marshal(pod.Spec.Affinity.NodeAffinity); err == nil {
			key = append(key, text...)
		}
	}
	key = append(key, 4)
	return appendText(key, features(pod))
}

func appendText(key []byte, texts ...string) []byte {
	for _, text := range texts {
		key = append(append(key, text...), 0)
	}
	return key
}

// appendRequests appends what the pod requests.
func appendRequests(key []byte, pod *corev1.Pod) []byte {
	// The engine adds exactly this to a node's requested resources.
	total := (&framework.PodInfo{Pod: pod}).CalculateResource()
	for _, amount := range []int64{total.Resource.GetMilliCPU(), total.Resource.GetMemory(), total.Resource.GetEphemeralStorage(), total.Non0CPU, total.Non0Mem} {
		key = binary.AppendVarint(key, amount)
	}
	scalars := total.Resource.GetScalarResources()
	if len(scalars) > 0 {
		for _, name := range slices.Sorted(maps.Keys(scalars)) {
			key = binary.AppendVarint(appendText(key, string(name)), scalars[name])
		}
	}
	return append(key, 5)
}

// engineVersion is the version with which the engine compares features of nodes.
var engineVersion = versionutil.MustParse(version.Get().String())

// features returns the features that a node must declare for the pod.
func features(pod *corev1.Pod) string {
	set, err := ndf.DefaultFramework.InferForPodScheduling(&ndf.PodInfo{Spec: &pod.Spec}, engineVersion)
	if err != nil {
		return err.Error()
	}
	if set.IsEmpty() {
		return ""
	}
	return set.String()
}
