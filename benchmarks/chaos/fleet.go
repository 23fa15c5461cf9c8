package chaos

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

const (
	// appLabel tells the pods of workloads apart, and groupLabel those of groups, which
	// budgets select.
	appLabel   = "app"
	groupLabel = "group"
	// neverReadyScheduler is who places pods that run and never become Ready; see binder.
	neverReadyScheduler = "never-ready"
	// tolerance is how many seconds pods stay bound to a node that is not heard of.
	tolerance = 5
)

// Workload is a Deployment or a StatefulSet.
type Workload struct {
	Namespace, Name string
	// Group is the value of the label that budgets select by.
	Group    string
	Stateful bool
	// NeverReady says that its pods run and do not become Ready.
	NeverReady bool
	Replicas   int
	Spec       corev1.PodSpec
}

// key names the workload as the tool does.
func (w Workload) key() string {
	kind := "Deployment"
	if w.Stateful {
		kind = "StatefulSet"
	}
	return fmt.Sprintf("%s %s/%s", kind, w.Namespace, w.Name)
}

func (w Workload) labels() map[string]string {
	return map[string]string{appLabel: w.Name, groupLabel: w.Group}
}

// Fleet is all that runs on a cluster.
type Fleet struct {
	Workloads []Workload
	Budgets   []*policyv1.PodDisruptionBudget
}

// pods counts the replicas.
func (f *Fleet) pods() int {
	n := 0
	for _, w := range f.Workloads {
		n += w.Replicas
	}
	return n
}

// namespaces lists those that the fleet has.
func (f *Fleet) namespaces() []string {
	var names []string
	seen := map[string]bool{}
	for _, w := range f.Workloads {
		if !seen[w.Namespace] {
			seen[w.Namespace] = true
			names = append(names, w.Namespace)
		}
	}
	return names
}

// form is a way of being protected: workloads, all of one group, and the budgets that
// select it.
type form struct {
	name      string
	workloads []Workload
	budgets   []policyv1.PodDisruptionBudgetSpec
}

// forms are all forms of budgets.
func forms() []form {
	replicas := func(n int) []Workload { return []Workload{{Replicas: n}} }
	stateful := func(n int) []Workload { return []Workload{{Replicas: n, Stateful: true}} }
	sick := func(ready, never int) []Workload {
		return []Workload{{Replicas: ready}, {Name: "sick", Replicas: never, NeverReady: true}}
	}
	most := func(value any) policyv1.PodDisruptionBudgetSpec {
		return policyv1.PodDisruptionBudgetSpec{MaxUnavailable: number(value)}
	}
	least := func(value any) policyv1.PodDisruptionBudgetSpec {
		return policyv1.PodDisruptionBudgetSpec{MinAvailable: number(value)}
	}
	with := func(spec policyv1.PodDisruptionBudgetSpec, policy policyv1.UnhealthyPodEvictionPolicyType) policyv1.PodDisruptionBudgetSpec {
		spec.UnhealthyPodEvictionPolicy = &policy
		return spec
	}
	only := func(specs ...policyv1.PodDisruptionBudgetSpec) []policyv1.PodDisruptionBudgetSpec { return specs }
	return []form{
		{"free", replicas(6), nil},
		{"max-number", replicas(6), only(most(1))},
		{"max-percent", replicas(8), only(most("25%"))},
		{"min-number", replicas(6), only(least(4))},
		{"min-percent", replicas(9), only(least("70%"))},
		{"rounded", replicas(7), only(most("30%"))},           // of 7 are 2.1, which counts as 3
		{"overlapping", replicas(6), only(most(2), least(3))}, // which the API server refuses
		{"none-allowed", replicas(4), only(most(0))},
		{"all-demanded", replicas(5), only(least("100%"))},
		{"always-allow", sick(6, 2), only(with(most(1), policyv1.AlwaysAllow))},
		{"always-allow-spare", sick(7, 1), only(with(most(3), policyv1.AlwaysAllow))},
		{"if-healthy", sick(6, 2), only(with(most(3), policyv1.IfHealthyBudget))},
		{"if-healthy-broken", sick(5, 3), only(with(most(1), policyv1.IfHealthyBudget))},
		{"stateful-number", stateful(5), only(most(1))},
		{"stateful-percent", stateful(6), only(least("50%"))},
		{"stateful-free", stateful(3), nil},
		{"single", replicas(1), nil},
		{"single-kept", replicas(1), only(least(1))},
		{"shared", []Workload{{Name: "a", Replicas: 4}, {Name: "b", Replicas: 6}}, only(least("60%"))},
	}
}

func number(value any) *intstr.IntOrString {
	if text, is := value.(string); is {
		return ptr.To(intstr.FromString(text))
	}
	return ptr.To(intstr.FromInt(value.(int)))
}

// ofAllForms returns a fleet with every form so many times, each time in a namespace of
// its own.
func ofAllForms(times int) *Fleet {
	f := &Fleet{}
	for i := range times {
		namespace := fmt.Sprintf("team-%02d", i)
		for _, form := range forms() {
			f.add(namespace, form, podSpec(500))
		}
	}
	return f
}

// add adds a form.
func (f *Fleet) add(namespace string, form form, spec corev1.PodSpec) {
	for _, w := range form.workloads {
		if w.Name != "" {
			w.Name = "-" + w.Name
		}
		w.Namespace, w.Name, w.Group, w.Spec = namespace, form.name+w.Name, form.name, *spec.DeepCopy()
		if w.NeverReady {
			w.Spec.SchedulerName = neverReadyScheduler
		}
		f.Workloads = append(f.Workloads, w)
	}
	for i, spec := range form.budgets {
		spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{groupLabel: form.name}}
		f.Budgets = append(f.Budgets, &policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("%s-%d", form.name, i)}, Spec: spec,
		})
	}
}

// podSpec returns what a pod asks for; memory goes with cpu.
func podSpec(milliCPU int64) corev1.PodSpec {
	away := func(key string) corev1.Toleration {
		return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To[int64](tolerance)}
	}
	return corev1.PodSpec{
		SchedulerName: corev1.DefaultSchedulerName,
		Tolerations:   []corev1.Toleration{away(corev1.TaintNodeUnreachable), away(corev1.TaintNodeNotReady)},
		Containers: []corev1.Container{{
			Name: "main", Image: "registry.k8s.io/pause:3.10",
			Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU:    *resource.NewMilliQuantity(milliCPU, resource.DecimalSI),
				corev1.ResourceMemory: *resource.NewQuantity(milliCPU*2<<20, resource.BinarySI),
			}},
		}},
	}
}

func (w Workload) meta() metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: w.Namespace, Name: w.Name, Labels: w.labels()}
}

func (w Workload) template() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: w.labels()}, Spec: *w.Spec.DeepCopy()}
}

func (w Workload) selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{appLabel: w.Name}}
}

func (w Workload) deployment() *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: w.meta(),
		Spec:       appsv1.DeploymentSpec{Replicas: ptr.To(int32(w.Replicas)), Selector: w.selector(), Template: w.template()},
	}
}

// statefulSet has all pods created at once: in order it would take long.
func (w Workload) statefulSet() *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		ObjectMeta: w.meta(),
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To(int32(w.Replicas)), Selector: w.selector(), Template: w.template(),
			ServiceName: w.Name, PodManagementPolicy: appsv1.ParallelPodManagement,
		},
	}
}
