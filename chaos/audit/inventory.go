package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Workload is something that pods belong to, or a pod by itself.
type Workload struct {
	Kind, Namespace, Name string
	// Controller is the kind that its pods name as their controller: a ReplicaSet of a
	// Deployment's, a Job of a CronJob's, nothing of pods by themselves.
	Controller schema.GroupKind
	// File is the manifest that it stands in.
	File string
	// Replicas is how many pods it wants, or -1 where that is not known, as of DaemonSets.
	Replicas int
	// Autoscaler is the HorizontalPodAutoscaler that scales it, and Least how few replicas
	// that may leave it: Replicas where nothing scales it.
	Autoscaler string
	Least      int
	// Labels, Annotations and Spec are those of its pods.
	Labels, Annotations map[string]string
	Spec                corev1.PodSpec
	// Trimmed says that the spec lacks probes and security contexts.
	Trimmed bool
	// Pods are those that it has, but for those on their way out.
	Pods []*corev1.Pod

	// id is the same for all renderings of one object. templated says that the labels are
	// those of a template, and so of all pods.
	id        key
	templated bool
}

// String names the workload, such as "Deployment shop/web".
func (w *Workload) String() string { return objectName(w.Kind, w.Namespace, w.Name) }

func objectName(kind, namespace, name string) string {
	if namespace == "" {
		return kind + " " + name
	}
	return fmt.Sprintf("%s %s/%s", kind, namespace, name)
}

// serves says whether the workload is there to go on, rather than to come to an end or to
// be part of each node.
func (w *Workload) serves() bool { return !w.ends() && w.Controller != cluster.DaemonSetKind }

// ends says whether its pods come to an end.
func (w *Workload) ends() bool { return w.Controller == cluster.JobKind }

// Budget is a PodDisruptionBudget, and the manifest that it stands in.
type Budget struct {
	*policyv1.PodDisruptionBudget
	File string
}

// id is the same for all renderings of one budget.
func (b Budget) id() key { return newKey(budgetGroupKind, b.Namespace, b.Name) }

// Inventory is what is audited.
type Inventory struct {
	Workloads []*Workload
	Budgets   []Budget
	// Nodes and Pods are those of a cluster; manifests have none.
	Nodes []*corev1.Node
	Pods  []*corev1.Pod
	// Notes say what could not be read.
	Notes []string
}

// within returns the inventory of some namespaces.
func (i *Inventory) within(look func(string) bool) *Inventory {
	some := &Inventory{Nodes: i.Nodes, Pods: i.Pods, Notes: i.Notes}
	for _, w := range i.Workloads {
		if look(w.Namespace) {
			some.Workloads = append(some.Workloads, w)
		}
	}
	for _, b := range i.Budgets {
		if look(b.Namespace) {
			some.Budgets = append(some.Budgets, b)
		}
	}
	return some
}

// collector makes an inventory of objects.
type collector struct {
	inventory Inventory
	// trimmed says that objects that are added lack most of their specs.
	trimmed   bool
	workloads map[key]*Workload
	// files are the manifests that hold a workload or a budget: several where it is rendered
	// several times.
	files map[key][]string
	// tops are what ReplicaSets and Jobs belong to: a Job to its CronJob.
	tops map[key]key
	// autoscalers are those of what they scale, by its kind and name.
	autoscalers map[key][]autoscaler
}

// key tells objects from those of other kinds, and of the same kind in another API group.
type key struct {
	kind            schema.GroupKind
	namespace, name string
}

func newKey(kind schema.GroupKind, namespace, name string) key {
	return key{kind, home(namespace), name}
}

// autoscaler is a HorizontalPodAutoscaler, and how few replicas it may leave.
type autoscaler struct {
	namespace, name, file string
	least                 int
}

func newCollector() *collector {
	return &collector{workloads: map[key]*Workload{}, files: map[key][]string{}, tops: map[key]key{}, autoscalers: map[key][]autoscaler{}}
}

// podKind stands for pods without a controller.
var podKind = corev1.SchemeGroupVersion.WithKind("Pod").GroupKind()

var budgetGroupKind = policyv1.SchemeGroupVersion.WithKind(budgetKind).GroupKind()

