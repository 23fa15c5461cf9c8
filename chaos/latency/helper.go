package latency

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/field"
)

const (
	// DefaultImage has sh, nsenter and tc.
	DefaultImage = "docker.io/nicolaka/netshoot:v0.13"

	// helperPatience is how long the image may take to be pulled and the helper to begin.
	helperPatience = 2 * time.Minute
	// helperPoll is how often to look whether it has.
	helperPoll = 500 * time.Millisecond
	// helperGrace is how long the helper gets to remove the delay when it is deleted.
	helperGrace = 10
	// maxNameLength leaves room for what generates names.
	maxNameLength = 50
)

// script is what the helper runs. It is given its arguments as such: nothing is put into it.
//
//go:embed helper.sh
var script string

// Helper is a pod that delays the network of another pod on its node.
type Helper struct {
	// Image has sh, nsenter and tc.
	Image string
	// Namespace must allow privileged pods.
	Namespace string
}

// imageName is what names of images are made of.
var imageName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/:@-]*$`)

// Check returns the mistakes, as joined errors of type field.Error.
func (h Helper) Check() error {
	var all []error
	if !imageName.MatchString(h.Image) {
		all = append(all, field.Errorf("helperImage", "%q is not an image such as %s", h.Image, DefaultImage))
	}
	if len(validation.IsDNS1123Label(h.Namespace)) > 0 {
		all = append(all, field.Errorf("helperNamespace", "%q is not a namespace name", h.Namespace))
	}
	return errors.Join(all...)
}

// containerID is how the status of a pod names a container: by its runtime, and by an id.
var containerID = regexp.MustCompile(`^[a-z0-9-]+://([0-9a-f]{64})$`)

// containerOf returns the id of one of the pod's containers that run.
func containerOf(pod *corev1.Pod) (string, error) {
	for _, status := range pod.Status.ContainerStatuses {
		if parts := containerID.FindStringSubmatch(status.ContainerID); parts != nil && status.State.Running != nil {
			return parts[1], nil
		}
	}
	return "", fmt.Errorf("pod %s/%s has no running container with a known ID", pod.Namespace, pod.Name)
}

// nameFor names what delays a pod.
func nameFor(pod *corev1.Pod) string {
	name := "stowage-latency-" + pod.Name
	return strings.TrimRight(name[:min(len(name), maxNameLength)], "-.") + "-" + string(pod.UID)[:min(8, len(pod.UID))]
}

// Pod returns the helper for a victim, which must be a Whole one. It runs in the process namespace of the node, with
// every right there: it must find the victim's processes, and enter their network.
func (h Helper) Pod(spec Spec, victim *corev1.Pod) (*corev1.Pod, error) {
	if err := errors.Join(spec.Check(), h.Check()); err != nil {
		return nil, err
	}
	if victim.Spec.HostNetwork {
		return nil, fmt.Errorf("pod %s/%s uses the host network: the delay would affect the whole node", victim.Namespace, victim.Name)
	}
	id, err := containerOf(victim)
	if err != nil {
		return nil, err
	}
	small := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("16Mi")}
	return &corev1.Pod{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
		ObjectMeta: metav1.ObjectMeta{Name: nameFor(victim), Namespace: h.Namespace},
		Spec: corev1.PodSpec{
			NodeName: victim.Spec.NodeName, HostPID: true, RestartPolicy: corev1.RestartPolicyNever,
			// Should the helper hang: the kubelet ends it, and it removes the delay.
			ActiveDeadlineSeconds:         ptr.To(int64((spec.TTL + helperPatience) / time.Second)),
			TerminationGracePeriodSeconds: ptr.To(int64(helperGrace)),
			AutomountServiceAccountToken:  ptr.To(false),
			EnableServiceLinks:            ptr.To(false),
			Tolerations:                   []corev1.Toleration{{Operator: corev1.TolerationOpExists}},
			Containers: []corev1.Container{{
				Name: "netem", Image: h.Image,
				Command:         append([]string{"/bin/sh", "-c", script, "helper.sh", id, spec.Interface, seconds(spec.TTL)}, spec.netem()...),
				SecurityContext: &corev1.SecurityContext{Privileged: ptr.To(true), RunAsUser: ptr.To(int64(0))},
				Resources:       corev1.ResourceRequirements{Requests: small},
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
					Exec: &corev1.ExecAction{Command: []string{"test", "-e", "/tmp/in-force"}},
				}},
				TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
			}},
		},
	}, nil
}
