package cluster

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apicorev1 "k8s.io/kubernetes/pkg/apis/core/v1"
)

// complete makes a replacement of a pod from the template, as the API server would store it.
// It copies what admission adds from the old pod, see Owners.Replacement. The note describes
// what was omitted.
func (c *controllers) complete(from *template, pod *corev1.Pod) (made *corev1.Pod, note string) {
	made = &corev1.Pod{ObjectMeta: *pod.ObjectMeta.DeepCopy(), Spec: *from.Spec.DeepCopy()}
	made.Labels, made.Annotations = maps.Clone(from.Labels), maps.Clone(from.Annotations)
	if from.set != nil {
		identify(made, from.set)
	}
	apicorev1.SetObjectDefaults_Pod(made)
	if from.same {
		made.Labels, made.Annotations = beside(made.Labels, unbound(pod.Labels)), beside(made.Annotations, pod.Annotations)
	}
	changed := pod.Generation > 1 && !resourcesSet(pod)
	c.limit(made)
	if changed {
		note = guessed(&made.Spec, &pod.Spec)
	}
	mergeLabelKeys(made.Spec.Affinity, made.Labels)
	if from.same {
		before := pod.Spec.DeepCopy()
		admit(&made.Spec, before)
		note = Notes(note, c.run(&made.Spec, before), from.steer(&made.Spec, before, changed))
		if resourcesSet(pod) || from.certain && pod.Generation == 1 {
			keepResources(&made.Spec, &pod.Spec)
		}
	} else {
		note = Notes(note, c.run(&made.Spec, &pod.Spec))
		tolerateByDefault(&made.Spec, &pod.Spec)
		defaultRequests(made.Spec.Containers, pod.Spec.Containers)
		defaultRequests(made.Spec.InitContainers, pod.Spec.InitContainers)
	}
	c.prioritize(&made.Spec, &pod.Spec)
	return made, note
}

// labelsOfNode are the labels that a pod gets from its node.
var labelsOfNode = []string{corev1.LabelTopologyZone, corev1.LabelTopologyRegion}

// unbound returns the labels of a pod before it has a node.
func unbound(labels map[string]string) map[string]string {
	labels = maps.Clone(labels)
	maps.DeleteFunc(labels, func(key, _ string) bool { return slices.Contains(labelsOfNode, key) })
	return labels
}

// identify sets the labels and names that are specific to one pod of the set.
func identify(pod *corev1.Pod, set *appsv1.StatefulSet) {
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Labels[appsv1.StatefulSetPodNameLabel] = pod.Name
	pod.Labels[appsv1.PodIndexLabel] = strconv.Itoa(ordinal(pod))
	if revision := set.Status.UpdateRevision; revision != "" {
		pod.Labels[appsv1.ControllerRevisionHashLabelKey] = revision
	}
	for i := range set.Spec.VolumeClaimTemplates {
		name := set.Spec.VolumeClaimTemplates[i].Name
		claim := corev1.PersistentVolumeClaimVolumeSource{ClaimName: name + "-" + pod.Name}
		pod.Spec.Volumes = slices.DeleteFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == name })
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &claim}})
	}
}

// admit copies to a new pod what another pod of the same template has in addition, except for
// scheduling constraints.
func admit(made, before *corev1.PodSpec) {
	made.Containers = containersBeside(made.Containers, before.Containers)
	made.InitContainers = containersBeside(made.InitContainers, before.InitContainers)
	made.Volumes = namedBeside(made.Volumes, before.Volumes, func(v *corev1.Volume) string { return v.Name })
	made.ResourceClaims = namedBeside(made.ResourceClaims, before.ResourceClaims, func(c *corev1.PodResourceClaim) string { return c.Name })
	if made.SchedulerName == corev1.DefaultSchedulerName {
		made.SchedulerName = before.SchedulerName
	}
	if made.PriorityClassName == "" {
		made.PriorityClassName = before.PriorityClassName
	}
	if made.RuntimeClassName == nil {
		made.RuntimeClassName = before.RuntimeClassName
	}
	if made.SchedulingGroup == nil {
		made.SchedulingGroup = before.SchedulingGroup
	}
	switch {
	case made.Resources == nil:
		made.Resources = before.Resources
	case before.Resources != nil:
		resourcesBeside(made.Resources, before.Resources)
	}
}

// steer copies scheduling constraints to a new pod, as far as admission has added them to a
// pod of the same template, as opposed to an earlier template or a patch of the pod:
// tolerations can be added. The note describes what may come from these.
func (t *template) steer(made, before *corev1.PodSpec, patched bool) (note string) {
	if t.edited {
		var only []string
		for field, has := range map[string]bool{
			"affinity":                    made.Affinity == nil && before.Affinity != nil,
			"node selector":               len(beside(made.NodeSelector, before.NodeSelector)) > len(made.NodeSelector),
			"topology spread constraints": len(made.TopologySpreadConstraints) == 0 && len(before.TopologySpreadConstraints) > 0,
			"tolerations":                 tolerateByDefault(made, before),
		} {
			if has {
				only = append(only, field)
			}
		}
		if len(only) == 0 {
			return ""
		}
		slices.Sort(only)
		return "its controller's template may have been edited: fields that only the pod has are assumed to come from an earlier template: " + strings.Join(only, ", ")
	}
	made.NodeSelector = beside(made.NodeSelector, before.NodeSelector)
	if made.Affinity == nil {
		made.Affinity = before.Affinity
	}
	if len(made.TopologySpreadConstraints) == 0 {
		made.TopologySpreadConstraints = before.TopologySpreadConstraints
	}
	if patched {
		if tolerateByDefault(made, before) {
			note = "tolerations that only the pod has are assumed to have been added after its creation: its replacement will not have them"
		}
		return note
	}
	made.Tolerations = append(made.Tolerations, tolerationsBeside(made, before)...)
	return ""
}