// add takes an object of the API, if it is one that is audited.
func (c *collector) add(object runtime.Object, file string) {
	switch o := object.(type) {
	case *appsv1.Deployment:
		c.workload(cluster.DeploymentKind, cluster.ReplicaSetKind, o, replicas(o.Spec.Replicas), &o.Spec.Template, file)
	case *appsv1.StatefulSet:
		c.workload(cluster.StatefulSetKind, cluster.StatefulSetKind, o, replicas(o.Spec.Replicas), &o.Spec.Template, file)
	case *appsv1.ReplicaSet:
		c.workload(cluster.ReplicaSetKind, cluster.ReplicaSetKind, o, replicas(o.Spec.Replicas), &o.Spec.Template, file)
	case *corev1.ReplicationController:
		if o.Spec.Template != nil {
			c.workload(cluster.ReplicationControllerKind, cluster.ReplicationControllerKind, o, replicas(o.Spec.Replicas), o.Spec.Template, file)
		}
	case *appsv1.DaemonSet:
		c.workload(cluster.DaemonSetKind, cluster.DaemonSetKind, o, -1, &o.Spec.Template, file)
	case *batchv1.Job:
		c.workload(cluster.JobKind, cluster.JobKind, o, replicas(o.Spec.Parallelism), &o.Spec.Template, file)
	case *batchv1.CronJob:
		c.workload(cluster.CronJobKind, cluster.JobKind, o, replicas(o.Spec.JobTemplate.Spec.Parallelism), &o.Spec.JobTemplate.Spec.Template, file)
	case *corev1.Pod:
		if bare(o) {
			c.workload(podKind, schema.GroupKind{}, o, 1, &corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}, file)
		}
	case *policyv1.PodDisruptionBudget:
		if b := (Budget{o, file}); c.rendered(b.id(), file) {
			c.inventory.Budgets = append(c.inventory.Budgets, b)
		}
	case *autoscalingv1.HorizontalPodAutoscaler:
		target := o.Spec.ScaleTargetRef
		c.autoscaler(o, keyOf(target.APIVersion, target.Kind, "", target.Name), o.Spec.MinReplicas, file)
	case *autoscalingv2.HorizontalPodAutoscaler:
		target := o.Spec.ScaleTargetRef
		c.autoscaler(o, keyOf(target.APIVersion, target.Kind, "", target.Name), o.Spec.MinReplicas, file)
	}
}

func keyOf(apiVersion, kind, namespace, name string) key {
	return newKey(schema.FromAPIVersionAndKind(apiVersion, kind).GroupKind(), namespace, name)
}

// rendered notes that a file holds the object, and says whether it is to be looked at: a
// manifest is a rendering of its own, and what a cluster's dump holds twice is the same.
func (c *collector) rendered(id key, file string) bool {
	before := len(c.files[id])
	c.files[id] = append(c.files[id], file)
	return before == 0 || file != ""
}

func (c *collector) autoscaler(o metav1.Object, target key, minReplicas *int32, file string) {
	c.autoscalers[target] = append(c.autoscalers[target], autoscaler{o.GetNamespace(), o.GetName(), file, replicas(minReplicas)})
}

// autoscalerOf returns what scales the workload: of several in its namespace and nearest to
// its manifest, the one that leaves least.
func (c *collector) autoscalerOf(w *Workload) (by autoscaler, scaled bool) {
	closeness := func(a autoscaler) int {
		if home(a.namespace) == home(w.Namespace) {
			return 1
		}
		return 0
	}
	for _, a := range c.autoscalers[newKey(w.id.kind, "", w.Name)] {
		if !mayShare(a.namespace, w.Namespace) {
			continue
		}
		order := cmp.Or(cmp.Compare(closeness(a), closeness(by)), cmp.Compare(nearness(a.file, w.File), nearness(by.file, w.File)), cmp.Compare(by.least, a.least))
		if !scaled || order > 0 {
			by, scaled = a, true
		}
	}
	return by, scaled
}

// bare says whether the pod has to be looked at for itself: it has no controller, and goes
// on.
func bare(pod *corev1.Pod) bool { return metav1.GetControllerOfNoCopy(pod) == nil && goesOn(pod) }

// goesOn says whether the pod is there to stay. Mirrors are their nodes' own, and pods
// without a controller that are not restarted, such as Helm's tests and kubectl's debuggers,
// come to an end.
func goesOn(pod *corev1.Pod) bool {
	if policy := pod.Spec.RestartPolicy; metav1.GetControllerOfNoCopy(pod) == nil && (policy == corev1.RestartPolicyNever || policy == corev1.RestartPolicyOnFailure) {
		return false
	}
	return cluster.Holds(pod) && pod.DeletionTimestamp == nil && !cluster.Static(pod)
}

