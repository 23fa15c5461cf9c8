package survive

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// workload is a Deployment or StatefulSet as it is in a picture.
type workload struct {
	key  string
	pods []*corev1.Pod
	// deployment and its only ReplicaSet with pods, or stateful is set.
	deployment *appsv1.Deployment
	replicaSet *appsv1.ReplicaSet
	stateful   *appsv1.StatefulSet
	draft      *draft
}

// draft is what may be changed of a workload.
type draft struct {
	replicas int
	template *corev1.PodTemplateSpec
	// budgets are those that select its pods.
	budgets []*policyv1.PodDisruptionBudget
}

func (d *draft) copy() *draft {
	c := &draft{replicas: d.replicas, template: d.template.DeepCopy()}
	for _, budget := range d.budgets {
		c.budgets = append(c.budgets, budget.DeepCopy())
	}
	return c
}

// find returns the workload of the key, or why no change of it can be tried.
func find(picture *target.Picture, key string) (w *workload, why string) {
	w = &workload{key: key}
	var owner *cluster.Workload
	for _, pod := range picture.Pods {
		of := picture.Owners.Of(pod)
		if of == nil || of.String() != key || !cluster.Holds(pod) || cluster.Leaving(pod) {
			continue
		}
		owner = of
		w.pods = append(w.pods, pod)
	}
	if owner == nil {
		return nil, "no change is tried: it has no controller"
	}
	switch owner.GroupKind() {
	case cluster.DeploymentKind:
		why = w.isDeployment(picture, owner)
	case cluster.StatefulSetKind:
		why = w.isStatefulSet(picture, owner)
	default:
		why = "only Deployments and StatefulSets are changed"
	}
	if why == "" {
		why = w.settled()
	}
	if why != "" {
		return nil, "no change is tried: " + why
	}
	for _, budget := range picture.Budgets {
		selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
		if err == nil && budget.Namespace == owner.Namespace && selector.Matches(labels.Set(w.pods[0].Labels)) {
			w.draft.budgets = append(w.draft.budgets, budget)
		}
	}
	return w, ""
}

func (w *workload) isDeployment(picture *target.Picture, owner *cluster.Workload) (why string) {
	i := slices.IndexFunc(picture.Deployments, func(d *appsv1.Deployment) bool { return d.UID == owner.UID })
	j := slices.IndexFunc(picture.ReplicaSets, func(s *appsv1.ReplicaSet) bool { return metav1.IsControlledBy(w.pods[0], s) })
	if i < 0 || j < 0 {
		return "its Deployment or ReplicaSet is not in the snapshot"
	}
	w.deployment, w.replicaSet = picture.Deployments[i], picture.ReplicaSets[j]
	if w.deployment.Spec.Paused {
		return "its rollouts are paused"
	}
	if slices.ContainsFunc(w.pods, func(pod *corev1.Pod) bool { return !metav1.IsControlledBy(pod, w.replicaSet) }) {
		return "it is being rolled out"
	}
	w.draft = &draft{replicas: number(w.deployment.Spec.Replicas), template: &w.replicaSet.Spec.Template}
	return ""
}

func (w *workload) isStatefulSet(picture *target.Picture, owner *cluster.Workload) (why string) {
	i := slices.IndexFunc(picture.StatefulSets, func(s *appsv1.StatefulSet) bool { return s.UID == owner.UID })
	if i < 0 {
		return "it is not in the snapshot"
	}
	w.stateful = picture.StatefulSets[i]
	switch strategy := w.stateful.Spec.UpdateStrategy; {
	case strategy.Type == appsv1.OnDeleteStatefulSetStrategyType:
		return "its pods are replaced only when they are deleted (updateStrategy: OnDelete)"
	case strategy.RollingUpdate != nil && ptr.Deref(strategy.RollingUpdate.Partition, 0) > 0:
		return "its updateStrategy has a partition: not all pods would be replaced"
	}
	if status := w.stateful.Status; status.CurrentRevision != status.UpdateRevision {
		return "it is being rolled out"
	}
	w.draft = &draft{replicas: number(w.stateful.Spec.Replicas), template: &w.stateful.Spec.Template}
	return ""
}

// settled says what keeps a changed workload from being compared with what there is.
func (w *workload) settled() (why string) {
	if len(w.draft.template.Spec.Containers) == 0 {
		return "its template is not in the snapshot"
	}
	waiting, unready := 0, 0
	for _, pod := range w.pods {
		switch {
		case pod.Spec.NodeName == "":
			waiting++
		case !disruption.Ready(pod):
			unready++
		}
		if len(pod.Spec.ResourceClaims) > 0 || pod.Status.ExtendedResourceClaimStatus != nil {
			return "its pods have devices of their own"
		}
	}
	switch {
	case waiting > 0:
		return fmt.Sprintf("%d of its %d pods are pending already", waiting, len(w.pods))
	case unready > 0: // new ones would most likely not be ready either
		return fmt.Sprintf("%d of its %d pods are not ready", unready, len(w.pods))
	case slices.ContainsFunc(w.draft.template.Spec.Volumes, ownVolume):
		return "its template has a volume that maybe only one node can attach"
	case len(w.pods) != w.draft.replicas:
		return fmt.Sprintf("it has %d pods and wants %d", len(w.pods), w.draft.replicas)
	}
	return ""
}

// ownVolume says whether a volume of a template is a claim. The scheduler does not keep a second pod
// with it from another node, where most volumes cannot be attached at the same time.
func ownVolume(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil || v.Ephemeral != nil }

// selector selects the pods of the workload.
func (w *workload) selector() *metav1.LabelSelector {
	if w.stateful != nil {
		return w.stateful.Spec.Selector
	}
	return w.deployment.Spec.Selector
}

// makesVolumes says whether each new replica has volumes that do not exist yet.
func (w *workload) makesVolumes() bool {
	return w.stateful != nil && len(w.stateful.Spec.VolumeClaimTemplates) > 0
}

// rolls says whether the draft has the controller replace all pods.
func (w *workload) rolls(d *draft) bool {
	return !equality.Semantic.DeepEqual(d.template, w.draft.template)
}

func number(replicas *int32) int {
	if replicas == nil {
		return 1
	}
	return int(*replicas)
}
