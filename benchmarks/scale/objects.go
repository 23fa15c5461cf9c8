package scale

import (
	"fmt"
	"hash/fnv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/benchmarks/typical"
	"github.com/stowage-k8s/stowage/internal/playground/preload"
)

const (
	// extraNamespace takes the pods that are scheduled beside those that run.
	extraNamespace = "extra"
	// tolerance is how many seconds pods stay bound to a node that is not heard of.
	tolerance = 5
	// age is how old all is when it begins: old enough for pods to be available.
	age = time.Hour
)

// bornSuffix ends the UIDs of all that is there from the start, and of nothing else.
const bornSuffix = "-0000-4000-8000-000000000000"

// newborn makes objects that are complete when they are born.
type newborn struct {
	at metav1.Time
	// realistic ones have what no decision looks at, too.
	realistic bool
	// born counts them.
	born int
}

func newNewborn(now time.Time, realistic bool) *newborn {
	return &newborn{at: metav1.NewTime(now.Add(-age).Truncate(time.Second)), realistic: realistic}
}

// write writes nodes and workloads to a file that a playground can begin with.
func write(path string, nodes []*corev1.Node, workloads []Workload, now time.Time, realistic bool) (err error) {
	w, err := preload.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closed := w.Close(); err == nil {
			err = closed
		}
	}()
	n := newNewborn(now, realistic)
	for _, name := range append(namespaces(len(nodes)), extraNamespace) {
		if err := w.Add(n.namespace(name)); err != nil {
			return err
		}
	}
	for _, node := range nodes {
		if err := w.Add(n.node(node)); err != nil {
			return err
		}
	}
	for _, workload := range workloads {
		for _, object := range n.workload(workload) {
			if err := w.Add(object); err != nil {
				return err
			}
		}
	}
	return nil
}

// meta gives an object a UID and an age.
func (n *newborn) meta(m metav1.ObjectMeta) metav1.ObjectMeta {
	n.born++
	m.UID = types.UID(fmt.Sprintf("%08x%s", n.born, bornSuffix))
	m.CreationTimestamp = n.at
	return m
}

func (n *newborn) namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{
		ObjectMeta: n.meta(metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}}),
		Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
		Status:     corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
	}
}

// node returns the node, Ready.
func (n *newborn) node(node *corev1.Node) *corev1.Node {
	node = node.DeepCopy()
	node.ObjectMeta = n.meta(node.ObjectMeta)
	for _, label := range []string{corev1.LabelOSStable, corev1.LabelArchStable} { // which the node lifecycle controller adds
		node.Labels["beta."+label] = node.Labels[label]
	}
	node.Status.Phase = corev1.NodeRunning
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address(172, n.born)}, {Type: corev1.NodeHostName, Address: node.Name}}
	for kind, status := range map[corev1.NodeConditionType]corev1.ConditionStatus{
		corev1.NodeReady: corev1.ConditionTrue, corev1.NodeMemoryPressure: corev1.ConditionFalse,
		corev1.NodeDiskPressure: corev1.ConditionFalse, corev1.NodePIDPressure: corev1.ConditionFalse,
	} {
		node.Status.Conditions = append(node.Status.Conditions, corev1.NodeCondition{
			Type: kind, Status: status, LastHeartbeatTime: n.at, LastTransitionTime: n.at, Reason: "Preloaded",
		})
	}
	if n.realistic {
		node.ManagedFields = typical.Managed(n.at, "kubelet", "kube-controller-manager")
		node.Status.Images = typical.Images(n.born)
	}
	return node
}

// address returns an address of a private network, a different one for each number.
func address(network, number int) string {
	return fmt.Sprintf("%d.%d.%d.%d", network, 128+number>>16&127, number>>8&255, number&255)
}

// workload returns a Deployment, its ReplicaSet, its pods and its budget, all of them as the
// controllers leave them; but the budget has no status, so that it tells when the controllers
// have counted.
func (n *newborn) workload(w Workload) []preload.Object {
	replicas := int32(len(w.Nodes))
	hash := w.hash()
	labels := map[string]string{appLabel: w.Name}
	hashed := map[string]string{appLabel: w.Name, appsv1.DefaultDeploymentUniqueLabelKey: hash}
	deployment := &appsv1.Deployment{
		ObjectMeta: n.meta(metav1.ObjectMeta{
			Namespace: w.Namespace, Name: w.Name, Generation: 1, Labels: labels,
			Annotations: map[string]string{"deployment.kubernetes.io/revision": "1"},
		}),
		Spec: appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: w.template(labels, n.realistic)},
		Status: appsv1.DeploymentStatus{
			ObservedGeneration: 1, Replicas: replicas, UpdatedReplicas: replicas, ReadyReplicas: replicas, AvailableReplicas: replicas, TerminatingReplicas: ptr.To[int32](0),
			Conditions: []appsv1.DeploymentCondition{
				{Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue, Reason: "MinimumReplicasAvailable", LastUpdateTime: n.at, LastTransitionTime: n.at},
				{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: "NewReplicaSetAvailable", LastUpdateTime: n.at, LastTransitionTime: n.at},
			},
		},
	}
	set := &appsv1.ReplicaSet{
		ObjectMeta: n.meta(metav1.ObjectMeta{
			Namespace: w.Namespace, Name: w.setName(), Generation: 1, Labels: hashed,
			Annotations: map[string]string{
				"deployment.kubernetes.io/revision":         "1",
				"deployment.kubernetes.io/desired-replicas": fmt.Sprint(replicas),
				"deployment.kubernetes.io/max-replicas":     fmt.Sprint(replicas + (replicas+3)/4), // with the default surge of a quarter
			},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		}),
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: hashed}, Template: w.template(hashed, n.realistic)},
		Status: appsv1.ReplicaSetStatus{
			ObservedGeneration: 1, Replicas: replicas, FullyLabeledReplicas: replicas,
			ReadyReplicas: replicas, AvailableReplicas: replicas, TerminatingReplicas: ptr.To[int32](0),
		},
	}
	owner := *metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	objects := []preload.Object{deployment, set}
	for i, node := range w.Nodes {
		objects = append(objects, n.pod(w, i, node, set.Spec.Template, owner))
	}
	if w.Budgeted {
		objects = append(objects, &policyv1.PodDisruptionBudget{
			ObjectMeta: n.meta(metav1.ObjectMeta{Namespace: w.Namespace, Name: w.Name, Generation: 1}),
			Spec: policyv1.PodDisruptionBudgetSpec{
				MaxUnavailable: ptr.To(intstr.FromString("10%")), Selector: &metav1.LabelSelector{MatchLabels: labels},
			},
		})
	}
	return objects
}

