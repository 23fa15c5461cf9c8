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

// defaults are the objects by which admission adds to pods what their templates leave out.
type defaults struct {
	runtimes map[string]*nodev1.RuntimeClass
	// containers are what LimitRanges give to containers, by namespace.
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

// limit gives the containers of a new pod what the LimitRanges of its namespace say.
func (d *defaults) limit(made *corev1.Pod) {
	given := d.containers[made.Namespace]
	for _, containers := range [][]corev1.Container{made.Spec.InitContainers, made.Spec.Containers} {
		for i := range containers {
			resourcesBeside(&containers[i].Resources, &given)
		}
	}
}

// guessed says that requests of the pod are carried over which its template leaves out, and
// no LimitRange of the picture gives, though the pod may have been resized since it had them.
func guessed(made, before *corev1.PodSpec) string {
	for _, container := range before.Containers {
		i := slices.IndexFunc(made.Containers, func(c corev1.Container) bool { return c.Name == container.Name })
		if i < 0 {
			continue
		}
		for name := range container.Resources.Requests {
			if _, has := made.Containers[i].Resources.Requests[name]; !has {
				return "requests that its template leaves out, and no LimitRange of the picture gives, are taken to be the pod's: it may have been resized"
			}
		}
	}
	return ""
}

// run gives a new pod what its RuntimeClass says. Of one that the picture does not have, only
// what it gave to the pod before is known.
func (d *defaults) run(made, before *corev1.PodSpec) (note string) {
	made.Overhead = nil
	if made.RuntimeClassName == nil {
		return ""
	}
	class := d.runtimes[*made.RuntimeClassName]
	if class == nil {
		if before.RuntimeClassName == nil || *before.RuntimeClassName != *made.RuntimeClassName {
			return fmt.Sprintf("RuntimeClass %s is not in the picture: what it adds to the replacement is not known", *made.RuntimeClassName)
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
