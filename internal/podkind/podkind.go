// Package podkind tells which pods are alike to those of the scheduling engine's plugins that look
// only at a pod and a node.
package podkind

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
)

// Plain reports whether the pod itself has nothing that places it by other pods of a group, by
// claims, volumes or host ports, or by the names of nodes.
func Plain(pod *corev1.Pod) bool {
	spec := &pod.Spec
	return spec.NodeName == "" && spec.SchedulingGroup == nil && len(spec.ResourceClaims) == 0 &&
		!slices.ContainsFunc(spec.Volumes, func(v corev1.Volume) bool { return BindsToNodes(&v) }) &&
		!slices.ContainsFunc(spec.Containers, hasHostPort) && !slices.ContainsFunc(spec.InitContainers, hasHostPort) &&
		!NamesNodes(spec)
}

// BindsToNodes reports whether the volume may determine where the pod can go. Unknown kinds
// may.
func BindsToNodes(volume *corev1.Volume) bool {
	source := volume.VolumeSource
	return source.EmptyDir == nil && source.ConfigMap == nil && source.Secret == nil && source.DownwardAPI == nil &&
		source.Projected == nil && source.HostPath == nil && source.NFS == nil && source.Image == nil
}

func hasHostPort(container corev1.Container) bool {
	return slices.ContainsFunc(container.Ports, func(port corev1.ContainerPort) bool { return port.HostPort > 0 })
}

// NamesNodes reports whether the pod selects nodes by name or hostname, which are not part of
// a node's state.
func NamesNodes(spec *corev1.PodSpec) bool {
	if _, has := spec.NodeSelector[corev1.LabelHostname]; has {
		return true
	}
	return slices.ContainsFunc(NodeTerms(spec.Affinity), func(term corev1.NodeSelectorTerm) bool {
		return len(term.MatchFields) > 0 || slices.ContainsFunc(term.MatchExpressions, func(r corev1.NodeSelectorRequirement) bool {
			return r.Key == corev1.LabelHostname
		})
	})
}

// NodeTerms returns the terms of node affinity, required and preferred.
func NodeTerms(affinity *corev1.Affinity) []corev1.NodeSelectorTerm {
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

// Append appends what identifies the kind of a pod: everything that the filters and scores for
// requests, taints, node affinity and declared features use. Host ports, images, volumes, claims
// and other pods are not part of it.
func Append(key []byte, pod *corev1.Pod) []byte {
	key = appendRequests(key, pod)
	for _, t := range pod.Spec.Tolerations {
		key = AppendText(key, t.Key, string(t.Operator), t.Value, string(t.Effect))
		if t.TolerationSeconds != nil {
			key = binary.AppendVarint(append(key, 1), *t.TolerationSeconds)
		}
	}
	key = append(key, 2)
	if len(pod.Spec.NodeSelector) > 0 {
		for _, name := range slices.Sorted(maps.Keys(pod.Spec.NodeSelector)) {
			key = AppendText(key, name, pod.Spec.NodeSelector[name])
		}
	}
	key = append(key, 3)
	if pod.Spec.Affinity != nil && pod.Spec.Affinity.NodeAffinity != nil {
		if text, err := json.Marshal(pod.Spec.Affinity.NodeAffinity); err == nil {
			key = append(key, text...)
		}
	}
	key = append(key, 4)
	return AppendText(key, features(pod))
}

// AppendText appends texts that contain no byte 0, such as names and labels, each with a
// terminator.
func AppendText(key []byte, texts ...string) []byte {
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
			key = binary.AppendVarint(AppendText(key, string(name)), scalars[name])
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
