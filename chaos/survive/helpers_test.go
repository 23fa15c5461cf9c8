package survive

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

const namespace = "shop"

// build makes small clusters.
type build struct{ cluster.Snapshot }

func (b *build) picture() *target.Picture {
	return target.NewPicture(&b.Snapshot, time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC))
}

// node adds a node with labels such as "pool=a".
func (b *build) node(name, zone, cpu string, labels ...string) *build {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelTopologyZone: zone}},
		Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse("64Gi"), "pods": resource.MustParse("110")},
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		node.Labels[key] = value
	}
	b.Nodes = append(b.Nodes, node)
	return b
}

func (b *build) cordon(name string) *build {
	for _, node := range b.Nodes {
		node.Spec.Unschedulable = node.Spec.Unschedulable || node.Name == name
	}
	return b
}

// template returns the template of an app.
func template(app, cpu string, change []func(*corev1.PodSpec)) corev1.PodTemplateSpec {
	spec := corev1.PodSpec{
		SchedulerName: corev1.DefaultSchedulerName,
		Containers:    []corev1.Container{{Name: "main", Image: "app", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu)}}}},
	}
	for _, do := range change {
		do(&spec)
	}
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}}, Spec: spec}
}

// pods adds the pods of a controller.
func (b *build) pods(app string, owner *metav1.OwnerReference, template corev1.PodTemplateSpec, nodes []string) {
	for i, node := range nodes {
		name := fmt.Sprintf("%s-%d", app, i)
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(name), Labels: template.DeepCopy().Labels},
			Spec:       *template.Spec.DeepCopy(),
			Status:     corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
		}
		if owner != nil {
			pod.OwnerReferences = []metav1.OwnerReference{*owner}
		}
		pod.Spec.NodeName = node
		b.Pods = append(b.Pods, pod)
	}
}

// deployment adds a Deployment with a pod on each of the nodes.
func (b *build) deployment(app, cpu string, nodes []string, change ...func(*corev1.PodSpec)) *build {
	replicas, template := int32(len(nodes)), template(app, cpu, change)
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app, UID: types.UID(app)},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
		Status:     appsv1.DeploymentStatus{Replicas: replicas, UpdatedReplicas: replicas, ReadyReplicas: replicas, AvailableReplicas: replicas},
	}
	const hash = "7d9"
	template.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: app + "-" + hash, UID: types.UID(app + "-" + hash), Labels: template.Labels,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(deployment, appsv1.SchemeGroupVersion.WithKind("Deployment"))},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: template.DeepCopy().Labels}, Template: template},
	}
	b.Deployments, b.ReplicaSets = append(b.Deployments, deployment), append(b.ReplicaSets, set)
	b.pods(app, metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet")), template, nodes)
	return b
}

// stateful adds a StatefulSet with a pod on each of the nodes.
func (b *build) stateful(app, cpu string, nodes []string, change ...func(*corev1.PodSpec)) *build {
	replicas, template := int32(len(nodes)), template(app, cpu, change)
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app, UID: types.UID(app)},
		Spec:       appsv1.StatefulSetSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}, Template: template},
		Status:     appsv1.StatefulSetStatus{Replicas: replicas, ReadyReplicas: replicas, CurrentRevision: "1", UpdateRevision: "1"},
	}
	b.StatefulSets = append(b.StatefulSets, set)
	owner := metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))
	template = *template.DeepCopy()
	template.Labels[appsv1.ControllerRevisionHashLabelKey] = "1"
	b.pods(app, owner, template, nodes)
	return b
}

// bare adds pods without a controller.
func (b *build) bare(app, cpu string, nodes ...string) *build {
	b.pods(app, nil, template(app, cpu, nil), nodes)
	return b
}

// budget adds a budget for an app. It needs so many, or allows so many to be unavailable.
func (b *build) budget(app string, least, most *intstr.IntOrString) *build {
	healthy := int32(0)
	for _, pod := range b.Pods {
		if pod.Labels["app"] == app {
			healthy++
		}
	}
	desired := healthy
	if least != nil {
		n, _ := intstr.GetScaledValueFromIntOrPercent(least, int(healthy), true)
		desired = int32(n)
	} else {
		n, _ := intstr.GetScaledValueFromIntOrPercent(most, int(healthy), true)
		desired -= int32(n)
	}
	b.Budgets = append(b.Budgets, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: least, MaxUnavailable: most, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
		Status:     policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: max(0, healthy-desired), CurrentHealthy: healthy, DesiredHealthy: desired, ExpectedPods: healthy},
	})
	return b
}

// unready has a pod run that is not ready.
func (b *build) unready(name string) *build {
	for _, pod := range b.Pods {
		if pod.Name == name {
			pod.Status.Conditions[0].Status = corev1.ConditionFalse
		}
	}
	return b
}

// paused pauses all Deployments.
func (b *build) paused() *build {
	for _, d := range b.Deployments {
		d.Spec.Paused = true
	}
	return b
}

// claiming has the pods share a claim, which is bound to a volume that all nodes reach.
func claiming(claim string) func(*corev1.PodSpec) {
	return func(spec *corev1.PodSpec) {
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: claim, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}})
	}
}

// loosely has a hard constraint that lets all pods be on one node.
func loosely(app, key string) func(*corev1.PodSpec) {
	return func(spec *corev1.PodSpec) {
		spreading(app, key, corev1.DoNotSchedule)(spec)
		spec.TopologySpreadConstraints[len(spec.TopologySpreadConstraints)-1].MaxSkew = 5
	}
}

func share(text string) *intstr.IntOrString { return ptr.To(intstr.Parse(text)) }

// spreading spreads the pods of an app by a label.
func spreading(app, key string, when corev1.UnsatisfiableConstraintAction) func(*corev1.PodSpec) {
	return func(spec *corev1.PodSpec) {
		spec.TopologySpreadConstraints = append(spec.TopologySpreadConstraints, corev1.TopologySpreadConstraint{
			MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: when, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
		})
	}
}

// preferringOthers prefers nodes without pods of the app.
func preferringOthers(app string) func(*corev1.PodSpec) {
	return func(spec *corev1.PodSpec) {
		spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
			Weight:          1,
			PodAffinityTerm: corev1.PodAffinityTerm{TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
		}}}}
	}
}

// together prefers a node, and to be beside other pods of the app.
func together(app, node string) func(*corev1.PodSpec) {
	return func(spec *corev1.PodSpec) {
		spec.Affinity = &corev1.Affinity{
			NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{
				Weight:     100,
				Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}}},
			}}},
			PodAffinity: &corev1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{
				Weight:          100,
				PodAffinityTerm: corev1.PodAffinityTerm{TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}},
			}}},
		}
	}
}

func profiles(t testing.TB) []*schedulerconfig.KubeSchedulerProfile {
	t.Helper()
	profiles, err := simulation.Load(simulation.Configurations{})
	if err != nil {
		t.Fatal(err)
	}
	return profiles
}
