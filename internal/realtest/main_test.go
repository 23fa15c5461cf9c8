// Package realtest proves on real nodes what fake ones cannot show: programs in containers of
// their images, as the manifests in config run them, beside containers that take their time
// to start, to become ready and to end. `make test-real` runs it.
package realtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/internal/image"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

// variable has the tests run.
const variable = "STOWAGE_REAL_NODES"

// made is where hack/test-images.sh has put the images of the programs, as `make images` makes them.
const made = "../../out/test-images"

// fakes are nodes beside the real ones, of which pods have to say that they want them.
const fakes = `apiVersion: playground.stowage.dev/v1alpha1
kind: NodePool
groups:
- name: fake
  count: 2
  capacity: {cpu: 4, memory: 16Gi}
  taints: [{key: fake, effect: NoSchedule}]
`

// The playground of all tests.
var (
	shared *playground.Playground
	client kubernetes.Interface
	// foundBefore are folders of ofNodes that there were before it.
	foundBefore []string
)

func TestMain(m *testing.M) {
	if os.Getenv(variable) == "" {
		fmt.Println("skipped, all of them: `make test-real` runs the tests on real nodes")
		os.Exit(0)
	}
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	nodes, err := pool.Parse([]byte(fakes))
	if err != nil {
		return 0, err
	}
	images, err := os.MkdirTemp("", "stowage-images-*")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(images)
	netem := filepath.Join(images, "netem.tar")
	if err := writeNetemImage(netem); err != nil {
		return 0, err
	}
	archives := []string{netem}
	for _, program := range image.Programs {
		archives = append(archives, filepath.Join(made, program.Name+".tar"))
	}
	foundBefore = found(ofNodes)
	shared, err = playground.Start(context.Background(), playground.Options{Pool: nodes, RealNodes: 2, Images: archives, LogDir: os.Getenv("STOWAGE_LOG_DIR")})
	if err != nil {
		return 0, err
	}
	defer shared.Stop()
	if client, err = shared.Client(); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

func kubectl(t *testing.T, args ...string) string {
	t.Helper()
	out, err := shared.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// workload returns the spec of a pod that runs on a real node, with what stowage-pause is to
// be told.
func workload(args ...string) corev1.PodSpec {
	return corev1.PodSpec{
		NodeSelector: map[string]string{playground.RealLabel: "true"},
		Containers:   []corev1.Container{{Name: "main", Image: playground.PauseImage, Args: args}},
	}
}

// awaitPod waits until a pod is as the condition wants it.
func awaitPod(t *testing.T, ns, name, what string, condition func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	var pod *corev1.Pod
	playgroundtest.Eventually(t, fmt.Sprintf("pod %s %s", name, what), func(ctx context.Context) (bool, string) {
		var err error
		if pod, err = client.CoreV1().Pods(ns).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return false, err.Error()
		}
		return condition(pod), fmt.Sprintf("%s: %v, %v", pod.Status.Phase, pod.Status.Conditions, pod.Status.ContainerStatuses)
	})
	return pod
}

func isReady(pod *corev1.Pod) bool { return is(pod, corev1.PodReady) }

// is says whether a condition of the pod is true.
func is(pod *corev1.Pod, condition corev1.PodConditionType) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == condition {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// timed says how long a step of a test took, where somebody looks.
func timed(t *testing.T, what string, step func()) {
	t.Helper()
	begin := time.Now()
	step()
	t.Logf("%s: %.1f s", what, time.Since(begin).Seconds())
}
