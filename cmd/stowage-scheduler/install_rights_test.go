package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

// need is something that the scheduler does, and a right that it takes.
type need struct {
	name                  string
	verb, group, resource string
	// provoke makes the scheduler do it for pods of a fresh namespace, after which
	// what is made for all namespaces is named.
	provoke func(t *testing.T, ns string)
	// done says whether the scheduler has done it.
	done func(ctx context.Context, ns string) (bool, string)
}

var needs = []need{
	{"binding a pod", "create", "", "pods/binding", plainPod, bound},
	{"saying in an event what it did", "create", "events.k8s.io", "events", plainPod, reported},
	{"saying why a pod does not fit", "patch", "", "pods/status", largePod, explained},
	{"making room for a pod of higher priority", "delete", "", "pods", urgentPod, bound},
	{"binding a claim to a local volume", "update", "", "persistentvolumes", podWithVolume, bound},
	{"saying where a volume is to be made", "update", "", "persistentvolumeclaims", podWithNewVolume, placed},
	{"keeping a device claim from going away", "update", "resource.k8s.io", "resourceclaims", podWithDevice, bound},
	{"saying which device was allocated", "update", "resource.k8s.io", "resourceclaims/status", podWithDevice, bound},
	{"allocating a device", "update", "resource.k8s.io", "resourceclaims/binding", podWithDevice, bound},
	{"looking at a device claim that somebody has changed", "get", "resource.k8s.io", "resourceclaims", hesitantly(podWithDevice), bound},
	{"giving back a device", "patch", "resource.k8s.io", "resourceclaims/status", hesitantly(podWithDevice), bound},
	{"letting others have a device", "patch", "resource.k8s.io", "resourceclaims/binding", hesitantly(podWithDevice), bound},
	{"claiming a device for an extended resource", "create", "resource.k8s.io", "resourceclaims", podWithExtendedResource, bound},
	{"giving up the claim for an extended resource", "delete", "resource.k8s.io", "resourceclaims", hesitantly(podWithExtendedResource), bound},
}

// since says which needs older API servers know nothing of, by their names: the version that
// they came with, and what it serves.
var since = map[string]struct{ minor, what string }{
	"allocating a device":                          {"1.36", "right to resourceclaims/binding of resource.k8s.io"},
	"letting others have a device":                 {"1.36", "right to resourceclaims/binding of resource.k8s.io"},
	"claiming a device for an extended resource":   {"1.36", "DeviceClass.spec.extendedResourceName of resource.k8s.io/v1, unless a feature gate is set,"},
	"giving up the claim for an extended resource": {"1.36", "DeviceClass.spec.extendedResourceName of resource.k8s.io/v1, unless a feature gate is set,"},
}

// TestInstallGrantsWhatIsNeeded runs the scheduler as installed. With all its rights
// it does everything that it is for, and the audit log says that it is refused nothing.
// With one of them taken away, it is.
func TestInstallGrantsWhatIsNeeded(t *testing.T) {
	eventually(t, "earlier tests' pods are gone", func(ctx context.Context) (bool, string) {
		list, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
		return err == nil && len(list.Items) == 0, fmt.Sprintf("%v, %d pods", err, len(list.Items))
	})
	scheduler := startInstalled(t)
	for _, n := range needs {
		t.Run(n.name, func(t *testing.T) {
			n.skipBefore(t)
			ns := n.begin(t)
			eventually(t, n.name+" is done", func(ctx context.Context) (bool, string) { return n.done(ctx, ns) })
		})
	}
	for _, n := range needs {
		t.Run(n.name+" without its right", func(t *testing.T) {
			n.skipBefore(t)
			n.without(t, func() {
				before, err := scheduler.refused(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				n.begin(t)
				eventually(t, n.name+" is refused", func(ctx context.Context) (bool, string) {
					now, err := scheduler.refused(ctx)
					log := scheduler.LogTail(100)
					return now > before && n.refusedIn(log), fmt.Sprintf("%d refusals, then %d, %v, %s", before, now, err, log)
				})
			})
		})
	}
}

// skipBefore skips what the API server's version does not have yet.
func (n need) skipBefore(t *testing.T) {
	t.Helper()
	if v, ok := since[n.name]; ok {
		playgroundtest.Since(t, play, v.minor, v.what)
	}
}

// begin makes the scheduler do it in a fresh namespace, which it returns.
func (n need) begin(t *testing.T) string {
	t.Helper()
	ns := namespace(t)
	n.provoke(t, ns)
	t.Cleanup(func() { // before their nodes are gone, and nobody is left to end them
		atOnce := metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}
		if err := client.CoreV1().Pods(ns).DeleteCollection(context.Background(), atOnce, metav1.ListOptions{}); err != nil {
			t.Error(err)
		}
	})
	return ns
}

