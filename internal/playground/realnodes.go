package playground

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/playground/cgroups"
)

const (
	// MostRealNodes is the maximum number of real nodes of a playground: they share one
	// network.
	MostRealNodes = 100
	// RealLabel is a label of real nodes, from their registration on, with the value "true".
	RealLabel = "playground.stowage.dev/real"
	// PauseImage is the image of pod sandboxes on real nodes. It is also used for workloads:
	// see cmd/stowage-pause.
	PauseImage = "docker.io/library/stowage-pause:dev"
)

// ContainerProcess returns the PID of the only process in a pod's first container on a real
// node.
func (p *Playground) ContainerProcess(pod *corev1.Pod) (int, error) {
	if len(pod.Status.ContainerStatuses) == 0 {
		return 0, fmt.Errorf("pod %s/%s has no containers yet", pod.Namespace, pod.Name)
	}
	_, id, _ := strings.Cut(pod.Status.ContainerStatuses[0].ContainerID, "://")
	group := filepath.Join(cgroups.Of(p.dir), pod.Spec.NodeName, "kubepods")
	var pids []string
	for _, class := range []string{"", "besteffort", "burstable"} { // as the kubelet sorts pods
		list, err := os.ReadFile(cgroups.File(filepath.Join(group, class, "pod"+string(pod.UID), id), "cgroup.procs"))
		if err == nil {
			pids = append(pids, strings.Fields(string(list))...)
		}
	}
	if len(pids) != 1 {
		return 0, fmt.Errorf("container %q of pod %s/%s has processes %v, not one", id, pod.Namespace, pod.Name, pids)
	}
	return strconv.Atoi(pids[0])
}
