package ask

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/manifests"
)

// Workload is pods that are all alike, to find room for.
type Workload struct {
	Kind, Namespace, Name string
	// Replicas is how many are wanted, and Running how many of them have a node already.
	Replicas, Running int
	Notes             []string

	template *corev1.PodTemplateSpec
	selector *metav1.LabelSelector
	like     *corev1.Pod // a pod of it in the cluster, if there is one
	owner    *metav1.OwnerReference
}

// String is how the workload is called, such as "Deployment shop/web".
func (w *Workload) String() string { return fmt.Sprintf("%s %s/%s", w.Kind, w.Namespace, w.Name) }

// Stdin is the path that stands for the standard input.
const Stdin = "-"

// workloadKinds are the kinds that are read from files.
var workloadKinds = []string{"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Job", "Pod"}

// ReadWorkloads returns the workloads of a manifest in YAML or JSON. Those that name no namespace
// are in the given one. Other kinds are left out, and a file without a workload is an error.
func ReadWorkloads(path string, stdin io.Reader, namespace string) ([]*Workload, error) {
	data, err := readFile(path, stdin)
	if err != nil {
		return nil, err
	}
	objects, err := manifests.Decode(data)
	if err == nil {
		err = manifests.CheckKeys(data)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var all []*Workload
	take := func(object *unstructured.Unstructured) error {
		workload, err := workloadOf(object)
		if err != nil {
			return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
		}
		if workload != nil {
			workload.Namespace = cmp.Or(workload.Namespace, namespace)
			all = append(all, workload)
		}
		return nil
	}
	for _, object := range objects {
		if object.IsList() {
			err = object.EachListItem(func(item runtime.Object) error { return take(item.(*unstructured.Unstructured)) })
		} else {
			err = take(object)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: it has no workload: must have one of %s", path, strings.Join(workloadKinds, ", "))
	}
	return all, nil
}

func readFile(path string, stdin io.Reader) ([]byte, error) {
	if path == Stdin {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(path)
}

// workloadOf reads one object; nil if it is no workload.
func workloadOf(object *unstructured.Unstructured) (*Workload, error) {
	w := &Workload{Kind: object.GetKind(), Namespace: object.GetNamespace(), Name: cmp.Or(object.GetName(), object.GetGenerateName())}
	into := func(typed any) error {
		return runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true)
	}
	switch object.GroupVersionKind().GroupKind() {
	case cluster.DeploymentKind:
		var o appsv1.Deployment
		if err := into(&o); err != nil {
			return nil, err
		}
		w.template, w.selector, w.Replicas = &o.Spec.Template, o.Spec.Selector, number(o.Spec.Replicas)
	case cluster.ReplicaSetKind:
		var o appsv1.ReplicaSet
		if err := into(&o); err != nil {
			return nil, err
		}
		w.template, w.selector, w.Replicas = &o.Spec.Template, o.Spec.Selector, number(o.Spec.Replicas)
	case cluster.StatefulSetKind:
		var o appsv1.StatefulSet
		if err := into(&o); err != nil {
			return nil, err
		}
		w.template, w.selector, w.Replicas = &o.Spec.Template, o.Spec.Selector, number(o.Spec.Replicas)
		if len(o.Spec.VolumeClaimTemplates) > 0 {
			w.Notes = append(w.Notes, "its volumeClaimTemplates are not simulated: its volumes are taken to be within reach of every node")
		}
	case cluster.ReplicationControllerKind:
		var o corev1.ReplicationController
		if err := into(&o); err != nil {
			return nil, err
		}
		w.template, w.Replicas = o.Spec.Template, number(o.Spec.Replicas)
	case cluster.JobKind:
		var o batchv1.Job
		if err := into(&o); err != nil {
			return nil, err
		}
		w.template, w.Replicas = &o.Spec.Template, number(o.Spec.Parallelism)
	case corev1.SchemeGroupVersion.WithKind("Pod").GroupKind():
		var o corev1.Pod
		if err := into(&o); err != nil {
			return nil, err
		}
		w.template, w.Replicas = &corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec}, 1
	default:
		return nil, nil
	}
	if w.template == nil || len(w.template.Spec.Containers) == 0 {
		return nil, errors.New("its template has no containers")
	}
	if w.Replicas < 0 {
		return nil, fmt.Errorf("replicas: must be 0 or more, not %d", w.Replicas)
	}
	return w, nil
}

func number(replicas *int32) int {
	if replicas == nil {
		return 1
	}
	return int(*replicas)
}

// revisionAnnotation is how a Deployment numbers its ReplicaSets.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// Deployment returns a Deployment of the cluster.
func (w *World) Deployment(namespace, name string) (*Workload, error) {
	i := slices.IndexFunc(w.picture.Deployments, func(d *appsv1.Deployment) bool { return d.Namespace == namespace && d.Name == name })
	if i < 0 {
		return nil, w.noDeployment(namespace, name)
	}
	deployment := w.picture.Deployments[i]
	workload := &Workload{
		Kind: "Deployment", Namespace: namespace, Name: name, Replicas: number(deployment.Spec.Replicas), selector: deployment.Spec.Selector,
	}
	var newest *appsv1.ReplicaSet
	for _, set := range w.picture.ReplicaSets {
		if owner := metav1.GetControllerOfNoCopy(set); owner != nil && owner.UID == deployment.UID && (newest == nil || revision(set) > revision(newest)) {
			newest = set
		}
	}
	if newest == nil || len(newest.Spec.Template.Spec.Containers) == 0 {
		return nil, fmt.Errorf("deployment %s/%s has no replicas, so its pods are not known: give its manifest as FILE", namespace, name)
	}
	workload.template = &newest.Spec.Template
	workload.owner = metav1.NewControllerRef(newest, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	for _, pod := range w.picture.Pods {
		if owner := w.owners.Of(pod); owner == nil || owner.UID != deployment.UID || !cluster.Holds(pod) || cluster.Leaving(pod) {
			continue
		}
		if pod.Spec.NodeName != "" {
			workload.Running++
		}
		if metav1.IsControlledBy(pod, newest) {
			workload.like = pod
		}
	}
	return workload, nil
}

func (w *World) noDeployment(namespace, name string) error {
	var here, elsewhere []string
	for _, d := range w.picture.Deployments {
		if d.Namespace == namespace {
			here = append(here, d.Name)
		} else if d.Name == name {
			elsewhere = append(elsewhere, d.Namespace)
		}
	}
	return notFound("deployment", namespace, name, here, elsewhere)
}

func revision(set *appsv1.ReplicaSet) int {
	n, err := strconv.Atoi(set.Annotations[revisionAnnotation])
	if err != nil {
		return 0
	}
	return n
}

// prepare makes the workload known to the plugins, as its controller in the cluster is, so that
// those which look at controllers treat its pods as they will.
func (w *World) prepare(workload *Workload) error {
	if workload.owner != nil || workload.selector == nil || workload.Kind == "StatefulSet" {
		return nil
	}
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: workload.Namespace, Name: workload.Name + "-new", UID: types.UID("new/" + workload.String())}}
	replicas := int32(workload.Replicas)
	set.Spec = appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: workload.selector, Template: *workload.template}
	workload.owner = metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	return w.sim.Store(set)
}

// replica returns a new pod of the workload as it comes to the scheduler, and what had to be
// assumed.
func (w *World) replica(workload *Workload, n int) (pod *corev1.Pod, note string) {
	name := fmt.Sprintf("%s-new-%d", workload.Name, n)
	if workload.like != nil {
		pod, note = w.owners.Replacement(workload.like)
	} else {
		pod, note = w.owners.NewPod(workload.template, workload.Namespace, name)
	}
	pod.Namespace, pod.Name, pod.UID = workload.Namespace, name, types.UID("new/"+workload.String()+"/"+name)
	if workload.owner != nil {
		pod.OwnerReferences = []metav1.OwnerReference{*workload.owner}
	}
	return pod, note
}
