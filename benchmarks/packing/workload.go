// Package packing measures how much of a cluster different scores can use: it
// replays a workload through the scheduler's own engine until more is asked for
// than the cluster has.
package packing

import (
	"fmt"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

const (
	// GPUMilli is the resource that stands for GPU: thousandths of a device, added up
	// over a node's devices. A whole device may so be made up of parts of two, which no
	// GPU allows: figures are comparable with each other, not with those of schedulers
	// that know the devices.
	GPUMilli corev1.ResourceName = "stowage.dev/gpu-milli"
	// gpuModelLabel names the model of a node's devices.
	gpuModelLabel = "stowage.dev/gpu-model"
)

// Workload is a cluster, and what arrives there.
type Workload struct {
	Name  string
	Nodes []*corev1.Node
	// Kinds are the pods that arrive, in the order in which they were recorded.
	Kinds []*corev1.Pod
	// Demand is the resource whose capacity says how much has to arrive. Nothing is GPU
	// where there is any and pods ask for it, cpu elsewhere, or else the number of pods.
	Demand corev1.ResourceName
}

// demand returns the resource of the demand.
func (w Workload) demand() corev1.ResourceName {
	if w.Demand != "" {
		return w.Demand
	}
	capacity := w.capacity()
	for _, name := range []corev1.ResourceName{GPUMilli, corev1.ResourceCPU} {
		asked := slices.ContainsFunc(w.Kinds, func(pod *corev1.Pod) bool { return cluster.Requests(pod)[name] > 0 })
		if asked && capacity[name] > 0 {
			return name
		}
	}
	return corev1.ResourcePods
}

func (w Workload) capacity() cluster.Amounts {
	total := cluster.Amounts{}
	for _, node := range w.Nodes {
		total.Add(cluster.Allocatable(node), 1)
	}
	return total
}

// Arrivals returns pods in the random order of the seed until they ask for the
// given multiple of the capacity: each recorded pod once, then again at random.
func (w Workload) Arrivals(seed uint64, multiple float64) []*corev1.Pod {
	source := rand.New(rand.NewPCG(seed, 0))
	order := source.Perm(len(w.Kinds))
	name := w.demand()
	left := multiple * float64(w.capacity()[name])
	var pods []*corev1.Pod
	for i := 0; left > 0 && len(w.Kinds) > 0; i++ {
		kind := w.Kinds[source.IntN(len(w.Kinds))]
		if i < len(order) {
			kind = w.Kinds[order[i]]
		}
		pod := kind.DeepCopy()
		pod.Name = fmt.Sprintf("pod-%d", i)
		pod.UID = types.UID(pod.Name)
		pods = append(pods, pod)
		left -= float64(cluster.Requests(pod)[name])
	}
	return pods
}

// newNode returns a node; GPU in thousandths of a device.
func newNode(name string, milliCPU, memory, gpu int64, model string) *corev1.Node {
	allocatable := amounts(milliCPU, memory, gpu)
	allocatable[corev1.ResourcePods] = resource.MustParse("1000")
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
		Status:     corev1.NodeStatus{Capacity: allocatable, Allocatable: allocatable},
	}
	if model != "" {
		node.Labels[gpuModelLabel] = model
	}
	return node
}

// newPod returns a pod; of several models of GPU any will do, and of none all.
func newPod(milliCPU, memory, gpu int64, models ...string) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "replay"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "main", Resources: corev1.ResourceRequirements{Requests: amounts(milliCPU, memory, gpu)},
		}}},
	}
	if len(models) > 0 {
		pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: gpuModelLabel, Operator: corev1.NodeSelectorOpIn, Values: models}},
			}}},
		}}
	}
	return pod
}

// modelsOf returns the models of GPU that will do for the pod.
func modelsOf(pod *corev1.Pod) []string {
	if pod.Spec.Affinity == nil {
		return nil
	}
	return pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0].MatchExpressions[0].Values
}

func amounts(milliCPU, memory, gpu int64) corev1.ResourceList {
	list := corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(milliCPU, resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(memory, resource.BinarySI),
	}
	if gpu > 0 {
		list[GPUMilli] = *resource.NewQuantity(gpu, resource.DecimalSI)
	}
	return list
}
