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

	"github.com/stowage-k8s/stowage/internal/cluster/clustertest"
)

// TestEveryFieldIsDecided fails when a new release of Kubernetes has a field that
// nobody has decided about: whether the scheduler or a strategy looks at it.
func TestEveryFieldIsDecided(t *testing.T) {
	check(t, trimmedPodSpec)
	check(t, func(c *corev1.Container) corev1.Container { return trimmedContainers([]corev1.Container{*c})[0] })
	check(t, func(m *corev1.VolumeMount) corev1.VolumeMount { return trimmedMounts([]corev1.VolumeMount{*m})[0] })
	check(t, keptSources)
	check(t, func(s *corev1.CSIVolumeSource) corev1.CSIVolumeSource {
		return *trimmedVolumes([]corev1.Volume{{VolumeSource: corev1.VolumeSource{CSI: s}}})[0].CSI
	})
	check(t, func(s *corev1.FlexVolumeSource) corev1.FlexVolumeSource {
		return *trimmedVolumes([]corev1.Volume{{VolumeSource: corev1.VolumeSource{FlexVolume: s}}})[0].FlexVolume
	})
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

// check checks that trimming takes the TrimmedFields of a structure, and no other.
func check[T any](t *testing.T, trim func(*T) T) {
	t.Helper()
	var full T
	gone := slices.Clone(clustertest.TrimmedFields[reflect.TypeFor[T]().Name()])
	clustertest.Fill(reflect.ValueOf(&full).Elem(), 4)
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

// keptSources returns the sources of volumes that trimming leaves, each of a volume of its own.
func keptSources(*corev1.VolumeSource) corev1.VolumeSource {
	var kept corev1.VolumeSource
	sources := reflect.ValueOf(&kept).Elem()
	for i := range sources.NumField() {
		var one corev1.Volume
		source := reflect.New(sources.Field(i).Type().Elem())
		reflect.ValueOf(&one.VolumeSource).Elem().Field(i).Set(source)
		if len(trimmedVolumes([]corev1.Volume{one})) > 0 {
			sources.Field(i).Set(source)
		}
	}
	return kept
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
