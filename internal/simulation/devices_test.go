package simulation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

const (
	driver      = "gpu.example.com"
	extendedGPU = "example.com/gpu"
)

func deviceClass() *resourcev1.DeviceClass {
	return &resourcev1.DeviceClass{
		ObjectMeta: metav1.ObjectMeta{Name: driver},
		Spec: resourcev1.DeviceClassSpec{
			ExtendedResourceName: ptr.To(extendedGPU),
			Selectors:            []resourcev1.DeviceSelector{{CEL: &resourcev1.CELDeviceSelector{Expression: "device.driver == '" + driver + "'"}}},
		},
	}
}

// deviceSlice gives a node so many devices: dev-0, dev-1 and so on.
func deviceSlice(node string, devices int) *resourcev1.ResourceSlice {
	slice := &resourcev1.ResourceSlice{
		ObjectMeta: metav1.ObjectMeta{Name: node},
		Spec:       resourcev1.ResourceSliceSpec{Driver: driver, NodeName: &node, Pool: resourcev1.ResourcePool{Name: node, Generation: 1, ResourceSliceCount: 1}},
	}
	for i := range devices {
		slice.Spec.Devices = append(slice.Spec.Devices, resourcev1.Device{Name: fmt.Sprintf("dev-%d", i)})
	}
	return slice
}

// claimSpec asks for so many devices.
func claimSpec(devices int64) resourcev1.ResourceClaimSpec {
	return resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{{
		Name: "gpu", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: driver, AllocationMode: resourcev1.DeviceAllocationModeExactCount, Count: devices},
	}}}}
}

// allocated gives a claim devices of a node, for pods.
func allocated(claim *resourcev1.ResourceClaim, node string, devices []string, pods ...*corev1.Pod) *resourcev1.ResourceClaim {
	claim.Status.Allocation = &resourcev1.AllocationResult{NodeSelector: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
		MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{node}}},
	}}}}
	for _, device := range devices {
		claim.Status.Allocation.Devices.Results = append(claim.Status.Allocation.Devices.Results, resourcev1.DeviceRequestAllocationResult{Request: "gpu", Driver: driver, Pool: node, Device: device})
	}
	for _, pod := range pods {
		claim.Status.ReservedFor = append(claim.Status.ReservedFor, resourcev1.ResourceClaimConsumerReference{Resource: "pods", Name: pod.Name, UID: pod.UID})
	}
	return claim
}

// templated makes a pod ask for a claim of the template.
func templated(p *corev1.Pod) *corev1.Pod {
	p.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "gpu", ResourceClaimTemplateName: ptr.To("template")}}
	return p
}

// sharing makes a pod ask for a claim that is there.
func sharing(p *corev1.Pod) *corev1.Pod {
	p.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "gpu", ResourceClaimName: ptr.To("shared")}}
	return p
}

// extended makes a pod ask for devices by an extended resource.
func extended(p *corev1.Pod, count string) *corev1.Pod {
	p.Spec.Containers[0].Resources.Requests[extendedGPU] = resource.MustParse(count)
	return p
}

// running gives a pod on a node its own claim for the devices.
func running(p *corev1.Pod, devices ...string) (*corev1.Pod, *resourcev1.ResourceClaim) {
	claim := allocated(claimOf(p, "gpu", claimSpec(int64(len(devices)))), p.Spec.NodeName, devices, p)
	p.Status.ResourceClaimStatuses = []corev1.PodResourceClaimStatus{{Name: "gpu", ResourceClaimName: &claim.Name}}
	return p, claim
}

// runningExtended is the same for an extended resource.
func runningExtended(p *corev1.Pod, devices ...string) (*corev1.Pod, *resourcev1.ResourceClaim) {
	claim := allocated(claimOf(p, "extended-resources", claimSpec(int64(len(devices)))), p.Spec.NodeName, devices, p)
	claim.Annotations = map[string]string{resourcev1.ExtendedResourceClaimAnnotation: "true"}
	p.Status.ExtendedResourceClaimStatus = &corev1.PodExtendedResourceClaimStatus{
		ResourceClaimName: claim.Name, RequestMappings: []corev1.ContainerExtendedResourceRequest{{ContainerName: "main", ResourceName: extendedGPU, RequestName: "gpu"}},
	}
	return p, claim
}

