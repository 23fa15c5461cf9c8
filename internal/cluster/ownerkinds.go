package cluster

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The kinds of owners with special handling. Other groups have kinds of the same names with
// other controllers.
var (
	NodeKind                  = corev1.SchemeGroupVersion.WithKind("Node").GroupKind()
	ReplicationControllerKind = corev1.SchemeGroupVersion.WithKind("ReplicationController").GroupKind()
	DeploymentKind            = appsv1.SchemeGroupVersion.WithKind("Deployment").GroupKind()
	ReplicaSetKind            = appsv1.SchemeGroupVersion.WithKind("ReplicaSet").GroupKind()
	StatefulSetKind           = appsv1.SchemeGroupVersion.WithKind("StatefulSet").GroupKind()
	DaemonSetKind             = appsv1.SchemeGroupVersion.WithKind("DaemonSet").GroupKind()
	JobKind                   = batchv1.SchemeGroupVersion.WithKind("Job").GroupKind()
	CronJobKind               = batchv1.SchemeGroupVersion.WithKind("CronJob").GroupKind()
)

// ownGroups maps the names of these kinds to their groups.
var ownGroups = func() map[string]string {
	groups := map[string]string{}
	for _, kind := range []schema.GroupKind{
		NodeKind, ReplicationControllerKind, DeploymentKind, ReplicaSetKind, StatefulSetKind, DaemonSetKind, JobKind, CronJobKind,
	} {
		groups[kind.Kind] = kind.Group
	}
	return groups
}()

// OwnerKind returns the kind of an owner with its group. A reference without a version, which
// API servers reject, refers to Kubernetes' own kind of that name.
func OwnerKind(owner *metav1.OwnerReference) schema.GroupKind {
	if owner.APIVersion == "" {
		return schema.GroupKind{Group: ownGroups[owner.Kind], Kind: owner.Kind}
	}
	group, _, grouped := strings.Cut(owner.APIVersion, "/")
	if !grouped {
		group = ""
	}
	return schema.GroupKind{Group: group, Kind: owner.Kind}
}

// ControlledBy reports whether the object's controller is of the kind.
func ControlledBy(object metav1.Object, kind schema.GroupKind) bool {
	owner := metav1.GetControllerOfNoCopy(object)
	return owner != nil && OwnerKind(owner) == kind
}

// KindName returns the name of a kind for users: without its group, unless it could be
// confused with a kind of Kubernetes.
func KindName(kind schema.GroupKind) string {
	if group, known := ownGroups[kind.Kind]; known && group != kind.Group {
		return kind.String()
	}
	return kind.Kind
}
