package evictable

import (
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// TestAgainstReference draws arguments and pods with few values each, and holds the
// filter against a reference that looks everything up anew.
func TestAgainstReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pods := rapid.SliceOfN(rapid.Custom(drawPod), 1, 8).Draw(t, "pods")
		for i, pod := range pods {
			named(fmt.Sprint("pod-", i))(pod)
		}
		picture := newPicture(pods...)
		picture.ReplicaSets = []*appsv1.ReplicaSet{{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "web"},
			Spec:       appsv1.ReplicaSetSpec{Replicas: ptr.To(rapid.Int32Range(0, 3).Draw(t, "replicas"))},
		}}
		for range rapid.IntRange(0, 2).Draw(t, "budgets") {
			picture.Budgets = append(picture.Budgets, newBudget(drawOf(t, "default", "other"), rapid.Custom(drawSelector).Draw(t, "selector")))
		}
		a := rapid.Custom(drawArgs).Draw(t, "args")
		owners := cluster.NewOwners(picture)
		filter, err := New(a, picture, owners, now)
		if err != nil {
			t.Fatal(err)
		}
		r := reference{a, picture, owners}
		for _, pod := range pods {
			if got, want := filter.Check(pod), r.evictable(pod); (got == "") != want {
				t.Fatalf("pod %+v\nargs %+v: got %q, want evictable %t", pod, a, got, want)
			}
		}
	})
}

// reference says in the plainest way which pods are evictable.
type reference struct {
	args    *args
	picture *cluster.Snapshot
	owners  *cluster.Owners
}

func (r reference) evictable(pod *corev1.Pod) bool {
	_, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]
	evict, annotated := pod.Annotations[EvictAnnotation]
	switch {
	case mirror, pod.DeletionTimestamp != nil, pod.Spec.NodeName == "emptied", annotated && evict != "true", !r.namespaceSelected(pod.Namespace):
		return false
	case evict == "true":
		return true
	}
	return !r.protected(pod)
}

func (r reference) protected(pod *corev1.Pod) bool {
	protects := func(p policy.PodProtection) bool { return r.args.Protects(p) }
	no, asked := pod.Annotations[NoEvictionAnnotation]
	controlled := slices.ContainsFunc(pod.OwnerReferences, func(o metav1.OwnerReference) bool { return o.Controller != nil && *o.Controller })
	daemons := slices.ContainsFunc(pod.OwnerReferences, func(o metav1.OwnerReference) bool { return o.Kind == "DaemonSet" })
	local := slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.EmptyDir != nil || v.HostPath != nil })
	devices := slices.ContainsFunc(pod.Spec.Containers, func(c corev1.Container) bool {
		return !c.Resources.Requests.Name("example.com/gpu", resource.DecimalSI).IsZero()
	})
	limit := int32(2_000_000_000)
	if r.args.PriorityThreshold != nil {
		limit = *r.args.PriorityThreshold.Value
	}
	return r.args.NoEvictionPolicy == policy.MandatoryNoEviction && asked && no != "false" ||
		!controlled && (protects(policy.FailedBarePods) || pod.Status.Phase != corev1.PodFailed) ||
		protects(policy.DaemonSetPods) && daemons ||
		protects(policy.SystemCriticalPods) && pod.Spec.Priority != nil && *pod.Spec.Priority >= limit ||
		protects(policy.PodsMarkedDoNotDisrupt) && running(pod) && r.marked(pod) ||
		protects(policy.PodsOfGangs) && running(pod) && r.inGang(pod) ||
		protects(policy.PodsWithLocalStorage) && local ||
		protects(policy.PodsWithPVC) && slices.ContainsFunc(pod.Spec.Volumes, r.claimProtected) ||
		protects(policy.PodsWithoutPDB) && !r.covered(pod) ||
		protects(policy.PodsWithResourceClaims) && (len(pod.Spec.ResourceClaims) > 0 || pod.Status.ExtendedResourceClaimStatus != nil || devices) ||
		r.args.LabelSelector != nil && !matches(r.args.LabelSelector, pod.Labels) ||
		r.tooFew(pod) || r.tooYoung(pod)
}

func matches(selector *metav1.LabelSelector, set map[string]string) bool {
	s, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && s.Matches(labels.Set(set))
}

func (r reference) namespaceSelected(name string) bool {
	return r.args.NamespaceLabelSelector == nil || slices.ContainsFunc(r.picture.Namespaces, func(n *corev1.Namespace) bool {
		return n.Name == name && matches(r.args.NamespaceLabelSelector, n.Labels)
	})
}

// claimProtected knows the claims of newPicture, and that all pods with claims are in
// the namespace default.
func (r reference) claimProtected(volume corev1.Volume) bool {
	if volume.PersistentVolumeClaim == nil {
		return false
	}
	config := r.args.PodProtections.Config
	return config == nil || volume.PersistentVolumeClaim.ClaimName != "slow"
}

func (r reference) covered(pod *corev1.Pod) bool {
	for _, budget := range r.picture.Budgets {
		if budget.Namespace == pod.Namespace && matches(budget.Spec.Selector, pod.Labels) {
			return true
		}
	}
	return false
}

