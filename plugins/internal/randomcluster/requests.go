package randomcluster

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// outfit gives a pod what it asks for beside other pods and labels of nodes.
func (w *World) outfit(pod *corev1.Pod) {
	pod.Spec.Containers = []corev1.Container{w.newContainer("main")}
	if w.Chance(0.1) {
		pod.Spec.Containers = append(pod.Spec.Containers, w.newContainer("beside"))
	}
	if w.Chance(0.1) {
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, w.newContainer("init"))
		if w.Chance(0.5) {
			pod.Spec.InitContainers[0].RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		}
	}
	if w.Chance(0.05) {
		pod.Spec.Overhead = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m"), corev1.ResourceMemory: resource.MustParse("120Mi")}
	}
	if w.Chance(0.02) {
		pod.Spec.Resources = &corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("3")}}
	}
	if w.Chance(w.options.HostPorts) {
		pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{
			ContainerPort: 80, HostPort: int32(8080 + w.IntN(2)), Protocol: Pick(w, corev1.ProtocolTCP, corev1.ProtocolTCP, corev1.ProtocolUDP), HostIP: Pick(w, "", "", "127.0.0.1"),
		}}
	}
	if w.Chance(0.15) {
		pod.Spec.Volumes = append(pod.Spec.Volumes,
			corev1.Volume{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			corev1.Volume{Name: "settings", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}}}},
		)
	}
	if w.Chance(0.01) {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: noClaim}}})
	}
	w.addClaims(pod)
	pod.Spec.Priority = ptr.To(Pick(w, int32(0), 0, 10, 100))
	w.addMoreTolerations(pod)
	w.addHostnames(pod)
	if w.options.ManyLabels && w.Chance(0.4) {
		w.requireNodes(pod, corev1.NodeSelectorRequirement{Key: w.groupLabel(), Operator: Pick(w, corev1.NodeSelectorOpDoesNotExist, corev1.NodeSelectorOpDoesNotExist, corev1.NodeSelectorOpExists)})
	}
	w.addPreferences(pod)
	if w.Chance(0.5) {
		pod.Annotations = w.newPolicyAnnotations(w.options.Policies)
	}
}

func (w *World) newContainer(name string) corev1.Container {
	c := corev1.Container{Name: name}
	if w.Chance(0.3) {
		c.Image = Pick(w, images...)
	}
	if w.options.FewRequests && w.Chance(0.95) {
		c.Resources.Requests = Pick(w,
			nil,
			corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("0"), corev1.ResourceMemory: resource.MustParse("0")},
			corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse("1Gi")},
			corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse("1Gi")},
		)
		return c
	}
	if w.Chance(0.1) {
		return c
	}
	requests := corev1.ResourceList{}
	request := func(likely float64, name corev1.ResourceName, values ...string) {
		if w.Chance(likely) {
			requests[name] = resource.MustParse(Pick(w, values...))
		}
	}
	request(0.9, corev1.ResourceCPU, "100m", "100m", "250m", "250m", "500m", "500m", "1", "1", "2", Pick(w, "0", "2", "3500m", "7"))
	request(0.85, corev1.ResourceMemory, "128Mi", "128Mi", "500Mi", "1Gi", "1Gi", "3Gi", Pick(w, "0", "3Gi", "8Gi", "30Gi"))
	request(0.1, GPU, "1", "1", "2", "4", "0")
	request(0.01, FPGA, "1", "0")
	request(0.05, corev1.ResourceEphemeralStorage, "1Gi", "1Gi", "60Gi")
	request(0.02, "hugepages-2Mi", "64Mi", "0")
	c.Resources.Requests = requests
	return c
}

// resize changes what a pod asks for, or ends it.
func (w *World) resize(pod *corev1.Pod) {
	if w.Chance(0.2) {
		pod.Status.Phase = corev1.PodSucceeded
		return
	}
	pod.Spec.Containers[0].Resources.Requests = w.newContainer("").Resources.Requests
}

// hasRoom reports whether the pod's node has the resources that it asks for.
func (w *World) hasRoom(pod *corev1.Pod) bool {
	node := w.nodes[pod.Spec.NodeName]
	left := cluster.Allocatable(node)
	left.Add(cluster.Requests(pod), -1)
	for _, other := range w.pods {
		if other.Spec.NodeName == node.Name {
			left.Add(cluster.Requests(other), -1)
		}
	}
	for _, amount := range left {
		if amount < 0 {
			return false
		}
	}
	return true
}
