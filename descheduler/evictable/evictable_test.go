package evictable

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

type args = policy.DefaultEvictorArgs

func TestProtectionsOnAndOff(t *testing.T) {
	tests := []struct {
		name string
		args *args
		pod  *corev1.Pod
		// others are in the picture too.
		others []*corev1.Pod
		want   string
	}{
		{name: "a ReplicaSet's pod is evictable", pod: newPod()},
		{name: "a Job's pod is evictable", pod: newPod(controlled("Job", "sum"))},
		{name: "a failed pod with a controller is evictable", pod: newPod(phase(corev1.PodFailed))},

		{name: "a pod without a controller is kept", pod: newPod(bare), want: "it has no controller that would replace it"},
		{name: "a pod whose owner does not control it is kept", pod: newPod(func(pod *corev1.Pod) { pod.OwnerReferences[0].Controller = nil }), want: "it has no controller that would replace it"},
		{name: "a failed pod without a controller is kept by default", pod: newPod(bare, phase(corev1.PodFailed)), want: "it has no controller that would replace it"},
		{name: "a failed pod without a controller goes if the protection is off", args: disabled(policy.FailedBarePods), pod: newPod(bare, phase(corev1.PodFailed))},
		{name: "a running pod without a controller is kept all the same", args: disabled(policy.FailedBarePods), pod: newPod(bare), want: "it has no controller that would replace it, and has not failed"},

		{name: "a DaemonSet's pod is kept", pod: newPod(controlled("DaemonSet", "agent")), want: "it belongs to a DaemonSet"},
		{name: "a DaemonSet's pod goes if the protection is off", args: disabled(policy.DaemonSetPods), pod: newPod(controlled("DaemonSet", "agent"))},

		{name: "a pod of system critical priority is kept", pod: newPod(priority(2_000_000_000)), want: "its priority 2000000000 is not below 2000000000 (system-cluster-critical)"},
		{name: "a pod just below system critical priority goes", pod: newPod(priority(1_999_999_999))},
		{name: "a pod of the highest priority goes if the protection is off", args: disabled(policy.SystemCriticalPods), pod: newPod(priority(2_000_001_000))},
		{name: "a pod of the threshold's priority is kept", args: &args{PriorityThreshold: threshold(500)}, pod: newPod(priority(500)), want: "its priority 500 is not below 500 (priorityThreshold)"},
		{name: "a pod below the threshold goes", args: &args{PriorityThreshold: threshold(500)}, pod: newPod(priority(499))},
		{name: "a pod without a priority goes whatever the threshold", args: &args{PriorityThreshold: threshold(-5)}, pod: newPod()},
		{name: "a threshold can be given by its class", args: &args{PriorityThreshold: &policy.PriorityThreshold{Name: "high"}}, pod: newPod(priority(1000)), want: "its priority 1000 is not below 1000 (PriorityClass high)"},
		{name: "a pod below the class goes", args: &args{PriorityThreshold: &policy.PriorityThreshold{Name: "high"}}, pod: newPod(priority(999))},

		{name: "a pod with an emptyDir is kept", pod: newPod(volume("token", secret), volume("cache", emptyDir)), want: "it has local storage (volume cache)"},
		{name: "a pod with a hostPath is kept", pod: newPod(volume("logs", hostPath)), want: "it has local storage (volume logs)"},
		{name: "a pod with other volumes goes", pod: newPod(volume("token", secret), claiming("fast"))},
		{name: "a pod with local storage goes if the protection is off", args: disabled(policy.PodsWithLocalStorage), pod: newPod(volume("cache", emptyDir), volume("logs", hostPath))},

		{name: "a pod with a volume claim is kept if asked for", args: extra(policy.PodsWithPVC), pod: newPod(volume("token", secret), claiming("missing")), want: "it has a volume claim (missing)"},
		{name: "a pod without a volume claim goes", args: extra(policy.PodsWithPVC), pod: newPod(volume("token", secret))},
		{name: "an empty list of storage classes protects all", args: storage(), pod: newPod(claiming("slow")), want: "it has a volume claim (slow)"},
		{name: "a claim of a protected storage class is kept", args: storage("gold", "fast"), pod: newPod(claiming("slow"), claiming("fast")), want: "its volume claim fast has the protected storage class fast"},
		{name: "a claim of another storage class goes", args: storage("fast"), pod: newPod(claiming("slow"))},
		{name: "a claim without a storage class is kept", args: storage("fast"), pod: newPod(claiming("classless")), want: "the storage class of its volume claim classless is unknown"},
		{name: "a claim of a volume made by hand is kept", args: storage("fast"), pod: newPod(claiming("static")), want: "the storage class of its volume claim static is unknown"},
		{name: "a claim that is not in the picture is kept", args: storage("fast"), pod: newPod(claiming("missing")), want: "the storage class of its volume claim missing is unknown"},
		{name: "a claim of that name in the other namespace is another", args: storage("fast"), pod: newPod(claiming("elsewhere")), want: "the storage class of its volume claim elsewhere is unknown"},
		{name: "a claim is looked for in the pod's own namespace", args: storage("fast"), pod: newPod(inNamespace("other"), claiming("elsewhere"))},
		{name: "a claim of that name in another namespace is another", args: storage("fast"), pod: newPod(inNamespace("other"), claiming("slow")), want: "the storage class of its volume claim slow is unknown"},

		{name: "a pod without a budget goes by default", pod: newPod(labelled("app", "lonely"))},
		{name: "a pod without a budget is kept if asked for", args: extra(policy.PodsWithoutPDB), pod: newPod(labelled("app", "lonely")), want: "no PodDisruptionBudget covers it"},
		{name: "a pod with a budget goes", args: extra(policy.PodsWithoutPDB), pod: newPod()},
		{name: "a budget covers its own namespace only", args: extra(policy.PodsWithoutPDB), pod: newPod(inNamespace("other")), want: "no PodDisruptionBudget covers it"},

		{name: "a pod with resource claims goes by default", pod: newPod(resourceClaim)},
		{name: "a pod with resource claims is kept if asked for", args: extra(policy.PodsWithResourceClaims), pod: newPod(resourceClaim), want: "it has resource claims (gpu)"},
		{name: "a pod with a claim for extended resources is kept if asked for", args: extra(policy.PodsWithResourceClaims), pod: newPod(extendedClaim), want: "it has a resource claim for extended resources (web-extended-resources)"},
		{name: "and goes by default", pod: newPod(extendedClaim)},
		{name: "a pod is kept for an extended resource that a class names and its node lacks", args: extra(policy.PodsWithResourceClaims), pod: newPod(asking("example.com/gpu")), want: "it has devices of the extended resource example.com/gpu"},
		{name: "or that is a class's own", args: extra(policy.PodsWithResourceClaims), pod: newPod(asking(resourcev1.ResourceDeviceClassPrefix + "gpu")), want: "it has devices of the extended resource deviceclass.resource.kubernetes.io/gpu"},
		{name: "one goes for an extended resource that its node has", args: extra(policy.PodsWithResourceClaims), pod: newPod(asking("example.com/nic"))},
		{name: "and for one that no class names", args: extra(policy.PodsWithResourceClaims), pod: newPod(asking("example.com/fpga"))},
		{name: "a pod without resource claims goes", args: extra(policy.PodsWithResourceClaims), pod: newPod()},

		{name: "a pod that the selector does not select is kept", args: &args{LabelSelector: selecting("app", "db")}, pod: newPod(), want: "it does not match labelSelector"},
		{name: "a pod that the selector selects goes", args: &args{LabelSelector: selecting("app", "web")}, pod: newPod()},
		{name: "a pod in a namespace that is not selected is kept", args: &args{NamespaceLabelSelector: selecting("team", "a")}, pod: newPod(inNamespace("other")), want: "namespaceLabelSelector does not match namespace other"},
		{name: "a pod in a namespace that is selected goes", args: &args{NamespaceLabelSelector: selecting("team", "a")}, pod: newPod()},
		{name: "a pod in a namespace that is not in the picture is kept", args: &args{NamespaceLabelSelector: &metav1.LabelSelector{}}, pod: newPod(inNamespace("new")), want: "the labels of namespace new are unknown, and namespaceLabelSelector is set"},

		{name: "a young pod goes by default", pod: newPod(started(0))},
		{name: "a pod that is too young is kept", args: &args{MinPodAge: &metav1.Duration{Duration: 5 * time.Minute}}, pod: newPod(started(5*time.Minute - time.Second)), want: "it started less than 5m0s ago (minPodAge)"},
		{name: "a pod that is just old enough goes", args: &args{MinPodAge: &metav1.Duration{Duration: 5 * time.Minute}}, pod: newPod(started(5 * time.Minute))},
		{name: "a pod that has not started goes by default", pod: newPod(unstarted)},
		{name: "a pod that has not started is too young", args: &args{MinPodAge: &metav1.Duration{}}, pod: newPod(unstarted), want: "it has not started, so it is younger than minPodAge"},

		{name: "a pod that autoscalers are asked to leave is kept, whichever asks", pod: newPod(annotated("karpenter.sh/do-not-disrupt", "true")), want: `it must not be disrupted (annotation karpenter.sh/do-not-disrupt: "true")`},
		{name: "a pod that is not safe to evict is kept", pod: newPod(annotated("cluster-autoscaler.kubernetes.io/safe-to-evict", "false")), want: `it must not be disrupted (annotation cluster-autoscaler.kubernetes.io/safe-to-evict: "false")`},
		{name: "a pod that is to be left for a while is kept for that while", pod: newPod(annotated("karpenter.sh/do-not-disrupt", "2h")), want: `it must not be disrupted (annotation karpenter.sh/do-not-disrupt: "2h")`},
		{name: "a pod that was to be left for a while goes when that is over", pod: newPod(annotated("karpenter.sh/do-not-disrupt", "30m"))},
		{name: "a pod that autoscalers are asked to leave goes if the protection is off", args: disabled(policy.PodsMarkedDoNotDisrupt), pod: newPod(annotated("karpenter.sh/do-not-disrupt", "true"))},
		{name: "a failed pod goes whatever autoscalers were asked", pod: newPod(phase(corev1.PodFailed), annotated("karpenter.sh/do-not-disrupt", "true"))},

		{name: "a pod of a gang is kept", pod: newPod(grouped), others: []*corev1.Pod{newPod(named("web-2"), grouped), newPod(named("web-3"), grouped)}, want: "it is one of 3 pods of a gang: scheduling group default/ring"},
		{name: "a pod that is alone in its gang goes", pod: newPod(grouped), others: []*corev1.Pod{newPod(named("web-2"))}},
		{name: "a pod of a gang goes if the protection is off", args: disabled(policy.PodsOfGangs), pod: newPod(grouped), others: []*corev1.Pod{newPod(named("web-2"), grouped)}},

		{name: "a mirror pod is kept", pod: newPod(annotated(corev1.MirrorPodAnnotationKey, "x")), want: "it is a mirror pod, which only the kubelet manages"},
		{name: "a static pod is kept", pod: newPod(annotated(sourceAnnotation, "file")), want: "it is a static pod, which only the kubelet manages"},
		{name: "a pod from the API server goes", pod: newPod(annotated(sourceAnnotation, "api"))},
		{name: "a terminating pod is kept", pod: newPod(terminating), want: "it is terminating"},
		{name: "a pod of a node that somebody else empties is kept", pod: newPod(onNode("emptied")), want: "its node has the taint ToBeDeletedByClusterAutoscaler: the autoscaler or platform that drains it moves its pods"},
		{name: "a pod of a node that will be gone and that nobody empties goes", pod: newPod(onNode("announced"))},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.args == nil {
				tt.args = &args{}
			}
			if got := newFilter(t, tt.args, newPicture(append(tt.others, tt.pod)...)).Check(tt.pod); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestAnnotations(t *testing.T) {
	const mandatory = policy.MandatoryNoEviction
	mandatoryReason := "its annotation descheduler.alpha.kubernetes.io/prefer-no-eviction protects it, because noEvictionPolicy is Mandatory"
	tests := []struct {
		name          string
		args          *args
		pod           *corev1.Pod
		want          string
		wantReluctant bool
	}{
		{name: "evict with the value false keeps the pod", pod: newPod(annotated(EvictAnnotation, "false")), want: `its annotation descheduler.alpha.kubernetes.io/evict is "false"`},
		{name: "evict with a slip for a value keeps the pod and says so", pod: newPod(annotated(EvictAnnotation, "flase")), want: `its annotation descheduler.alpha.kubernetes.io/evict is "flase", which counts as "false": must be "true" or "false"`},
		{name: "evict without a value keeps the pod and says so", pod: newPod(annotated(EvictAnnotation, "")), want: `its annotation descheduler.alpha.kubernetes.io/evict is "", which counts as "false": must be "true" or "false"`},
		{name: "a long value of evict is cut short", pod: newPod(annotated(EvictAnnotation, strings.Repeat("x", 1000))), want: `its annotation descheduler.alpha.kubernetes.io/evict is "xxxxxxxxxxxxxxxxxxxx", which counts as "false": must be "true" or "false"`},

		{name: "evict overrides Mandatory", args: &args{NoEvictionPolicy: mandatory}, pod: newPod(annotated(EvictAnnotation, "true"), annotated(NoEvictionAnnotation, "true")), wantReluctant: true},
		{name: "evict overrides that there is no controller", pod: newPod(annotated(EvictAnnotation, "true"), bare)},
		{name: "evict overrides a DaemonSet", pod: newPod(annotated(EvictAnnotation, "true"), controlled("DaemonSet", "agent"))},
		{name: "evict overrides priority", pod: newPod(annotated(EvictAnnotation, "true"), priority(2_000_000_000))},
		{name: "evict overrides local storage", pod: newPod(annotated(EvictAnnotation, "true"), volume("cache", emptyDir))},
		{name: "evict overrides volume claims", args: extra(policy.PodsWithPVC), pod: newPod(annotated(EvictAnnotation, "true"), claiming("fast"))},
		{name: "evict overrides that there is no budget", args: extra(policy.PodsWithoutPDB), pod: newPod(annotated(EvictAnnotation, "true"), labelled("app", "lonely"))},
		{name: "evict overrides resource claims", args: extra(policy.PodsWithResourceClaims), pod: newPod(annotated(EvictAnnotation, "true"), resourceClaim)},
		{name: "evict overrides labelSelector", args: &args{LabelSelector: selecting("app", "db")}, pod: newPod(annotated(EvictAnnotation, "true"))},
		{name: "evict overrides minReplicas", args: &args{MinReplicas: 5}, pod: newPod(annotated(EvictAnnotation, "true"))},
		{name: "evict overrides minPodAge", args: &args{MinPodAge: &metav1.Duration{Duration: time.Hour}}, pod: newPod(annotated(EvictAnnotation, "true"), unstarted)},

		{name: "evict does not override a mirror pod", pod: newPod(annotated(EvictAnnotation, "true"), annotated(corev1.MirrorPodAnnotationKey, "x")), want: "it is a mirror pod, which only the kubelet manages"},
		{name: "evict does not override a static pod", pod: newPod(annotated(EvictAnnotation, "true"), annotated(sourceAnnotation, "http")), want: "it is a static pod, which only the kubelet manages"},
		{
			name: "nor that its eviction goes on in the background", pod: newPod(annotated(EvictAnnotation, "true"), annotated(cluster.EvictionInProgressAnnotation, "")),
			want: "it is already being evicted in the background (annotation descheduler.alpha.kubernetes.io/eviction-in-progress)",
		},
		{name: "evict does not override that it terminates", pod: newPod(annotated(EvictAnnotation, "true"), terminating), want: "it is terminating"},
		{name: "evict does not override that somebody empties its node", pod: newPod(annotated(EvictAnnotation, "true"), onNode("emptied")), want: "its node has the taint ToBeDeletedByClusterAutoscaler: the autoscaler or platform that drains it moves its pods"},
		{name: "evict does not override namespaceLabelSelector", args: &args{NamespaceLabelSelector: selecting("team", "b")}, pod: newPod(annotated(EvictAnnotation, "true")), want: "namespaceLabelSelector does not match namespace default"},

		{name: "prefer-no-eviction makes the pod reluctant", args: &args{NoEvictionPolicy: policy.PreferredNoEviction}, pod: newPod(annotated(NoEvictionAnnotation, "true")), wantReluctant: true},
		{name: "prefer-no-eviction without a value makes the pod reluctant", pod: newPod(annotated(NoEvictionAnnotation, "")), wantReluctant: true},
		{name: "prefer-no-eviction with the value false says nothing", pod: newPod(annotated(NoEvictionAnnotation, "false"))},
		{name: "prefer-no-eviction under Mandatory keeps the pod", args: &args{NoEvictionPolicy: mandatory}, pod: newPod(annotated(NoEvictionAnnotation, "true")), want: mandatoryReason, wantReluctant: true},
		{name: "prefer-no-eviction with a slip for a value keeps the pod under Mandatory", args: &args{NoEvictionPolicy: mandatory}, pod: newPod(annotated(NoEvictionAnnotation, "yse")), want: mandatoryReason, wantReluctant: true},
		{name: "prefer-no-eviction with the value false says nothing under Mandatory either", args: &args{NoEvictionPolicy: mandatory}, pod: newPod(annotated(NoEvictionAnnotation, "false"))},
		{name: "a pod without annotations is not kept under Mandatory", args: &args{NoEvictionPolicy: mandatory}, pod: newPod()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.args == nil {
				tt.args = &args{}
			}
			filter := newFilter(t, tt.args, newPicture(tt.pod))
			if got := filter.Check(tt.pod); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if got := PrefersNoEviction(tt.pod); got != tt.wantReluctant {
				t.Errorf("prefers no eviction: got %t, want %t", got, tt.wantReluctant)
			}
		})
	}
}

func TestMinReplicas(t *testing.T) {
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "web"},
		Spec:       appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](3)},
	}
	tests := []struct {
		name   string
		least  uint
		owner  func(*corev1.Pod)
		others []*corev1.Pod
		want   string
	}{
		{name: "what a known workload asks for counts, however few pods it has", least: 3, owner: controlled("ReplicaSet", "web")},
		{name: "what a known workload asks for counts, however many pods it has", least: 4, owner: controlled("ReplicaSet", "web"), others: []*corev1.Pod{
			newPod(named("2")), newPod(named("3")), newPod(named("4")),
		}, want: "ReplicaSet default/web has 3 replicas, fewer than minReplicas 4"},
		{name: "of a kind that is not known, its pods are counted", least: 2, owner: controlled("CloneSet", "game"), want: "CloneSet default/game has 1 replica, fewer than minReplicas 2"},
		{name: "enough pods are enough", least: 2, owner: controlled("CloneSet", "game"), others: []*corev1.Pod{newPod(controlled("CloneSet", "game"), named("2"))}},
		{name: "pods of others, finished and terminating ones do not count", least: 2, owner: controlled("CloneSet", "game"), others: []*corev1.Pod{
			newPod(controlled("CloneSet", "chess"), named("2")),
			newPod(controlled("CloneSet", "game"), named("3"), phase(corev1.PodFailed)),
			newPod(controlled("CloneSet", "game"), named("4"), phase(corev1.PodSucceeded)),
			newPod(controlled("CloneSet", "game"), named("5"), terminating),
		}, want: "CloneSet default/game has 1 replica, fewer than minReplicas 2"},
		{name: "one replica is always enough for 1", least: 1, owner: controlled("CloneSet", "game")},
		{name: "0 protects none", least: 0, owner: controlled("CloneSet", "game")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := newPod(tt.owner)
			picture := newPicture(append(tt.others, pod)...)
			picture.ReplicaSets = []*appsv1.ReplicaSet{set}
			if got := newFilter(t, &args{MinReplicas: tt.least}, picture).Check(pod); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestOrder has a pod that everything keeps, and takes one reason after the other away.
func TestOrder(t *testing.T) {
	a := extra(policy.PodsWithPVC, policy.PodsWithoutPDB, policy.PodsWithResourceClaims)
	a.NoEvictionPolicy = policy.MandatoryNoEviction
	a.LabelSelector = selecting("app", "web")
	a.NamespaceLabelSelector = selecting("team", "a")
	a.MinReplicas = 2
	a.MinPodAge = &metav1.Duration{Duration: time.Minute}

	pod := newPod(inNamespace("other"), labelled("app", "lonely"), bare, terminating, unstarted, resourceClaim, priority(2_000_000_000),
		claiming("fast"), volume("cache", emptyDir), annotated(corev1.MirrorPodAnnotationKey, ""), annotated(sourceAnnotation, "file"),
		annotated(EvictAnnotation, "false"), annotated(NoEvictionAnnotation, ""))
	steps := []struct {
		want   string
		remove func()
	}{
		{"it is a mirror pod", func() { delete(pod.Annotations, corev1.MirrorPodAnnotationKey) }},
		{"it is a static pod", func() { delete(pod.Annotations, sourceAnnotation) }},
		{"it is terminating", func() { pod.DeletionTimestamp = nil }},
		{"its annotation " + EvictAnnotation, func() { delete(pod.Annotations, EvictAnnotation) }},
		{"namespaceLabelSelector", func() { pod.Namespace = "default" }},
		{"its annotation " + NoEvictionAnnotation, func() { delete(pod.Annotations, NoEvictionAnnotation) }},
		{"it has no controller", func() { controlled("DaemonSet", "agent")(pod) }},
		{"it belongs to a DaemonSet", func() { controlled("CloneSet", "game")(pod) }},
		{"its priority", func() { pod.Spec.Priority = nil }},
		{"it has local storage", func() { pod.Spec.Volumes = pod.Spec.Volumes[:1] }},
		{"it has a volume claim", func() { pod.Spec.Volumes = nil }},
		{"no PodDisruptionBudget", func() { labelled("app", "web")(pod); a.LabelSelector = selecting("app", "db") }},
		{"it has resource claims", func() { pod.Spec.ResourceClaims = nil }},
		{"it does not match labelSelector", func() { a.LabelSelector = selecting("app", "web") }},
		{"CloneSet default/game has 1 replica, fewer than minReplicas 2", func() { a.MinReplicas = 1 }},
		{"it has not started", func() { started(time.Hour)(pod) }},
	}
	for _, step := range steps {
		if got := newFilter(t, a, newPicture(pod)).Check(pod); !strings.HasPrefix(got, step.want) {
			t.Fatalf("got %q, want it to begin with %q", got, step.want)
		}
		step.remove()
	}
	if got := newFilter(t, a, newPicture(pod)).Check(pod); got != "" {
		t.Errorf("nothing is left that keeps the pod, got %q", got)
	}
}

func TestBudgetsThatSelectLittleOrNothing(t *testing.T) {
	in := func(key string, values ...string) metav1.LabelSelectorRequirement {
		return metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpIn, Values: values}
	}
	tests := []struct {
		name     string
		selector *metav1.LabelSelector
		covered  bool
	}{
		{"an empty selector covers the namespace", &metav1.LabelSelector{}, true},
		{"no selector covers nothing", nil, false},
		{"a selector that cannot be read covers nothing", &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Is"}}}, false},
		{"expressions alone cover what they match", &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{in("app", "db", "web")}}, true},
		{"expressions beside labels must match too", &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}, MatchExpressions: []metav1.LabelSelectorRequirement{in("tier", "front")}}, false},
		{"every label must match", &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web", "tier": "front"}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod, picture := newPod(), newPicture()
			picture.Budgets = []*policyv1.PodDisruptionBudget{newBudget("default", tt.selector)}
			want := "no PodDisruptionBudget covers it"
			if tt.covered {
				want = ""
			}
			if got := newFilter(t, extra(policy.PodsWithoutPDB), picture).Check(pod); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestArgumentsThatCannotHold(t *testing.T) {
	unreadable := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Is"}}}
	tests := []struct {
		name    string
		args    *args
		picture *cluster.Snapshot
		want    string
	}{
		{"a label selector", &args{LabelSelector: unreadable}, newPicture(), `DefaultEvictor: labelSelector: "Is" is not a valid label selector operator`},
		{"a selector of namespaces", &args{NamespaceLabelSelector: unreadable}, newPicture(), `DefaultEvictor: namespaceLabelSelector: "Is" is not a valid label selector operator`},
		{"a PriorityClass that is not there", &args{PriorityThreshold: &policy.PriorityThreshold{Name: "hihg"}}, newPicture(), "DefaultEvictor: priorityThreshold.name: PriorityClass hihg does not exist: must be one of above, high, low"},
		{"a picture without PriorityClasses", &args{PriorityThreshold: &policy.PriorityThreshold{Name: "high"}}, &cluster.Snapshot{}, "DefaultEvictor: priorityThreshold.name: PriorityClass high does not exist, and neither does any other: use priorityThreshold.value instead, or a dump with PriorityClasses"},
		{"a PriorityClass above system-cluster-critical", &args{PriorityThreshold: &policy.PriorityThreshold{Name: "above"}}, newPicture(), "DefaultEvictor: priorityThreshold.name: PriorityClass above has the value 2000000001: must be at most 2000000000 (system-cluster-critical)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(tt.args, tt.picture, cluster.NewOwners(tt.picture), now)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
