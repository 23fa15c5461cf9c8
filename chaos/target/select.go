package target

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Selected are the candidates, in the order of the picture, and the number of the others by
// reason. Together they are all pods of the picture.
type Selected struct {
	Pods     []Pod
	Excluded map[string]int
}

// Reasons why pods and nodes are not selected. The first one that applies counts.
const (
	whyEnded           = "completed"
	whyNamespace       = "in another namespace"
	whyNamespaceLabels = "in a namespace with other labels"
	whyLabels          = "other labels"
	whyAnnotations     = "other annotations"
	whyKind            = "owner of another kind"
	whyName            = "another name"
	whySystem          = "in a system namespace"
	whyStatic          = "static pod"
	whyDaemonSet       = "of a DaemonSet"
	whyBare            = "without a controller"
	whyGang            = "part of a gang"
	whyTerminating     = "terminating"
	whyPending         = "without a node"
	whyNotRunning      = "not running"
	whyYoung           = "too young"
)

// WhyOwn is the reason for the pod and the node of this program.
const WhyOwn = "this program's own"

// WhyNodeLeaves is the reason for pods on nodes that are being removed: they are lost anyway.
const WhyNodeLeaves = "on a node that is being removed"

// Pods selects pods from the picture.
func (s *Selection) Pods(p *Picture) Selected {
	l := s.look(p)
	selected := Selected{Excluded: map[string]int{}}
	ended := len(p.Snapshot.Pods)
	for _, pod := range All(p) {
		ended--
		if why := l.why(pod.Pod); why != "" {
			selected.Excluded[why]++
			continue
		}
		selected.Pods = append(selected.Pods, pod)
	}
	if ended > 0 {
		selected.Excluded[whyEnded] = ended
	}
	return selected
}

// look is a selection applied to one picture.
type look struct {
	*Selection
	picture *Picture
	owners  owners
	// byNamespace says whether a namespace's labels match, and byController whether the
	// chain of owners from a pod's controller up does.
	byNamespace  map[string]bool
	byController map[types.UID]bool
	// leftAlone returns why a selected pod is protected, if it is.
	leftAlone func(*corev1.Pod) string
	// leaving are the nodes that are being removed.
	leaving map[string]bool
}

func (s *Selection) look(p *Picture) *look {
	l := &look{Selection: s, picture: p, byNamespace: map[string]bool{}, byController: map[types.UID]bool{}, leftAlone: s.pods.In(p), leaving: p.NodesLeaving()}
	if s.namespaceLabels != nil {
		for _, namespace := range p.Namespaces {
			l.byNamespace[namespace.Name] = s.namespaceLabels.Matches(labels.Set(namespace.Labels))
		}
	}
	if s.kinds != nil {
		l.owners = ownersOf(p.Snapshot)
	}
	return l
}

// why returns why a pod is not selected. It is empty for a selected pod.
func (l *look) why(pod *corev1.Pod) string {
	if why := l.unasked(pod); why != "" {
		return why
	}
	if why := l.protected(pod); why != "" {
		return why
	}
	switch {
	case cluster.Leaving(pod):
		return whyTerminating
	case pod.Spec.NodeName == "":
		return whyPending
	case l.leaving[pod.Spec.NodeName]:
		return WhyNodeLeaves
	case pod.Status.Phase == corev1.PodPending || pod.Status.Phase == corev1.PodUnknown:
		return whyNotRunning
	case l.minimumAge > 0 && l.picture.Now.Sub(pod.CreationTimestamp.Time) < l.minimumAge:
		return whyYoung
	}
	return ""
}

// unasked returns which part of the selection the pod does not match.
func (l *look) unasked(pod *corev1.Pod) string {
	scope := string(l.pods.ClientNamespaceScope)
	switch {
	case scope != "" && pod.Namespace != scope || !l.namespaces.has(pod.Namespace):
		return whyNamespace
	case l.namespaceLabels != nil && !l.byNamespace[pod.Namespace]:
		return whyNamespaceLabels
	case l.labels != nil && !l.labels.Matches(labels.Set(pod.Labels)):
		return whyLabels
	case l.annotations != nil && !l.annotations.Matches(labels.Set(pod.Annotations)):
		return whyAnnotations
	case !l.ownedByKind(pod):
		return whyKind
	case l.includedNames != nil && !l.includedNames.MatchString(pod.Name), l.excludedNames != nil && l.excludedNames.MatchString(pod.Name):
		return whyName
	}
	return ""
}

func (l *look) ownedByKind(pod *corev1.Pod) bool {
	if l.kinds == nil {
		return true
	}
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil {
		return l.kinds.has("Pod")
	}
	matches, known := l.byController[owner.UID]
	if !known {
		matches = l.kinds.has(l.owners.kindsFrom(owner)...)
		l.byController[owner.UID] = matches
	}
	return matches
}
