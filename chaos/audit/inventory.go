package audit

import (
	"fmt"

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
func (w *Workload) serves() bool {
	return w.Controller != cluster.JobKind && w.Controller != cluster.DaemonSetKind
}

// Budget is a PodDisruptionBudget, and the manifest that it stands in.
type Budget struct {
	*policyv1.PodDisruptionBudget
	File string
}

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
	// tops are what ReplicaSets and Jobs belong to: a Job to its CronJob.
	tops map[key]key
	// autoscalers are those of what they scale.
	autoscalers map[key]autoscaler
}

// key tells objects from those of other kinds, and of the same kind in another API group.
type key struct {
	kind            schema.GroupKind
	namespace, name string
}

// autoscaler is a HorizontalPodAutoscaler, and how few replicas it may leave.
type autoscaler struct {
	name  string
	least int
}

func newCollector() *collector {
	return &collector{workloads: map[key]*Workload{}, tops: map[key]key{}, autoscalers: map[key]autoscaler{}}
}

// podKind stands for pods without a controller.
var podKind = corev1.SchemeGroupVersion.WithKind("Pod").GroupKind()

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
		c.inventory.Budgets = append(c.inventory.Budgets, Budget{o, file})
	case *autoscalingv1.HorizontalPodAutoscaler:
		target := o.Spec.ScaleTargetRef
		c.autoscaler(o, keyOf(target.APIVersion, target.Kind, o.Namespace, target.Name), o.Spec.MinReplicas)
	case *autoscalingv2.HorizontalPodAutoscaler:
		target := o.Spec.ScaleTargetRef
		c.autoscaler(o, keyOf(target.APIVersion, target.Kind, o.Namespace, target.Name), o.Spec.MinReplicas)
	}
}

func keyOf(apiVersion, kind, namespace, name string) key {
	return key{schema.FromAPIVersionAndKind(apiVersion, kind).GroupKind(), namespace, name}
}

// autoscaler adds one. Of several that scale the same, the one that leaves least counts.
func (c *collector) autoscaler(o metav1.Object, target key, minReplicas *int32) {
	least := replicas(minReplicas)
	if other, is := c.autoscalers[target]; !is || least < other.least {
		c.autoscalers[target] = autoscaler{o.GetName(), least}
	}
}

// bare says whether the pod has to be looked at for itself: it has no controller, and goes
// on.
func bare(pod *corev1.Pod) bool { return metav1.GetControllerOfNoCopy(pod) == nil && goesOn(pod) }

// goesOn says whether the pod is there to stay. Mirrors are their nodes' own.
func goesOn(pod *corev1.Pod) bool {
	return cluster.Holds(pod) && pod.DeletionTimestamp == nil && !cluster.Static(pod)
}

// workload adds a workload. A ReplicaSet or a Job adds to what it belongs to: a Deployment's
// and a CronJob's have nothing to add, those of other kinds tell what these are like.
func (c *collector) workload(kind, controller schema.GroupKind, o metav1.Object, replicas int, template *corev1.PodTemplateSpec, file string) {
	at := key{kind, o.GetNamespace(), o.GetName()}
	w := &Workload{
		Kind: kind.Kind, Namespace: at.namespace, Name: at.name, Controller: controller, File: file, Replicas: replicas,
		Labels: template.Labels, Annotations: template.Annotations, Spec: template.Spec, Trimmed: c.trimmed,
	}
	if top, belongs := c.belongs(kind, o); belongs {
		if top.kind == cluster.DeploymentKind || top.kind == cluster.CronJobKind || replicas == 0 {
			return
		}
		at, w.Kind, w.Name = top, cluster.KindName(top.kind), top.name
	}
	if known := c.workloads[at]; known != nil {
		known.Replicas += replicas
		return
	}
	c.enter(at, w)
}

func (c *collector) enter(at key, w *Workload) {
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
	c.tops[key{kind, o.GetNamespace(), o.GetName()}] = top
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
	at := key{podKind, pod.Namespace, pod.Name}
	w := &Workload{Namespace: pod.Namespace, Replicas: 1, Labels: pod.Labels, Annotations: pod.Annotations, Spec: pod.Spec, Trimmed: true}
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
	for at, w := range c.workloads {
		w.Least = w.Replicas
		if by, scaled := c.autoscalers[at]; scaled && w.Replicas != 0 {
			w.Autoscaler, w.Least, w.Replicas = by.name, by.least, max(w.Replicas, by.least)
		}
	}
	return &c.inventory
}

// replicas returns a number of replicas, where the API server sets 1 by default.
func replicas(number *int32) int {
	if number == nil {
		return 1
	}
	return int(*number)
}
