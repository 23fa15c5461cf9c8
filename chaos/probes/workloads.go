package probes

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/chaos/steady"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/spelling"
	"github.com/stowage-k8s/stowage/internal/strict"
)

// servingKinds are the kinds that keep pods running and say how many.
var servingKinds = []string{"Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"}

// wellKnownKinds are those that a misspelled kind may stand for.
var wellKnownKinds = append([]string{"DaemonSet", "Job"}, servingKinds...)

type workloadsArgs struct {
	inNamespaces
	Kinds        []string           `json:"kinds,omitempty" doc:"the kinds of workloads. Default: Deployment, ReplicaSet, ReplicationController and StatefulSet. For kinds without a number of replicas, all existing pods count as desired" schema:"minItems=1"`
	Names        []string           `json:"names,omitempty" doc:"the names of workloads" schema:"minItems=1"`
	Labels       string             `json:"labels,omitempty" doc:"a selector for the labels of the workloads' pods, such as app=web,tier!=test" schema:"minLength=1"`
	MinAvailable intstr.IntOrString `json:"minAvailable" doc:"the minimum number of ready pods of each workload: a number, or a percentage of its desired pods, rounded up" schema:"required"`
}

// workloads looks whether every selected workload has enough ready pods.
type workloads struct {
	workloadsArgs
	selector labels.Selector
}

func newWorkloads(args workloadsArgs, fail failure) steady.Probe {
	args.validate(fail)
	w := &workloads{workloadsArgs: args, selector: labels.Everything()}
	if w.Kinds == nil {
		w.Kinds = servingKinds
	} else if len(w.Kinds) == 0 {
		fail("kinds", "is empty: omit it for %s", strict.OneOf(servingKinds))
	}
	for i, kind := range w.Kinds {
		if remark := spelling.DidYouMean(kind, wellKnownKinds); remark != "" && !slices.Contains(wellKnownKinds, kind) {
			fail(strict.Index("kinds", i), "%q is not a kind of workload%s", kind, remark)
		}
	}
	if w.Names != nil && len(w.Names) == 0 {
		fail("names", "is empty: omit it for all workloads")
	}
	if w.Labels != "" {
		selector, err := labels.Parse(w.Labels)
		if err != nil {
			fail("labels", "must be a label selector such as app=web: %v", err)
		}
		w.selector = selector
	}
	if w.MinAvailable == (intstr.IntOrString{}) {
		fail("minAvailable", "is required: the minimum number of ready pods of each workload, 1 or more, or a percentage such as \"80%%\"")
	} else if err := field.CheckShare(w.MinAvailable, 1); err != nil {
		fail("minAvailable", "%v", err)
	}
	return w
}

// count is how many pods a workload has.
type count struct {
	*cluster.Workload
	pods, ready int
}

// Check implements steady.Probe.
func (w *workloads) Check(_ context.Context, env steady.Env) (steady.Observation, error) {
	counts := w.count(env.Picture())
	if missing := w.missing(counts); missing != "" {
		return nothing("no workload to check is %s", missing), nil
	}
	demanded := 0
	var short []string
	for _, c := range counts {
		desired := c.Desired
		if desired < 0 {
			desired = c.pods
		}
		need, err := intstr.GetScaledValueFromIntOrPercent(&w.MinAvailable, desired, true)
		if err != nil {
			return steady.Observation{}, fmt.Errorf("minAvailable: %w", err)
		}
		if need > 0 {
			demanded++
		}
		if c.ready < need {
			short = append(short, fmt.Sprintf("%s has %d of %d pods ready, but needs %d", c.Workload, c.ready, desired, need))
		}
	}
	switch {
	case len(short) > 0:
		return steady.Observation{Message: summary(short)}, nil
	case demanded == 0:
		return nothing("%[1]d of %[1]d selected workloads have 0 desired pods", len(counts)), nil
	}
	return steady.Observation{OK: true, Message: fmt.Sprintf("%[1]d of %[1]d workloads have at least %[2]s of their pods ready", demanded, w.MinAvailable.String())}, nil
}

