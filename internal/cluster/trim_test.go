package cluster

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

// trimmedFields are those that trimming takes, by the type that has them.
var trimmedFields = map[string][]string{
	"PodSpec": {
		"EphemeralContainers", "DNSPolicy", "ServiceAccountName", "DeprecatedServiceAccount", "AutomountServiceAccountToken", "HostPID", "HostIPC",
		"ShareProcessNamespace", "SecurityContext", "ImagePullSecrets", "Hostname", "Subdomain", "HostAliases", "DNSConfig", "EnableServiceLinks",
		"SetHostnameAsFQDN", "HostnameOverride", "EvictionResponders",
	},
	"Container": {
		"Command", "Args", "WorkingDir", "EnvFrom", "Env", "VolumeDevices", "LivenessProbe", "ReadinessProbe", "StartupProbe", "Lifecycle",
		"TerminationMessagePath", "TerminationMessagePolicy", "ImagePullPolicy", "SecurityContext", "Stdin", "StdinOnce", "TTY",
	},
	"VolumeMount":              {"Name", "ReadOnly", "RecursiveReadOnly", "MountPath", "SubPath", "MountPropagation", "SubPathExpr"},
	"PodStatus":                {"HostIP", "HostIPs", "PodIP", "PodIPs", "VolumeHealth"},
	"ContainerStatus":          {"Image", "ImageID", "ContainerID", "VolumeMounts", "User", "AllocatedResourcesStatus", "StopSignal"},
	"ContainerStateTerminated": {"Message", "ContainerID"},
	"ContainerStateWaiting":    {"Message"},
	"NodeStatus":               {"Addresses", "DaemonEndpoints", "VolumesInUse", "VolumesAttached", "Config"},
	"NodeSystemInfo": {
		"MachineID", "SystemUUID", "BootID", "KernelVersion", "OSImage", "ContainerRuntimeVersion", "KubeProxyVersion", "OperatingSystem", "Architecture", "Swap",
		"RunningInUserNamespace",
	},
}

// TestEveryFieldIsDecided fails when a new release of Kubernetes has a field that
// nobody has decided about: whether the scheduler or a strategy looks at it.
func TestEveryFieldIsDecided(t *testing.T) {
	check(t, trimmedPodSpec)
	check(t, func(c *corev1.Container) corev1.Container { return trimmedContainers([]corev1.Container{*c})[0] })
	check(t, func(m *corev1.VolumeMount) corev1.VolumeMount { return trimmedMounts([]corev1.VolumeMount{*m})[0] })
	check(t, trimmedPodStatus)
	check(t, func(c *corev1.ContainerStatus) corev1.ContainerStatus {
		return trimmedContainerStatuses([]corev1.ContainerStatus{*c})[0]
	})
	check(t, func(s *corev1.ContainerStateTerminated) corev1.ContainerStateTerminated {
		return *trimmedState(corev1.ContainerState{Terminated: s}).Terminated
	})
	check(t, func(s *corev1.ContainerStateWaiting) corev1.ContainerStateWaiting {
		return *trimmedState(corev1.ContainerState{Waiting: s}).Waiting
	})
	check(t, trimmedNodeStatus)
	check(t, trimmedNodeInfo)
}

// check checks that trimming takes the trimmedFields of a structure, and no other.
func check[T any](t *testing.T, trim func(*T) T) {
	t.Helper()
	var full T
	gone := slices.Clone(trimmedFields[reflect.TypeFor[T]().Name()])
	fill(reflect.ValueOf(&full).Elem(), 4)
	kept := reflect.ValueOf(trim(&full))
	var got []string
	for i := range kept.NumField() {
		if kept.Field(i).IsZero() {
			got = append(got, kept.Type().Field(i).Name)
		}
	}
	slices.Sort(gone)
	slices.Sort(got)
	if diff := cmp.Diff(gone, got); diff != "" {
		t.Errorf("fields of %T that are trimmed (-want +got):\n%s", full, diff)
	}
}

// fill sets every field to something.
func fill(v reflect.Value, depth int) {
	if depth == 0 || !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), depth-1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), depth-1)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[metav1.Time]() {
			v.Set(reflect.ValueOf(metav1.Unix(1, 0)))
			return
		}
		for i := range v.NumField() {
			// One source of a volume is enough: those of secrets are left out.
			if v.Type() != reflect.TypeFor[corev1.VolumeSource]() || v.Type().Field(i).Name == "HostPath" {
				fill(v.Field(i), depth-1)
			}
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	}
}

func TestTrimmingChangesNoAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawCluster(t)
		before := answers(s)
		less := &Snapshot{}
		sharer := newSharer()
		for o := range s.objects() {
			o := trimmed(o.(object))
			sharer.share(o)
			less.add(o)
		}
		if diff := cmp.Diff(before, answers(less)); diff != "" {
			t.Errorf("answers about the trimmed snapshot (-full +trimmed):\n%s", diff)
		}
		if diff := cmp.Diff(before, answers(s)); diff != "" {
			t.Errorf("trimming changed the original (-before +after):\n%s", diff)
		}
		for i, pod := range s.Pods {
			if pod.ManagedFields == nil || pod.Spec.Containers[0].Env == nil || pod.Annotations[corev1.LastAppliedConfigAnnotation] == "" {
				t.Errorf("trimming has taken something from the original of pod %s", pod.Name)
			}
			if diff := cmp.Diff(trimmed(less.Pods[i]), object(less.Pods[i]), sameObjects); diff != "" {
				t.Errorf("trimmed twice (-twice +once):\n%s", diff)
			}
		}
	})
}

// answer is what the snapshot's questions say of a pod.
type answer struct {
	Requests Amounts
	Nodes    []string
	Workload *Workload
	// Replacement is what the pod's replacement requests.
	Replacement Amounts
}

func answers(s *Snapshot) map[string]answer {
	owners, all := NewOwners(s), map[string]answer{}
	for _, pod := range s.Pods {
		a := answer{Requests: Requests(pod), Workload: owners.Of(pod)}
		for _, node := range s.Nodes {
			if eligible(pod, a.Requests, node, Allocatable(node)) {
				a.Nodes = append(a.Nodes, node.Name)
			}
		}
		// Those that want no pods have no template to make one of.
		if owner := metav1.GetControllerOf(pod); owner == nil || !slices.ContainsFunc(s.ReplicaSets, func(set *appsv1.ReplicaSet) bool {
			return set.UID == owner.UID && replicas(set.Spec.Replicas) == 0
		}) {
			replacement, _ := owners.Replacement(pod)
			a.Replacement = Requests(replacement)
		}
		all[pod.Name] = a
	}
	return all
}
