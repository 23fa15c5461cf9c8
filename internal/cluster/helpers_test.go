package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/internal/cluster/clustertest"
)

// secret stands where secrets may be, and must not be in a dump.
const secret = "hunter2"

// sameObjects compares objects as the API does: quantities by what they mean, an empty
// list like none.
var sameObjects = gocmp.Options{
	gocmp.Comparer(func(a, b resource.Quantity) bool { return a.Cmp(b) == 0 }),
	gocmp.Comparer(func(a, b metav1.Time) bool { return a.Equal(&b) }),
	cmpopts.EquateEmpty(),
}

func owned(kind, name string) metav1.OwnerReference {
	version := map[string]string{"ReplicaSet": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Deployment": "apps/v1", "Job": "batch/v1", "ReplicationController": "v1"}[kind]
	return metav1.OwnerReference{APIVersion: cmp.Or(version, "example.com/v1"), Kind: kind, Name: name, UID: types.UID(kind + "/" + name), Controller: ptr.To(true)}
}

func meta(kind, name string, owners ...metav1.OwnerReference) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(kind + "/" + name), OwnerReferences: owners}
}

func podOf(name string, owners ...metav1.OwnerReference) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: meta("Pod", name, owners...)}
}

// drawn draws one of the values.
func drawn[T any](t *rapid.T, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(t, label)
}

// drawCluster draws a cluster with what a live one has, secrets included. Objects have
// the order of newSnapshot.
func drawCluster(t *rapid.T) *Snapshot {
	s := &Snapshot{}
	for i := range rapid.IntRange(1, 4).Draw(t, "nodes") {
		node := testNode(fmt.Sprint("node-", i), list(drawn(t, "cpu", int64(2), 8), 16, drawn(t, "gpus", int64(0), 4)))
		if rapid.Bool().Draw(t, "tainted") {
			node.Spec.Taints = []corev1.Taint{gpuTaint}
		}
		node.Status.Images = []corev1.ContainerImage{{Names: []string{"image:v1"}, SizeBytes: 7}}
		node.Status.Addresses = []corev1.NodeAddress{{Type: "InternalIP", Address: secret}}
		s.Nodes = append(s.Nodes, node)
	}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Env: []corev1.EnvVar{{Value: secret}}, Resources: corev1.ResourceRequirements{
		Requests: corev1.ResourceList{"cpu": *resource.NewMilliQuantity(rapid.Int64Range(0, 3).Draw(t, "template"), resource.DecimalSI)}}}}}}
	s.Namespaces = []*corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "default", Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: secret}}}}
	s.Budgets = []*policyv1.PodDisruptionBudget{{ObjectMeta: meta("PodDisruptionBudget", "web")}}
	s.Deployments = []*appsv1.Deployment{{ObjectMeta: meta("Deployment", "web"), Spec: appsv1.DeploymentSpec{Replicas: ptr.To(rapid.Int32Range(0, 3).Draw(t, "replicas")), Template: template}}}
	s.ReplicaSets = []*appsv1.ReplicaSet{
		{ObjectMeta: meta("ReplicaSet", "alone"), Spec: appsv1.ReplicaSetSpec{Template: template}},
		{ObjectMeta: meta("ReplicaSet", "canary-1", owned("Rollout", "canary")), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(2)), Template: template}},
		{ObjectMeta: meta("ReplicaSet", "canary-2", owned("Rollout", "canary")), Spec: appsv1.ReplicaSetSpec{Replicas: ptr.To(rapid.Int32Range(0, 2).Draw(t, "canaries")), Template: template}},
		{ObjectMeta: meta("ReplicaSet", "web-1", owned("Deployment", "web")), Spec: appsv1.ReplicaSetSpec{Template: template}},
		{ObjectMeta: meta("ReplicaSet", "web-2", owned("Deployment", "web")), Spec: appsv1.ReplicaSetSpec{Template: template}},
	}
	s.StatefulSets = []*appsv1.StatefulSet{{ObjectMeta: meta("StatefulSet", "db"), Spec: appsv1.StatefulSetSpec{Template: template}}}
	s.ReplicationControllers = []*corev1.ReplicationController{{ObjectMeta: meta("ReplicationController", "old"), Spec: corev1.ReplicationControllerSpec{Template: &template}}}
	s.Jobs = []*batchv1.Job{{ObjectMeta: meta("Job", "batch", owned("CronJob", "nightly")), Spec: batchv1.JobSpec{Parallelism: ptr.To(int32(2)), Template: template}}}
	s.add(&corev1.Service{ObjectMeta: meta("Service", "web"), Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "web"}}})
	s.add(&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "volume"}, Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{
		CSI: &corev1.CSIPersistentVolumeSource{Driver: "disks", VolumeHandle: "1", VolumeAttributes: map[string]string{"password": secret}},
	}}})
	s.add(&schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: "high"}, Value: 1000})
	s.add(&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Provisioner: "disks"})
	for i := range rapid.IntRange(0, 12).Draw(t, "pods") {
		s.Pods = append(s.Pods, drawPod(t, i))
	}
	slices.SortFunc(s.Pods, func(a, b *corev1.Pod) int { return byName(a, b) })
	return s
}