// missing says what is selected by name and not there; nothing where all is.
func (w *workloads) missing(counts []*count) string {
	namespaces, kinds, names := sets.New[string](), sets.New[string](), sets.New[string]()
	for _, c := range counts {
		namespaces.Insert(c.Namespace)
		kinds.Insert(c.Kind)
		names.Insert(c.Name)
	}
	var missing []string
	if absent := absent(w.Namespaces, namespaces); absent != nil {
		missing = append(missing, "in the namespaces "+strings.Join(absent, ", "))
	}
	if absent := absent(w.Names, names); absent != nil {
		missing = append(missing, "named "+strings.Join(absent, ", "))
	}
	if absent := absent(w.Kinds, kinds); absent != nil && (!slices.Equal(w.Kinds, servingKinds) || len(counts) == 0) {
		missing = append(missing, "a "+strings.Join(absent, ", "))
	}
	return strings.Join(missing, ", or ")
}

// count returns the selected workloads by namespace, name and kind, also those that have no pod.
func (w *workloads) count(picture *target.Picture) []*count {
	type key struct{ kind, namespace, name string } // a strange owner may have no UID in a dump
	counts := map[key]*count{}
	add := func(workload *cluster.Workload, podLabels map[string]string) *count {
		if workload == nil || !w.has(workload.Namespace) || !slices.Contains(w.Kinds, cluster.KindName(workload.GroupKind())) ||
			w.Names != nil && !slices.Contains(w.Names, workload.Name) {
			return nil
		}
		k := key{cluster.KindName(workload.GroupKind()), workload.Namespace, workload.Name}
		c := counts[k]
		if c == nil && w.selector.Matches(labels.Set(podLabels)) {
			c = &count{Workload: workload}
			counts[k] = c
		}
		return c
	}
	eachController(picture, add)
	for _, pod := range picture.Pods {
		if !cluster.Holds(pod) || pod.DeletionTimestamp != nil {
			continue
		}
		if c := add(picture.Owners.Of(pod), pod.Labels); c != nil {
			c.pods++
			if disruption.Ready(pod) {
				c.ready++
			}
		}
	}
	return slices.SortedFunc(maps.Values(counts), func(a, b *count) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
}

// eachController adds the workloads of all controllers of a picture, with the labels that
// their pods get.
func eachController(picture *target.Picture, add func(*cluster.Workload, map[string]string) *count) {
	of := func(controller metav1.Object, template *corev1.PodTemplateSpec) {
		var podLabels map[string]string
		if template != nil {
			podLabels = template.Labels
		}
		add(workloadOf(picture, controller.GetNamespace(), controller.GetUID()), podLabels)
	}
	for _, set := range picture.StatefulSets {
		of(set, &set.Spec.Template)
	}
	for _, controller := range picture.ReplicationControllers {
		of(controller, controller.Spec.Template)
	}
	for _, job := range picture.Jobs {
		of(job, &job.Spec.Template)
	}
	// The ReplicaSets of a Deployment are left to its own template, which says what its
	// pods are now.
	deployments := sets.New[types.UID]()
	for _, d := range picture.Deployments {
		deployments.Insert(d.UID)
		desired := 1 // what the API server fills in
		if d.Spec.Replicas != nil {
			desired = int(*d.Spec.Replicas)
		}
		add(&cluster.Workload{Kind: cluster.DeploymentKind.Kind, Group: cluster.DeploymentKind.Group, Namespace: d.Namespace, Name: d.Name, UID: d.UID, Desired: desired}, d.Spec.Template.Labels)
	}
	for _, set := range picture.ReplicaSets {
		if top := metav1.GetControllerOfNoCopy(set); top == nil || !deployments.Has(top.UID) {
			of(set, &set.Spec.Template)
		}
	}
}

// workloadOf returns what the pods of a controller belong to.
func workloadOf(picture *target.Picture, namespace string, controller types.UID) *cluster.Workload {
	controls := true
	return picture.Owners.Of(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: namespace, OwnerReferences: []metav1.OwnerReference{{UID: controller, Controller: &controls}},
	}})
}