// workload adds a workload, or another rendering of one. A ReplicaSet or a Job adds to what it belongs to: a Deployment's
// and a CronJob's have nothing to add, those of other kinds tell what these are like.
func (c *collector) workload(kind, controller schema.GroupKind, o metav1.Object, replicas int, template *corev1.PodTemplateSpec, file string) {
	at := newKey(kind, o.GetNamespace(), o.GetName())
	w := &Workload{
		Kind: kind.Kind, Namespace: o.GetNamespace(), Name: at.name, Controller: controller, File: file, Replicas: replicas,
		Labels: template.Labels, Annotations: template.Annotations, Spec: template.Spec, Trimmed: c.trimmed,
		templated: !c.trimmed || len(template.Labels) > 0,
	}
	if file != "" && len(template.Spec.Containers) == 0 {
		c.note("%s: %s has no containers, like a patch, and was skipped: render it first, for example with kustomize build", file, w)
		return
	}
	top, belongs := c.belongs(kind, o)
	if belongs {
		if top.kind == cluster.DeploymentKind || top.kind == cluster.CronJobKind || replicas == 0 || len(c.files[at]) > 0 {
			return
		}
		c.files[at] = []string{file}
		at, w.Kind, w.Name = top, cluster.KindName(top.kind), top.name
		if known := c.workloads[at]; known != nil {
			known.Replicas += replicas
			return
		}
	}
	if c.rendered(at, file) {
		c.enter(at, w)
	}
}

func (c *collector) note(format string, args ...any) {
	c.inventory.Notes = append(c.inventory.Notes, fmt.Sprintf(format, args...))
}

func (c *collector) enter(at key, w *Workload) {
	w.id = at
	c.workloads[at] = w
	c.inventory.Workloads = append(c.inventory.Workloads, w)
}

// belongs notes and returns what a ReplicaSet or a Job belongs to, if to anything. Other
// workloads stand for themselves, whoever has made them.
func (c *collector) belongs(kind schema.GroupKind, o metav1.Object) (top key, belongs bool) {
	owner := metav1.GetControllerOfNoCopy(o)
	if owner == nil || kind != cluster.ReplicaSetKind && kind != cluster.JobKind {
		return key{}, false
	}
	top = keyOf(owner.APIVersion, owner.Kind, o.GetNamespace(), owner.Name)
	c.tops[newKey(kind, o.GetNamespace(), o.GetName())] = top
	return top, true
}

// pods adds the nodes and pods of a cluster.
func (c *collector) pods(s *cluster.Snapshot) {
	c.inventory.Nodes, c.inventory.Pods = s.Nodes, s.Pods
	for _, set := range s.ReplicaSets {
		c.belongs(cluster.ReplicaSetKind, set)
	}
	for _, job := range s.Jobs {
		c.belongs(cluster.JobKind, job)
	}
	owners := cluster.NewOwners(s)
	for _, pod := range s.Pods {
		if !goesOn(pod) {
			continue
		}
		w := c.workloadOf(pod, owners.Of(pod))
		w.Pods = append(w.Pods, pod)
		if w.Trimmed && len(w.Spec.Containers) == 0 {
			w.Spec = pod.Spec // which has some of what its template lacks
		}
	}
}

// workloadOf returns the workload of a pod. Of one that was not read, such as an operator's
// own kind, the pod tells what it is like.
func (c *collector) workloadOf(pod *corev1.Pod, owner *cluster.Workload) *Workload {
	at := newKey(podKind, pod.Namespace, pod.Name)
	w := &Workload{Namespace: pod.Namespace, Replicas: 1, Annotations: pod.Annotations, Spec: pod.Spec, Trimmed: true}
	if ref := metav1.GetControllerOfNoCopy(pod); ref != nil {
		at = keyOf(ref.APIVersion, ref.Kind, pod.Namespace, ref.Name)
		w.Controller, w.Replicas = at.kind, owner.Desired
		if top, belongs := c.tops[at]; belongs {
			if at.kind == cluster.JobKind {
				w.Replicas = -1 // it may have several Jobs
			}
			at = top
		}
	}
	if known := c.workloads[at]; known != nil {
		return known
	}
	w.Kind, w.Name = cluster.KindName(at.kind), at.name
	c.enter(at, w)
	return w
}

// done returns the inventory. Autoscalers leave alone what is scaled to nothing.
func (c *collector) done() *Inventory {
	for _, w := range c.inventory.Workloads {
		w.Least = w.Replicas
		if by, scaled := c.autoscalerOf(w); scaled && w.Replicas != 0 {
			w.Autoscaler, w.Least, w.Replicas = by.name, by.least, max(w.Replicas, by.least)
		}
	}
	c.noteRenderings()
	return &c.inventory
}

// noteRenderings names the files that hold the same objects.
func (c *collector) noteRenderings() {
	objects := map[string][]string{}
	for id, files := range c.files {
		if len(files) > 1 && files[0] != "" {
			in := strings.Join(files, " and ")
			objects[in] = append(objects[in], objectName(cluster.KindName(id.kind), id.namespace, id.name))
		}
	}
	for _, in := range slices.Sorted(maps.Keys(objects)) {
		slices.Sort(objects[in])
		c.note("%s contain the same objects, which were checked separately for each file: %s", in, shortened(objects[in]))
	}
}

// replicas returns a number of replicas, where the API server sets 1 by default.
func replicas(number *int32) int {
	if number == nil {
		return 1
	}
	return int(*number)
}