func (r reference) tooFew(pod *corev1.Pod) bool {
	w := r.owners.Of(pod)
	if w == nil || r.args.MinReplicas < 2 {
		return false
	}
	replicas := w.Desired
	if replicas == -1 {
		replicas = 0
		for _, other := range r.picture.Pods {
			finished := other.Status.Phase == corev1.PodFailed || other.Status.Phase == corev1.PodSucceeded
			if o := r.owners.Of(other); o != nil && o.UID == w.UID && !finished && other.DeletionTimestamp == nil {
				replicas++
			}
		}
	}
	return replicas < int(r.args.MinReplicas)
}

func running(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning }

func (r reference) marked(pod *corev1.Pod) bool {
	mark := pod.Annotations["karpenter.sh/do-not-disrupt"]
	start := pod.Status.StartTime
	return pod.Annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false" || mark == "true" ||
		mark == "5m" && (start == nil || start.Add(5*time.Minute).After(now))
}

func (r reference) inGang(pod *corev1.Pod) bool {
	return slices.ContainsFunc(r.picture.Pods, func(other *corev1.Pod) bool {
		return other.Name != pod.Name && other.Namespace == pod.Namespace && running(other) &&
			pod.Spec.SchedulingGroup != nil && other.Spec.SchedulingGroup != nil
	})
}

func (r reference) tooYoung(pod *corev1.Pod) bool {
	start := pod.Status.StartTime
	return r.args.MinPodAge != nil && (start == nil || start.Add(r.args.MinPodAge.Duration).After(now))
}

func drawOf[T any](t *rapid.T, values ...T) T { return rapid.SampledFrom(values).Draw(t, "") }

func drawPod(t *rapid.T) *corev1.Pod {
	pod := newPod(drawOf(t, controlled("ReplicaSet", "web"), controlled("CloneSet", "game"), controlled("DaemonSet", "agent"), bare))
	// Most draws change nothing, or hardly a pod would be evictable.
	changes := []func(*corev1.Pod){
		inNamespace("other"), labelled("app", "lonely"), labelled("tier", "front"), terminating, unstarted, started(30 * time.Second), resourceClaim, extendedClaim,
		asking("example.com/gpu"), asking("example.com/nic"), onNode("emptied"),
		phase(corev1.PodFailed), priority(5), priority(2_000_000_000), volume("cache", emptyDir), volume("logs", hostPath),
		annotated(corev1.MirrorPodAnnotationKey, ""), annotated(EvictAnnotation, "true"), annotated(EvictAnnotation, "false"), annotated(EvictAnnotation, ""),
		annotated(NoEvictionAnnotation, "true"), annotated(NoEvictionAnnotation, "false"), claiming("fast"), claiming("slow"), claiming("missing"), grouped,
		annotated("karpenter.sh/do-not-disrupt", "true"), annotated("karpenter.sh/do-not-disrupt", "5m"), annotated("karpenter.sh/do-not-disrupt", "yes"),
		annotated("cluster-autoscaler.kubernetes.io/safe-to-evict", "false"),
	}
	for range drawOf(t, 0, 1, 1, 2, 3) {
		drawOf(t, changes...)(pod)
	}
	if pod.Namespace == "other" {
		pod.Spec.Volumes = slices.DeleteFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil })
	}
	return pod
}

func drawSelector(t *rapid.T) *metav1.LabelSelector {
	exists := metav1.LabelSelectorRequirement{Key: "tier", Operator: metav1.LabelSelectorOpExists}
	return drawOf(t, nil, &metav1.LabelSelector{}, selecting("app", "lonely"), selecting("tier", "front"),
		&metav1.LabelSelector{MatchLabels: map[string]string{"app": "lonely", "tier": "front"}},
		&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{exists}})
}

func drawArgs(t *rapid.T) *args {
	a := &args{NoEvictionPolicy: drawOf(t, policy.PreferredNoEviction, policy.MandatoryNoEviction)}
	for _, p := range []policy.PodProtection{policy.PodsWithLocalStorage, policy.DaemonSetPods, policy.SystemCriticalPods, policy.FailedBarePods, policy.PodsMarkedDoNotDisrupt, policy.PodsOfGangs} {
		if rapid.Bool().Draw(t, string(p)) {
			a.PodProtections.DefaultDisabled = append(a.PodProtections.DefaultDisabled, p)
		}
	}
	for _, p := range []policy.PodProtection{policy.PodsWithPVC, policy.PodsWithoutPDB, policy.PodsWithResourceClaims} {
		if rapid.Bool().Draw(t, string(p)) {
			a.PodProtections.ExtraEnabled = append(a.PodProtections.ExtraEnabled, p)
		}
	}
	if rapid.Bool().Draw(t, "classes") {
		a.PodProtections.Config = storage("fast").PodProtections.Config
	}
	a.PriorityThreshold = drawOf(t, nil, nil, threshold(5), threshold(6))
	a.LabelSelector = drawOf(t, nil, nil, selecting("app", "web"))
	a.NamespaceLabelSelector = drawOf(t, nil, nil, selecting("team", "a"))
	a.MinReplicas = drawOf[uint](t, 0, 1, 2, 3)
	a.MinPodAge = drawOf(t, nil, nil, &metav1.Duration{}, &metav1.Duration{Duration: 30 * time.Second}, &metav1.Duration{Duration: time.Minute})
	return a
}
