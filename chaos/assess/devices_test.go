package assess

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

func TestPredictDevicesAndVolumes(t *testing.T) {
	pair := func() *build {
		return new(build).node("a", "4").node("b", "4").pods("ReplicaSet", "web", "1", "a", "a").devices("a", 2).claim("web-0", 0).claim("web-1", 1)
	}
	without := func(b *build, gone func(runtime.Object) bool) *build {
		b.Others = slices.DeleteFunc(b.Others, gone)
		return b
	}
	for _, tt := range []struct {
		name  string
		build *build
		loss  func(*build) Loss
		want  []string
	}{{
		name:  "replacements share the devices that are free elsewhere",
		build: pair().devices("b", 1),
		loss:  func(b *build) Loss { return Loss{How: Down, Dead: true, Nodes: b.nodes("a")} },
		want: []string{
			"web-0 fits a>b",
			"web-1 pending: 0/2 nodes are available for its replacement: 1 cannot allocate all claims, 1 node(s) had untolerated taint(s)",
			"ReplicaSet default/web wants 2: 2, 0, 1",
		},
	}, {
		name:  "a replacement gets the device of its pod when that is gone",
		build: pair().devices("b", 0),
		loss:  func(b *build) Loss { return Loss{How: Evict, Pods: b.named("web-1")} },
		want:  []string{"web-1 fits a>a", "ReplicaSet default/web wants 2: 2, 1, 2"},
	}, {
		name: "without devices in the picture it is not known where replacements go",
		build: without(pair(), func(o runtime.Object) bool {
			_, is := o.(*resourcev1.ResourceSlice)
			return is
		}),
		loss: func(b *build) Loss { return Loss{How: Evict, Pods: b.named("web-1")} },
		want: []string{
			"web-1 unknown: its node cannot be predicted: the snapshot has no ResourceSlices",
			"ReplicaSet default/web wants 2: 2, 1, 1",
		},
	}, {
		name: "nor without the claims that show what a template asks for",
		build: without(pair(), func(o runtime.Object) bool {
			_, is := o.(*resourcev1.ResourceClaim)
			return is
		}),
		loss: func(b *build) Loss { return Loss{How: Evict, Pods: b.named("web-1")} },
		want: []string{
			"web-1 unknown: its node cannot be predicted: the snapshot has neither the ResourceClaimTemplate gpu nor a ResourceClaim created from it",
			"ReplicaSet default/web wants 2: 2, 1, 1",
		},
	}, {
		name: "nor whether a budget that waits for such a replacement lets the next pod go",
		build: without(pair().budget("web", "web", 1), func(o runtime.Object) bool {
			_, is := o.(*resourcev1.ResourceSlice)
			return is
		}),
		loss: func(b *build) Loss { return Loss{How: Drain, Nodes: b.nodes("a")} },
		want: []string{
			"web-0 unknown: its node cannot be predicted: the snapshot has no ResourceSlices",
			"web-1 kept: it is removed only if earlier replacements become ready, which is unknown: budget default/web needs 1 healthy pod and has 1; its status allows 1 disruption, and this run has used 1",
			"ReplicaSet default/web wants 2: 2, 1, 1", "budget web: 1 of 1",
		},
	}, {
		name: "nor without the claim that a pod runs with",
		build: new(build).node("a", "4").node("b", "4").pods("ReplicaSet", "web", "1", "a").change("web-0", func(pod *corev1.Pod) {
			pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
		}),
		loss: func(b *build) Loss { return Loss{How: Evict, Pods: b.named("web-0")} },
		want: []string{
			"web-0 unknown: its node cannot be predicted: the snapshot has no PersistentVolumeClaim data",
			"ReplicaSet default/web wants 1: 1, 0, 0",
		},
	}} {
		t.Run(tt.name, func(t *testing.T) {
			a := newAssessor(t)
			for range 2 { // the first prediction leaves nothing behind
				p, err := a.Predict(t.Context(), tt.build.picture(), tt.loss(tt.build))
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, shown(p)); diff != "" {
					t.Errorf("prediction (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestWhatIsNotKnownIsCountedAndNotHeldAgainstReality(t *testing.T) {
	p := &Prediction{How: Evict, Waves: 1,
		Pods: []PodFate{
			{Namespace: "shop", Pod: "web-0", UID: "0", Workload: "Deployment shop/web", Fate: Fits, Node: "b", Wave: 1},
			{Namespace: "shop", Pod: "web-1", UID: "1", Workload: "Deployment shop/web", Fate: Unknown, Wave: 1, Reason: "the snapshot has no ResourceSlices"},
		},
		Workloads: []WorkloadFate{{Workload: "Deployment shop/web", Desired: 3, Ready: 3, Floor: 1, After: 2}},
	}
	var table strings.Builder
	if err := WriteTable(&table, p, false); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"evict: 2 of 2 pods removed, 1 rescheduled, 1 unknown", "",
		"workload desired ready floor after", "Deployment shop/web 3 3 1 2", "",
		"why the node of a replacement is unknown pods", "the snapshot has no ResourceSlices 1",
	}
	if diff := cmp.Diff(want, fields(table.String())); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	for _, ready := range []int{2, 3} {
		reality := Reality{Gone: map[types.UID]bool{"0": true, "1": true}, Workloads: map[string]WorkloadReality{"Deployment shop/web": {Floor: 1, Ready: ready, Pending: 3 - ready}}}
		if diff := cmp.Diff(Accuracy{Statements: 3, Right: 3}, Compare(p, reality)); diff != "" {
			t.Errorf("with %d ready in the end (-want +got):\n%s", ready, diff)
		}
	}
}
