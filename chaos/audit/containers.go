package audit

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// trimmedSpec is why probes and security contexts are not known.
const trimmedSpec = "probes and security contexts of some workloads are unknown: the dump is compact, or their kind is not read"

// containers reports the workloads of which the function finds fault with containers.
func (v *View) containers(message, fix string, faulty func(w *Workload) []string) {
	for _, w := range v.Workloads {
		if at := faulty(w); len(at) > 0 {
			v.Report(w, fmt.Sprintf("%s: %s", message, strings.Join(at, ", ")), fix)
		}
	}
}

// lasting are the containers that run as long as the pod does.
func lasting(spec *corev1.PodSpec) []*corev1.Container {
	var all []*corev1.Container
	for i := range spec.InitContainers {
		if c := &spec.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			all = append(all, c)
		}
	}
	for i := range spec.Containers {
		all = append(all, &spec.Containers[i])
	}
	return all
}

// every are all containers.
func every(spec *corev1.PodSpec) []*corev1.Container {
	var all []*corev1.Container
	for i := range spec.InitContainers {
		all = append(all, &spec.InitContainers[i])
	}
	for i := range spec.Containers {
		all = append(all, &spec.Containers[i])
	}
	return all
}

func noRequests(v *View) {
	v.containers("no requests", "set resources.requests for cpu and memory to the actual usage: the scheduler relies on them", func(w *Workload) []string {
		var faulty []string
		for _, c := range lasting(&w.Spec) {
			var missing []string
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				if !requested(&c.Resources, name) && !requested(w.Spec.Resources, name) {
					missing = append(missing, string(name))
				}
			}
			if len(missing) > 0 {
				faulty = append(faulty, fmt.Sprintf("%s (%s)", c.Name, strings.Join(missing, " and ")))
			}
		}
		return faulty
	})
}

// requested says whether a resource is requested: a limit stands for a request.
func requested(r *corev1.ResourceRequirements, name corev1.ResourceName) bool {
	if r == nil {
		return false
	}
	request, requested := r.Requests[name]
	limit, limited := r.Limits[name]
	return requested && !request.IsZero() || !requested && limited && !limit.IsZero()
}

func noReadinessProbe(v *View) {
	v.containers("no readiness probe", "add a readinessProbe that succeeds once the container can serve: budgets and rollouts count ready pods", func(w *Workload) []string {
		if w.Trimmed {
			v.Unknown(trimmedSpec)
			return nil
		}
		if w.ends() {
			return nil // nobody waits for it to be ready
		}
		var faulty []string
		for i := range w.Spec.Containers {
			if c := &w.Spec.Containers[i]; c.ReadinessProbe == nil {
				faulty = append(faulty, c.Name)
			}
		}
		return faulty
	})
}

func latestImage(v *View) {
	v.containers("images that may change", "use an immutable tag or a digest for each image", func(w *Workload) []string {
		var faulty []string
		for _, c := range every(&w.Spec) {
			if c.Image != "" && floats(c.Image) {
				faulty = append(faulty, fmt.Sprintf("%s (%s)", c.Name, c.Image))
			}
		}
		return faulty
	})
}

// floats says whether an image is by the tag latest, or by none. A colon before the last
// slash is that of a registry's port.
func floats(image string) bool {
	if strings.Contains(image, "@") {
		return false
	}
	_, tag, tagged := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return !tagged || tag == "latest"
}

func root(v *View) {
	v.containers("may run as root", "set securityContext.runAsNonRoot: true, or runAsUser to a user other than 0", func(w *Workload) []string {
		if w.Trimmed {
			v.Unknown(trimmedSpec)
			return nil
		}
		if w.Spec.OS != nil && w.Spec.OS.Name == corev1.Windows {
			return nil
		}
		var faulty []string
		for _, c := range every(&w.Spec) {
			if mayBeRoot(w.Spec.SecurityContext, c.SecurityContext) {
				faulty = append(faulty, c.Name)
			}
		}
		return faulty
	})
}

// mayBeRoot says whether nothing keeps a container from user 0. What the container says goes
// before what the pod says.
func mayBeRoot(pod *corev1.PodSecurityContext, container *corev1.SecurityContext) bool {
	var nonRoot *bool
	var user *int64
	if pod != nil {
		nonRoot, user = pod.RunAsNonRoot, pod.RunAsUser
	}
	if container != nil {
		if container.RunAsNonRoot != nil {
			nonRoot = container.RunAsNonRoot
		}
		if container.RunAsUser != nil {
			user = container.RunAsUser
		}
	}
	return !(nonRoot != nil && *nonRoot) && (user == nil || *user == 0)
}

func noSpread(v *View) {
	for _, w := range v.Workloads {
		affinity := w.Spec.Affinity
		apart := len(w.Spec.TopologySpreadConstraints) > 0 || affinity != nil && affinity.PodAntiAffinity != nil
		if w.serves() && w.Replicas >= 2 && len(w.Spec.Containers) > 0 && !apart {
			v.Report(w, fmt.Sprintf("at most the scheduler's default soft constraints spread its %d replicas", w.Replicas),
				"add topologySpreadConstraints for "+corev1.LabelHostname+" and "+corev1.LabelTopologyZone)
		}
	}
}
