package cluster

import (
	"maps"
	"reflect"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// trimmed returns an object without fields that neither the scheduler nor any strategy reads:
// most of its size, and fields that may contain secrets, such as environments, commands and
// messages of containers. The object is not modified; the result shares parts with it.
//
// The omitted fields do not matter for the choice of a node:
//   - commands, environments, probes, mounts, security contexts, host names and ephemeral containers,
//     which request nothing, are for the kubelet that runs the pod
//   - volumes of Secrets, ConfigMaps and the pod's own fields are the same on all nodes, and
//     parameters of other volumes are for their drivers
//   - addresses, IDs, resolved images and messages describe a pod that already has a node
//   - the operating system of a node is in its labels; volumes in use and attached concern the kubelet
//     and the controller that attaches them: the engine counts VolumeAttachments
//
// Tests compare clustertest.TrimmedFields with what is read, including by the engine.
func trimmed(original object) object {
	o := shallowCopy(original)
	switch o := o.(type) {
	case *corev1.Pod:
		o.Spec, o.Status = trimmedPodSpec(&o.Spec), trimmedPodStatus(&o.Status)
	case *corev1.Node:
		o.Status = trimmedNodeStatus(&o.Status)
	case *appsv1.Deployment:
		o.Spec.Template = trimmedTemplate(&o.Spec.Template)
		o.Spec.Template.Spec = corev1.PodSpec{} // its ReplicaSets contain it
	case *appsv1.ReplicaSet:
		o.Spec.Template = trimmedTemplate(&o.Spec.Template)
		if replicas(o.Spec.Replicas) == 0 { // most are old ones, which create no more pods
			o.Spec.Template.Spec = corev1.PodSpec{}
		}
	case *appsv1.StatefulSet:
		o.Spec.Template = trimmedTemplate(&o.Spec.Template)
	case *corev1.ReplicationController:
		if o.Spec.Template != nil {
			template := trimmedTemplate(o.Spec.Template)
			o.Spec.Template = &template
		}
	case *batchv1.Job:
		o.Spec.Template = trimmedTemplate(&o.Spec.Template)
	case *corev1.PersistentVolume:
		if o.Spec.CSI != nil {
			csi := *o.Spec.CSI
			csi.VolumeAttributes = nil
			o.Spec.CSI = &csi
		}
	}
	// Only their writers read these; the type is the Go type.
	o.SetManagedFields(nil)
	if annotations := o.GetAnnotations(); annotations[corev1.LastAppliedConfigAnnotation] != "" {
		annotations = maps.Clone(annotations)
		delete(annotations, corev1.LastAppliedConfigAnnotation)
		o.SetAnnotations(annotations)
	}
	o.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	return o
}

func shallowCopy(o object) object {
	copied := reflect.New(reflect.TypeOf(o).Elem())
	copied.Elem().Set(reflect.ValueOf(o).Elem())
	return copied.Interface().(object)
}

func trimmedNodeStatus(s *corev1.NodeStatus) corev1.NodeStatus {
	return corev1.NodeStatus{
		Capacity: s.Capacity, Allocatable: s.Allocatable, Phase: s.Phase, Conditions: s.Conditions, Images: s.Images,
		RuntimeHandlers: s.RuntimeHandlers, Features: s.Features, DeclaredFeatures: s.DeclaredFeatures, NodeInfo: trimmedNodeInfo(&s.NodeInfo),
	}
}

func trimmedNodeInfo(i *corev1.NodeSystemInfo) corev1.NodeSystemInfo {
	return corev1.NodeSystemInfo{KubeletVersion: i.KubeletVersion}
}

// trimmedTemplate trims a template like the pods that are created from it.
func trimmedTemplate(t *corev1.PodTemplateSpec) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: t.Labels, Annotations: t.Annotations}, Spec: trimmedPodSpec(&t.Spec)}
}

func trimmedPodSpec(s *corev1.PodSpec) corev1.PodSpec {
	return corev1.PodSpec{
		Volumes:                       trimmedVolumes(s.Volumes),
		InitContainers:                trimmedContainers(s.InitContainers),
		Containers:                    trimmedContainers(s.Containers),
		RestartPolicy:                 s.RestartPolicy,
		TerminationGracePeriodSeconds: s.TerminationGracePeriodSeconds,
		ActiveDeadlineSeconds:         s.ActiveDeadlineSeconds,
		NodeSelector:                  s.NodeSelector,
		NodeName:                      s.NodeName,
		HostNetwork:                   s.HostNetwork,
		HostUsers:                     s.HostUsers,
		Affinity:                      s.Affinity,
		SchedulerName:                 s.SchedulerName,
		Tolerations:                   s.Tolerations,
		PriorityClassName:             s.PriorityClassName,
		Priority:                      s.Priority,
		ReadinessGates:                s.ReadinessGates,
		RuntimeClassName:              s.RuntimeClassName,
		PreemptionPolicy:              s.PreemptionPolicy,
		Overhead:                      s.Overhead,
		TopologySpreadConstraints:     s.TopologySpreadConstraints,
		OS:                            s.OS,
		SchedulingGates:               s.SchedulingGates,
		ResourceClaims:                s.ResourceClaims,
		Resources:                     s.Resources,
		SchedulingGroup:               s.SchedulingGroup,
	}
}

