package audit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// nightly is a CronJob whose pods have the labels of the sound Deployment's.
const nightly = `---
apiVersion: batch/v1
kind: CronJob
metadata: {namespace: shop, name: nightly}
spec: {schedule: 0 3 * * *, jobTemplate: {spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main}]}}}}}
`

// solo is a pod without a controller that has them too.
const solo = `---
apiVersion: v1
kind: Pod
metadata: {namespace: shop, name: solo, labels: {app: web}}
spec: {containers: [{name: main}]}
`

// another is a controller of three replicas that has them too.
func another(apiVersion, kind string) string {
	return fmt.Sprintf(`---
apiVersion: %s
kind: %s
metadata: {namespace: shop, name: other}
spec: {replicas: 3, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: main}]}}}
`, apiVersion, kind)
}

// scaled is an autoscaler of the sound Deployment, with more fields of its spec.
func scaled(version, fields string) string {
	return fmt.Sprintf(`---
apiVersion: autoscaling/%s
kind: HorizontalPodAutoscaler
metadata: {namespace: shop, name: web}
spec: {maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}%s}
`, version, fields)
}

func rulesOf(t *testing.T, list string) Options {
	t.Helper()
	rules, err := Select(list, Rules())
	if err != nil {
		t.Fatal(err)
	}
	return Options{Rules: rules}
}

