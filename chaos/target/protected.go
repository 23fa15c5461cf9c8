package target

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// protected returns why the pod is protected, unless it is included. The pod of this program
// cannot be included.
func (l *look) protected(pod *corev1.Pod) string {
	owner := metav1.GetControllerOfNoCopy(pod)
	switch {
	case l.picture.IsOwn(pod):
		return WhyOwn
	case !l.pods.IncludeSystem && systemNamespaces[pod.Namespace]:
		return whySystem
	case !l.pods.IncludeStatic && cluster.Static(pod):
		return whyStatic
	case !l.pods.IncludeDaemonSets && cluster.OfDaemonSet(pod):
		return whyDaemonSet
	case !l.pods.IncludeBarePods && owner == nil && !cluster.Static(pod):
		return whyBare
	}
	return l.leftAlone(pod)
}

// The namespaces of Kubernetes itself.
var systemNamespaces = map[string]bool{metav1.NamespaceSystem: true, metav1.NamespacePublic: true, corev1.NamespaceNodeLease: true}