func trimmedContainers(containers []corev1.Container) []corev1.Container {
	if containers == nil {
		return nil
	}
	all := make([]corev1.Container, len(containers))
	for i := range containers {
		c := &containers[i]
		all[i] = corev1.Container{
			Name: c.Name, Image: c.Image, Ports: c.Ports, Resources: c.Resources, ResizePolicy: c.ResizePolicy,
			RestartPolicy: c.RestartPolicy, RestartPolicyRules: c.RestartPolicyRules, VolumeMounts: trimmedMounts(c.VolumeMounts),
		}
	}
	return all
}

// trimmedMounts removes options that only some nodes support: the scheduler requires those
// nodes.
func trimmedMounts(mounts []corev1.VolumeMount) []corev1.VolumeMount {
	var all []corev1.VolumeMount
	for i := range mounts {
		if options := mounts[i].BindMountOptions; len(options) > 0 {
			all = append(all, corev1.VolumeMount{BindMountOptions: options})
		}
	}
	return slices.Clip(all)
}

// trimmedVolumes removes volumes that all nodes provide for all pods, and fields that only a
// volume's driver reads.
func trimmedVolumes(volumes []corev1.Volume) []corev1.Volume {
	var all []corev1.Volume
	for _, v := range volumes {
		switch {
		case v.Secret != nil, v.ConfigMap != nil, v.DownwardAPI != nil, v.Projected != nil:
			continue
		case v.CSI != nil:
			v.CSI = &corev1.CSIVolumeSource{Driver: v.CSI.Driver}
		case v.FlexVolume != nil:
			v.FlexVolume = &corev1.FlexVolumeSource{Driver: v.FlexVolume.Driver}
		}
		all = append(all, v)
	}
	return slices.Clip(all)
}

func trimmedPodStatus(s *corev1.PodStatus) corev1.PodStatus {
	return corev1.PodStatus{
		ObservedGeneration:                   s.ObservedGeneration,
		Phase:                                s.Phase,
		Conditions:                           slices.Clone(s.Conditions), // decoders allocate too much
		Message:                              s.Message,
		Reason:                               s.Reason,
		NominatedNodeName:                    s.NominatedNodeName,
		StartTime:                            s.StartTime,
		InitContainerStatuses:                trimmedContainerStatuses(s.InitContainerStatuses),
		ContainerStatuses:                    trimmedContainerStatuses(s.ContainerStatuses),
		EphemeralContainerStatuses:           trimmedContainerStatuses(s.EphemeralContainerStatuses),
		QOSClass:                             s.QOSClass,
		Resize:                               s.Resize,
		ResourceClaimStatuses:                s.ResourceClaimStatuses,
		ExtendedResourceClaimStatus:          s.ExtendedResourceClaimStatus,
		AllocatedResources:                   s.AllocatedResources,
		Resources:                            s.Resources,
		NodeAllocatableResourceClaimStatuses: s.NodeAllocatableResourceClaimStatuses,
	}
}

func trimmedContainerStatuses(statuses []corev1.ContainerStatus) []corev1.ContainerStatus {
	if statuses == nil {
		return nil
	}
	all := make([]corev1.ContainerStatus, len(statuses))
	for i := range statuses {
		c := &statuses[i]
		all[i] = corev1.ContainerStatus{
			Name: c.Name, State: trimmedState(c.State), LastTerminationState: trimmedState(c.LastTerminationState), Ready: c.Ready,
			RestartCount: c.RestartCount, Started: c.Started, AllocatedResources: c.AllocatedResources, Resources: c.Resources,
		}
	}
	return all
}

// trimmedState removes messages, because the last output of a container may contain anything.
func trimmedState(s corev1.ContainerState) corev1.ContainerState {
	if s.Waiting != nil {
		s.Waiting = &corev1.ContainerStateWaiting{Reason: s.Waiting.Reason}
	}
	if s.Terminated != nil {
		terminated := *s.Terminated
		terminated.Message, terminated.ContainerID = "", ""
		s.Terminated = &terminated
	}
	return s
}
