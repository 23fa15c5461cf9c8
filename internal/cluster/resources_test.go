package cluster

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
	"k8s.io/kubernetes/pkg/features"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/internal/cluster/clustertest"
)

func TestRequestsWhileAPodIsResized(t *testing.T) {
	status := func(allocated, actual int64) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.Spec.Containers[0].Name = "main"
			pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
				Name: "main", AllocatedResources: list(allocated, 0, 0), Resources: &corev1.ResourceRequirements{Requests: list(actual, 0, 0)},
			}}
		}
	}
	pending := func(reason string) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: reason}}
		}
	}
	told := func(allocated, actual int64) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.Status.AllocatedResources, pod.Status.Resources = list(allocated, 0, 0), &corev1.ResourceRequirements{Requests: list(actual, 0, 0)}
		}
	}
	whole := func(asked, allocated, actual int64) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.Spec.Resources = &corev1.ResourceRequirements{Requests: list(asked, 0, 0)}
			told(allocated, actual)(pod)
		}
	}
	second := func(asks, allocated, actual int64) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "second", Resources: corev1.ResourceRequirements{Requests: list(asks, 0, 0)}})
			pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
				Name: "second", AllocatedResources: list(allocated, 0, 0), Resources: &corev1.ResourceRequirements{Requests: list(actual, 0, 0)},
			})
		}
	}
	first := func(asks, allocated, actual int64) func(*corev1.Pod) {
		return func(pod *corev1.Pod) {
			pod.Spec.InitContainers = []corev1.Container{{Name: "first", Resources: corev1.ResourceRequirements{Requests: list(asks, 0, 0)}}}
			pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{
				Name: "first", AllocatedResources: list(allocated, 0, 0), Resources: &corev1.ResourceRequirements{Requests: list(actual, 0, 0)},
			}}
		}
	}
	overhead := func(pod *corev1.Pod) { pod.Spec.Overhead = list(1, 0, 0) }
	for _, tt := range []struct {
		name   string
		asks   int64
		change []func(*corev1.Pod)
		want   int64
	}{
		{"what is being taken back is still held", 1, []func(*corev1.Pod){status(1, 4)}, 4},
		{"what was granted and is not there yet counts", 4, []func(*corev1.Pod){status(4, 1)}, 4},
		{"what is asked for counts before it is granted", 4, []func(*corev1.Pod){status(1, 1)}, 4},
		{"what the node has put off counts", 4, []func(*corev1.Pod){status(1, 1), pending(corev1.PodReasonDeferred)}, 4},
		{"what the node can never grant does not count", 10, []func(*corev1.Pod){status(4, 4), pending(corev1.PodReasonInfeasible)}, 4},
		{"the pod as a whole is being made smaller", 1, []func(*corev1.Pod){whole(2, 2, 8)}, 8},
		{"the pod as a whole asks for what the node can never grant", 1, []func(*corev1.Pod){whole(10, 2, 2), pending(corev1.PodReasonInfeasible)}, 2},
		// As the engine counts since 1.37; 1.36 says 6, 2 and 4 of these three.
		{"one container gives what another takes", 3, []func(*corev1.Pod){status(1, 1), second(1, 3, 3)}, 4},
		{"what an init container was granted counts", 1, []func(*corev1.Pod){status(1, 1), first(2, 4, 4)}, 4},
		{"what the node tells of the pod stands for what it tells of containers", 1, []func(*corev1.Pod){status(1, 4), told(2, 2)}, 2},
		{"what the node tells of a pod that asks for what it can never grant", 10, []func(*corev1.Pod){told(4, 4), pending(corev1.PodReasonInfeasible)}, 4},
		// What a node tells has the overhead in it, and the engine adds it again.
		{"overhead counts twice once the node has told", 2, []func(*corev1.Pod){overhead, told(3, 3)}, 4},
	} {
		if got := Requests(testPod("n", list(tt.asks, 0, 0), tt.change...))[corev1.ResourceCPU]; got != 1000*tt.want {
			t.Errorf("%s: %d millicores, want %d", tt.name, got, 1000*tt.want)
		}
	}
}

func TestRequestsOfClaimsCountWhateverTheGateSays(t *testing.T) {
	pod := testPod("n", list(1, 0, 0), func(pod *corev1.Pod) {
		pod.Status.NodeAllocatableResourceClaimStatuses = []corev1.NodeAllocatableResourceClaimStatus{{ResourceClaimName: "claim", Mapping: mapped(list(4, 0, 0))}}
	})
	for _, on := range []bool{false, true} {
		featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, features.DRANodeAllocatableResources, on)
		if got := Requests(pod)[corev1.ResourceCPU]; got != 5000 {
			t.Errorf("with the gate %v it is %d millicores, want 5000", on, got)
		}
	}
}

