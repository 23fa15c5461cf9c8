package candidatenodes_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// newNode returns a node with 4 CPUs.
func newNode(name string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelTopologyZone: "z1"}},
		Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("16Gi"), corev1.ResourcePods: resource.MustParse("20"),
		}},
	}
}

// newPod returns a pod with a priority; with no node, one to be placed.
func newPod(name, node, cpu string, priority int32) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec: corev1.PodSpec{
			NodeName: node, SchedulerName: "stowage", Priority: ptr.To(priority),
			Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}}},
		},
	}
}

// TestNominatedNodeIsLeft covers room that preemption has made: the pods that were
// there are gone, and the pod that it was made for has yet to come back.
func TestNominatedNodeIsLeft(t *testing.T) {
	tests := []struct {
		name     string
		priority int32
		cpu      string
		// roomElsewhere adds an empty node, which a pod would rather not open.
		roomElsewhere bool
		want          string // node of the pod that comes in between
	}{
		{"lower priority", 10, "3", false, ""},
		{"equal priority", 1000, "3", false, ""},
		{"lower priority, with room elsewhere", 10, "3", true, "elsewhere"},
		{"equal priority, with room elsewhere", 1000, "3", true, "elsewhere"},
		{"lower priority, in need of no room", 10, "0", true, "full"},
		{"higher priority", 2000, "3", true, "made"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, want := newEngines(t, false)
			for side, e := range map[string]*engine{"the profile": got, "the reference": want} {
				e.AddNode(newNode("made"))
				e.AddNode(newNode("full"))
				for _, pod := range []*corev1.Pod{
					newPod("keeper", "made", "1", 5000), newPod("victim", "made", "3", 0), newPod("other", "full", "4", 500),
				} {
					if err := e.AddPod(pod); err != nil {
						t.Fatal(err)
					}
				}
				high, between := newPod("high", "", "3", 1000), newPod("between", "", tt.cpu, tt.priority)
				e.submit(high)
				e.settle()
				o := e.schedule(high)
				o.Event, o.Condition, o.Plugins = "", "", nil
				if diff := cmp.Diff(outcome{Nominated: "made", Victims: []string{"default/victim"}}, o); diff != "" {
					t.Fatalf("%s: making room (-want +got):\n%s", side, diff)
				}
				if tt.roomElsewhere {
					e.AddNode(newNode("elsewhere"))
				}
				e.submit(between)
				e.settle()
				if got := e.schedule(between).Node; got != tt.want {
					t.Errorf("%s: the pod in between goes to %q, want %q", side, got, tt.want)
				}
				back := "made"
				if tt.want == "made" {
					back = "elsewhere"
				}
				if got := e.schedule(high).Node; got != back {
					t.Errorf("%s: the pod that room was made for goes to %q, want %q", side, got, back)
				}
			}
		})
	}
}