func drawPod(t *rapid.T, i int) *corev1.Pod {
	pod := testPod(drawn(t, "node", "", "node-0", "node-1"), list(drawn(t, "cpu", int64(1), 2, 4), 1, drawn(t, "gpus", int64(0), 1)))
	pod.ObjectMeta = meta("Pod", fmt.Sprint("pod-", i))
	if owner := drawn(t, "owner", "", "ReplicaSet/web-1", "ReplicaSet/web-2", "ReplicaSet/canary-1", "ReplicaSet/canary-2", "ReplicaSet/alone", "StatefulSet/db", "Job/batch", "DaemonSet/agent", "Machine/robot"); owner != "" {
		kind, name, _ := strings.Cut(owner, "/")
		pod.OwnerReferences = []metav1.OwnerReference{owned(kind, name)}
	}
	pod.Labels = map[string]string{"app": drawn(t, "app", "web", `quoted "web" \`, "")}
	pod.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: secret, "kept": `{"a": "}"}`}
	pod.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: secret}}
	pod.Kind, pod.APIVersion = "Pod", "v1"
	for range rapid.IntRange(0, 2).Draw(t, "changes") {
		drawn(t, "change", tolerateAll, succeeded, onlyOn("node-1"), constrained, withVolumes, withHistory, resized(t), withInit)(pod)
	}
	pod.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "PASSWORD", Value: secret}}
	pod.Spec.Containers[0].Args = []string{secret}
	return pod
}

func constrained(pod *corev1.Pod) {
	term := corev1.PodAffinityTerm{TopologyKey: "zone", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}}
	pod.Spec.Affinity = &corev1.Affinity{
		NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "name", Operator: "In", Values: []string{"node-0"}}},
		}}}},
		PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term}},
	}
	pod.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: "zone", WhenUnsatisfiable: "DoNotSchedule"}}
	pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 80, ContainerPort: 80}}
	pod.Spec.SchedulerName, pod.Spec.Priority, pod.Spec.PriorityClassName = "stowage", ptr.To(int32(7)), "high"
}

func withVolumes(pod *corev1.Pod) {
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}},
		{Name: "secret", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: secret}}},
		{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: ptr.To(resource.MustParse("1Gi"))}}},
		{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/var/log"}}},
		{Name: "inline", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "disks", VolumeAttributes: map[string]string{"key": secret}}}},
	}
}

func withHistory(pod *corev1.Pod) {
	at := metav1.NewTime(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC))
	pod.DeletionTimestamp = &at
	pod.Status.StartTime, pod.Status.Phase, pod.Status.Reason = &at, corev1.PodFailed, "Evicted"
	pod.Status.Conditions = []corev1.PodCondition{{Type: "Ready", Status: "False", Reason: "Crashed", LastTransitionTime: at}}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "main", RestartCount: 5, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: secret}},
		LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 3, Reason: "Error", Message: secret, FinishedAt: at}},
	}}
}

func resized(t *rapid.T) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		clustertest.DrawResize(t, pod)
		pod.Spec.Overhead = list(1, 0, 0)
	}
}

func withInit(pod *corev1.Pod) {
	pod.Spec.InitContainers = []corev1.Container{
		{Name: "sidecar", RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways), Resources: corev1.ResourceRequirements{Requests: list(1, 1, 0)}, Command: []string{secret}},
		{Name: "init", Resources: corev1.ResourceRequirements{Requests: list(5, 1, 0)}},
	}
}