// tolerationsBeside returns the tolerations that only the old pod has.
func tolerationsBeside(made, before *corev1.PodSpec) []corev1.Toleration {
	return slices.DeleteFunc(slices.Clone(before.Tolerations), func(toleration corev1.Toleration) bool {
		return slices.ContainsFunc(made.Tolerations, func(t corev1.Toleration) bool { return reflect.DeepEqual(t, toleration) })
	})
}

// containersBeside returns the containers, with those that were added to the old pod, in the
// order of the old pod, because the order of init containers matters.
func containersBeside(made, before []corev1.Container) []corev1.Container {
	var all []corev1.Container
	named := func(name string) func(corev1.Container) bool {
		return func(c corev1.Container) bool { return c.Name == name }
	}
	for _, container := range before {
		if i := slices.IndexFunc(made, named(container.Name)); i >= 0 {
			resourcesBeside(&made[i].Resources, &container.Resources)
			container = made[i]
		}
		all = append(all, container)
	}
	for _, container := range made {
		if !slices.ContainsFunc(before, named(container.Name)) {
			all = append(all, container)
		}
	}
	return all
}

func resourcesBeside(made, before *corev1.ResourceRequirements) {
	made.Requests, made.Limits = beside(made.Requests, before.Requests), beside(made.Limits, before.Limits)
	made.Claims = namedBeside(made.Claims, before.Claims, func(c *corev1.ResourceClaim) string { return c.Name + "/" + c.Request })
}

// beside returns a map with the other keys of another one added.
func beside[K comparable, V any, M ~map[K]V](made, before M) M {
	if len(before) == 0 {
		return made
	}
	all := maps.Clone(before)
	maps.Copy(all, made)
	return all
}

// namedBeside returns a list with the other names of another one added.
func namedBeside[T any](made, before []T, name func(*T) string) []T {
	for i := range before {
		if !slices.ContainsFunc(made, func(t T) bool { return name(&t) == name(&before[i]) }) {
			made = append(made, before[i])
		}
	}
	return made
}

// resizers are the annotations by which a VerticalPodAutoscaler marks pods whose requests it
// has set, as it will for their replacements.
var resizers = []string{"vpaUpdates", "vpaInPlaceUpdated"}

// resourcesSet reports whether admission sets the requests of such pods.
func resourcesSet(pod *corev1.Pod) bool {
	return slices.ContainsFunc(resizers, func(annotation string) bool { return pod.Annotations[annotation] != "" })
}

// keepResources copies the requests of another pod.
func keepResources(made, pod *corev1.PodSpec) {
	for _, lists := range [][2][]corev1.Container{{made.Containers, pod.Containers}, {made.InitContainers, pod.InitContainers}} {
		for i := range lists[0] {
			container := &lists[0][i]
			if j := slices.IndexFunc(lists[1], func(c corev1.Container) bool { return c.Name == container.Name }); j >= 0 {
				container.Resources = *lists[1][j].Resources.DeepCopy()
			}
		}
	}
	made.Resources = pod.Resources.DeepCopy()
}

// tolerateByDefault copies the tolerations that admission adds to all pods without their own
// tolerations for these taints, and reports whether the pod has other tolerations that are
// omitted.
func tolerateByDefault(made, before *corev1.PodSpec) (others bool) {
	var added []corev1.Toleration
	for _, toleration := range tolerationsBeside(made, before) {
		if toleration.Key != corev1.TaintNodeNotReady && toleration.Key != corev1.TaintNodeUnreachable ||
			toleration.Effect != corev1.TaintEffectNoExecute || toleration.TolerationSeconds == nil {
			others = true
			continue
		}
		if !slices.ContainsFunc(made.Tolerations, func(t corev1.Toleration) bool {
			return (t.Key == toleration.Key || t.Key == "") && (t.Effect == corev1.TaintEffectNoExecute || t.Effect == "")
		}) {
			added = append(added, toleration)
		}
	}
	made.Tolerations = append(made.Tolerations, added...)
	return others
}

// defaultRequests copies requests of containers with the same name for which LimitRanges have
// defaults: too much rather than too little.
func defaultRequests(made, before []corev1.Container) {
	for i := range made {
		requests := &made[i].Resources.Requests
		for _, container := range before {
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
				if amount, has := container.Resources.Requests[name]; has && container.Name == made[i].Name {
					*requests = beside(*requests, corev1.ResourceList{name: amount})
				}
			}
		}
	}
}

// prioritize sets the priority of the pod's class. If the class is missing from the snapshot,
// it copies the priority of a predecessor with the same class.
func (c *controllers) prioritize(made, before *corev1.PodSpec) {
	made.Priority = nil
	class := c.classes[made.PriorityClassName]
	if made.PriorityClassName == "" && c.fallback != nil {
		class = c.fallback
		made.PriorityClassName = class.Name
	}
	switch {
	case class != nil:
		value := class.Value
		made.Priority = &value
		if class.PreemptionPolicy != nil {
			policy := *class.PreemptionPolicy
			made.PreemptionPolicy = &policy
		}
	case made.PriorityClassName == before.PriorityClassName:
		made.Priority, made.PreemptionPolicy = before.Priority, before.PreemptionPolicy
	}
}
