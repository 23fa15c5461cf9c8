package realtest

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// processOf returns the id of the process that a pod's only container runs, and what the
// kernel says of it.
func processOf(t *testing.T, pod *corev1.Pod) (int, map[string]string) {
	t.Helper()
	pid, err := shared.ContainerProcess(pod)
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	about := map[string]string{}
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		about[key] = strings.Join(strings.Fields(value), " ")
	}
	return pid, about
}

// checkRestricted looks at what a pod's process may do: no root, no capabilities, nothing
// gained by what it starts, system calls filtered, and nothing written to its image.
func checkRestricted(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	pid, about := processOf(t, pod)
	want := map[string]string{
		"Uid": "65532 65532 65532 65532", "Gid": "65532 65532 65532 65532",
		"CapEff": "0000000000000000", "CapBnd": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2",
	}
	for key, value := range want {
		if about[key] != value {
			t.Errorf("pod %s: %s is %q, want %q", pod.Name, key, about[key], value)
		}
	}
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", pid))
	if err != nil {
		t.Fatal(err)
	}
	root := strings.Fields(string(mounts))[:4]
	if root[1] != "/" || !strings.HasPrefix(root[3], "ro,") {
		t.Errorf("pod %s: its root is mounted as %v, want ro", pod.Name, root)
	}
}

// killContainer kills the process of a pod's container, as the kernel does for want of memory.
func killContainer(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	pid, _ := processOf(t, pod)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}
