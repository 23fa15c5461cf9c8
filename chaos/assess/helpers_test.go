package assess

import (
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// now is the time of all pictures.
var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// schedulers are two that prefer the fullest node: scores decide, not lots.
const schedulers = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: fullest
  plugins: {score: {disabled: [{name: "*"}], enabled: [{name: NodeResourcesFit}]}}
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}}
- schedulerName: other
`

// build makes pictures of small clusters.
type build struct{ cluster.Snapshot }

func (b *build) picture() *target.Picture { return target.NewPicture(&b.Snapshot, now) }

func (b *build) node(name, cpu string, labels ...string) *build {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{corev1.LabelHostname: name}},
		Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse("64Gi"), "pods": resource.MustParse("110")},
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	for i := 0; i+1 < len(labels); i += 2 {
		node.Labels[labels[i]] = labels[i+1]
	}
	b.Nodes = append(b.Nodes, node)
	return b
}

// pods puts pods of a workload, which is of the kind and exists with as many replicas, on nodes.
func (b *build) pods(kind, workload, cpu string, nodes ...string) *build {
	meta := metav1.ObjectMeta{Namespace: "default", Name: workload, UID: types.UID(workload)}
	replicas := ptr.To(int32(len(nodes)))
	version := "apps/v1"
	switch kind {
	case "ReplicaSet":
		b.ReplicaSets = append(b.ReplicaSets, &appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Replicas: replicas}})
	case "StatefulSet":
		b.StatefulSets = append(b.StatefulSets, &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Replicas: replicas}})
	case "Job":
		version = "batch/v1"
		b.Jobs = append(b.Jobs, &batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{Parallelism: replicas}})
	}
	for i, node := range nodes {
		name := fmt.Sprintf("%s-%d", workload, i)
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "default", Name: name, UID: types.UID(name), Labels: map[string]string{"app": workload},
				CreationTimestamp: metav1.Time{Time: now.Add(-time.Hour)},
			},
			Spec: corev1.PodSpec{
				NodeName: node, SchedulerName: "fullest",
				Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu)}}}},
			},
			Status: corev1.PodStatus{
				Phase:      corev1.PodRunning,
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			},
		}
		if kind != "Pod" {
			pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: version, Kind: kind, Name: workload, UID: meta.UID, Controller: ptr.To(true)}}
		}
		b.Pods = append(b.Pods, pod)
	}
	return b
}

// waiting adds a pod of a workload of its own that has no node.
func (b *build) waiting(workload, cpu string, priority int32) *build {
	return b.pods("ReplicaSet", workload, cpu, "").change(workload+"-0", func(pod *corev1.Pod) {
		pod.Status = corev1.PodStatus{Phase: corev1.PodPending}
		pod.Spec.Priority = &priority
	})
}

// template gives the ReplicaSet or StatefulSet of a workload a template that asks for so much.
func (b *build) template(workload, cpu string, change ...func(*corev1.PodSpec)) *build {
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu)}}}}}
	for _, c := range change {
		c(&spec)
	}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": workload}}, Spec: spec}
	for _, set := range b.ReplicaSets {
		if set.Name == workload {
			set.Spec.Template = template
		}
	}
	for _, set := range b.StatefulSets {
		if set.Name == workload {
			set.Spec.Template = template
		}
	}
	return b
}

// budget allows so many of a workload's pods to be disrupted.
func (b *build) budget(name, workload string, allowed int32) *build {
	healthy := int32(0)
	for _, pod := range b.Pods {
		if pod.Labels["app"] == workload && available(pod) {
			healthy++
		}
	}
	b.Budgets = append(b.Budgets, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: ptr.To(intstr.FromInt32(allowed)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": workload}},
		},
		Status: policyv1.PodDisruptionBudgetStatus{
			DisruptionsAllowed: min(allowed, healthy), CurrentHealthy: healthy, DesiredHealthy: max(0, healthy-allowed), ExpectedPods: healthy,
		},
	})
	return b
}

// change changes a pod.
func (b *build) change(name string, change func(*corev1.Pod)) *build {
	change(b.named(name)[0])
	return b
}

// devices gives a node so many devices of the class gpu, by which every pod of a workload
// that asks for some is told.
func (b *build) devices(node string, count int) *build {
	if !slices.ContainsFunc(b.Others, func(o runtime.Object) bool { _, is := o.(*resourcev1.DeviceClass); return is }) {
		b.Others = append(b.Others, &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "gpu"}})
	}
	slice := &resourcev1.ResourceSlice{
		ObjectMeta: metav1.ObjectMeta{Name: node},
		Spec:       resourcev1.ResourceSliceSpec{Driver: "gpu", NodeName: &node, Pool: resourcev1.ResourcePool{Name: node, Generation: 1, ResourceSliceCount: 1}},
	}
	for i := range count {
		slice.Spec.Devices = append(slice.Spec.Devices, resourcev1.Device{Name: fmt.Sprint(i)})
	}
	b.Others = append(b.Others, slice)
	return b
}

// claim gives a pod the device of its node, by a claim that is made of a template.
func (b *build) claim(name string, device int) *build {
	pod := b.named(name)[0]
	claim := &resourcev1.ResourceClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pod.Namespace, Name: name + "-gpu", UID: types.UID(name + "-gpu"),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: name, UID: pod.UID, Controller: ptr.To(true)}},
		},
		Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{{
			Name: "gpu", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "gpu", AllocationMode: resourcev1.DeviceAllocationModeExactCount, Count: 1},
		}}}},
		Status: resourcev1.ResourceClaimStatus{
			Allocation: &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{Results: []resourcev1.DeviceRequestAllocationResult{
				{Request: "gpu", Driver: "gpu", Pool: pod.Spec.NodeName, Device: fmt.Sprint(device)},
			}}},
			ReservedFor: []resourcev1.ResourceClaimConsumerReference{{Resource: "pods", Name: name, UID: pod.UID}},
		},
	}
	pod.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "gpu", ResourceClaimTemplateName: ptr.To("gpu")}}
	pod.Status.ResourceClaimStatuses = []corev1.PodResourceClaimStatus{{Name: "gpu", ResourceClaimName: &claim.Name}}
	b.Others = append(b.Others, claim)
	return b
}

func (b *build) named(names ...string) []*corev1.Pod {
	var named []*corev1.Pod
	for _, name := range names {
		for _, pod := range b.Pods {
			if pod.Name == name {
				named = append(named, pod)
			}
		}
	}
	return named
}

// taint taints a node.
func (b *build) taint(node, key, value string, effect corev1.TaintEffect) *build {
	for _, n := range b.nodes(node) {
		n.Spec.Taints = append(n.Spec.Taints, corev1.Taint{Key: key, Value: value, Effect: effect})
	}
	return b
}

func (b *build) nodes(names ...string) []*corev1.Node {
	var named []*corev1.Node
	for _, name := range names {
		for _, node := range b.Nodes {
			if node.Name == name {
				named = append(named, node)
			}
		}
	}
	return named
}

func newAssessor(t testing.TB) *Assessor {
	t.Helper()
	profiles, err := simulation.Profiles([]byte(schedulers))
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(Options{Profiles: profiles})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// shown says what a prediction says, in lines.
func shown(p *Prediction) []string {
	var lines []string
	for _, pod := range p.Pods {
		line := fmt.Sprintf("%s %s", pod.Pod, pod.Fate)
		if pod.Node != "" {
			line += fmt.Sprintf(" %s>%s", pod.From, pod.Node)
		}
		if pod.Wave > 1 {
			line += fmt.Sprintf(" wave %d", pod.Wave)
		}
		if pod.AfterSeconds > 0 {
			line += fmt.Sprintf(" after %d s", pod.AfterSeconds)
		}
		if pod.Leaving {
			line += " leaving"
		}
		if pod.Reason != "" {
			line += ": " + pod.Reason
		}
		lines = append(lines, line)
	}
	if p.Waiting > 0 {
		lines = append(lines, fmt.Sprintf("of %d that wait %d get a node", p.Waiting, p.Admitted))
	}
	for _, w := range p.Workloads {
		lines = append(lines, fmt.Sprintf("%s wants %d: %d, %d, %d", w.Workload, w.Desired, w.Ready, w.Floor, w.After))
	}
	for _, b := range p.Budgets {
		line := fmt.Sprintf("budget %s: %d of %d", b.Budget, b.Spent, b.Allowed)
		if b.Broken {
			line += ", broken"
		}
		lines = append(lines, line)
	}
	return lines
}
