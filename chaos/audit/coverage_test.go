package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

func TestRenderingsOfOneObjectAreJudgedEachByItself(t *testing.T) {
	const (
		single  = "high single-replica: Deployment shop/web in %s: it has one replica: the loss of its pod or node is an outage"
		nothing = "high budget-allows-nothing: PodDisruptionBudget shop/web in %s: minAvailable is %d, with %s: no pod of Deployment shop/web can ever be evicted, and no node with such a pod can be drained"
	)
	one := strings.Replace(sound, "replicas: 3", "replicas: 1", 1)
	demanding := func(n int) string {
		return strings.Replace(guard, "maxUnavailable: 1", fmt.Sprint("minAvailable: ", n), 1)
	}
	for _, tt := range []struct {
		name  string
		files map[string]string
		paths []string
		want  []string
		note  string
	}{
		{"a file that is given twice counts once", map[string]string{"a.yaml": one + demanding(1)}, []string{"a.yaml", "./a.yaml", "."},
			[]string{fmt.Sprintf(nothing, "a.yaml", 1, "1 replica"), fmt.Sprintf(single, "a.yaml")}, ""},
		{"replicas of two files are no two replicas", map[string]string{"a.yaml": one, "b.yaml": one}, []string{"."},
			[]string{fmt.Sprintf(single, "a.yaml"), fmt.Sprintf(single, "b.yaml")}, "a.yaml and b.yaml contain the same objects, which were checked separately for each file: Deployment shop/web"},
		{"a sound one does not hide another", map[string]string{"prod/web.yaml": sound + demanding(2), "test/web.yaml": one + demanding(1)}, []string{"."},
			[]string{fmt.Sprintf(nothing, "test/web.yaml", 1, "1 replica"), fmt.Sprintf(single, "test/web.yaml")},
			"prod/web.yaml and test/web.yaml contain the same objects, which were checked separately for each file: Deployment shop/web, PodDisruptionBudget shop/web"},
		{"a budget goes with what is nearest", map[string]string{"prod/web.yaml": sound, "prod/budget.yaml": demanding(2), "test/web.yaml": strings.Replace(sound, "replicas: 3", "replicas: 2", 1), "test/budget.yaml": demanding(1)}, []string{"."},
			[]string{}, "prod/web.yaml and test/web.yaml contain the same objects, which were checked separately for each file: Deployment shop/web"},
		{"one budget goes with all renderings", map[string]string{"base/budget.yaml": demanding(3), "prod/web.yaml": strings.Replace(sound, "replicas: 3", "replicas: 4", 1), "test/web.yaml": sound}, []string{"."},
			[]string{fmt.Sprintf(nothing, "base/budget.yaml", 3, "3 replicas")}, "prod/web.yaml and test/web.yaml contain the same objects, which were checked separately for each file: Deployment shop/web"},
		{"an autoscaler goes with what is nearest", map[string]string{"prod/web.yaml": sound + guard + scaled("v2", ", minReplicas: 3"), "test/web.yaml": sound + guard + scaled("v2", ", minReplicas: 2")}, []string{"."},
			[]string{}, "prod/web.yaml and test/web.yaml contain the same objects, which were checked separately for each file: Deployment shop/web, PodDisruptionBudget shop/web"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for name, text := range tt.files {
				if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			inventory, err := FromManifests(nil, tt.paths...)
			if err != nil {
				t.Fatal(err)
			}
			report := Run(inventory, rulesOf(t, "single-replica,budget-allows-nothing,two-budgets"))
			got := []string{}
			for _, f := range report.Findings {
				got = append(got, fmt.Sprintf("%s %s: %s in %s: %s", f.Severity, f.Rule, f.Object, f.File, f.Message))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if notes := strings.Join(report.Notes, "\n"); (tt.note == "") != (notes == "") || !strings.Contains(notes, tt.note) {
				t.Errorf("notes %q, want %q in them", notes, tt.note)
			}
		})
	}
}

func TestANamespaceThatIsNotSaidIsTheOneItIsAppliedTo(t *testing.T) {
	in := func(text, namespace string) string {
		if namespace == "" {
			return strings.Replace(text, "namespace: shop, ", "", 1)
		}
		return strings.Replace(text, "namespace: shop", "namespace: "+namespace, 1)
	}
	other := func(namespace string) string {
		return in(strings.Replace(guard, "namespace: shop, name: web", "namespace: shop, name: other", 1), namespace)
	}
	for _, tt := range []struct {
		name      string
		manifests string
		want      []string
	}{
		{"none is default", in(sound, "") + in(guard, "default"), []string{}},
		{"default is none", in(sound, "default") + in(guard, ""), []string{}},
		{"a budget without one may be for any", sound + in(guard, ""), []string{}},
		{"a workload without one may be in any", in(sound, "") + guard, []string{}},
		{"an autoscaler without one may be for any", sound + guard + in(scaled("v2", ", minReplicas: 1"), ""), []string{
			"high single-replica: Deployment shop/web: HorizontalPodAutoscaler web may scale it to one replica, whose loss is an outage",
		}},
		{"an autoscaler of its own goes first", sound + guard + scaled("v2", ", minReplicas: 3") + in(scaled("v2", ", minReplicas: 1"), ""), []string{}},
		{"two that are no one's neighbours are no two budgets", in(sound, "") + guard + other("elsewhere"), []string{}},
		{"each has a budget of its own", in(sound, "") + sound + guard + other(""), []string{}},
		{"another namespace is another", in(sound, "elsewhere") + guard, []string{
			"medium no-budget: Deployment elsewhere/web: no PodDisruptionBudget selects its 3 replicas: a drain may evict all of them at once",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			manifests := strings.ReplaceAll(tt.manifests, "\napiVersion: apps", "\n---\napiVersion: apps")
			if diff := cmp.Diff(tt.want, found(Run(read(t, manifests), Options{Rules: Rules()}))); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBudgetsThatTheAPIServerRefusesCoverNothing(t *testing.T) {
	const uncovered = "medium no-budget: Deployment shop/web: no PodDisruptionBudget selects its 3 replicas: a drain may evict all of them at once"
	const percent = ": a valid percent string must be a numeric string followed by an ending '%'"
	for spec, want := range map[string]string{
		`minAvailable: "2"`:                    `spec.minAvailable: Invalid value: "2"` + percent,
		"minAvailable: 1, maxUnavailable: 1":   "spec: minAvailable and maxUnavailable cannot be both set",
		"minAvailable: -1":                     "spec.minAvailable: Invalid value: -1: must be greater than or equal to 0",
		"maxUnavailable: 150%":                 `spec.maxUnavailable: Invalid value: "150%": must not be greater than 100%`,
		"unhealthyPodEvictionPolicy: Sometime": `spec.unhealthyPodEvictionPolicy: Unsupported value: "Sometime"`,
	} {
		t.Run(spec, func(t *testing.T) {
			got := found(Run(read(t, soundWith(t, "maxUnavailable: 1", spec)), rulesOf(t, "budget-refused,budget-allows-nothing,no-budget")))
			if want := "high budget-refused: PodDisruptionBudget shop/web: the API server rejects it: " + want; len(got) != 2 || !strings.HasPrefix(got[0], want) || got[1] != uncovered {
				t.Errorf("got %q, want %q and %q", got, want, uncovered)
			}
		})
	}
}

func TestAdviceDoesNotLeadToAnotherFinding(t *testing.T) {
	const narrow = "select exactly the pods of Deployments, StatefulSets and similar kinds, with maxUnavailable: 1 and two or more replicas"
	for _, tt := range []struct{ name, manifests, want string }{
		{"whole Deployments", soundWith(t, "maxUnavailable: 1", "minAvailable: 3"), haveMore},
		{"a CronJob beside it", soundWith(t, "maxUnavailable: 1", "minAvailable: 3") + nightly, "set minAvailable to 2 or less, or " + narrow},
		{"a CronJob alone", nightly + strings.Replace(guard, "maxUnavailable: 1", "minAvailable: 1", 1), "set minAvailable to 0, or " + narrow},
		{"a pod without a controller beside it", soundWith(t, "maxUnavailable: 1", "minAvailable: 4") + solo, "set minAvailable to 3 or less, or " + narrow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			findings := Run(read(t, tt.manifests), rulesOf(t, "budget-allows-nothing")).Findings
			if len(findings) != 1 || findings[0].Fix != tt.want {
				t.Errorf("got %+v, want the advice %q", findings, tt.want)
			}
		})
	}
}

func TestPodsThatEndAndHaveNoControllerAreNoWorkloads(t *testing.T) {
	for _, policy := range []string{"Never", "OnFailure"} {
		ending := strings.Replace(solo, "spec: {", "spec: {restartPolicy: "+policy+", ", 1)
		if diff := cmp.Diff([]string{}, found(Run(read(t, soundWith(t)+ending), Options{Rules: Rules()}))); diff != "" {
			t.Errorf("findings with %s (-want +got):\n%s", policy, diff)
		}
	}
}

// TestBudgetsOfSomeOfAControllersPods: only a cluster knows labels that no template has, such
// as the name of a StatefulSet's pod or a role that an operator gives.
func TestBudgetsOfSomeOfAControllersPods(t *testing.T) {
	set := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "web", UID: "web"}
	database := metav1.OwnerReference{APIVersion: "db.example.com/v1", Kind: "Database", Name: "web", UID: "web"}
	job := metav1.OwnerReference{APIVersion: "batch/v1", Kind: "Job", Name: "web", UID: "web"}
	const never = " can ever be evicted, and no node with such a pod can be drained"
	for _, tt := range []struct {
		name       string
		controller metav1.OwnerReference
		// roles are those of the pods, and budgets the specs of what selects them by role.
		roles   []string
		budgets map[string]policyv1.PodDisruptionBudgetSpec
		want    []string
	}{
		{"one pod is never more than its controller's scale may miss", set, []string{"primary", "replica", "replica"},
			map[string]policyv1.PodDisruptionBudgetSpec{"primary": {MaxUnavailable: ptr.To(intstr.FromInt32(1))}}, []string{
				"high budget-allows-nothing: PodDisruptionBudget shop/primary: maxUnavailable is 1, relative to the 3 replicas of whole controllers, but it selects only 1 of them: no pod of StatefulSet shop/web (1 of its pods)" + never,
				"medium no-budget: StatefulSet shop/web: no PodDisruptionBudget selects 2 of its 3 pods: a drain may evict all of these at once",
			}},
		{"each pod has a budget, and the primary must stay", set, []string{"primary", "replica", "replica"},
			map[string]policyv1.PodDisruptionBudgetSpec{"primary": {MinAvailable: ptr.To(intstr.FromInt32(1))}, "replica": {MinAvailable: ptr.To(intstr.FromInt32(1))}}, []string{
				"high budget-allows-nothing: PodDisruptionBudget shop/primary: minAvailable is 1, with 1 replica: no pod of StatefulSet shop/web (1 of its pods)" + never,
			}},
		{"of an operator's kind, whichever pod comes first", database, []string{"replica", "primary", "replica"},
			map[string]policyv1.PodDisruptionBudgetSpec{"primary": {MinAvailable: ptr.To(intstr.FromInt32(1))}, "replica": {MinAvailable: ptr.To(intstr.FromInt32(1))}}, []string{
				"high budget-allows-nothing: PodDisruptionBudget shop/primary: minAvailable is 1, with 1 replica: no pod of Database shop/web (1 of its pods)" + never,
			}},
		{"a scale that is not known", database, []string{"primary", "replica", "replica"},
			map[string]policyv1.PodDisruptionBudgetSpec{"replica": {MaxUnavailable: ptr.To(intstr.FromInt32(1))}}, []string{}},
		{"a Job whose pods have all ended", job, nil,
			map[string]policyv1.PodDisruptionBudgetSpec{"primary": {MinAvailable: ptr.To(intstr.FromInt32(1))}, "": {MinAvailable: ptr.To(intstr.FromInt32(1))}}, []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCollector()
			s := &cluster.Snapshot{Nodes: []*corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "a"}}}}
			template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}}}
			switch tt.controller.Kind {
			case "StatefulSet":
				c.add(&appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: appsv1.StatefulSetSpec{Replicas: ptr.To[int32](3), Template: template}}, "")
			case "Job":
				template.Labels["role"] = "primary"
				c.add(&batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: batchv1.JobSpec{Template: template}}, "")
			}
			for name, spec := range tt.budgets {
				spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
				if name != "" {
					spec.Selector.MatchLabels["role"] = name
				}
				c.add(&policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}, Spec: spec}, "")
			}
			s.Pods = guarded(tt.controller, nil, make([]corev1.ConditionStatus, len(tt.roles))...).Pods
			for i, role := range tt.roles {
				s.Pods[i].Labels = map[string]string{"app": "web", "role": role}
			}
			c.pods(s)
			report := Run(c.done(), rulesOf(t, "budget-allows-nothing,two-budgets,no-budget"))
			if diff := cmp.Diff(tt.want, found(report)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDrainsLeaveMirrorPodsWhereTheyAre(t *testing.T) {
	c := newCollector()
	s := guarded(metav1.OwnerReference{APIVersion: "v1", Kind: "Node", Name: "a", UID: "a"}, syncFailed, corev1.ConditionTrue)
	c.add(s.Budgets[0], "")
	c.pods(s)
	want := []string{"high budget-allows-nothing: PodDisruptionBudget shop/web: the disruption controller cannot count its pods (databases.db.example.com does not implement the scale subresource): no pod it selects can be evicted"}
	if diff := cmp.Diff(want, found(Run(c.done(), rulesOf(t, "budget-allows-nothing")))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