func TestBudgetsThatAllowNothing(t *testing.T) {
	const web, never = "Deployment shop/web", " can ever be evicted, and no node with such a pod can be drained"
	for _, tt := range []struct {
		name, budget, beside string
		changes              []string
		want                 string
	}{
		{"the scale of a CronJob is asked for, and it has none", "maxUnavailable: 1", nightly, nil,
			"maxUnavailable requires the scale of every controller whose pods it selects, but CronJob shop/nightly has none: while it has a pod, even a completed one, no running pod of Deployment shop/web, CronJob shop/nightly can be evicted, and no node with such a pod can be drained"},
		{"a percentage of a scale that there is not", "minAvailable: 10%", nightly, nil,
			"minAvailable in percent requires the scale of every controller whose pods it selects, but CronJob shop/nightly has none: while it has a pod, even a completed one, no running pod of Deployment shop/web, CronJob shop/nightly can be evicted, and no node with such a pod can be drained"},
		{"a percentage in text form is one", `maxUnavailable: "50%"`, another("batch/v1", "Job"), nil,
			"maxUnavailable requires the scale of every controller whose pods it selects, but Job shop/other has none: while it has a pod, even a completed one, no running pod of Deployment shop/web, Job shop/other can be evicted, and no node with such a pod can be drained"},
		{"a number takes no scale", "minAvailable: 1", nightly, nil, ""},
		{"an empty selector takes the CronJob in as well", "maxUnavailable: 1", strings.Replace(nightly, "app: web", "app: report", 1), []string{"selector: {matchLabels: {app: web}}}", "selector: {}}"},
			"maxUnavailable requires the scale of every controller whose pods it selects, but CronJob shop/nightly has none: while it has a pod, even a completed one, no running pod of Deployment shop/web, CronJob shop/nightly can be evicted, and no node with such a pod can be drained"},
		{"a CronJob with other labels is none of its business", "maxUnavailable: 1", strings.Replace(nightly, "app: web", "app: report", 1), nil, ""},
		{"a DaemonSet has no scale, and its pods are always there", "maxUnavailable: 1", another("apps/v1", "DaemonSet"), nil,
			"maxUnavailable requires the scale of every controller whose pods it selects, but DaemonSet shop/other has none: no pod of Deployment shop/web, DaemonSet shop/other" + never},
		{"controllers with scales are added up", "maxUnavailable: 1", another("apps/v1", "StatefulSet") + another("v1", "ReplicationController") + another("apps/v1", "ReplicaSet"), nil, ""},
		{"a Job's pods come and go, so they are none of those that are healthy", "minAvailable: 3", nightly, nil,
			"minAvailable is 3, with 3 replicas: no running pod of Deployment shop/web, CronJob shop/nightly" + never},
		{"another controller's replicas are", "minAvailable: 3", another("apps/v1", "StatefulSet"), nil, ""},
		{"a StatefulSet that is scaled to nothing adds none", "minAvailable: 3", strings.Replace(another("apps/v1", "StatefulSet"), "replicas: 3", "replicas: 0", 1), nil,
			"minAvailable is 3, with 3 replicas: no pod of Deployment shop/web, StatefulSet shop/other" + never},
		{"a pod without a controller is healthy too", "minAvailable: 3", solo, nil, ""},
		{"it adds nothing to the scale, and is healthy beyond it", "minAvailable: 100%", solo, nil, ""},
		{"without any scale none is expected", "maxUnavailable: 1", solo, []string{"replicas: 3", "replicas: 0"},
			"maxUnavailable requires the scale of controllers, but its pods have none: no pod of Deployment shop/web, Pod shop/solo" + never},
		{"a number of pods without a controller can be counted", "minAvailable: 0", solo, []string{"replicas: 3", "replicas: 0"}, ""},
		{"an autoscaler may leave as few as are demanded", "minAvailable: 2", scaled("v2", ", minReplicas: 2"), nil,
			"minAvailable is 2, and HorizontalPodAutoscaler web may leave 2 replicas: no pod of Deployment shop/web can then be evicted, and no node with such a pod can be drained"},
		{"it leaves more than are demanded", "minAvailable: 3", scaled("v2", ", minReplicas: 4"), nil, ""},
		{"nothing is allowed whatever it leaves", "maxUnavailable: 0", scaled("v2", ", minReplicas: 4"), nil, "maxUnavailable is 0: no pod of Deployment shop/web" + never},
		{"a budget that selects nothing keeps nothing", "minAvailable: 3", "", []string{"selector: {matchLabels: {app: web}}}\n", "selector: {matchLabels: {app: nothing}}}\n"}, ""},
		{"no selector selects nothing", "maxUnavailable: 0", "", []string{", selector: {matchLabels: {app: web}}}\n", "}\n"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			manifests := soundWith(t, append([]string{"maxUnavailable: 1", tt.budget}, tt.changes...)...) + tt.beside
			want := []string{}
			if tt.want != "" {
				want = append(want, "high budget-allows-nothing: PodDisruptionBudget shop/web: "+tt.want)
			}
			got := found(Run(read(t, manifests), rulesOf(t, "budget-allows-nothing")))
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAutoscalersSayHowManyReplicasThereAreAtLeast(t *testing.T) {
	const none = "  replicas: 3\n"
	one := []string{"high single-replica: Deployment shop/web: HorizontalPodAutoscaler web may scale it to one replica, whose loss is an outage"}
	for _, tt := range []struct {
		name, autoscaler string
		changes          []string
		want             []string
	}{
		{"of autoscaling/v2, where none are given", scaled("v2", ", minReplicas: 3"), []string{none, ""}, []string{}},
		{"of autoscaling/v1", scaled("v1", ", minReplicas: 3"), []string{none, ""}, []string{}},
		{"where fewer are given", scaled("v1", ", minReplicas: 3"), []string{"replicas: 3", "replicas: 1"}, []string{}},
		{"where more are given", scaled("v2", ", minReplicas: 1"), nil, one},
		{"none said is one", scaled("v1", ""), nil, one},
		{"the lower of two", scaled("v2", ", minReplicas: 3") + scaled("v1", ", minReplicas: 1"), nil, one},
		{"none at all is meant so", scaled("v2", ", minReplicas: 0"), nil, []string{}},
		{"what is scaled to nothing is left alone", scaled("v2", ", minReplicas: 1"), []string{"replicas: 3", "replicas: 0"}, []string{}},
		{"of another kind", strings.Replace(scaled("v2", ", minReplicas: 1"), "kind: Deployment", "kind: StatefulSet", 1), nil, []string{}},
		{"of another group", strings.Replace(scaled("v2", ", minReplicas: 1"), "apps/v1", "example.com/v1", 1), nil, []string{}},
		{"of another namespace", strings.Replace(scaled("v2", ", minReplicas: 1"), "namespace: shop", "namespace: other", 1), nil, []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			report := Run(read(t, soundWith(t, tt.changes...)+tt.autoscaler), Options{Rules: Rules()})
			if diff := cmp.Diff(tt.want, found(report)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if len(report.Notes) > 0 {
				t.Errorf("notes: %v", report.Notes)
			}
		})
	}
	t.Run("a version that is no longer served is noted", func(t *testing.T) {
		notes := read(t, sound+scaled("v2beta2", "")).Notes
		if len(notes) != 1 || !strings.HasSuffix(notes[0], "has apiVersion autoscaling/v2beta2 and was skipped: must be autoscaling/v1 or autoscaling/v2") {
			t.Errorf("notes: %q", notes)
		}
	})
}

// guarded is a cluster of pods of one controller, some of which are not ready, and their
// budget as the disruption controller has left it.
func guarded(controller metav1.OwnerReference, change func(*policyv1.PodDisruptionBudget), ready ...corev1.ConditionStatus) *cluster.Snapshot {
	labels := map[string]string{"app": "web"}
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Generation: 1},
		Spec:       policyv1.PodDisruptionBudgetSpec{MaxUnavailable: ptr.To(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: labels}},
		Status:     policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 1, ExpectedPods: int32(len(ready)), DesiredHealthy: int32(len(ready) - 1)},
	}
	s := &cluster.Snapshot{Nodes: []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}}, Budgets: []*policyv1.PodDisruptionBudget{budget}}
	controller.Controller = ptr.To(true)
	for i, status := range ready {
		if status == corev1.ConditionTrue {
			budget.Status.CurrentHealthy++
		}
		s.Pods = append(s.Pods, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprint("web-", i), UID: types.UID(fmt.Sprint(i)), Labels: labels, OwnerReferences: []metav1.OwnerReference{controller}},
			Spec:       corev1.PodSpec{NodeName: "a"},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}},
		})
	}
	budget.Status.DisruptionsAllowed = max(0, budget.Status.CurrentHealthy-budget.Status.DesiredHealthy)
	if change != nil {
		change(budget)
	}
	return s
}

