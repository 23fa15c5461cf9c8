package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubernetes "k8s.io/component-base/version"
	"k8s.io/utils/ptr"
)

// The size that the descheduler has to plan for.
const (
	benchNodes = 5_000
	benchPods  = 150_000
	perSet     = 50
)

// kubeletNode is a node as a kubelet keeps it.
func kubeletNode(i int) *corev1.Node {
	name := fmt.Sprintf("node-%04d", i)
	amounts := corev1.ResourceList{
		"cpu": resource.MustParse("31850m"), "memory": resource.MustParse("128842120Ki"), "ephemeral-storage": resource.MustParse("95551679124"),
		"pods": resource.MustParse("110"), "hugepages-1Gi": resource.MustParse("0"), "hugepages-2Mi": resource.MustParse("0"),
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID("uid-" + name), Labels: map[string]string{
			corev1.LabelHostname: name, corev1.LabelTopologyZone: fmt.Sprint("zone-", i%3), corev1.LabelTopologyRegion: "region",
			corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64", corev1.LabelInstanceTypeStable: "large-32",
		}},
		Status: corev1.NodeStatus{Capacity: amounts, Allocatable: amounts, NodeInfo: corev1.NodeSystemInfo{KubeletVersion: kubernetes.Get().GitVersion, MachineID: name}},
	}
	for _, c := range []corev1.NodeConditionType{"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"} {
		node.Status.Conditions = append(node.Status.Conditions, corev1.NodeCondition{Type: c, Status: "True", Reason: "KubeletIsFine", LastHeartbeatTime: metav1.Unix(1.7e9, 0)})
	}
	for j := range 50 {
		image := fmt.Sprintf("registry.example.com/team/service-%d", (i+j)%300)
		node.Status.Images = append(node.Status.Images, corev1.ContainerImage{Names: []string{image + "@sha256:" + fmt.Sprintf("%064d", j), image + ":v1"}, SizeBytes: 1e8})
	}
	return node
}