// pod returns a replica of a workload that runs on a node.
func (n *newborn) pod(w Workload, replica int, node string, template corev1.PodTemplateSpec, owner metav1.OwnerReference) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: n.meta(metav1.ObjectMeta{
			Namespace: w.Namespace, Name: w.podName(replica), GenerateName: w.setName() + "-", Generation: 1,
			Labels: template.Labels, Annotations: template.Annotations, OwnerReferences: []metav1.OwnerReference{owner},
		}),
		Spec: template.Spec,
	}
	pod.Spec.NodeName = node
	pod.Spec.Priority, pod.Spec.PreemptionPolicy = ptr.To[int32](0), ptr.To(corev1.PreemptLowerPriority)
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, StartTime: &n.at, QOSClass: corev1.PodQOSBurstable,
		HostIP: address(172, 1), PodIP: address(10, n.born), PodIPs: []corev1.PodIP{{IP: address(10, n.born)}},
	}
	for _, kind := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady} {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue, LastTransitionTime: n.at})
	}
	for _, c := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, Ready: true, Started: ptr.To(true),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: n.at}},
		})
	}
	if n.realistic {
		pod.ManagedFields = typical.Managed(n.at, "kube-controller-manager", "kubelet")
		for i := range pod.Status.ContainerStatuses {
			typical.DressStatus(&pod.Status.ContainerStatuses[i], n.born)
		}
	}
	return pod
}

// hash tells the workload's template from others.
func (w Workload) hash() string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(w.Namespace + "/" + w.Name)) // it never fails
	return rand.SafeEncodeString(fmt.Sprint(h.Sum32()))
}

// setName is the name of the ReplicaSet, and podName that of a replica.
func (w Workload) setName() string { return w.Name + "-" + w.hash() }

func (w Workload) podName(replica int) string { return fmt.Sprintf("%s-%05d", w.setName(), replica) }

func (w Workload) template(labels map[string]string, realistic bool) corev1.PodTemplateSpec {
	t := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec(w.MilliCPU)}
	if realistic {
		t.Annotations = typical.Annotations()
		dress(&t.Spec, w.Name)
	}
	return t
}

// dress makes a pod as large as those of clusters.
func dress(spec *corev1.PodSpec, app string) {
	for i := range spec.Containers {
		c := &spec.Containers[i]
		typical.DressContainer(c, app)
		c.ReadinessProbe = &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromString("http"), Scheme: corev1.URISchemeHTTP}},
			PeriodSeconds: 10, FailureThreshold: 3, SuccessThreshold: 1, TimeoutSeconds: 1,
		}
	}
}

// podSpec returns what a pod of two containers asks for; memory goes with cpu. It is written
// out as the API server would default it.
func podSpec(milliCPU int64) corev1.PodSpec {
	away := func(key string) corev1.Toleration {
		return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](tolerance)}
	}
	container := func(name string, milliCPU int64) corev1.Container {
		return corev1.Container{
			Name: name, Image: "registry.k8s.io/pause:3.10", ImagePullPolicy: corev1.PullIfNotPresent,
			TerminationMessagePath: corev1.TerminationMessagePathDefault, TerminationMessagePolicy: corev1.TerminationMessageReadFile,
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU:    *resource.NewMilliQuantity(milliCPU, resource.DecimalSI),
				corev1.ResourceMemory: *resource.NewQuantity(milliCPU*2<<20, resource.BinarySI),
			}},
		}
	}
	const proxy = 50
	return corev1.PodSpec{
		SchedulerName: scheduler, RestartPolicy: corev1.RestartPolicyAlways, DNSPolicy: corev1.DNSClusterFirst,
		TerminationGracePeriodSeconds: ptr.To[int64](30), AutomountServiceAccountToken: ptr.To(false), EnableServiceLinks: ptr.To(true),
		SecurityContext: &corev1.PodSecurityContext{},
		Tolerations:     []corev1.Toleration{away(corev1.TaintNodeUnreachable), away(corev1.TaintNodeNotReady)},
		Containers:      []corev1.Container{container("main", milliCPU-proxy), container("proxy", proxy)},
	}
}

// extraPod returns one of the pods that are scheduled beside those that run, in a step of that
// number. No step has the names of another: KWOK may still be about to delete those of the former
// one, and does so by name.
func (s Size) extraPod(step, i int) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: extraNamespace, Name: fmt.Sprintf("extra-%d-%05d", step, i), Labels: map[string]string{appLabel: extraNamespace}},
		Spec:       podSpec(tiers[i%len(tiers)].milliCPU),
	}
	if s.Realistic {
		dress(&pod.Spec, extraNamespace)
	}
	return pod
}
