package evictable

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

var now = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// newPod returns a pod of a ReplicaSet that nothing protects.
func newPod(changes ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web-1", UID: "web-1", Labels: map[string]string{"app": "web"}, Annotations: map[string]string{}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &metav1.Time{Time: now.Add(-time.Hour)}},
	}
	controlled("ReplicaSet", "web")(pod)
	for _, change := range changes {
		change(pod)
	}
	return pod
}

func controlled(kind, name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.OwnerReferences = []metav1.OwnerReference{{Kind: kind, Name: name, UID: types.UID(name), Controller: ptr.To(true)}}
	}
}

func bare(pod *corev1.Pod) { pod.OwnerReferences = nil }

func annotated(key, value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Annotations[key] = value }
}

func phase(phase corev1.PodPhase) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Status.Phase = phase }
}

func priority(value int32) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.Priority = &value }
}

func named(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Name, pod.UID = name, types.UID(name) }
}

func labelled(key, value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Labels[key] = value }
}

func inNamespace(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Namespace = name }
}

func started(ago time.Duration) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Status.StartTime = &metav1.Time{Time: now.Add(-ago)} }
}

func unstarted(pod *corev1.Pod) { pod.Status.StartTime = nil }

func terminating(pod *corev1.Pod) { pod.DeletionTimestamp = &metav1.Time{Time: now} }

func volume(name string, source corev1.VolumeSource) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: source})
	}
}

func claiming(claim string) func(*corev1.Pod) {
	return volume(claim, corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}})
}

func resourceClaim(pod *corev1.Pod) {
	pod.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "gpu"}}
}

func grouped(pod *corev1.Pod) {
	pod.Spec.SchedulingGroup = &corev1.PodSchedulingGroup{PodGroupName: ptr.To("ring")}
}

// extendedClaim gives the pod a claim for its extended resources.
func extendedClaim(pod *corev1.Pod) {
	pod.Status.ExtendedResourceClaimStatus = &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: "web-extended-resources"}
}

// asking puts the pod on node n, where it asks for an extended resource.
func asking(extended string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.NodeName = "n"
		pod.Spec.Containers = []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceName(extended): resource.MustParse("1")}}}}
	}
}

func onNode(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.NodeName = name }
}

func newDeviceClass(name, extended string) *resourcev1.DeviceClass {
	return &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: resourcev1.DeviceClassSpec{ExtendedResourceName: &extended}}
}

var (
	emptyDir = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
	hostPath = corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{}}
	secret   = corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{}}
)

func newClass(name string, value int32) *schedulingv1.PriorityClass {
	return &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value}
}

func newClaim(name string, class *string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec:       corev1.PersistentVolumeClaimSpec{StorageClassName: class},
	}
}

func newBudget(namespace string, selector *metav1.LabelSelector) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "budget"},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: selector},
	}
}

func newNamespace(name string, labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

func newNode(name, taint string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: taint, Effect: corev1.TaintEffectNoSchedule}}}}
}

// picture has two labelled namespaces, priority and storage classes. Its only budget is
// for app=web in the namespace default. Two of its nodes are on their way out.
func newPicture(pods ...*corev1.Pod) *cluster.Snapshot {
	elsewhere := newClaim("elsewhere", ptr.To("slow"))
	elsewhere.Namespace = "other"
	return &cluster.Snapshot{
		Pods: pods,
		Nodes: []*corev1.Node{{
			ObjectMeta: metav1.ObjectMeta{Name: "n"},
			Status:     corev1.NodeStatus{Allocatable: corev1.ResourceList{"example.com/nic": resource.MustParse("1"), "example.com/gpu": resource.MustParse("0")}},
		}, newNode("emptied", "ToBeDeletedByClusterAutoscaler"), newNode("announced", "aws-node-termination-handler/spot-itn")},
		Namespaces: []*corev1.Namespace{newNamespace("default", map[string]string{"team": "a"}), newNamespace("other", nil)},
		Budgets:    []*policyv1.PodDisruptionBudget{newBudget("default", selecting("app", "web"))},
		Others: []runtime.Object{
			newClass("low", 10), newClass("high", 1000), newClass("above", systemCritical+1),
			newClaim("fast", ptr.To("fast")), newClaim("slow", ptr.To("slow")), newClaim("classless", nil), newClaim("static", ptr.To("")),
			elsewhere, newDeviceClass("gpu", "example.com/gpu"), newDeviceClass("nic", "example.com/nic"),
		},
	}
}

func selecting(key, value string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{key: value}}
}

func newFilter(t testing.TB, args *policy.DefaultEvictorArgs, picture *cluster.Snapshot) *Filter {
	t.Helper()
	filter, err := New(args, picture, cluster.NewOwners(picture), now)
	if err != nil {
		t.Fatal(err)
	}
	return filter
}

// disabled returns arguments without these default protections.
func disabled(protections ...policy.PodProtection) *policy.DefaultEvictorArgs {
	return &policy.DefaultEvictorArgs{PodProtections: policy.PodProtections{DefaultDisabled: protections}}
}

// extra returns arguments with these protections besides.
func extra(protections ...policy.PodProtection) *policy.DefaultEvictorArgs {
	return &policy.DefaultEvictorArgs{PodProtections: policy.PodProtections{ExtraEnabled: protections}}
}

// storage returns arguments that protect the claims of storage classes.
func storage(classes ...string) *policy.DefaultEvictorArgs {
	args := extra(policy.PodsWithPVC)
	config := &policy.PodsWithPVCConfig{}
	for _, class := range classes {
		config.ProtectedStorageClasses = append(config.ProtectedStorageClasses, policy.ProtectedStorageClass{Name: class})
	}
	args.PodProtections.Config = &policy.PodProtectionsConfig{PodsWithPVC: config}
	return args
}

func threshold(value int32) *policy.PriorityThreshold {
	return &policy.PriorityThreshold{Value: &value}
}
