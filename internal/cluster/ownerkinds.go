package cluster

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The kinds of owners that are treated in a way of their own. Other groups have kinds of
// the same names, whose controllers do other things.
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

// ownGroups are the groups of these kinds by their names.
var ownGroups = func() map[string]string {
	groups := map[string]string{}
	for _, kind := range []schema.GroupKind{
		NodeKind, ReplicationControllerKind, DeploymentKind, ReplicaSetKind, StatefulSetKind, DaemonSetKind, JobKind, CronJobKind,
	} {
		groups[kind.Kind] = kind.Group
	}
	return groups
}()

// OwnerKind returns the kind of an owner, with its group. A reference that names no
// version, which no API server takes, is one to Kubernetes' own kind of the name.
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

// KindName names a kind for people: by its name alone, or with its group where that alone
// would be taken for a kind of Kubernetes.
func KindName(kind schema.GroupKind) string {
	if group, known := ownGroups[kind.Kind]; known && group != kind.Group {
		return kind.String()
	}
	return kind.Kind
}