// mapped returns what a claim takes of a node's own resources, as a pod's status has it.
func mapped(amounts corev1.ResourceList) (mapping []corev1.NodeAllocatableMappedResources) {
	for _, name := range slices.Sorted(maps.Keys(amounts)) {
		mapping = append(mapping, corev1.NodeAllocatableMappedResources{Name: name, Quantity: ptr.To(amounts[name])})
	}
	return mapping
}

// drawDemand draws a pod that has everything that may count.
func drawDemand(t *rapid.T) *corev1.Pod {
	requests := func() corev1.ResourceList {
		requests := corev1.ResourceList{}
		for _, name := range []corev1.ResourceName{"cpu", "memory", "ephemeral-storage", "hugepages-2Mi", gpu} {
			if amount := rapid.Int64Range(-2, 4).Draw(t, string(name)); amount >= 0 {
				requests[name] = *resource.NewQuantity(amount, resource.BinarySI)
			}
		}
		return requests
	}
	containers := func(kind string, least int) (all []corev1.Container) {
		for i := range rapid.IntRange(least, 3).Draw(t, kind) {
			all = append(all, corev1.Container{Name: fmt.Sprint(kind, i), Resources: corev1.ResourceRequirements{Requests: requests()}})
		}
		return all
	}
	pod := testPod("n", nil)
	pod.Kind, pod.APIVersion = "Pod", "v1"
	pod.ObjectMeta = meta("Pod", "p")
	pod.Spec.Containers, pod.Spec.InitContainers = containers("main", 1), containers("init", 0)
	for i := range pod.Spec.InitContainers {
		if rapid.Bool().Draw(t, "sidecar") {
			pod.Spec.InitContainers[i].RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		}
	}
	if rapid.Bool().Draw(t, "overhead") {
		pod.Spec.Overhead = requests()
	}
	if rapid.Bool().Draw(t, "as a whole") {
		pod.Spec.Resources = &corev1.ResourceRequirements{Requests: requests()}
	}
	if rapid.Bool().Draw(t, "claims") {
		status := corev1.NodeAllocatableResourceClaimStatus{ResourceClaimName: "claim", Mapping: mapped(requests())}
		for i := range rapid.IntRange(0, 2).Draw(t, "containers with the claim") {
			status.Containers = append(status.Containers, fmt.Sprint("main", i))
		}
		if rapid.Bool().Draw(t, "overhead of the claim") {
			status.Overhead = []corev1.NodeAllocatableOverheadResources{{Name: "cpu", PerPod: resource.NewQuantity(1, resource.DecimalSI), PerContainer: resource.NewQuantity(2, resource.DecimalSI)}}
		}
		pod.Status.NodeAllocatableResourceClaimStatuses = []corev1.NodeAllocatableResourceClaimStatus{status}
	}
	if rapid.Bool().Draw(t, "resized") {
		clustertest.DrawResize(t, pod)
	}
	return pod
}

// TestRequestsAreTheSchedulersCount also sees to it that trimming takes nothing away that
// counts, in memory and in a dump.
func TestRequestsAreTheSchedulersCount(t *testing.T) {
	// What claims take of a node counts here whether the gate is on or not.
	featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, features.DRANodeAllocatableResources, true)
	t.Run("with the default feature gates", rapid.MakeCheck(checkCount))
	t.Run("without resources of pods as a whole that can be resized", func(t *testing.T) {
		featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, features.InPlacePodLevelResourcesVerticalScaling, false)
		rapid.Check(t, checkCount)
	})
}

func checkCount(t *rapid.T) {
	info, sum := framework.NewNodeInfo(), Amounts{}
	for range rapid.IntRange(1, 3).Draw(t, "pods") {
		pod := drawDemand(t)
		info.AddPod(pod)
		counted := Requests(pod)
		sum.Add(counted, 1)
		if diff := cmp.Diff(counted, Requests(trimmed(pod).(*corev1.Pod))); diff != "" {
			t.Errorf("what a trimmed pod requests (-full +trimmed):\n%s", diff)
		}
		read := must[*Snapshot](t)(ReadDump(bytes.NewReader(dumped(t, &Snapshot{Nodes: []*corev1.Node{testNode("n", list(1, 1, 0))}, Pods: []*corev1.Pod{pod}}))))
		if diff := cmp.Diff(counted, Requests(read.Pods[0])); diff != "" {
			t.Errorf("what a pod requests that was read from a dump (-written +read):\n%s", diff)
		}
	}
	want := Amounts{"cpu": info.Requested.MilliCPU, "memory": info.Requested.Memory, "ephemeral-storage": info.Requested.EphemeralStorage, "pods": int64(len(info.Pods))}
	maps.Copy(want, info.Requested.ScalarResources)
	none := func(_ corev1.ResourceName, amount int64) bool { return amount == 0 }
	maps.DeleteFunc(want, none)
	maps.DeleteFunc(sum, none)
	if diff := cmp.Diff(want, sum); diff != "" {
		t.Errorf("what the pods of a node request (-scheduler +here):\n%s", diff)
	}
}
