package ask

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/spelling"
)

// Pod returns a pod of the cluster.
func (w *World) Pod(namespace, name string) (*corev1.Pod, error) {
	var here, elsewhere []string
	for _, pod := range w.picture.Pods {
		switch {
		case pod.Namespace == namespace && pod.Name == name:
			return pod, nil
		case pod.Namespace == namespace:
			here = append(here, pod.Name)
		case pod.Name == name:
			elsewhere = append(elsewhere, pod.Namespace)
		}
	}
	return nil, notFound("pod", namespace, name, here, elsewhere)
}

// notFound says that an object is not in the namespace, and which one may be meant.
func notFound(kind, namespace, name string, here, elsewhere []string) error {
	if len(elsewhere) > 0 {
		slices.Sort(elsewhere)
		return fmt.Errorf("there is no %s %s in namespace %s, but in %s: use --namespace", kind, name, namespace, strings.Join(elsewhere, ", "))
	}
	slices.Sort(here)
	return fmt.Errorf("there is no %s %s in namespace %s%s", kind, name, namespace, spelling.DidYouMean(name, here))
}
