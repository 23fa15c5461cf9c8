package planner

import (
	"context"
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

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// now is the time of all pictures.
var now = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// schedulers are one that prefers the fullest node, one that prefers the emptiest.
const schedulers = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: fullest
  plugins: {score: {disabled: [{name: "*"}], enabled: [{name: NodeResourcesFit}]}}
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}}
- schedulerName: emptiest
  plugins: {score: {disabled: [{name: "*"}], enabled: [{name: NodeResourcesFit}]}}
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: LeastAllocated, resources: [{name: cpu, weight: 1}]}}
`

// build makes pictures of small clusters.
type build struct{ cluster.Snapshot }

func (b *build) node(name, cpu string) *build {
	b.Nodes = append(b.Nodes, &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
		Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
			"cpu": resource.MustParse(cpu), "memory": resource.MustParse("64Gi"), "pods": resource.MustParse("110"),
		}},
	})
	return b
}

// pods puts pods of a workload, which is a ReplicaSet, on nodes.
func (b *build) pods(workload, scheduler, cpu string, nodes ...string) *build {
	set := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: workload, UID: types.UID(workload)},
		Spec:       appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(len(nodes)))},
	}
	set.Status = appsv1.ReplicaSetStatus{Replicas: *set.Spec.Replicas, ReadyReplicas: *set.Spec.Replicas, AvailableReplicas: *set.Spec.Replicas}
	b.ReplicaSets = append(b.ReplicaSets, set)
	for i, node := range nodes {
		name := fmt.Sprintf("%s-%d", workload, i)
		b.Pods = append(b.Pods, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "default", Name: name, UID: types.UID(name), Labels: map[string]string{"app": workload},
				CreationTimestamp: metav1.Time{Time: now.Add(-time.Hour)},
				OwnerReferences:   []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: workload, UID: set.UID, Controller: ptr.To(true)}},
			},
			Spec: corev1.PodSpec{
				NodeName: node, SchedulerName: scheduler,
				Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu)}}}},
			},
			Status: corev1.PodStatus{
				Phase:      corev1.PodRunning,
				StartTime:  &metav1.Time{Time: now.Add(-time.Hour)},
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			},
		})
	}
	return b
}

// template gives the ReplicaSet of a workload a template that asks for so much.
func (b *build) template(workload, cpu string, change ...func(*corev1.PodSpec)) *build {
	for _, set := range b.ReplicaSets {
		if set.Name != workload {
			continue
		}
		spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu)}}}}}
		for _, c := range change {
			c(&spec)
		}
		set.Spec.Template = corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": workload}}, Spec: spec}
	}
	return b
}

// budget allows so many of a workload's pods to be disrupted.
func (b *build) budget(workload string, allowed int32) *build {
	healthy := int32(0)
	for _, pod := range b.Pods {
		if pod.Labels["app"] == workload {
			healthy++
		}
	}
	b.Budgets = append(b.Budgets, &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: workload},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: ptr.To(intstr.FromInt32(allowed)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": workload}},
		},
		Status: policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: allowed, CurrentHealthy: healthy, DesiredHealthy: healthy - allowed, ExpectedPods: healthy},
	})
	return b
}

// job makes a workload a Job with so many failures allowed and used up.
func (b *build) job(workload string, limit, failed int32, rules ...batchv1.PodFailurePolicyRule) *build {
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: workload, UID: types.UID(workload)},
		Spec:       batchv1.JobSpec{BackoffLimit: &limit, Parallelism: ptr.To[int32](2), PodFailurePolicy: &batchv1.PodFailurePolicy{Rules: rules}},
		Status:     batchv1.JobStatus{Failed: failed},
	}
	b.Jobs = append(b.Jobs, job)
	for _, pod := range b.Pods {
		if pod.Labels["app"] == workload {
			pod.OwnerReferences[0].APIVersion, pod.OwnerReferences[0].Kind = "batch/v1", "Job"
		}
	}
	return b
}

func (b *build) pod(name string) *corev1.Pod {
	for _, pod := range b.Pods {
		if pod.Name == name {
			return pod
		}
	}
	panic("no pod " + name)
}

// change replaces a pod by one that is changed.
func (b *build) change(name string, how func(*corev1.Pod)) *build {
	for i, pod := range b.Pods {
		if pod.Name == name {
			b.Pods[i] = pod.DeepCopy()
			how(b.Pods[i])
		}
	}
	return b
}

// scripted is a strategy that a test writes.
type scripted func(ctx context.Context, s strategy.Session) error

func (f scripted) Deschedule(ctx context.Context, s strategy.Session) error { return f(ctx, s) }

// args are a strategy's that has none.
type args struct{ policy.RemoveDuplicatesArgs }

// newPlanner returns a planner that runs the strategy, with a policy that is changed.
func newPlanner(t *testing.T, run scripted, change ...func(*Options)) *Planner {
	t.Helper()
	const document = `apiVersion: descheduler/v1alpha2
kind: DeschedulerPolicy
profiles:
- name: test
  pluginConfig: [{name: Scripted, args: {}}]
  plugins: {balance: {enabled: [Scripted]}}
`
	plugin := strategy.Plugin{
		Plugin: policy.Plugin{Name: "Scripted", Points: []policy.ExtensionPoint{policy.BalancePoint}, NewArgs: func() policy.Args { return &args{} }},
		New:    func(policy.Args, strategy.Env) (strategy.Strategy, error) { return run, nil },
	}
	loaded, err := policy.Load([]byte(document), plugin.Plugin)
	if err != nil {
		t.Fatal(err)
	}
	profiles, err := simulation.Profiles([]byte(schedulers))
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{Policy: loaded, Strategies: []strategy.Plugin{plugin}, Profiles: profiles, Now: func() time.Time { return now }}
	for _, c := range change {
		c(&opts)
	}
	p, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// off is the objective of leaving a node for one of others.
func off(bad ...string) strategy.Objective { return leave(bad) }

type leave []string

func (l leave) Gain(_ *strategy.State, _ *corev1.Pod, to string) float64 {
	for _, bad := range l {
		if to == bad {
			return 0
		}
	}
	return 2
}

func (leave) Describe(gain float64) string { return fmt.Sprint("gains ", gain) }

// shown says what a plan does, in lines.
func shown(p *plan.Plan) []string {
	var lines []string
	for _, m := range p.Moves {
		lines = append(lines, fmt.Sprintf("%s %s>%s of %d, together %d", m.Pod.Name, m.From, m.To, m.Choices, m.Together))
	}
	for _, r := range p.Refused {
		lines = append(lines, fmt.Sprintf("%s %s: %s", r.Pod.Name, r.Rule, r.Reason))
	}
	return lines
}
