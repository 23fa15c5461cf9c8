package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/manifests"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/follow"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/process"
)

const (
	systemNamespace = "stowage-system"
	leaseName       = "stowage-scheduler"
	schedulerName   = "stowage"
	// patience bounds every wait: far more than anything takes on a busy machine.
	patience = 90 * time.Second
)

// The playground that the tests of this package share, and what reaches it: the
// administrator's client, and the kubeconfig of the scheduler's service account.
var (
	play       *playground.Playground
	client     kubernetes.Interface
	kubeconfig string
)

func TestMain(m *testing.M) {
	code, err := runOnPlayground(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runOnPlayground(m *testing.M) (int, error) {
	ctx := context.Background()
	small, err := pool.Load("../../config/pools/small.yaml")
	if err != nil {
		return 0, err
	}
	if play, err = playground.Start(ctx, playground.Options{Pool: small}); err != nil {
		return 0, err
	}
	defer play.Stop()
	cfg, err := play.RESTConfig()
	if err != nil {
		return 0, err
	}
	if client, err = kubernetes.NewForConfig(cfg); err != nil {
		return 0, err
	}
	applier, err := manifests.NewApplier(cfg)
	if err != nil {
		return 0, err
	}
	objects, err := manifests.Decode(config.SchedulerRBAC)
	if err != nil {
		return 0, err
	}
	if err := applier.Apply(ctx, objects...); err != nil {
		return 0, err
	}
	if kubeconfig, err = play.ServiceAccountKubeconfig(ctx, systemNamespace, "stowage-scheduler"); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// eventually waits until the condition holds, and fails the test with what it
// said last when it does not.
func eventually(t *testing.T, what string, condition func(ctx context.Context) (bool, string)) {
	t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		ok, state := condition(ctx)
		if ctx.Err() == nil { // a request that the deadline cut off tells nothing
			last = state
		}
		return ok, nil
	})
	if err != nil {
		t.Fatalf("waiting until %s: %v; last seen: %s", what, err, last)
	}
}

// startScheduler starts stowage-scheduler as its service account, with short
// leases, and ends it with the test.
func startScheduler(t *testing.T, name string, args ...string) *process.Process {
	t.Helper()
	args = append([]string{
		"--kubeconfig", kubeconfig, "--secure-port", "0", "-v", "2",
		"--leader-elect-lease-duration", "4s", "--leader-elect-renew-deadline", "3s", "--leader-elect-retry-period", "500ms",
	}, args...)
	p, err := play.StartProgram(program, t.Name()+"-"+name, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last lines of %s: %s", p.Name(), p.LogTail(20))
		}
		p.Stop(context.Background(), 5*time.Second) // gives its lease back
	})
	return p
}

// leader returns who holds the lease, or nothing.
func leader(t *testing.T) string {
	t.Helper()
	lease, err := client.CoordinationV1().Leases(systemNamespace).Get(t.Context(), leaseName, metav1.GetOptions{})
	if err != nil || lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// awaitLeader waits until somebody other than the one named holds the lease.
func awaitLeader(t *testing.T, other string) string {
	t.Helper()
	holder := ""
	eventually(t, "another scheduler leads", func(context.Context) (bool, string) {
		holder = leader(t)
		return holder != "" && holder != other, holder
	})
	return holder
}

// namespace returns a fresh namespace, gone with the test.
func namespace(t *testing.T) string {
	t.Helper()
	ns, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	// Without its service account a namespace takes no pods.
	eventually(t, "the namespace has a service account", func(ctx context.Context) (bool, string) {
		_, err := client.CoreV1().ServiceAccounts(ns.Name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, fmt.Sprint(err)
	})
	return ns.Name
}

// newPod returns a pod for the scheduler that requests so much cpu.
func newPod(name, scheduler, cpu string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{
			SchedulerName: scheduler,
			Containers: []corev1.Container{{
				Name: "main", Image: "registry.k8s.io/pause",
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}},
			}},
		},
	}
}

func createPod(t *testing.T, ns string, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	created, err := client.CoreV1().Pods(ns).Create(t.Context(), pod, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// awaitRunning waits until the pod runs, and returns it as it is then.
func awaitRunning(t *testing.T, ns, name string) *corev1.Pod {
	t.Helper()
	var pod *corev1.Pod
	eventually(t, name+" runs", func(ctx context.Context) (bool, string) {
		var err error
		if pod, err = client.CoreV1().Pods(ns).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return false, err.Error()
		}
		return pod.Status.Phase == corev1.PodRunning, fmt.Sprintf("%s, conditions %v", pod.Status.Phase, pod.Status.Conditions)
	})
	return pod
}

// followPods calls see with each pod of the namespace as it was and as it is, until
// the test ends; nil is where it was not yet or is no more.
func followPods(t *testing.T, ns string, see func(was, is *corev1.Pod)) {
	t.Helper()
	err := follow.NodesAndPods(t.Context(), client, follow.Changes{
		Node: func(_, _ *corev1.Node) {},
		Pod: func(was, is *corev1.Pod) {
			if was != nil && was.Namespace == ns || is != nil && is.Namespace == ns {
				see(was, is)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// eventNotes returns the notes of the pod's events of that reason, by the
// controllers that reported them.
func eventNotes(ctx context.Context, pod *corev1.Pod, reason string) map[string][]string {
	notes := map[string][]string{}
	events, err := client.EventsV1().Events(pod.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return map[string][]string{"error": {err.Error()}}
	}
	for _, e := range events.Items {
		if e.Regarding.UID == pod.UID && e.Reason == reason {
			notes[e.ReportingController] = append(notes[e.ReportingController], e.Note)
		}
	}
	return notes
}
