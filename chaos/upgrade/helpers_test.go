package upgrade

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// fullest is a scheduler that prefers the fullest node: scores decide, not lots.
const fullest = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: fullest
  plugins: {score: {disabled: [{name: "*"}], enabled: [{name: NodeResourcesFit}]}}
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}}
`

func newAssessor(t testing.TB) *assess.Assessor {
	t.Helper()
	profiles, err := simulation.Profiles([]byte(fullest))
	if err != nil {
		t.Fatal(err)
	}
	a, err := assess.New(assess.Options{Profiles: profiles})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// build makes pictures of small clusters.
type build struct{ cluster.Snapshot }

func (b *build) picture() *target.Picture { return target.NewPicture(&b.Snapshot, now) }

// pool returns the nodes of a pool.
func (b *build) pool(name string) (nodes []*corev1.Node) {
	for _, node := range b.Nodes {
		if node.Labels["pool"] == name {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// node adds a node, which took so long until it was Ready.
func (b *build) node(name, pool, cpu string, took time.Duration) *build {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(now.Add(-time.Hour)),
			Labels: map[string]string{corev1.LabelHostname: name, "pool": pool},
		},
		Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse("64Gi"), "pods": resource.MustParse("110")},
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	if took > 0 {
		node.Status.Conditions[0].LastTransitionTime = metav1.NewTime(now.Add(took - time.Hour))
	}
	b.Nodes = append(b.Nodes, node)
	return b
}

// pods puts pods of a workload of the kind on nodes. They took 10 s, 20 s and so on until they
// were Ready.
func (b *build) pods(kind, workload, cpu string, nodes ...string) *build {
	meta := metav1.ObjectMeta{Namespace: "shop", Name: workload, UID: types.UID(workload)}
	replicas, version := ptr.To(int32(len(nodes))), "apps/v1"
	spec := corev1.PodSpec{
		SchedulerName: "fullest", TerminationGracePeriodSeconds: ptr.To[int64](15),
		Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu)}}}},
	}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": workload}}, Spec: spec}
	switch kind {
	case "ReplicaSet":
		b.ReplicaSets = append(b.ReplicaSets, &appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Replicas: replicas, Template: template}})
	case "StatefulSet":
		b.StatefulSets = append(b.StatefulSets, &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Replicas: replicas, Template: template}})
	case "Job":
		version = "batch/v1"
		b.Jobs = append(b.Jobs, &batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{Parallelism: replicas, BackoffLimit: ptr.To[int32](0), Template: template}})
	}
	for i, node := range nodes {
		name := fmt.Sprintf("%s-%d", workload, i)
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": workload}, CreationTimestamp: metav1.NewTime(now.Add(-time.Hour)),
			},
			Spec: *spec.DeepCopy(),
			Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
				{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-time.Hour))},
				{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(time.Duration(i+1)*10*time.Second - time.Hour))},
			}},
		}
		pod.Spec.NodeName = node
		if kind != "Pod" {
			pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: version, Kind: kind, Name: workload, UID: meta.UID, Controller: ptr.To(true)}}
		}
		b.Pods = append(b.Pods, pod)
	}
	return b
}

// deployment has the ReplicaSet of a workload belong to a Deployment of the same name.
func (b *build) deployment(workload string) *build {
	meta := metav1.ObjectMeta{Namespace: "shop", Name: workload, UID: types.UID(workload + "-deployment")}
	const tie = appsv1.DefaultDeploymentUniqueLabelKey
	for _, set := range b.ReplicaSets {
		if set.Name == workload {
			set.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: workload, UID: meta.UID, Controller: ptr.To(true)}}
			set.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": workload, tie: "hash"}}
			b.Deployments = append(b.Deployments, &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: set.Spec.Replicas}})
		}
	}
	for _, pod := range b.Pods {
		if pod.Labels["app"] == workload {
			pod.Labels[tie] = "hash"
		}
	}
	return b
}

// budget gives a workload one, which the disruption controller has counted.
func (b *build) budget(workload string, spec policyv1.PodDisruptionBudgetSpec) *build {
	spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": workload}}
	status := policyv1.PodDisruptionBudgetStatus{}
	for _, pod := range b.Pods {
		if pod.Labels["app"] == workload {
			status.ExpectedPods++
			if pod.Status.Conditions[1].Status == corev1.ConditionTrue {
				status.CurrentHealthy++
			}
		}
	}
	if spec.MaxUnavailable != nil {
		n, _ := intstr.GetScaledValueFromIntOrPercent(spec.MaxUnavailable, int(status.ExpectedPods), true)
		status.DesiredHealthy = max(0, status.ExpectedPods-int32(n))
	} else {
		n, _ := intstr.GetScaledValueFromIntOrPercent(spec.MinAvailable, int(status.ExpectedPods), true)
		status.DesiredHealthy = int32(n)
	}
	status.DisruptionsAllowed = max(0, status.CurrentHealthy-status.DesiredHealthy)
	b.Budgets = append(b.Budgets, &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: workload}, Spec: spec, Status: status})
	return b
}

func maxUnavailable(n int) policyv1.PodDisruptionBudgetSpec {
	return policyv1.PodDisruptionBudgetSpec{MaxUnavailable: ptr.To(intstr.FromInt32(int32(n)))}
}

func minAvailable(text string) policyv1.PodDisruptionBudgetSpec {
	return policyv1.PodDisruptionBudgetSpec{MinAvailable: ptr.To(intstr.Parse(text))}
}

// change changes a pod.
func (b *build) change(name string, change func(*corev1.Pod)) *build {
	for _, pod := range b.Pods {
		if pod.Name == name {
			change(pod)
		}
	}
	return b
}

// job changes a Job.
func (b *build) job(name string, change func(*batchv1.Job)) *build {
	for _, job := range b.Jobs {
		if job.Name == name {
			change(job)
		}
	}
	return b
}

// volume gives a pod a volume that can be used on one node only.
func (b *build) volume(pod, node string) *build {
	b.change(pod, func(p *corev1.Pod) {
		p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: pod}}}}
	})
	affinity := &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
		MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}},
	}}}}
	b.Others = append(b.Others,
		&corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: pod, UID: types.UID("claim-" + pod), Annotations: map[string]string{"pv.kubernetes.io/bind-completed": "yes"}},
			Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: pod, StorageClassName: ptr.To("local"), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}},
			Status:     corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound},
		},
		&corev1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Name: pod},
			Spec: corev1.PersistentVolumeSpec{
				StorageClassName: "local", NodeAffinity: affinity, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				ClaimRef: &corev1.ObjectReference{Namespace: "shop", Name: pod, UID: types.UID("claim-" + pod)},
			},
			Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeBound},
		})
	return b
}
