package cluster

import (
	"cmp"
	"iter"
	"reflect"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kind is a kind of objects in a Snapshot.
type kind struct {
	schema.GroupVersionKind
	// resource is the resource name in API paths.
	resource string
	// essential: without it a snapshot leads to wrong conclusions. A cluster may have no
	// objects of other kinds, or not even their API.
	essential bool
	// later: it was added after the oldest supported Kubernetes version. A cluster that does
	// not serve it has no such objects, so a snapshot without them is complete.
	later bool
	// structure is the Go type of its objects.
	structure reflect.Type
}

// kinds are all kinds in a Snapshot: nodes, pods, workloads, budgets, the kinds that the
// scheduler's plugins list, and the kinds from which admission sets fields of pods:
// LimitRanges, RuntimeClasses and PriorityClasses, which policies also refer to.
var kinds = []kind{
	essential[corev1.Node](corev1.SchemeGroupVersion, "nodes"),
	essential[corev1.Pod](corev1.SchemeGroupVersion, "pods"),
	essential[corev1.Namespace](corev1.SchemeGroupVersion, "namespaces"),
	essential[policyv1.PodDisruptionBudget](policyv1.SchemeGroupVersion, "poddisruptionbudgets"),
	essential[appsv1.Deployment](appsv1.SchemeGroupVersion, "deployments"),
	essential[appsv1.ReplicaSet](appsv1.SchemeGroupVersion, "replicasets"),
	essential[appsv1.StatefulSet](appsv1.SchemeGroupVersion, "statefulsets"),
	optional[corev1.ReplicationController](corev1.SchemeGroupVersion, "replicationcontrollers"),
	optional[batchv1.Job](batchv1.SchemeGroupVersion, "jobs"),
	optional[corev1.Service](corev1.SchemeGroupVersion, "services"),
	optional[corev1.PersistentVolume](corev1.SchemeGroupVersion, "persistentvolumes"),
	optional[corev1.PersistentVolumeClaim](corev1.SchemeGroupVersion, "persistentvolumeclaims"),
	optional[corev1.LimitRange](corev1.SchemeGroupVersion, "limitranges"),
	optional[nodev1.RuntimeClass](nodev1.SchemeGroupVersion, "runtimeclasses"),
	optional[schedulingv1.PriorityClass](schedulingv1.SchemeGroupVersion, "priorityclasses"),
	optional[storagev1.StorageClass](storagev1.SchemeGroupVersion, "storageclasses"),
	optional[storagev1.CSINode](storagev1.SchemeGroupVersion, "csinodes"),
	optional[storagev1.CSIDriver](storagev1.SchemeGroupVersion, "csidrivers"),
	optional[storagev1.CSIStorageCapacity](storagev1.SchemeGroupVersion, "csistoragecapacities"),
	optional[storagev1.VolumeAttachment](storagev1.SchemeGroupVersion, "volumeattachments"),
	optional[resourcev1.ResourceClaim](resourcev1.SchemeGroupVersion, "resourceclaims"),
	optional[resourcev1.ResourceClaimTemplate](resourcev1.SchemeGroupVersion, "resourceclaimtemplates"),
	optional[resourcev1.ResourceSlice](resourcev1.SchemeGroupVersion, "resourceslices"),
	optional[resourcev1.DeviceClass](resourcev1.SchemeGroupVersion, "deviceclasses"),
	later[resourcev1.DeviceTaintRule](resourcev1.SchemeGroupVersion, "devicetaintrules"), // 1.37
}

func optional[T any](version schema.GroupVersion, resource string) kind {
	structure := reflect.TypeFor[T]()
	return kind{GroupVersionKind: version.WithKind(structure.Name()), resource: resource, structure: structure}
}

func essential[T any](version schema.GroupVersion, resource string) kind {
	k := optional[T](version, resource)
	k.essential = true
	return k
}

func later[T any](version schema.GroupVersion, resource string) kind {
	k := optional[T](version, resource)
	k.later = true
	return k
}

// new returns an empty object of the kind.
func (k kind) new() object { return reflect.New(k.structure).Interface().(object) }

// String returns the kind in kubectl's format: deployments.apps.
func (k kind) String() string {
	return k.GroupVersion().WithResource(k.resource).GroupResource().String()
}

// kindOf returns the index of an object's kind in kinds; -1 if a snapshot contains no such
// objects.
func kindOf(o runtime.Object) int {
	structure := reflect.TypeOf(o).Elem()
	return slices.IndexFunc(kinds, func(k kind) bool { return k.structure == structure })
}

// add adds an object to the snapshot.
func (s *Snapshot) add(object runtime.Object) {
	switch o := object.(type) {
	case *corev1.Node:
		s.Nodes = append(s.Nodes, o)
	case *corev1.Pod:
		s.Pods = append(s.Pods, o)
	case *policyv1.PodDisruptionBudget:
		s.Budgets = append(s.Budgets, o)
	case *corev1.Namespace:
		s.Namespaces = append(s.Namespaces, o)
	case *appsv1.Deployment:
		s.Deployments = append(s.Deployments, o)
	case *appsv1.ReplicaSet:
		s.ReplicaSets = append(s.ReplicaSets, o)
	case *appsv1.StatefulSet:
		s.StatefulSets = append(s.StatefulSets, o)
	case *corev1.ReplicationController:
		s.ReplicationControllers = append(s.ReplicationControllers, o)
	case *batchv1.Job:
		s.Jobs = append(s.Jobs, o)
	default:
		s.Others = append(s.Others, o)
	}
}

// objects yields all objects of the snapshot.
func (s *Snapshot) objects() iter.Seq[runtime.Object] {
	return func(yield func(runtime.Object) bool) {
		more := each(s.Nodes, yield)
		for o := range s.BesidesPods() {
			more = more && yield(o)
		}
		_ = more && each(s.Pods, yield)
	}
}

// object is one of a snapshot's.
type object interface {
	runtime.Object
	metav1.Object
}

// byName orders objects of one kind by namespace and name.
func byName(a, b object) int {
	return cmp.Or(strings.Compare(a.GetNamespace(), b.GetNamespace()), strings.Compare(a.GetName(), b.GetName()))
}
