package disruption

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// pod returns a pod of the app that runs and is ready, unless changed.
func pod(name string, changes ...func(*corev1.Pod)) *corev1.Pod {
	app, _, _ := strings.Cut(name, "-")
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "default", Name: name, UID: types.UID(name), Labels: map[string]string{"app": app},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: app, UID: types.UID(app), Controller: ptr.To(true)}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	for _, change := range changes {
		change(p)
	}
	return p
}

func notReady(p *corev1.Pod)    { p.Status.Conditions[0].Status = corev1.ConditionFalse }
func pending(p *corev1.Pod)     { p.Status = corev1.PodStatus{Phase: corev1.PodPending} }
func failed(p *corev1.Pod)      { p.Status.Phase = corev1.PodFailed }
func succeeded(p *corev1.Pod)   { p.Status.Phase = corev1.PodSucceeded }
func terminating(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} }
func standIn(p *corev1.Pod)     { p.Labels[cluster.StandInLabel] = cluster.OfStandIn }
func replaced(p *corev1.Pod)    { p.Labels[cluster.StandInLabel] = cluster.OfReplaced }
func bare(p *corev1.Pod)        { p.OwnerReferences = nil }

func evicting(p *corev1.Pod) {
	p.Annotations = map[string]string{cluster.EvictionInProgressAnnotation: ""}
}

// unschedulable has no node take the pod.
func unschedulable(p *corev1.Pod) {
	pending(p)
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable}}
}

// onRequest has an operator move the pod when its eviction is asked for.
func onRequest(p *corev1.Pod) {
	p.Annotations = map[string]string{"descheduler.alpha.kubernetes.io/request-evict-only": ""}
}

// waits has the pod's container wait for a reason.
func waits(reason string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}}
	}
}

// node returns a node that is Ready, or not.
func node(name string, ready bool) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if ready {
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	}
	return n
}

func uid(uid types.UID) func(*corev1.Pod) { return func(p *corev1.Pod) { p.UID = uid } }
func on(node string) func(*corev1.Pod)    { return func(p *corev1.Pod) { p.Spec.NodeName = node } }
func in(namespace string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Namespace = namespace }
}

// pdb returns the budget of an app that expects so many pods, with the status that the
// disruption controller gives it when so many are healthy, unless changed.
func pdb(app string, expected, healthy int32, changes ...func(*policyv1.PodDisruptionBudget)) *policyv1.PodDisruptionBudget {
	b := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: app, Generation: 1, ResourceVersion: "1"},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
		Status:     policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 1, ExpectedPods: expected, CurrentHealthy: healthy},
	}
	for _, change := range changes {
		change(b)
	}
	return b
}

// maxUnavailable sets the spec, and the status that belongs to it.
func maxUnavailable(value string, desired int32) func(*policyv1.PodDisruptionBudget) {
	return func(b *policyv1.PodDisruptionBudget) {
		b.Spec.MaxUnavailable = ptr.To(intstr.Parse(value))
		count(b, desired)
	}
}

func minAvailable(value string, desired int32) func(*policyv1.PodDisruptionBudget) {
	return func(b *policyv1.PodDisruptionBudget) {
		b.Spec.MinAvailable = ptr.To(intstr.Parse(value))
		count(b, desired)
	}
}

func count(b *policyv1.PodDisruptionBudget, desired int32) {
	b.Status.DesiredHealthy = desired
	b.Status.DisruptionsAllowed = max(0, b.Status.CurrentHealthy-desired)
}

func policy(policy policyv1.UnhealthyPodEvictionPolicyType) func(*policyv1.PodDisruptionBudget) {
	return func(b *policyv1.PodDisruptionBudget) { b.Spec.UnhealthyPodEvictionPolicy = &policy }
}

func stale(b *policyv1.PodDisruptionBudget) { b.Generation++ }

func selecting(name string, selector *metav1.LabelSelector) func(*policyv1.PodDisruptionBudget) {
	return func(b *policyv1.PodDisruptionBudget) { b.Name, b.Spec.Selector = name, selector }
}

func disrupted(names ...string) func(*policyv1.PodDisruptionBudget) {
	return func(b *policyv1.PodDisruptionBudget) {
		b.Status.DisruptedPods = map[string]metav1.Time{}
		for _, name := range names {
			b.Status.DisruptedPods[name] = metav1.Time{}
		}
	}
}

func version(version string) func(*policyv1.PodDisruptionBudget) {
	return func(b *policyv1.PodDisruptionBudget) { b.ResourceVersion = version }
}

func statusAllows(allowed int32) func(*policyv1.PodDisruptionBudget) {
	return func(b *policyv1.PodDisruptionBudget) { b.Status.DisruptionsAllowed = allowed }
}

// named returns the name of a budget in the default namespace.
func named(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: "default", Name: name}
}
