package audit

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Workload is something that pods belong to, or a pod by itself.
type Workload struct {
	Kind, Namespace, Name string
	// File is the manifest that it stands in.
	File string
	// Replicas is how many pods it wants, or -1 where that is not known, as of DaemonSets.
	Replicas int
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
	return w.Kind != "Job" && w.Kind != "CronJob" && w.Kind != "DaemonSet"
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
	// Nodes are those of a cluster; manifests have none, and no pods either.
	Nodes []*corev1.Node
	// Notes say what could not be read.
	Notes []string
}

// within returns the inventory of some namespaces.
func (i *Inventory) within(look func(string) bool) *Inventory {
	some := &Inventory{Nodes: i.Nodes, Notes: i.Notes}
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
	trimmed bool
	byName  map[string]*Workload
	// tops are what other workloads belong to, by their names: a Job to its CronJob.
	tops map[string]top
	// scaled are the least replicas that autoscalers leave.
	scaled map[string]int
}

// top is a controller of other controllers, in the namespace of these.
type top struct{ kind, name string }

func newCollector() *collector {
	return &collector{byName: map[string]*Workload{}, tops: map[string]top{}, scaled: map[string]int{}}
}

// add takes an object of the API, if it is one that is audited.
func (c *collector) add(object runtime.Object, file string) {
	switch o := object.(type) {
	case *appsv1.Deployment:
		c.workload("Deployment", o, replicas(o.Spec.Replicas), &o.Spec.Template, file)
	case *appsv1.StatefulSet:
		c.workload("StatefulSet", o, replicas(o.Spec.Replicas), &o.Spec.Template, file)
	case *appsv1.ReplicaSet:
		c.workload("ReplicaSet", o, replicas(o.Spec.Replicas), &o.Spec.Template, file)
	case *corev1.ReplicationController:
		if o.Spec.Template != nil {
			c.workload("ReplicationController", o, replicas(o.Spec.Replicas), o.Spec.Template, file)
		}
	case *appsv1.DaemonSet:
		c.workload("DaemonSet", o, -1, &o.Spec.Template, file)
	case *batchv1.Job:
		c.workload("Job", o, replicas(o.Spec.Parallelism), &o.Spec.Template, file)
	case *batchv1.CronJob:
		c.workload("CronJob", o, replicas(o.Spec.JobTemplate.Spec.Parallelism), &o.Spec.JobTemplate.Spec.Template, file)
	case *corev1.Pod:
		if bare(o) {
			c.workload("Pod", o, 1, &corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}, file)
		}
	case *policyv1.PodDisruptionBudget:
		c.inventory.Budgets = append(c.inventory.Budgets, Budget{o, file})
	case *autoscalingv2.HorizontalPodAutoscaler:
		target := o.Spec.ScaleTargetRef
		c.scaled[objectName(target.Kind, o.Namespace, target.Name)] = replicas(o.Spec.MinReplicas)
	}
}

// bare says whether the pod has to be looked at for itself: it has no controller, and goes
// on.
func bare(pod *corev1.Pod) bool { return metav1.GetControllerOfNoCopy(pod) == nil && goesOn(pod) }

// goesOn says whether the pod is there to stay. Mirrors are their nodes' own.
func goesOn(pod *corev1.Pod) bool {
	return cluster.Holds(pod) && pod.DeletionTimestamp == nil && !cluster.Static(pod)
}

// workload adds a workload, or to the one that it belongs to: a Deployment's ReplicaSets
// have nothing to add, those of other kinds tell what these are like.
func (c *collector) workload(kind string, o metav1.Object, replicas int, template *corev1.PodTemplateSpec, file string) {
	name := objectName(kind, o.GetNamespace(), o.GetName())
	w := &Workload{
		Kind: kind, Namespace: o.GetNamespace(), Name: o.GetName(), File: file, Replicas: replicas,
		Labels: template.Labels, Annotations: template.Annotations, Spec: template.Spec, Trimmed: c.trimmed,
	}
	if owner := metav1.GetControllerOfNoCopy(o); owner != nil {
		c.tops[name] = top{owner.Kind, owner.Name}
		if owner.Kind == "Deployment" || owner.Kind == "CronJob" || replicas == 0 {
			return
		}
		w.Kind, w.Name = owner.Kind, owner.Name
		name = w.String()
	}
	if known := c.byName[name]; known != nil {
		known.Replicas += replicas
		return
	}
	c.byName[name] = w
	c.inventory.Workloads = append(c.inventory.Workloads, w)
}

// pods adds the nodes and pods of a cluster.
func (c *collector) pods(s *cluster.Snapshot) {
	c.inventory.Nodes = s.Nodes
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
	w := &Workload{
		Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, Replicas: 1,
		Labels: pod.Labels, Annotations: pod.Annotations, Spec: pod.Spec, Trimmed: true,
	}
	if owner != nil {
		w.Kind, w.Name, w.Replicas = owner.Kind, owner.Name, owner.Desired
	}
	name := w.String()
	if top, belongs := c.tops[name]; belongs {
		w.Kind, w.Name, w.Replicas = top.kind, top.name, -1
		name = w.String()
	}
	if known := c.byName[name]; known != nil {
		return known
	}
	c.byName[name] = w
	c.inventory.Workloads = append(c.inventory.Workloads, w)
	return w
}

// done returns the inventory.
func (c *collector) done() *Inventory {
	for name, least := range c.scaled {
		if w := c.byName[name]; w != nil {
			w.Replicas = max(w.Replicas, least)
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
