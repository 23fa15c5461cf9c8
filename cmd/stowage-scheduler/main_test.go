package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/manifests"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/follow"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/playground/privileges"
	"github.com/stowage-k8s/stowage/internal/process"
)

const (
	systemNamespace = "stowage-system"
	leaseName       = "stowage-scheduler"
	schedulerName   = "stowage"
	patience        = playgroundtest.Patience
)

// The playground that the tests of this package share, the log of its API server, and what reaches it: the
// administrator's client, and the kubeconfig of the scheduler's service account.
var (
	play       *playground.Playground
	auditLog   *privileges.Audit
	client     kubernetes.Interface
	kubeconfig string
)

func TestMain(m *testing.M) {
	if flag.Parse(); flag.Lookup("test.fuzz").Value.String() != "" {
		os.Exit(m.Run()) // it needs no cluster
	}
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
	if auditLog, err = privileges.New(systemNamespace); err != nil {
		return 0, err
	}
	defer auditLog.Close()
	if play, err = playgroundtest.Start(ctx, playground.Options{Pool: small, APIServerFlags: append(auditLog.Flags(), groupFlags()...)}); err != nil {
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
	bound := []authorizationv1.ResourceAttributes{ // one of each binding
		{Verb: "list", Resource: "nodes"},
		{Verb: "update", Group: "coordination.k8s.io", Resource: "leases", Namespace: systemNamespace, Name: leaseName},
		{Verb: "get", Resource: "configmaps", Namespace: "kube-system", Name: "extension-apiserver-authentication"},
	}
	if err := playgroundtest.AwaitAllowed(ctx, client, systemNamespace, program, bound...); err != nil {
		return 0, err
	}
	code := m.Run()
	return code, auditLog.Check(installation, code == 0)
}

func eventually(t *testing.T, what string, condition func(ctx context.Context) (bool, string)) {
	t.Helper()
	playgroundtest.Eventually(t, what, condition)
}

func namespace(t *testing.T) string {
	t.Helper()
	return playgroundtest.Namespace(t, client)
}

// startScheduler starts stowage-scheduler as its service account, and ends it with the
// test. It keeps its lease even where it gets hardly any processor time: no test waits for
// the end of the lease, since the scheduler gives it back.
func startScheduler(t *testing.T, name string, args ...string) *process.Process {
	t.Helper()
	p := startReplica(t, name, slices.Concat([]string{"--leader-elect-lease-duration", "10m", "--leader-elect-renew-deadline", "9m"}, args)...)
	playgroundtest.Need(t, p)
	return p
}

func startReplica(t *testing.T, name string, args ...string) *process.Process {
	t.Helper()
	args = append([]string{"--kubeconfig", kubeconfig, "--secure-port", "0", "-v", "2", "--leader-elect-retry-period", "500ms"}, args...)
	p, err := play.StartProgram(program, logName(t, name), args...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// logName returns what the log of a program goes by that a test starts, also one that is part of another.
func logName(t *testing.T, program string) string {
	return strings.ReplaceAll(t.Name()+"-"+program, "/", "-")
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
