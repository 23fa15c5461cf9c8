package cluster

import (
	"reflect"
	"runtime"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster/clustertest"
)

// filled returns an object with something in every field.
func filled[T any](change func(*T)) *T {
	var o T
	clustertest.Fill(reflect.ValueOf(&o).Elem(), 8)
	change(&o)
	return &o
}

func onNode(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.NodeName = name }
}

// TestSharingEnds has controllers come and go, as Jobs do: what their pods shared is freed, but
// for some.
func TestSharingEnds(t *testing.T) {
	s, pods := newSharer(), map[int]*corev1.Pod{}
	podOf := func(owner, i int) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: strconv.Itoa(i), OwnerReferences: []metav1.OwnerReference{{UID: types.UID(strconv.Itoa(owner)), Controller: ptr.To(true)}}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: strconv.Itoa(owner)}}},
		}
	}
	const jobs = 20 * leastSwept
	for owner := range jobs {
		first, second := podOf(owner, 1), podOf(owner, 2)
		s.share(first)
		s.share(second)
		if &first.Spec.Containers[0] != &second.Spec.Containers[0] {
			t.Fatalf("the pods of controller %d share nothing", owner)
		}
		if owner%100 == 0 {
			pods[owner] = second // and the first is gone
			runtime.GC()
		}
	}
	if most := 3*leastSwept + 2*len(pods); len(s.siblings) > most {
		t.Errorf("parts of %d controllers are kept, %d of which have pods, want %d at most", len(s.siblings), len(pods), most)
	}
	for owner, pod := range pods {
		third := podOf(owner, 3)
		if s.share(third); &third.Spec.Containers[0] != &pod.Spec.Containers[0] {
			t.Errorf("a later pod of controller %d shares nothing with one that is left", owner)
		}
	}
}

// TestSharingTellsPodsApart has siblings that differ in one part, or in a field of their containers,
// tolerations or owners: they share all but that.
func TestSharingTellsPodsApart(t *testing.T) {
	sibling := func() *corev1.Pod {
		pod := filled(onNode("a"))
		pod.OwnerReferences[0].Controller = ptr.To(true)
		return trimmed(pod).(*corev1.Pod)
	}
	parts := func(pod *corev1.Pod) []any {
		return []any{
			&pod.OwnerReferences, &pod.Labels, &pod.Annotations, &pod.Spec.Containers, &pod.Spec.InitContainers, &pod.Spec.NodeSelector,
			&pod.Spec.Affinity, &pod.Spec.Tolerations, &pod.Spec.TopologySpreadConstraints, &pod.Spec.Volumes, &pod.Spec.Overhead,
		}
	}
	shared := func(change func(*corev1.Pod)) (all []bool) {
		s, one, other := newSharer(), sibling(), sibling()
		change(other)
		want := other.DeepCopy()
		s.share(one)
		s.share(other)
		if diff := cmp.Diff(want, other); diff != "" {
			t.Errorf("sharing changes a pod (-want +got):\n%s", diff)
		}
		for i, part := range parts(one) {
			all = append(all, reflect.ValueOf(part).Elem().Pointer() == reflect.ValueOf(parts(other)[i]).Elem().Pointer())
		}
		return all
	}
	for i, is := range shared(func(*corev1.Pod) {}) {
		if !is {
			t.Errorf("part %d of equal pods is not shared", i)
		}
	}
	for i := range parts(sibling()) {
		part := func(pod *corev1.Pod) reflect.Value { return reflect.ValueOf(parts(pod)[i]).Elem() }
		changes := []func(*corev1.Pod){func(pod *corev1.Pod) { part(pod).SetZero() }}
		if part(sibling()).Kind() == reflect.Slice {
			for field := range part(sibling()).Type().Elem().NumField() {
				changes = append(changes, func(pod *corev1.Pod) { part(pod).Index(0).Field(field).SetZero() })
			}
		}
		for _, change := range changes {
			changed := sibling()
			if change(changed); cmp.Equal(changed, sibling()) || len(changed.OwnerReferences) == 0 || metav1.GetControllerOfNoCopy(changed) == nil || changed.OwnerReferences[0].UID == "" {
				continue // nothing that pods have, or no sibling any more
			}
			for j, is := range shared(change) {
				if is != (i != j) {
					t.Errorf("a change in part %d, %v: part %d is shared: %t", i, part(changed), j, is)
				}
			}
		}
	}
}
