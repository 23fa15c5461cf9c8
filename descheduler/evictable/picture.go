package evictable

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/report"
)

// systemCritical is the priority of system-cluster-critical.
const systemCritical = 2_000_000_000

// newDrainCheck protects pods of nodes that are being drained: whoever drains them moves the pods.
func newDrainCheck(nodes []*corev1.Node) check {
	reasons := map[string]string{}
	for _, node := range nodes {
		if drained := cluster.NodeDrained(node); drained != "" {
			reasons[node.Name] = fmt.Sprintf("its node %s: the autoscaler or platform that drains it moves its pods", drained)
		}
	}
	return func(pod *corev1.Pod) string { return reasons[pod.Spec.NodeName] }
}

func newLabelCheck(selector *metav1.LabelSelector) (check, error) {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil, fmt.Errorf("DefaultEvictor: labelSelector: %w", err)
	}
	return func(pod *corev1.Pod) string {
		if s.Matches(labels.Set(pod.Labels)) {
			return ""
		}
		return "it does not match labelSelector"
	}, nil
}

func newNamespaceCheck(selector *metav1.LabelSelector, namespaces []*corev1.Namespace) (check, error) {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return nil, fmt.Errorf("DefaultEvictor: namespaceLabelSelector: %w", err)
	}
	reasons := make(map[string]string, len(namespaces))
	for _, namespace := range namespaces {
		reasons[namespace.Name] = ""
		if !s.Matches(labels.Set(namespace.Labels)) {
			reasons[namespace.Name] = "namespaceLabelSelector does not match namespace " + namespace.Name
		}
	}
	return func(pod *corev1.Pod) string {
		reason, known := reasons[pod.Namespace]
		if !known {
			return "the labels of namespace " + pod.Namespace + " are unknown, and namespaceLabelSelector is set"
		}
		return reason
	}, nil
}

func newPriorityCheck(threshold *policy.PriorityThreshold, picture *cluster.Snapshot) (check, error) {
	limit, by := int32(systemCritical), "system-cluster-critical"
	switch {
	case threshold == nil:
	case threshold.Value != nil:
		limit, by = *threshold.Value, "priorityThreshold"
	default:
		value, err := priorityOf(threshold.Name, picture)
		if err != nil {
			return nil, fmt.Errorf("DefaultEvictor: priorityThreshold.name: %w", err)
		}
		limit, by = value, "PriorityClass "+threshold.Name
	}
	return func(pod *corev1.Pod) string {
		if priority := pod.Spec.Priority; priority != nil && *priority >= limit {
			return fmt.Sprintf("its priority %d is not below %d (%s)", *priority, limit, by)
		}
		return ""
	}, nil
}

func priorityOf(name string, picture *cluster.Snapshot) (int32, error) {
	var names []string
	for _, object := range picture.Others {
		class, ok := object.(*schedulingv1.PriorityClass)
		switch {
		case !ok:
		case class.Name != name:
			names = append(names, class.Name)
		case class.Value > systemCritical:
			return 0, fmt.Errorf("PriorityClass %s has the value %d: must be at most %d (system-cluster-critical)", name, class.Value, systemCritical)
		default:
			return class.Value, nil
		}
	}
	if len(names) == 0 {
		return 0, fmt.Errorf("PriorityClass %s does not exist, and neither does any other: use priorityThreshold.value instead, or a dump with PriorityClasses", name)
	}
	slices.Sort(names)
	return 0, fmt.Errorf("PriorityClass %s does not exist: must be one of %s", name, strings.Join(names, ", "))
}

// newClaimCheck protects pods with volume claims: those of the storage classes in the config, or
// all if it has none. A claim with an unknown class is protected.
func newClaimCheck(config *policy.PodProtectionsConfig, picture *cluster.Snapshot) check {
	if config == nil || config.PodsWithPVC == nil || len(config.PodsWithPVC.ProtectedStorageClasses) == 0 {
		return func(pod *corev1.Pod) string {
			return firstClaim(pod, func(claim string) string { return "it has a volume claim (" + claim + ")" })
		}
	}
	protected := map[string]bool{}
	for _, class := range config.PodsWithPVC.ProtectedStorageClasses {
		protected[class.Name] = true
	}
	classes := map[types.NamespacedName]string{}
	for _, object := range picture.Others {
		if claim, ok := object.(*corev1.PersistentVolumeClaim); ok && claim.Spec.StorageClassName != nil {
			classes[types.NamespacedName{Namespace: claim.Namespace, Name: claim.Name}] = *claim.Spec.StorageClassName
		}
	}
	return func(pod *corev1.Pod) string {
		return firstClaim(pod, func(claim string) string {
			class := classes[types.NamespacedName{Namespace: pod.Namespace, Name: claim}]
			switch {
			case class == "":
				return "the storage class of its volume claim " + claim + " is unknown"
			case protected[class]:
				return "its volume claim " + claim + " has the protected storage class " + class
			}
			return ""
		})
	}
}

// firstClaim returns the first reason that a claim of the pod's volumes gives.
func firstClaim(pod *corev1.Pod, reason func(claim string) string) string {
	for i := range pod.Spec.Volumes {
		if source := pod.Spec.Volumes[i].PersistentVolumeClaim; source != nil {
			if r := reason(source.ClaimName); r != "" {
				return r
			}
		}
	}
	return ""
}

func newReplicasCheck(least uint, pods []*corev1.Pod, owners *cluster.Owners) check {
	counts := map[types.UID]int{}
	for _, pod := range pods {
		if w := owners.Of(pod); w != nil && w.Desired < 0 && cluster.Holds(pod) && pod.DeletionTimestamp == nil {
			counts[w.UID]++
		}
	}
	return func(pod *corev1.Pod) string {
		w := owners.Of(pod)
		if w == nil {
			return ""
		}
		replicas := w.Desired
		if replicas < 0 {
			replicas = counts[w.UID]
		}
		if uint(replicas) >= least {
			return ""
		}
		return fmt.Sprintf("%s has %s, fewer than minReplicas %d", w, report.Count(replicas, "replica"), least)
	}
}
