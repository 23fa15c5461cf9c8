package cluster

import (
	"maps"
	"reflect"
	"slices"
	"weak"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// sharer makes trimmed objects share equal parts, because the pods of one controller, and the
// images of nodes, differ little. It is not safe for concurrent use.
type sharer struct {
	siblings map[types.UID]*sibling // one of each controller
	// sweepAt is the number of siblings at which unused ones are removed.
	sweepAt int
	words   map[string]string
	// images are the names of each image on nodes, by the first name.
	images map[string][]string
}

// sibling has the parts that the pods of a controller share.
type sibling struct {
	parts corev1.Pod
	// owners tell whether a pod still shares the parts: all that do share their owners, too.
	owners weak.Pointer[[1]metav1.OwnerReference]
}

const (
	// remembered limits the words and images of deleted objects that a sharer retains.
	remembered = 50_000
	// leastSwept limits the siblings that it retains in the same way; there may be as many more as
	// are shared.
	leastSwept = 1000
)

func newSharer() *sharer {
	return &sharer{siblings: map[types.UID]*sibling{}, sweepAt: leastSwept, words: map[string]string{}, images: map[string][]string{}}
}

// share replaces unshared parts of a trimmed object by equal parts of objects that it has
// seen.
func (s *sharer) share(o object) {
	switch o := o.(type) {
	case *corev1.Pod:
		s.shareSpec(o)
		s.shareWords(o)
	case *corev1.Node:
		for i := range o.Status.Images {
			s.shareNames(&o.Status.Images[i].Names)
		}
	}
}

// shareSpec replaces parts that the pod has in common with another one of its controller, which must
// be its only owner.
func (s *sharer) shareSpec(pod *corev1.Pod) {
	if len(pod.OwnerReferences) != 1 || metav1.GetControllerOfNoCopy(pod) == nil {
		return
	}
	owner := pod.OwnerReferences[0].UID
	other := s.siblings[owner]
	var owners *[1]metav1.OwnerReference
	if other != nil {
		owners = other.owners.Value()
	}
	if owners == nil {
		s.remember(owner, pod)
		return
	}
	sameList(&pod.OwnerReferences, owners[:], func(a, b *metav1.OwnerReference) bool {
		return a.UID == b.UID && a.Name == b.Name && a.Kind == b.Kind && a.APIVersion == b.APIVersion &&
			ptr.Equal(a.Controller, b.Controller) && ptr.Equal(a.BlockOwnerDeletion, b.BlockOwnerDeletion)
	})
	sameMap(&pod.Labels, other.parts.Labels)
	sameMap(&pod.Annotations, other.parts.Annotations)
	sameList(&pod.Spec.Containers, other.parts.Spec.Containers, equalContainers)
	sameList(&pod.Spec.InitContainers, other.parts.Spec.InitContainers, equalContainers)
	sameMap(&pod.Spec.NodeSelector, other.parts.Spec.NodeSelector)
	if pod.Spec.Affinity != nil {
		same(&pod.Spec.Affinity, other.parts.Spec.Affinity)
	}
	sameList(&pod.Spec.Tolerations, other.parts.Spec.Tolerations, func(a, b *corev1.Toleration) bool {
		return a.Key == b.Key && a.Operator == b.Operator && a.Value == b.Value && a.Effect == b.Effect && ptr.Equal(a.TolerationSeconds, b.TolerationSeconds)
	})
	if len(pod.Spec.TopologySpreadConstraints) > 0 {
		same(&pod.Spec.TopologySpreadConstraints, other.parts.Spec.TopologySpreadConstraints)
	}
	if len(pod.Spec.Volumes) > 0 {
		same(&pod.Spec.Volumes, other.parts.Spec.Volumes)
	}
	sameMap(&pod.Spec.Overhead, other.parts.Spec.Overhead)
}

// remember makes other pods share parts with this one, for as long as a pod that shares them exists.
func (s *sharer) remember(owner types.UID, pod *corev1.Pod) {
	if len(s.siblings) >= s.sweepAt {
		maps.DeleteFunc(s.siblings, func(_ types.UID, other *sibling) bool { return other.owners.Value() == nil })
		s.sweepAt = leastSwept + 2*len(s.siblings)
	}
	s.siblings[owner] = &sibling{
		parts: corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels, Annotations: pod.Annotations},
			Spec: corev1.PodSpec{
				Containers: pod.Spec.Containers, InitContainers: pod.Spec.InitContainers, NodeSelector: pod.Spec.NodeSelector,
				Affinity: pod.Spec.Affinity, Tolerations: pod.Spec.Tolerations, TopologySpreadConstraints: pod.Spec.TopologySpreadConstraints,
				Volumes: pod.Spec.Volumes, Overhead: pod.Spec.Overhead,
			},
		},
		owners: weak.Make((*[1]metav1.OwnerReference)(pod.OwnerReferences)),
	}
}