// withDevices returns a simulation of nodes a and b, with so many devices each, and the objects.
func withDevices(t testing.TB, onA, onB int, objects ...runtime.Object) *Simulation {
	t.Helper()
	s := newSimulation(t, "fullest")
	s.AddNode(node("a", "4", "4Gi"))
	s.AddNode(node("b", "4", "4Gi"))
	for _, obj := range append([]runtime.Object{deviceClass(), deviceSlice("a", onA), deviceSlice("b", onB)}, objects...) {
		store(t, s, obj)
	}
	return s
}

func store(t testing.TB, s *Simulation, obj runtime.Object) {
	t.Helper()
	var err error
	if pod, is := obj.(*corev1.Pod); is {
		err = s.AddPod(pod)
	} else {
		err = s.Store(obj)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// takers are the nodes that take the pod.
func takers(t testing.TB, s *Simulation, p *corev1.Pod) []string {
	t.Helper()
	d, err := s.Schedule(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	nodes := []string{}
	for _, score := range d.Scores {
		nodes = append(nodes, score.Name)
	}
	if len(nodes) == 0 && d.Node != "" {
		nodes = []string{d.Node}
	}
	slices.Sort(nodes)
	return nodes
}

func TestDevices(t *testing.T) {
	old, claim := running(templated(pod("old", "a", "1", "0")), "dev-0")
	oldExtended, extendedClaim := runningExtended(extended(pod("old", "a", "1", "0"), "1"), "dev-0")
	first, second := sharing(pod("first", "a", "1", "0")), sharing(pod("second", "a", "1", "0"))
	shared := func(pods ...*corev1.Pod) *resourcev1.ResourceClaim {
		return allocated(&resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "shared", UID: "shared"}, Spec: claimSpec(1)}, "a", []string{"dev-0"}, pods...)
	}
	place := func(p *corev1.Pod, node string) func(*testing.T, *Simulation) {
		return func(t *testing.T, s *Simulation) {
			if _, err := s.Place(p, node); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(p *corev1.Pod) func(*testing.T, *Simulation) {
		return func(t *testing.T, s *Simulation) {
			if err := s.RemovePod(p); err != nil {
				t.Fatal(err)
			}
		}
	}
	add := func(obj runtime.Object) func(*testing.T, *Simulation) {
		return func(t *testing.T, s *Simulation) { store(t, s, obj) }
	}
	tests := []struct {
		name     string
		a, b     int // devices
		objects  []runtime.Object
		changes  []func(*testing.T, *Simulation)
		pod      *corev1.Pod
		want     []string
		refusals string
	}{
		{
			name: "a template's pod goes where a device is free", a: 1, b: 1, objects: []runtime.Object{claim, old},
			pod: templated(pod("new", "", "1", "0")), want: []string{"b"},
		},
		{
			name: "and nowhere where none is", a: 1, b: 0, objects: []runtime.Object{claim, old},
			pod: templated(pod("new", "", "1", "0")), want: []string{}, refusals: "cannot allocate all claims",
		},
		{
			name: "a pod that has gone leaves its device", a: 1, b: 0, objects: []runtime.Object{claim, old}, changes: []func(*testing.T, *Simulation){remove(old)},
			pod: templated(pod("new", "", "1", "0")), want: []string{"a"},
		},
		{
			name: "and has it again when it is back", a: 1, b: 0, objects: []runtime.Object{claim, old}, changes: []func(*testing.T, *Simulation){remove(old), add(old)},
			pod: templated(pod("new", "", "1", "0")), want: []string{},
		},
		{
			name: "a pod that is placed takes a device", a: 2, b: 0, objects: []runtime.Object{claim, old}, changes: []func(*testing.T, *Simulation){place(templated(pod("new-0", "", "1", "0")), "a")},
			pod: templated(pod("new-1", "", "1", "0")), want: []string{},
		},
		{
			name: "and leaves it", a: 2, b: 0, objects: []runtime.Object{claim, old},
			changes: []func(*testing.T, *Simulation){place(templated(pod("new-0", "", "1", "0")), "a"), remove(pod("new-0", "a", "1", "0"))},
			pod:     templated(pod("new-1", "", "1", "0")), want: []string{"a"},
		},
		{
			name: "a template tells what is asked for, whatever a claim of one by that name was", a: 1, b: 2, objects: []runtime.Object{
				&resourcev1.ResourceClaimTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "template"}, Spec: resourcev1.ResourceClaimTemplateSpec{Spec: claimSpec(2)}}, claim, old,
			},
			pod: templated(pod("new", "", "1", "0")), want: []string{"b"},
		},
		{
			name: "an extended resource that the nodes lack is one of devices", a: 1, b: 2, objects: []runtime.Object{extendedClaim, oldExtended},
			pod: extended(pod("new", "", "1", "0"), "1"), want: []string{"b"},
		},
		{
			name: "as many of them as there are", a: 1, b: 2, objects: []runtime.Object{extendedClaim, oldExtended},
			pod: extended(pod("new", "", "1", "0"), "3"), want: []string{},
		},
		{
			name: "a pod with an extended resource that is placed takes devices", a: 1, b: 2, objects: []runtime.Object{extendedClaim, oldExtended},
			changes: []func(*testing.T, *Simulation){place(extended(pod("new-0", "", "1", "0"), "1"), "b"), place(extended(pod("new-1", "", "1", "0"), "1"), "b")},
			pod:     extended(pod("new-2", "", "1", "0"), "1"), want: []string{},
		},
		{
			name: "and one that goes leaves them", a: 1, b: 0, objects: []runtime.Object{extendedClaim, oldExtended}, changes: []func(*testing.T, *Simulation){remove(oldExtended)},
			pod: extended(pod("new", "", "1", "0"), "1"), want: []string{"a"},
		},
		{
			name: "a shared claim keeps its pods together", a: 1, b: 1, objects: []runtime.Object{shared(first, second), first, second}, changes: []func(*testing.T, *Simulation){remove(first)},
			pod: sharing(pod("new", "", "1", "0")), want: []string{"a"},
		},
		{
			name: "until the last of them has gone", a: 1, b: 1, objects: []runtime.Object{shared(first, second), first, second}, changes: []func(*testing.T, *Simulation){remove(first), remove(second)},
			pod: sharing(pod("new", "", "1", "0")), want: []string{"a", "b"},
		},
		{
			name: "the first to come says where they are", a: 1, b: 1, objects: []runtime.Object{shared(first), first},
			changes: []func(*testing.T, *Simulation){remove(first), place(sharing(pod("new", "", "1", "0")), "b")},
			pod:     sharing(pod("newer", "", "1", "0")), want: []string{"b"},
		},
		{
			name: "pods that come back in another order are where they were", a: 1, b: 1, objects: []runtime.Object{shared(first, second), first, second},
			changes: []func(*testing.T, *Simulation){remove(first), remove(second), add(first)},
			pod:     sharing(pod("new", "", "1", "0")), want: []string{"a"},
		},
		{
			name: "a device that a picture gives to another claim stays taken", a: 1, b: 0, objects: []runtime.Object{claim, old},
			changes: []func(*testing.T, *Simulation){add(shared()), func(t *testing.T, s *Simulation) {
				if err := s.Forget(claim); err != nil {
					t.Fatal(err)
				}
			}},
			pod: templated(pod("new", "", "1", "0")), want: []string{},
		},
		{
			name: "a class whose resource is renamed is found by its new name", a: 1, b: 1,
			changes: []func(*testing.T, *Simulation){func(t *testing.T, s *Simulation) {
				renamed := deviceClass()
				renamed.Spec.ExtendedResourceName = ptr.To("example.com/other")
				store(t, s, renamed)
			}},
			pod: extended(pod("new", "", "1", "0"), "1"), want: []string{}, refusals: "Insufficient " + extendedGPU,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := withDevices(t, tt.a, tt.b, tt.objects...)
			for _, change := range tt.changes {
				change(t, s)
			}
			if diff := cmp.Diff(tt.want, takers(t, s, tt.pod)); diff != "" {
				t.Errorf("nodes that take it (-want +got):\n%s", diff)
			}
			if d := schedule(t, s, tt.pod); !strings.Contains(d.Refusals(), tt.refusals) {
				t.Errorf("refusals %q, want some with %q", d.Refusals(), tt.refusals)
			}
		})
	}
}

