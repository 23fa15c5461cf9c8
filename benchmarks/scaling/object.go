package scaling

import (
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubernetes "k8s.io/component-base/version"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/benchmarks/typical"
)

// since is when everything has begun.
var since = metav1.NewTime(time.Unix(1.7e9, 0))

// typicalNode returns a node as a kubelet keeps it.
func typicalNode(i int) *corev1.Node {
	name := nodeName(i)
	amounts := corev1.ResourceList{
		"cpu": resource.MustParse("31850m"), "memory": resource.MustParse("128842120Ki"), "ephemeral-storage": resource.MustParse("95551679124"),
		"pods": resource.MustParse("110"), "hugepages-1Gi": resource.MustParse("0"), "hugepages-2Mi": resource.MustParse("0"),
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: uid(i), ResourceVersion: "1234567890", CreationTimestamp: since,
			Labels: map[string]string{
				corev1.LabelHostname: name, corev1.LabelTopologyZone: fmt.Sprint("zone-", i%3), corev1.LabelTopologyRegion: "region-1",
				corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64", corev1.LabelInstanceTypeStable: "standard-32",
			},
			ManagedFields: typical.Managed(since, "kubelet", "cloud-controller", "kube-controller-manager"),
		},
		Spec: corev1.NodeSpec{PodCIDR: "10.1.2.0/24", PodCIDRs: []string{"10.1.2.0/24"}, ProviderID: "cloud:///zone/" + name},
		Status: corev1.NodeStatus{Capacity: amounts, Allocatable: amounts, NodeInfo: corev1.NodeSystemInfo{
			MachineID: string(uid(i)), SystemUUID: string(uid(i)), BootID: string(uid(i)), KernelVersion: "6.8.0", OSImage: "Linux",
			ContainerRuntimeVersion: "containerd://2.1.0", KubeletVersion: kubernetes.Get().GitVersion, OperatingSystem: "linux", Architecture: "amd64",
		}, Images: typical.Images(i)},
	}
	for _, kind := range []corev1.NodeConditionType{corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure, corev1.NodeReady} {
		node.Status.Conditions = append(node.Status.Conditions, corev1.NodeCondition{
			Type: kind, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status", LastHeartbeatTime: since, LastTransitionTime: since,
		})
	}
	return node
}

// typicalPod returns a running pod of a Deployment as a kubelet keeps it, with two
// containers.
func typicalPod(i int) *corev1.Pod {
	app := fmt.Sprintf("service-%d", i/50)
	set := app + "-5d8f7c9b6d"
	labels := map[string]string{"app": app, "pod-template-hash": "5d8f7c9b6d", "app.kubernetes.io/version": "1.2.3"}
	token := fmt.Sprintf("kube-api-access-%05d", i)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "team", Name: fmt.Sprintf("%s-%05d", set, i), GenerateName: set + "-", UID: uid(i), ResourceVersion: "1234567890",
			CreationTimestamp: since, Labels: labels, Annotations: typical.Annotations(),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: set, UID: uid(i / 50), Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true)}},
			ManagedFields:   typical.Managed(since, "kube-controller-manager", "kubelet"),
		},
		Spec: corev1.PodSpec{
			NodeName: nodeName(i % 5000), SchedulerName: stowage, Priority: ptr.To(int32(0)), PreemptionPolicy: ptr.To(corev1.PreemptLowerPriority),
			RestartPolicy: corev1.RestartPolicyAlways, DNSPolicy: corev1.DNSClusterFirst, ServiceAccountName: "default", TerminationGracePeriodSeconds: ptr.To(int64(30)),
			SecurityContext: &corev1.PodSecurityContext{}, EnableServiceLinks: ptr.To(true),
			Tolerations: []corev1.Toleration{
				{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To(int64(300))},
				{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To(int64(300))},
			},
			Volumes: []corev1.Volume{{Name: token, VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
				{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: ptr.To(int64(3607))}},
			}}}}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, StartTime: &since, QOSClass: corev1.PodQOSBurstable,
			PodIP: "10.1.2.3", PodIPs: []corev1.PodIP{{IP: "10.1.2.3"}}, HostIP: "10.0.0.1", HostIPs: []corev1.HostIP{{IP: "10.0.0.1"}},
		},
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled} {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: since})
	}
	for _, name := range []string{"main", "proxy"} {
		container := typicalContainer(name, app, token)
		pod.Spec.Containers = append(pod.Spec.Containers, container)
		status := corev1.ContainerStatus{Name: name, Ready: true, Started: ptr.To(true), Image: container.Image, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: since}}}
		typical.DressStatus(&status, i)
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, status)
	}
	return pod
}

func typicalContainer(name, app, token string) corev1.Container {
	container := corev1.Container{
		Name: name, Image: "registry.example.com/team/" + app + ":v1", ImagePullPolicy: corev1.PullIfNotPresent,
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"cpu": resource.MustParse("250m"), "memory": resource.MustParse("512Mi")},
			Limits:   corev1.ResourceList{"memory": resource.MustParse("1Gi")},
		},
		VolumeMounts:           []corev1.VolumeMount{{Name: token, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount", ReadOnly: true}},
		ReadinessProbe:         &corev1.Probe{PeriodSeconds: 10, FailureThreshold: 3, SuccessThreshold: 1, TimeoutSeconds: 1},
		TerminationMessagePath: "/dev/termination-log", TerminationMessagePolicy: corev1.TerminationMessageReadFile,
	}
	typical.DressContainer(&container, app)
	return container
}

// typicalLease returns what a kubelet renews every 10 seconds.
func typicalLease(i int) *coordinationv1.Lease {
	node := nodeName(i)
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: corev1.NamespaceNodeLease, Name: node, UID: uid(i), ResourceVersion: "1234567890", CreationTimestamp: since,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node, UID: uid(i)}},
			ManagedFields:   typical.Managed(since, "kubelet"),
		},
		Spec: coordinationv1.LeaseSpec{HolderIdentity: &node, LeaseDurationSeconds: ptr.To(int32(40)), RenewTime: ptr.To(metav1.NewMicroTime(since.Time))},
	}
}

// typicalEvent returns one of the handful that a pod causes when it starts.
func typicalEvent(i int) *corev1.Event {
	pod := typicalPod(i)
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pod.Namespace, Name: pod.Name + ".17f3a1b2c3d4e5f6", UID: uid(i), ResourceVersion: "1234567890", CreationTimestamp: since, ManagedFields: typical.Managed(since, "stowage-scheduler"),
		},
		InvolvedObject: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion},
		Reason:         "Scheduled", Message: "Successfully assigned " + pod.Namespace + "/" + pod.Name + " to " + pod.Spec.NodeName,
		Type: corev1.EventTypeNormal, Action: "Binding", ReportingController: stowage, ReportingInstance: "stowage-scheduler-5d8f7c9b6d-abcde", EventTime: metav1.NewMicroTime(since.Time),
	}
}

func nodeName(i int) string { return fmt.Sprintf("node-%06d", i) }

func uid(i int) types.UID { return types.UID(fmt.Sprintf("00000000-0000-0000-0000-%012d", i)) }