// same replaces a part by that of a sibling if they are identical. Parts that most pods have are
// compared without reflection, which would take as long as decoding the pod.
func same[T any](part *T, sibling T) {
	if reflect.DeepEqual(*part, sibling) {
		*part = sibling
	}
}

func sameMap[M ~map[K]V, K, V comparable](part *M, sibling M) {
	if (*part == nil) == (sibling == nil) && maps.Equal(*part, sibling) {
		*part = sibling
	}
}

func sameList[E any](part *[]E, sibling []E, equal func(a, b *E) bool) {
	if (*part == nil) != (sibling == nil) || len(*part) != len(sibling) {
		return
	}
	for i := range sibling {
		if !equal(&(*part)[i], &sibling[i]) {
			return
		}
	}
	*part = sibling
}

// equalContainers compares trimmed containers.
func equalContainers(a, b *corev1.Container) bool {
	return a.Name == b.Name && a.Image == b.Image && slices.Equal(a.Ports, b.Ports) &&
		maps.Equal(a.Resources.Requests, b.Resources.Requests) && maps.Equal(a.Resources.Limits, b.Resources.Limits) &&
		slices.Equal(a.Resources.Claims, b.Resources.Claims) && slices.Equal(a.ResizePolicy, b.ResizePolicy) && ptr.Equal(a.RestartPolicy, b.RestartPolicy) &&
		(len(a.RestartPolicyRules) == 0 && len(b.RestartPolicyRules) == 0 || reflect.DeepEqual(a.RestartPolicyRules, b.RestartPolicyRules)) &&
		(len(a.VolumeMounts) == 0 && len(b.VolumeMounts) == 0 || reflect.DeepEqual(a.VolumeMounts, b.VolumeMounts))
}

// shareWords shares the strings that most pods have in their status.
func (s *sharer) shareWords(pod *corev1.Pod) {
	word(s, &pod.Namespace)
	word(s, &pod.Spec.NodeName)
	for i := range pod.Status.Conditions {
		c := &pod.Status.Conditions[i]
		word(s, &c.Type)
		word(s, &c.Status)
		word(s, &c.Reason)
	}
	for i := range pod.Status.ContainerStatuses {
		word(s, &pod.Status.ContainerStatuses[i].Name)
	}
}

// shareNames takes over the names of an image.
func (s *sharer) shareNames(names *[]string) {
	if len(*names) == 0 {
		return
	}
	first := (*names)[0]
	if known := s.images[first]; slices.Equal(known, *names) {
		*names = known
		return
	}
	for i := range *names {
		word(s, &(*names)[i])
	}
	if len(s.images) >= remembered {
		clear(s.images)
	}
	s.images[first] = *names
}

func word[S ~string](s *sharer, w *S) {
	if shared, known := s.words[string(*w)]; known {
		*w = S(shared)
		return
	}
	if len(s.words) >= remembered {
		clear(s.words)
	}
	s.words[string(*w)] = string(*w)
}