func TestUnknownDevices(t *testing.T) {
	old, claim := running(templated(pod("old", "a", "1", "0")), "dev-0")
	oldExtended, extendedClaim := runningExtended(extended(pod("old", "a", "1", "0"), "1"), "dev-0")
	tests := []struct {
		name    string
		objects []runtime.Object
		pod     *corev1.Pod
		want    string
	}{
		{"a template of which no claim is known", []runtime.Object{deviceClass(), deviceSlice("a", 1)}, templated(pod("new", "", "1", "0")), "the snapshot has neither the ResourceClaimTemplate template nor a ResourceClaim created from it"},
		{"a claim that is not there", []runtime.Object{deviceClass(), deviceSlice("a", 1)}, sharing(pod("new", "", "1", "0")), "the snapshot has no ResourceClaim shared"},
		{"a class that is not there", []runtime.Object{claim, old, deviceSlice("a", 1)}, templated(pod("new", "", "1", "0")), "the snapshot has no DeviceClass " + driver},
		{"no devices at all", []runtime.Object{claim, old, deviceClass()}, templated(pod("new", "", "1", "0")), "the snapshot has no ResourceSlices"},
		{"an extended resource without its class", []runtime.Object{extendedClaim, oldExtended, deviceSlice("a", 1)}, extended(pod("new", "", "1", "0"), "1"), "the snapshot has no DeviceClass for the resource " + extendedGPU},
		{"an extended resource that a pod has on a node that does not offer it", []runtime.Object{extended(pod("plain", "a", "1", "0"), "1")}, extended(pod("new", "", "1", "0"), "1"), "the snapshot has no DeviceClass for the resource " + extendedGPU},
		{"an extended resource of a class, which no node offers", []runtime.Object{deviceClass()}, extended(pod("new", "", "1", "0"), "1"), "the snapshot has no ResourceSlices"},
		{"an extended resource without devices", []runtime.Object{extendedClaim, oldExtended, deviceClass()}, extended(pod("new", "", "1", "0"), "1"), "the snapshot has no ResourceSlices"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSimulation(t, "fullest")
			s.AddNode(node("a", "4", "4Gi"))
			for _, obj := range tt.objects {
				store(t, s, obj)
			}
			_, err := s.Schedule(t.Context(), tt.pod)
			if !errors.Is(err, ErrIncomplete) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestDevicesLikeACount compares with a model that counts devices, whatever comes and goes.
func TestDevicesLikeACount(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		free := map[string]int{"a": rapid.IntRange(0, 4).Draw(rt, "devices of a"), "b": rapid.IntRange(1, 4).Draw(rt, "devices of b")}
		teacher, lesson := running(templated(pod("teacher", "b", "0", "0")), "dev-0")
		s := withDevices(t, free["a"], free["b"], lesson, teacher)
		free["b"]--
		type standing struct {
			*corev1.Pod
			devices int
		}
		var here, gone []standing
		for i := range rapid.IntRange(1, 15).Draw(rt, "steps") {
			switch step := rapid.SampledFrom([]string{"claim", "extended", "remove", "back"}).Draw(rt, "step"); {
			case step == "remove" && len(here) > 0:
				i := rapid.IntRange(0, len(here)-1).Draw(rt, "which")
				if err := s.RemovePod(here[i].Pod); err != nil {
					rt.Fatal(err)
				}
				free[here[i].Spec.NodeName] += here[i].devices
				gone, here = append(gone, here[i]), slices.Delete(here, i, i+1)
			case step == "back" && len(gone) > 0:
				last := gone[len(gone)-1]
				gone = gone[:len(gone)-1]
				unplaced := last.DeepCopy()
				unplaced.Spec.NodeName, unplaced.Status = "", corev1.PodStatus{}
				if free[last.Spec.NodeName] < last.devices {
					continue
				}
				placed, err := s.Place(unplaced, last.Spec.NodeName)
				if err != nil {
					rt.Fatal(err)
				}
				free[last.Spec.NodeName] -= last.devices
				here = append(here, standing{placed, last.devices})
			case step == "claim" || step == "extended":
				p, devices := templated(pod(fmt.Sprintf("p%d", i), "", "0", "0")), 1
				if step == "extended" {
					devices = rapid.IntRange(1, 3).Draw(rt, "asks for")
					p = extended(pod(fmt.Sprintf("p%d", i), "", "0", "0"), fmt.Sprint(devices))
				}
				p.UID = types.UID(p.Name)
				want := []string{}
				for _, node := range []string{"a", "b"} {
					if free[node] >= devices {
						want = append(want, node)
					}
				}
				if diff := cmp.Diff(want, takers(t, s, p)); diff != "" {
					rt.Fatalf("nodes that take %s (-want +got):\n%s", p.Name, diff)
				}
				if len(want) == 0 {
					continue
				}
				node := rapid.SampledFrom(want).Draw(rt, "node")
				placed, err := s.Place(p, node)
				if err != nil {
					rt.Fatal(err)
				}
				free[node] -= devices
				here = append(here, standing{placed, devices})
			}
		}
	})
}
