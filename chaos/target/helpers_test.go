package target

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// now is when the pictures of the tests are taken.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// newPod returns a pod that runs on a node for an hour, without a controller.
func newPod(namespace, name string, changes ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(namespace + "/" + name), CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))},
		Spec:       corev1.PodSpec{NodeName: "n1"},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	for _, change := range changes {
		change(pod)
	}
	return pod
}

// ownerOf makes a reference to a controller whose UID is kind and name.
func ownerOf(kind, name string) metav1.OwnerReference {
	return metav1.OwnerReference{Kind: kind, Name: name, UID: types.UID(kind + "/" + name), Controller: ptr.To(true)}
}

func owned(kind, name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.OwnerReferences = []metav1.OwnerReference{ownerOf(kind, name)} }
}

func labelled(key, value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Labels = map[string]string{key: value} }
}

func annotated(key, value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Annotations = map[string]string{key: value} }
}

func aged(age time.Duration) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.CreationTimestamp = metav1.NewTime(now.Add(-age)) }
}

func inPhase(phase corev1.PodPhase) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Status.Phase = phase }
}

func terminating(pod *corev1.Pod) { pod.DeletionTimestamp = ptr.To(metav1.NewTime(now)) }

func unbound(pod *corev1.Pod) { pod.Spec.NodeName = "" }

func onNode(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.NodeName = name }
}

func newNamespace(name, key, value string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{key: value}}}
}

// owning is the metadata of a workload of that kind and name, which another may control.
func owning(kind, name string, by ...metav1.OwnerReference) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(kind + "/" + name), OwnerReferences: by}
}

// shop is a picture of a cluster with pods of every kind.
func shop() *Picture {
	return NewPicture(&cluster.Snapshot{
		Namespaces:  []*corev1.Namespace{newNamespace("shop", "stage", "production"), newNamespace("blog", "stage", "test"), newNamespace("kube-system", "stage", "production")},
		Deployments: []*appsv1.Deployment{{ObjectMeta: owning("Deployment", "web")}},
		ReplicaSets: []*appsv1.ReplicaSet{
			{ObjectMeta: owning("ReplicaSet", "web-1", ownerOf("Deployment", "web"))},
			{ObjectMeta: owning("ReplicaSet", "api-1", ownerOf("Rollout", "api"))},
		},
		StatefulSets: []*appsv1.StatefulSet{{ObjectMeta: owning("StatefulSet", "db")}},
		Jobs:         []*batchv1.Job{{ObjectMeta: owning("Job", "report-1", ownerOf("CronJob", "report"))}},
		Pods: []*corev1.Pod{
			newPod("shop", "web-1-a", owned("ReplicaSet", "web-1"), labelled("app", "web"), annotated("chaos", "true"), aged(2*time.Hour)),
			newPod("shop", "web-1-b", owned("ReplicaSet", "web-1"), labelled("app", "web")),
			newPod("shop", "web-1-c", owned("ReplicaSet", "web-1"), labelled("app", "web"), terminating),
			newPod("shop", "web-1-d", owned("ReplicaSet", "web-1"), labelled("app", "web"), unbound, inPhase(corev1.PodPending)),
			newPod("shop", "web-1-e", owned("ReplicaSet", "web-1"), labelled("app", "web"), inPhase(corev1.PodPending)),
			newPod("shop", "web-1-f", owned("ReplicaSet", "web-1"), labelled("app", "web"), inPhase(corev1.PodFailed)),
			newPod("shop", "api-1-a", owned("ReplicaSet", "api-1"), labelled("app", "api")),
			newPod("shop", "db-0", owned("StatefulSet", "db"), labelled("app", "db")),
			newPod("shop", "report-1-a", owned("Job", "report-1")),
			newPod("shop", "agent-a", owned("DaemonSet", "agent")),
			newPod("shop", "proxy-n1", owned("Node", "n1"), annotated(corev1.MirrorPodAnnotationKey, "x")),
			newPod("shop", "bare"),
			newPod("blog", "blog-1-a", owned("ReplicaSet", "blog-1"), labelled("app", "web"), aged(time.Minute)),
			newPod("kube-system", "dns-1-a", owned("ReplicaSet", "dns-1")),
		},
	}, now)
}

// compile compiles a selection that must be right.
func compile(t testing.TB, p Pods) *Selection {
	t.Helper()
	s, err := p.Compile()
	if err != nil {
		t.Fatalf("%+v: %v", p, err)
	}
	return s
}

func names(pods []Pod) []string {
	var all []string
	for _, pod := range pods {
		all = append(all, pod.Name)
	}
	return all
}

// keys names pods and their keys.
func keys(pods []Pod) map[string]string {
	all := map[string]string{}
	for _, pod := range pods {
		all[fmt.Sprintf("%s/%s", pod.Namespace, pod.Name)] = pod.Key()
	}
	return all
}
