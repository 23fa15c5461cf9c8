package cluster

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// sharer makes trimmed objects share equal parts, because the pods of one controller, and the
// images of nodes, differ little. It is not safe for concurrent use.
type sharer struct {
	pods  map[types.UID]*corev1.Pod // one of each controller
	words map[string]string
}

// remembered limits the memory of deleted objects that a sharer retains.
const remembered = 50_000

func newSharer() *sharer {
	return &sharer{pods: map[types.UID]*corev1.Pod{}, words: map[string]string{}}
}

// share replaces unshared parts of a trimmed object by equal parts of objects that it has
// seen.
func (s *sharer) share(o object) {
	switch o := o.(type) {
	case *corev1.Pod:
		s.shareSpec(o)
		s.shareWords(o)
	case *corev1.Node:
		for _, image := range o.Status.Images {
			for i := range image.Names {
				word(s, &image.Names[i])
			}
		}
	}
}

// shareSpec replaces parts that the pod has in common with another one of its controller.
func (s *sharer) shareSpec(pod *corev1.Pod) {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return
	}
	sibling, known := s.pods[owner.UID]
	if !known {
		if len(s.pods) >= remembered {
			clear(s.pods)
		}
		s.pods[owner.UID] = pod
		return
	}
	same(&pod.Labels, sibling.Labels)
	same(&pod.Annotations, sibling.Annotations)
	same(&pod.OwnerReferences, sibling.OwnerReferences)
	same(&pod.Spec.Containers, sibling.Spec.Containers)
	same(&pod.Spec.InitContainers, sibling.Spec.InitContainers)
	same(&pod.Spec.NodeSelector, sibling.Spec.NodeSelector)
	same(&pod.Spec.Affinity, sibling.Spec.Affinity)
	same(&pod.Spec.Tolerations, sibling.Spec.Tolerations)
	same(&pod.Spec.TopologySpreadConstraints, sibling.Spec.TopologySpreadConstraints)
	same(&pod.Spec.Volumes, sibling.Spec.Volumes)
	same(&pod.Spec.Overhead, sibling.Spec.Overhead)
}

// same replaces a part by that of a sibling if they are identical.
func same[T any](part *T, sibling T) {
	if reflect.DeepEqual(*part, sibling) {
		*part = sibling
	}
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
