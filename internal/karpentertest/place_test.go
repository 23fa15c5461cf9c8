package karpentertest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/karpenter"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

const (
	appLabel = "app"
	// web is the workload that a case is about.
	web = "web"
	// patience is how long Karpenter may take to have a cluster as it wants it: it does one
	// thing after the other, with half a minute in between, and has all cases at once.
	patience = 6 * time.Minute
)

// world is what one case has to itself: a namespace, and a pool of nodes that are tainted, so
// that no other case's pods come there.
type world struct {
	*testing.T
	*cluster
	namespace string
	taint     string
}

func (c *cluster) newWorld(t *testing.T, pool string, l limits) *world {
	t.Helper()
	w := &world{T: t, cluster: c, namespace: playgroundtest.Namespace(t, c.client), taint: "karpentertest/" + pool}
	c.watcher.look(w.namespace, pool, l)
	if err := (karpenter.Pool{Name: pool, Policy: karpenter.WhenEmptyOrUnderutilized, Taint: w.taint}).Apply(context.Background(), c.play); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.kubectl(t, "delete", "nodepool", pool, "--wait=false") })
	return w
}

// deploy creates a workload of so many replicas, of half a core each unless they are changed.
func (w *world) deploy(app string, replicas int32, changes ...func(*corev1.PodTemplateSpec)) {
	w.Helper()
	labels := map[string]string{appLabel: app}
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels},
		Spec: corev1.PodSpec{
			SchedulerName: profile,
			Tolerations:   []corev1.Toleration{{Key: w.taint, Operator: corev1.TolerationOpExists}},
			Containers:    []corev1.Container{{Name: "main", Image: playground.PauseImage}},
		},
	}
	requesting("500m")(&template)
	for _, change := range changes {
		change(&template)
	}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: app},
		Spec:       appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template},
	}
	if _, err := w.client.AppsV1().Deployments(w.namespace).Create(w.Context(), deployment, metav1.CreateOptions{}); err != nil {
		w.Fatal(err)
	}
}

func requesting(cpu string) func(*corev1.PodTemplateSpec) {
	return func(t *corev1.PodTemplateSpec) {
		t.Spec.Containers[0].Resources.Requests = corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse("256Mi"),
		}
	}
}

// annotated gives the pods what a workload says about preemptible nodes.
func annotated(key, value string) func(*corev1.PodTemplateSpec) {
	return func(t *corev1.PodTemplateSpec) { metav1.SetMetaDataAnnotation(&t.ObjectMeta, key, value) }
}

var onDemandTerm = corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
	{Key: karpenter.CapacityTypeLabel, Operator: corev1.NodeSelectorOpIn, Values: []string{karpenter.OnDemand}},
}}

// requiringOnDemand has the pods require nodes on demand in their own words.
func requiringOnDemand(t *corev1.PodTemplateSpec) {
	t.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{onDemandTerm}},
	}}
}

func preferringOnDemand(t *corev1.PodTemplateSpec) {
	t.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{Weight: 100, Preference: onDemandTerm}},
	}}
}

// spreadOverCapacityTypes has as many of the pods on spot nodes as on others, but for one.
func spreadOverCapacityTypes(t *corev1.PodTemplateSpec) {
	t.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
		MaxSkew: 1, TopologyKey: karpenter.CapacityTypeLabel, WhenUnsatisfiable: corev1.DoNotSchedule,
		LabelSelector: &metav1.LabelSelector{MatchLabels: t.Labels},
	}}
}

// protect has all but one of the workload's pods stay.
func (w *world) protect() {
	w.Helper()
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: web},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MaxUnavailable: ptr.To(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{appLabel: web}},
		},
	}
	if _, err := w.client.PolicyV1().PodDisruptionBudgets(w.namespace).Create(w.Context(), budget, metav1.CreateOptions{}); err != nil {
		w.Fatal(err)
	}
}

// remove deletes a workload and waits until its pods are gone.
func (w *world) remove(app string) {
	w.Helper()
	w.cluster.kubectl(w.T, "delete", "deployment", app, "-n", w.namespace, "--cascade=foreground")
	w.await("the pods of "+app+" are gone", func(v view) bool { return len(v.nodesOf[app]) == 0 })
}

func (w *world) scale(replicas int) {
	w.Helper()
	w.cluster.kubectl(w.T, "scale", "deployment", web, "-n", w.namespace, fmt.Sprintf("--replicas=%d", replicas))
}

// restart rolls the workload out anew, and waits until that is over.
func (w *world) restart() {
	w.Helper()
	w.cluster.kubectl(w.T, "rollout", "restart", "deployment", web, "-n", w.namespace)
	playgroundtest.EventuallyWithin(w.T, patience, "the rollout is complete", func(ctx context.Context) (bool, string) {
		d, err := w.client.AppsV1().Deployments(w.namespace).Get(ctx, web, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		n, s := *d.Spec.Replicas, d.Status
		return s.ObservedGeneration == d.Generation && s.Replicas == n && s.UpdatedReplicas == n && s.AvailableReplicas == n,
			fmt.Sprintf("%+v\n%s", s, w.watcher.view(w.namespace).text)
	})
}

// await waits until the case looks like that.
func (w *world) await(what string, is func(view) bool) (v view) {
	w.Helper()
	playgroundtest.EventuallyWithin(w.T, patience, what, func(context.Context) (bool, string) {
		v = w.watcher.view(w.namespace)
		return is(v), v.text
	})
	return v
}

// awaitRunning waits until the workloads have so many pods, and all of them run.
func (w *world) awaitRunning(pods int) view {
	w.Helper()
	return w.await(fmt.Sprintf("%d pods run", pods), func(v view) bool { return v.pods == pods && v.running == pods })
}

// awaitCalm waits until all pods run, no node is there for nobody, and nothing has been created
// or deleted for long enough. That they run must come soon: it is not worth more patience.
func (w *world) awaitCalm(pods int) view {
	w.Helper()
	settled := func(v view) bool { return v.pods == pods && v.running == pods && v.idle == 0 }
	w.await(fmt.Sprintf("%d pods run, and no node is without pods", pods), settled)
	var v view
	playgroundtest.EventuallyWithin(w.T, patience+*calm, fmt.Sprintf("nothing is created or deleted for %s", *calm), func(context.Context) (bool, string) {
		v = w.watcher.view(w.namespace)
		return settled(v) && v.quiet >= *calm, v.text
	})
	return v
}

// onDemandNodeWithRoom has a node on demand that has room, beside a workload that stays, for
// three pods of half a core, and returns its name. Karpenter leaves it alone for ten seconds,
// and then some.
func (w *world) onDemandNodeWithRoom() string {
	w.Helper()
	w.deploy("filler", 1, requesting("5"), requiringOnDemand)
	w.deploy("neighbour", 1, requesting("2"), requiringOnDemand)
	v := w.awaitRunning(2)
	if node := v.nodesOf["filler"]; !slices.Equal(node, v.nodesOf["neighbour"]) {
		w.Fatalf("both were to be on one node:\n%s", v.text)
	}
	w.remove("neighbour")
	return v.nodesOf["filler"][0]
}