// refusedIn says whether the log says that the right is missing, in the words of the
// API server for most rights, or in those for what it checks within an object.
func (n need) refusedIn(log string) bool {
	log = strings.ReplaceAll(log, `\`, "")
	return strings.Contains(log, fmt.Sprintf("cannot %s resource %q", n.verb, n.resource)) ||
		strings.Contains(log, fmt.Sprintf("requires resource=%q, verb=%q permission", n.resource, n.verb))
}

// without takes the right away while something is done.
func (n need) without(t *testing.T, do func()) {
	t.Helper()
	roles := client.RbacV1().ClusterRoles()
	role, err := roles.Get(t.Context(), program, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	reduced := role.DeepCopy()
	reduced.Rules = nil
	for _, rule := range role.DeepCopy().Rules {
		if slices.Contains(rule.Resources, n.resource) && slices.Contains(rule.APIGroups, n.group) {
			others := rule.DeepCopy()
			others.Resources = slices.DeleteFunc(others.Resources, func(r string) bool { return r == n.resource })
			reduced.Rules = append(reduced.Rules, *others)
			rule.Resources = []string{n.resource}
			rule.Verbs = slices.DeleteFunc(rule.Verbs, func(verb string) bool { return verb == n.verb })
		}
		reduced.Rules = append(reduced.Rules, rule)
	}
	reduced.Rules = slices.DeleteFunc(reduced.Rules, func(rule rbacv1.PolicyRule) bool { return len(rule.Resources) == 0 || len(rule.Verbs) == 0 })
	defer auditLog.Expect(program, n.verb, n.group, n.resource)()
	defer n.grant(t, role, true)
	n.grant(t, reduced, false)
	do()
}

// grant changes the role, and waits until that gives or takes away the right.
func (n need) grant(t *testing.T, role *rbacv1.ClusterRole, want bool) {
	t.Helper()
	role.ResourceVersion = "" // nobody else changes it
	if _, err := client.RbacV1().ClusterRoles().Update(t.Context(), role, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	what := authorizationv1.ResourceAttributes{Verb: n.verb, Group: n.group}
	what.Resource, what.Subresource, _ = strings.Cut(n.resource, "/")
	eventually(t, "the role is in force", func(ctx context.Context) (bool, string) {
		return allowed(ctx, t, what) == want, fmt.Sprint(role.Rules)
	})
}

// creator is a client of one kind of object.
type creator[T any] interface {
	Create(ctx context.Context, object T, opts metav1.CreateOptions) (T, error)
	Delete(ctx context.Context, name string, opts metav1.DeleteOptions) error
}

// create creates an object that is gone with the test.
func create[T metav1.Object](t *testing.T, object T, objects creator[T]) {
	t.Helper()
	if _, err := objects.Create(t.Context(), object, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := objects.Delete(context.Background(), object.GetName(), metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}

// podName is the name of the pod that the scheduler is to do something for.
const podName = "pod"

func plainPod(t *testing.T, ns string) { createPod(t, ns, newPod(podName, schedulerName, "100m")) }
func largePod(t *testing.T, ns string) { createPod(t, ns, newPod(podName, schedulerName, "100")) }

// newNode makes a node for pods with a selector for its name only.
func newNode(t *testing.T, name string) {
	t.Helper()
	room := corev1.ResourceList{"cpu": resource.MustParse("4"), "memory": resource.MustParse("16Gi"), "pods": resource.MustParse("110")}
	create(t, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}, Annotations: map[string]string{pool.FakeAnnotation: pool.Fake}},
		Status:     corev1.NodeStatus{Capacity: room, Allocatable: room},
	}, client.CoreV1().Nodes())
}

// urgentPod is one that only fits when another goes.
func urgentPod(t *testing.T, ns string) {
	newNode(t, ns)
	create(t, &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: ns}, Value: 1000}, client.SchedulingV1().PriorityClasses())
	pod := newPod("in-the-way", schedulerName, "3")
	pod.Spec.NodeSelector = map[string]string{corev1.LabelHostname: ns}
	createPod(t, ns, pod)
	awaitRunning(t, ns, pod.Name)
	pod.Name, pod.Spec.PriorityClassName = podName, ns
	playgroundtest.AwaitAdmission(t, client, ns, pod, true)
	createPod(t, ns, pod)
}

// claimVolume makes a pod that claims a volume of a class, which a provisioner makes
// once the pod has a node.
func claimVolume(t *testing.T, ns, provisioner string) {
	create(t, &storagev1.StorageClass{
		ObjectMeta:        metav1.ObjectMeta{Name: ns},
		Provisioner:       provisioner,
		VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer),
	}, client.StorageV1().StorageClasses())
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: podName},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			StorageClassName: &ns,
			Resources:        corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": resource.MustParse("1Gi")}},
		},
	}
	if _, err := client.CoreV1().PersistentVolumeClaims(ns).Create(t.Context(), claim, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod := newPod(podName, schedulerName, "100m")
	source := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: podName}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: source}}
	createPod(t, ns, pod)
}

// podWithVolume is one for which there is a volume, on one node.
func podWithVolume(t *testing.T, ns string) {
	newNode(t, ns)
	onNode := corev1.NodeSelectorRequirement{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{ns}}
	create(t, &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: ns},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{"storage": resource.MustParse("1Gi")},
			AccessModes:                   []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			StorageClassName:              ns,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
			PersistentVolumeSource:        corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/data"}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
				{MatchExpressions: []corev1.NodeSelectorRequirement{onNode}},
			}}},
		},
	}, client.CoreV1().PersistentVolumes())
	claimVolume(t, ns, "kubernetes.io/no-provisioner")
}

// podWithNewVolume is one whose volume would have to be made, which nobody does.
func podWithNewVolume(t *testing.T, ns string) { claimVolume(t, ns, "example.com/nobody") }

// newDevice makes a device that any node can use, and a class for it, by which it
// can be asked for as an extended resource too.
func newDevice(t *testing.T, ns string) (extendedResource string) {
	driver := ns + ".example.com"
	extendedResource = driver + "/device"
	create(t, &resourcev1.DeviceClass{
		ObjectMeta: metav1.ObjectMeta{Name: ns},
		Spec: resourcev1.DeviceClassSpec{
			Selectors:            []resourcev1.DeviceSelector{{CEL: &resourcev1.CELDeviceSelector{Expression: fmt.Sprintf("device.driver == %q", driver)}}},
			ExtendedResourceName: &extendedResource,
		},
	}, client.ResourceV1().DeviceClasses())
	create(t, &resourcev1.ResourceSlice{
		ObjectMeta: metav1.ObjectMeta{Name: ns},
		Spec: resourcev1.ResourceSliceSpec{
			Driver:   driver,
			Pool:     resourcev1.ResourcePool{Name: ns, ResourceSliceCount: 1},
			AllNodes: ptr.To(true),
			Devices:  []resourcev1.Device{{Name: "device"}},
		},
	}, client.ResourceV1().ResourceSlices())
	return extendedResource
}

func podWithDevice(t *testing.T, ns string) {
	newDevice(t, ns)
	claim := &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Name: podName}}
	claim.Spec.Devices.Requests = []resourcev1.DeviceRequest{{Name: "device", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: ns}}}
	if _, err := client.ResourceV1().ResourceClaims(ns).Create(t.Context(), claim, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod := newPod(podName, schedulerName, "100m")
	pod.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "device", ResourceClaimName: ptr.To(podName)}}
	createPod(t, ns, pod)
}

func podWithExtendedResource(t *testing.T, ns string) {
	name := corev1.ResourceName(newDevice(t, ns))
	pod := newPod(podName, schedulerName, "100m")
	pod.Spec.Containers[0].Resources.Requests[name] = resource.MustParse("1")
	pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{name: resource.MustParse("1")}
	createPod(t, ns, pod)
}

// hesitantly has the API server refuse a change to the claim of a pod at first, and to place the
// pod: what was allocated to it is given back until the scheduler tries again.
func hesitantly(provoke func(t *testing.T, ns string)) func(t *testing.T, ns string) {
	return func(t *testing.T, ns string) {
		claim := &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Name: "other"}}
		claim.Spec.Devices.Requests = []resourcev1.DeviceRequest{{Name: "device", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: ns}}}
		reluctant(t, ns, func(ctx context.Context) error {
			_, err := client.ResourceV1().ResourceClaims(ns).Create(ctx, claim, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return err
		}, []string{"", resourcev1.GroupName}, []string{"pods/binding", "resourceclaims"})
		provoke(t, ns)
	}
}

// bound says whether the pod has a node.
func bound(ctx context.Context, ns string) (bool, string) {
	pod, err := client.CoreV1().Pods(ns).Get(ctx, podName, metav1.GetOptions{})
	if err != nil {
		return false, err.Error()
	}
	return pod.Spec.NodeName != "", fmt.Sprint(pod.Status.Conditions)
}

// reported says whether an event says that the pod has a node.
func reported(ctx context.Context, ns string) (bool, string) {
	pod, err := client.CoreV1().Pods(ns).Get(ctx, podName, metav1.GetOptions{})
	if err != nil {
		return false, err.Error()
	}
	notes := eventNotes(ctx, pod, "Scheduled")
	return len(notes[schedulerName]) == 1, fmt.Sprint(notes)
}

// explained says whether event and condition say why the pod has no node.
func explained(ctx context.Context, ns string) (bool, string) {
	pod, err := client.CoreV1().Pods(ns).Get(ctx, podName, metav1.GetOptions{})
	if err != nil {
		return false, err.Error()
	}
	notes := eventNotes(ctx, pod, "FailedScheduling")
	return len(notes[schedulerName]) > 0 && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodScheduled && c.Reason == corev1.PodReasonUnschedulable
	}), fmt.Sprint(notes, pod.Status.Conditions)
}

// placed says whether the claim says on which node its volume is to be made.
func placed(ctx context.Context, ns string) (bool, string) {
	claim, err := client.CoreV1().PersistentVolumeClaims(ns).Get(ctx, podName, metav1.GetOptions{})
	if err != nil {
		return false, err.Error()
	}
	return claim.Annotations["volume.kubernetes.io/selected-node"] != "", fmt.Sprint(claim.Annotations)
}
