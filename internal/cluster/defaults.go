package cluster

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/runtime"
	apicorev1 "k8s.io/kubernetes/pkg/apis/core/v1"
)

// defaults are the objects from which admission sets fields that a pod's template omits.
type defaults struct {
	runtimes map[string]*nodev1.RuntimeClass
	// containers are the defaults of LimitRanges for containers, by namespace.
	containers map[string]corev1.ResourceRequirements
}

func newDefaults(objects []runtime.Object) defaults {
	d := defaults{runtimes: map[string]*nodev1.RuntimeClass{}, containers: map[string]corev1.ResourceRequirements{}}
	for _, object := range objects {
		switch o := object.(type) {
		case *nodev1.RuntimeClass:
			d.runtimes[o.Name] = o
		case *corev1.LimitRange:
			given := d.containers[o.Namespace]
			for _, item := range o.Spec.Limits {
				if item.Type == corev1.LimitTypeContainer {
					item = *item.DeepCopy()
					apicorev1.SetDefaults_LimitRangeItem(&item)
					given.Requests, given.Limits = beside(given.Requests, item.DefaultRequest), beside(given.Limits, item.Default)
				}
			}
			d.containers[o.Namespace] = given
		}
	}
	return d
}

// limit applies the LimitRanges of the namespace to the containers of a new pod.
func (d *defaults) limit(made *corev1.Pod) {
	given := d.containers[made.Namespace]
	for _, containers := range [][]corev1.Container{made.Spec.InitContainers, made.Spec.Containers} {
		for i := range containers {
			resourcesBeside(&containers[i].Resources, &given)
		}
	}
}

// guessed returns a note if requests that neither the template nor a LimitRange in the
// snapshot sets are copied from the pod, which may have been resized.
func guessed(made, before *corev1.PodSpec) string {
	for _, container := range before.Containers {
		i := slices.IndexFunc(made.Containers, func(c corev1.Container) bool { return c.Name == container.Name })
		if i < 0 {
			continue
		}
		for name := range container.Resources.Requests {
			if _, has := made.Containers[i].Resources.Requests[name]; !has {
				return "requests that neither its template nor a LimitRange in the snapshot sets are copied from the pod, which may have been resized"
			}
		}
	}
	return ""
}

// run applies the RuntimeClass to a new pod. If the class is missing from the snapshot, only
// its effect on the old pod is known.
func (d *defaults) run(made, before *corev1.PodSpec) (note string) {
	made.Overhead = nil
	if made.RuntimeClassName == nil {
		return ""
	}
	class := d.runtimes[*made.RuntimeClassName]
	if class == nil {
		if before.RuntimeClassName == nil || *before.RuntimeClassName != *made.RuntimeClassName {
			return fmt.Sprintf("RuntimeClass %s is not in the snapshot: its effect on the replacement is unknown", *made.RuntimeClassName)
		}
		made.Overhead = maps.Clone(before.Overhead)
		return ""
	}
	if class.Overhead != nil {
		made.Overhead = maps.Clone(class.Overhead.PodFixed)
	}
	if class.Scheduling != nil {
		made.NodeSelector = beside(made.NodeSelector, class.Scheduling.NodeSelector)
		made.Tolerations = append(made.Tolerations, tolerationsBeside(made, &corev1.PodSpec{Tolerations: class.Scheduling.Tolerations})...)
	}
	return ""
}
