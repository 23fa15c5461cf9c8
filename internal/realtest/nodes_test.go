package realtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/cgroups"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/process"
)

// TestNodes runs a container on each real node: it starts, becomes ready when it says so,
// is reached by the API server, and ends when it has ended.
func TestNodes(t *testing.T) {
	ns := playgroundtest.Namespace(t, client)
	for _, name := range shared.RealNodes {
		node, err := client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if node.Annotations[pool.FakeAnnotation] != "" || node.Labels[playground.RealLabel] != "true" || !strings.HasPrefix(node.Status.NodeInfo.ContainerRuntimeVersion, "containerd://") {
			t.Errorf("node %s is not a real one: %v %v %+v", name, node.Annotations, node.Labels, node.Status.NodeInfo)
		}
		spec := workload("--listen=:8080", "--ready-after=1s")
		spec.NodeSelector[corev1.LabelHostname] = name
		spec.Containers[0].ReadinessProbe = &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt(8080)}}}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "on-" + name}, Spec: spec}
		if _, err := client.CoreV1().Pods(ns).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		timed(t, "create to Ready", func() {
			pod = awaitPod(t, ns, pod.Name, "is Ready", isReady)
		})
		if id := pod.Status.ContainerStatuses[0].ContainerID; !strings.HasPrefix(id, "containerd://") {
			t.Errorf("its container has id %q", id)
		}
		kubectl(t, "logs", "-n", ns, pod.Name)
		kubectl(t, "get", "--raw", "/api/v1/namespaces/"+ns+"/pods/"+pod.Name+":8080/proxy/")
	}
	timed(t, "delete", func() { kubectl(t, "delete", "pods", "-n", ns, "--all") })
}

// TestFakePodsStay starts a pod on a fake node: KWOK still looks after those.
func TestFakePodsStay(t *testing.T) {
	ns := playgroundtest.Namespace(t, client)
	spec := workload()
	spec.NodeSelector = map[string]string{pool.GroupLabel: "fake"}
	spec.Tolerations = []corev1.Toleration{{Key: "fake", Operator: corev1.TolerationOpExists}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "fake"}, Spec: spec}
	if _, err := client.CoreV1().Pods(ns).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	awaitPod(t, ns, "fake", "is Ready", isReady)
}

// ofNodes are folders that what runs on nodes makes, elsewhere on the machine than a playground may.
var ofNodes = []string{"/run/containerd", "/var/lib/cni", "/var/lib/containerd", "/var/lib/kubelet", "/var/log/pods", "/var/log/containers"}

// found returns which of the paths there are.
func found(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		_, err := os.Stat(path)
		return err != nil
	})
}

// TestNothingIsLeft ends a playground with a real node in each way that there is.
func TestNothingIsLeft(t *testing.T) {
	tests := []struct {
		name string
		end  func(t *testing.T, up *process.Process, info playground.Info)
	}{
		{"told to end", func(t *testing.T, up *process.Process, info playground.Info) {
			if err := playground.Down(t.Context(), info.Name); err != nil {
				t.Error(err)
			}
		}},
		{"its starter is killed", func(t *testing.T, up *process.Process, info playground.Info) {
			up.Kill()
		}},
		{"its supervisor is killed", func(t *testing.T, up *process.Process, info playground.Info) {
			if err := syscall.Kill(info.PID, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}},
		{"all that could clean up is killed", func(t *testing.T, up *process.Process, info playground.Info) {
			up.Kill()
			if err := syscall.Kill(info.PID, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}},
		{"the kubelet ends", func(t *testing.T, up *process.Process, info playground.Info) {
			kill(t, info, "kubelet")
		}},
		{"containerd ends", func(t *testing.T, up *process.Process, info playground.Info) {
			kill(t, info, "containerd")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			name := fmt.Sprintf("left-%d", os.Getpid())
			binary, err := playground.FindBinary(playground.BinaryName)
			if err != nil {
				t.Fatal(err)
			}
			up, err := process.Start(process.Spec{
				Name: "up", Path: binary, Args: []string{"up", "--name", name, "--real-nodes=1", "--nodes=1"},
				Log: filepath.Join(t.TempDir(), "log"),
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(up.Kill)
			var info playground.Info
			playgroundtest.Eventually(t, "the playground is up", func(context.Context) (bool, string) {
				for _, one := range playground.List() {
					if one.Name == name && !one.Started.IsZero() {
						info = one
					}
				}
				if err := up.EndedByItself(); err != nil {
					t.Fatal(err)
				}
				return info.PID != 0, up.LogTail(3)
			})
			dir := filepath.Dir(info.Kubeconfig)
			if len(groups(t, dir)) == 0 {
				t.Fatal("it has no control groups: does this test know their name?")
			}
			tt.end(t, up, info)
			playgroundtest.Eventually(t, "nothing is left", func(context.Context) (bool, string) {
				playground.List() // whoever comes by next cleans up, where nobody else could
				left := append(groups(t, dir), found([]string{dir})...)
				return len(left) == 0, fmt.Sprint(left)
			})
		})
	}
}

// groups returns the control groups of the playground in a folder: while they have processes,
// they cannot be removed.
func groups(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob("/sys/fs/cgroup/*/" + cgroups.Of(dir))
	one, err2 := filepath.Glob("/sys/fs/cgroup/" + cgroups.Of(dir))
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return append(all, one...)
}

// kill kills a program of a playground's only real node.
func kill(t *testing.T, info playground.Info, program string) {
	t.Helper()
	for _, group := range groups(t, filepath.Dir(info.Kubeconfig)) {
		list, err := os.ReadFile(filepath.Join(group, info.RealNodes[0], "system", "cgroup.procs"))
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range strings.Fields(string(list)) {
			line, err := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
			if err != nil || !strings.Contains(strings.ReplaceAll(string(line), "\x00", " "), program+" --config") {
				continue
			}
			id, err := strconv.Atoi(pid)
			if err == nil {
				err = syscall.Kill(id, syscall.SIGKILL)
			}
			if err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no %s runs", program)
}

// TestNothingOutside looks for what a real node may not have outside of its own namespaces.
func TestNothingOutside(t *testing.T) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	if home := filepath.Dir(shared.Kubeconfig); strings.Contains(string(mounts), home) {
		t.Errorf("there are mounts in %s", home)
	}
	if diff := cmp.Diff(foundBefore, found(ofNodes), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("folders before (-) and now (+):\n%s", diff)
	}
}