func syncFailed(b *policyv1.PodDisruptionBudget) {
	b.Status = policyv1.PodDisruptionBudgetStatus{Conditions: []metav1.Condition{{
		Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policyv1.SyncFailedReason,
		Message: "databases.db.example.com does not implement the scale subresource",
	}}}
}

func TestBudgetsOfACluster(t *testing.T) {
	const yes, no = corev1.ConditionTrue, corev1.ConditionFalse
	set := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web", UID: "web"}
	for _, tt := range []struct {
		name       string
		controller metav1.OwnerReference
		change     func(*policyv1.PodDisruptionBudget)
		ready      []corev1.ConditionStatus
		want       []string
	}{
		{"all are ready", set, nil, []corev1.ConditionStatus{yes, yes, yes}, []string{}},
		{"enough are ready for those that are not to go", set, nil, []corev1.ConditionStatus{yes, yes, no}, []string{}},
		{"too few are ready, so those that are not hold up drains", set, nil, []corev1.ConditionStatus{yes, no, no}, []string{
			"medium budget-keeps-unready: PodDisruptionBudget shop/web: 2 of its pods are not ready, and it blocks their eviction until enough others are ready (web-1, web-2): drains of their nodes wait",
		}},
		{"pods that are not ready may always go", set, func(b *policyv1.PodDisruptionBudget) {
			b.Spec.UnhealthyPodEvictionPolicy = ptr.To(policyv1.AlwaysAllow)
		}, []corev1.ConditionStatus{yes, no, no}, []string{}},
		{"the disruption controller has not counted yet", set, func(b *policyv1.PodDisruptionBudget) { b.Generation++ }, []corev1.ConditionStatus{yes, no, no}, []string{}},
		{"the disruption controller cannot count", metav1.OwnerReference{APIVersion: "db.example.com/v1", Kind: "Database", Name: "web", UID: "web"}, syncFailed, []corev1.ConditionStatus{yes, no}, []string{
			"high budget-allows-nothing: PodDisruptionBudget shop/web: the disruption controller cannot count its pods (databases.db.example.com does not implement the scale subresource): no pod of Database shop/web can be evicted, and no node with such a pod can be drained",
		}},
		{"it cannot, and nothing is left of what it could not count", set, syncFailed, nil, []string{
			"high budget-allows-nothing: PodDisruptionBudget shop/web: the disruption controller cannot count its pods (databases.db.example.com does not implement the scale subresource): no pod it selects can be evicted, and no node with such a pod can be drained",
		}},
		{"an operator's kind whose scale is nothing", metav1.OwnerReference{APIVersion: "db.example.com/v1", Kind: "Database", Name: "web", UID: "web"}, func(b *policyv1.PodDisruptionBudget) {
			b.Status.ExpectedPods, b.Status.DesiredHealthy, b.Status.DisruptionsAllowed = 0, 0, 0
		}, []corev1.ConditionStatus{yes, yes}, []string{
			"high budget-allows-nothing: PodDisruptionBudget shop/web: 2 of its pods are healthy, but the scale of their controllers is 0: no pod of Database shop/web can be evicted, and no node with such a pod can be drained",
		}},
		{"another group's Job is not Kubernetes' own, and may have a scale", metav1.OwnerReference{APIVersion: "batch.volcano.sh/v1alpha1", Kind: "Job", Name: "web", UID: "web"}, nil, []corev1.ConditionStatus{yes, yes}, []string{}},
		{"Kubernetes' own Job has none", metav1.OwnerReference{APIVersion: "batch/v1", Kind: "Job", Name: "web", UID: "web"}, nil, []corev1.ConditionStatus{yes, yes}, []string{
			"high budget-allows-nothing: PodDisruptionBudget shop/web: maxUnavailable requires the scale of every controller whose pods it selects, but Job shop/web has none: while it has a pod, even a completed one, no running pod of Job shop/web can be evicted, and no node with such a pod can be drained",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCollector()
			s := guarded(tt.controller, tt.change, tt.ready...)
			c.add(s.Budgets[0], "")
			c.pods(s)
			report := Run(c.done(), rulesOf(t, "budget-allows-nothing,budget-keeps-unready"))
			if diff := cmp.Diff(tt.want, found(report)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestManifestsLeaveUnreadyPodsUncheckedWhereTheBudgetWouldHoldThem(t *testing.T) {
	for policy, want := range map[string][]Unchecked{"": {{Rule: "budget-keeps-unready", Reason: nowhere}}, "unhealthyPodEvictionPolicy: AlwaysAllow, ": nil} {
		report := Run(read(t, soundWith(t, "{maxUnavailable", "{"+policy+"maxUnavailable")), rulesOf(t, "budget-keeps-unready"))
		if diff := cmp.Diff(want, report.Unchecked); diff != "" {
			t.Errorf("unchecked with %q (-want +got):\n%s", policy, diff)
		}
	}
}

func TestFromClusterReadsAutoscalers(t *testing.T) {
	snapshot, others := mixed()
	for _, target := range []autoscalingv2.CrossVersionObjectReference{
		{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"}, {APIVersion: "argoproj.io/v1alpha1", Kind: "Rollout", Name: "roll"},
	} {
		others = append(others, &autoscalingv2.HorizontalPodAutoscaler{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: target.Name},
			Spec:       autoscalingv2.HorizontalPodAutoscalerSpec{ScaleTargetRef: target, MinReplicas: ptr.To[int32](1), MaxReplicas: 9},
		})
	}
	client := fake.NewClientset(allOf(snapshot, others)...)
	inventory, err := FromCluster(t.Context(), client, snapshot)
	if err != nil {
		t.Fatal(err)
	}
	least := map[string]int{}
	for _, w := range inventory.Workloads {
		if w.Autoscaler != "" {
			least[w.String()] = w.Least
		}
	}
	if diff := cmp.Diff(map[string]int{"Deployment shop/web": 1, "Rollout shop/roll": 1}, least); diff != "" {
		t.Errorf("least replicas (-want +got):\n%s", diff)
	}
	client.PrependReactor("list", "horizontalpodautoscalers", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Group: autoscalingv1.GroupName, Resource: "horizontalpodautoscalers"}, "", nil)
	})
	inventory, err = FromCluster(t.Context(), client, snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if len(inventory.Notes) != 1 || !strings.HasPrefix(inventory.Notes[0], "horizontalpodautoscalers.autoscaling could not be read, so the minimum number of replicas is unknown: ") {
		t.Errorf("notes: %q", inventory.Notes)
	}
}

// TestOwnersOfOtherWorkloadsCountNowhere: an operator's Deployment is one, and its Job is
// none of its replicas.
func TestOwnersOfOtherWorkloadsCountNowhere(t *testing.T) {
	owned := "metadata: {ownerReferences: [{apiVersion: example.com/v1, kind: Store, name: store, uid: a, controller: true}], "
	manifests := strings.Replace(soundWith(t, "replicas: 3", "replicas: 1"), "metadata: {", owned, 1) +
		strings.Replace(another("batch/v1", "Job"), "metadata: {", owned, 1)
	got := found(Run(read(t, manifests), rulesOf(t, "single-replica")))
	want := []string{"high single-replica: Deployment shop/web: it has one replica: the loss of its pod or node is an outage"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