// kubeletPod is a running pod of a Deployment as a kubelet keeps it.
func kubeletPod(i int) *corev1.Pod {
	set := i / perSet
	app, name := fmt.Sprintf("service-%d", set), fmt.Sprintf("service-%d-5d8f7c9b6d-%05d", set, i)
	labels := map[string]string{"app": app, "team": fmt.Sprint("team-", set%40), "pod-template-hash": "5d8f7c9b6d", "app.kubernetes.io/version": "1.2.3"}
	then := metav1.NewTime(time.Unix(1.7e9+int64(i), 0))
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: fmt.Sprint("team-", set%40), Name: name, GenerateName: app + "-5d8f7c9b6d-", UID: types.UID(fmt.Sprintf("00000000-0000-0000-0000-%012d", i)),
			ResourceVersion: fmt.Sprint(1e8 + i), CreationTimestamp: then, Labels: labels, Annotations: map[string]string{"example.com/checksum": "0123456789abcdef"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: app + "-5d8f7c9b6d", UID: types.UID(fmt.Sprint("set-", set)), Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true)}},
			ManagedFields:   []metav1.ManagedFieldsEntry{{Manager: "kubelet", Operation: "Update", APIVersion: "v1", Time: &then, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:status":{"f:conditions":{"k:{\"type\":\"Ready\"}":{".":{},"f:status":{}}}}}`)}},
		},
		Spec: corev1.PodSpec{
			NodeName: fmt.Sprintf("node-%04d", i%benchNodes), SchedulerName: "default-scheduler", Priority: ptr.To(int32(0)), PreemptionPolicy: ptr.To(corev1.PreemptLowerPriority),
			RestartPolicy: "Always", DNSPolicy: "ClusterFirst", ServiceAccountName: "default", TerminationGracePeriodSeconds: ptr.To(int64(30)),
			Tolerations: []corev1.Toleration{
				{Key: "node.kubernetes.io/not-ready", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: ptr.To(int64(300))},
				{Key: "node.kubernetes.io/unreachable", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: ptr.To(int64(300))},
			},
			TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: "ScheduleAnyway", LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}}},
			Volumes:                   []corev1.Volume{{Name: fmt.Sprintf("kube-api-access-%05d", i), VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token"}}}}}}},
		},
		Status: corev1.PodStatus{Phase: "Running", StartTime: &then, QOSClass: "Burstable", PodIP: "10.1.2.3", HostIP: "10.0.0.1"},
	}
	for _, c := range []corev1.PodConditionType{"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"} {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: c, Status: "True", LastTransitionTime: then})
	}
	for _, c := range []string{"main", "proxy"} {
		container := corev1.Container{
			Name: c, Image: "registry.example.com/team/" + app + ":v1", Command: []string{"/bin/" + c}, Args: []string{"--flag=value", "--other=value"}, ImagePullPolicy: "IfNotPresent",
			Resources:      corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("250m"), "memory": resource.MustParse("512Mi")}, Limits: corev1.ResourceList{"memory": resource.MustParse("1Gi")}},
			Ports:          []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: "TCP"}},
			VolumeMounts:   []corev1.VolumeMount{{Name: pod.Spec.Volumes[0].Name, MountPath: "/var/run/secrets/kubernetes.io/serviceaccount", ReadOnly: true}},
			ReadinessProbe: &corev1.Probe{PeriodSeconds: 10, FailureThreshold: 3, SuccessThreshold: 1, TimeoutSeconds: 1},
		}
		for j := range 15 {
			container.Env = append(container.Env, corev1.EnvVar{Name: fmt.Sprintf("SETTING_NUMBER_%d", j), Value: "some value of a setting"})
		}
		pod.Spec.Containers = append(pod.Spec.Containers, container)
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c, Ready: true, Started: ptr.To(true), Image: container.Image, ImageID: container.Image + "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
			ContainerID: "containerd://0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: then}},
		})
	}
	return pod
}

// largeCluster yields the objects of a cluster one by one: of a part of it, where the
// share is less than 1.
func largeCluster(share float64, yield func(object)) {
	for i := range int(share * benchNodes) {
		yield(kubeletNode(i))
	}
	for i := range int(share*benchPods) / perSet {
		app := fmt.Sprintf("service-%d", i)
		yield(&appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprint("team-", i%40), Name: app + "-5d8f7c9b6d", UID: types.UID(fmt.Sprint("set-", i))},
			Spec:       appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(perSet)), Template: corev1.PodTemplateSpec{Spec: kubeletPod(i * perSet).Spec}},
		})
	}
	for i := range int(share * benchPods) {
		yield(kubeletPod(i))
	}
}

// kubectlDump is a part of the large cluster as kubectl shows it.
func kubectlDump(b *testing.B, share float64) []byte {
	var out bytes.Buffer
	out.WriteString("{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n")
	first := true
	largeCluster(share, func(o object) {
		if !first {
			out.WriteString(",\n")
		}
		first = false
		o.GetObjectKind().SetGroupVersionKind(kinds[kindOf(o)].GroupVersionKind)
		raw, err := json.MarshalIndent(o, "        ", "    ")
		if err != nil {
			b.Fatal(err)
		}
		out.Write(raw)
	})
	out.WriteString("],\n    \"kind\": \"List\"\n}\n")
	return out.Bytes()
}

func benchmarkRead(b *testing.B, dump []byte) {
	b.Helper()
	b.SetBytes(int64(len(dump)))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var s *Snapshot
	for b.Loop() {
		var err error
		if s, err = ReadDump(bytes.NewReader(dump)); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(len(dump))/(1<<20), "dump-MiB")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "kept-MiB")
	runtime.KeepAlive(s)
}

// BenchmarkReadKubectl reads a tenth: the whole takes 2.5 GiB in this form.
func BenchmarkReadKubectl(b *testing.B) { benchmarkRead(b, kubectlDump(b, 0.1)) }

func BenchmarkReadDump(b *testing.B) {
	s := &Snapshot{}
	largeCluster(1, func(o object) { s.add(trimmed(o)) })
	var out bytes.Buffer
	if err := WriteDump(&out, s); err != nil {
		b.Fatal(err)
	}
	s = nil
	benchmarkRead(b, out.Bytes())
}

// BenchmarkSchedulerTransform is what a scheduler's informer takes for a pod more than without a
// transform: each pod comes in memory of its own, as a decoder leaves it.
func BenchmarkSchedulerTransform(b *testing.B) {
	transform := SchedulerTransform()
	pods := make([]*corev1.Pod, 100*perSet)
	for i := range pods {
		pods[i] = kubeletPod(i).DeepCopy()
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := transform(pods[i%len(pods)]); err != nil {
			b.Fatal(err)
		}
	}
}
