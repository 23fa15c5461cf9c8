package realtest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

const (
	systemNamespace  = "stowage-system"
	schedulerName    = "stowage-scheduler"
	schedulerProfile = "stowage"
	configs          = "../../config/"
	// rolloutTimeout is kubectl's own, which fails with what is missing.
	rolloutTimeout = "--timeout=3m"
)

// podsOf returns the pods of a namespace with a label that are not on their way out.
func podsOf(t *testing.T, ns, label string) []*corev1.Pod {
	t.Helper()
	list, err := client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{LabelSelector: label})
	if err != nil {
		t.Fatal(err)
	}
	var pods []*corev1.Pod
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp == nil {
			pods = append(pods, &list.Items[i])
		}
	}
	return pods
}

// install applies the overlay in a folder, and takes it away after the test.
func install(t *testing.T, dir string) {
	t.Helper()
	kubectl(t, "apply", "-k", dir)
	t.Cleanup(func() {
		if _, err := shared.Kubectl(context.Background(), "delete", "-k", dir, "--ignore-not-found"); err != nil {
			t.Error(err)
		}
	})
}

// installScheduler has the scheduler up, by manifests as they are, and returns its pods.
func installScheduler(t *testing.T) []*corev1.Pod {
	t.Helper()
	install(t, configs+"scheduler")
	timed(t, "both replicas are up", func() { awaitRollout(t, schedulerName) })
	return podsOf(t, systemNamespace, "app.kubernetes.io/name="+schedulerName)
}

// awaitRollout waits until a Deployment of ours has all its replicas.
func awaitRollout(t *testing.T, name string) {
	t.Helper()
	kubectl(t, "rollout", "status", "-n", systemNamespace, "deployment/"+name, rolloutTimeout)
}

// leader waits until one of a program's replicas leads, and is another than before.
func leader(t *testing.T, name, before string) (pod, identity string) {
	t.Helper()
	playgroundtest.Eventually(t, "another "+name+" leads than "+before, func(ctx context.Context) (bool, string) {
		lease, err := client.CoordinationV1().Leases(systemNamespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil || lease.Spec.HolderIdentity == nil {
			return false, fmt.Sprint("no lease: ", err)
		}
		identity = *lease.Spec.HolderIdentity
		pod, _, _ = strings.Cut(identity, "_")
		return identity != before && identity != "", identity
	})
	return pod, identity
}

// bind creates a pod for the scheduler and waits until it runs.
func bind(t *testing.T, ns, name string) {
	t.Helper()
	spec := workload()
	spec.SchedulerName = schedulerProfile
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
	if _, err := client.CoreV1().Pods(ns).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	awaitPod(t, ns, name, "is Ready", isReady)
}

// TestScheduler runs the Deployment: both replicas start as the restricted standard wants
// them, are on different nodes after each rollout, and the other goes on when the leader is
// told to end, and when it is killed.
func TestScheduler(t *testing.T) {
	ns := playgroundtest.Namespace(t, client)
	pods := installScheduler(t)
	for _, pod := range pods {
		checkRestricted(t, pod)
	}
	bind(t, ns, "first")

	for range 3 {
		timed(t, "a rollout", func() {
			kubectl(t, "rollout", "restart", "-n", systemNamespace, "deployment/"+schedulerName)
			awaitRollout(t, schedulerName)
		})
		nodes := map[string]bool{}
		for _, pod := range podsOf(t, systemNamespace, "app.kubernetes.io/name="+schedulerName) {
			nodes[pod.Spec.NodeName] = true
		}
		if len(nodes) != 2 {
			t.Errorf("after a rollout the replicas are on %v, want one on each of %v", nodes, shared.RealNodes)
		}
	}

	was, identity := leader(t, schedulerName, "")
	timed(t, "next bind after the leader was deleted", func() {
		if err := client.CoreV1().Pods(systemNamespace).Delete(t.Context(), was, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		leader(t, schedulerName, identity)
		bind(t, ns, "after-delete")
	})
	awaitRollout(t, schedulerName)

	was, identity = leader(t, schedulerName, "")
	timed(t, "next bind after the leader was killed", func() {
		killContainer(t, awaitPod(t, systemNamespace, was, "is Ready", isReady))
		leader(t, schedulerName, identity)
		bind(t, ns, "after-kill")
	})
	awaitRollout(t, schedulerName)
}

// TestSchedulerMetrics asks for metrics with the right to, and without.
func TestSchedulerMetrics(t *testing.T) {
	ns := playgroundtest.Namespace(t, client)
	pods := installScheduler(t)
	for _, account := range []string{"with", "without"} {
		kubectl(t, "create", "serviceaccount", "-n", ns, account)
	}
	role := "metrics-" + ns
	kubectl(t, "create", "clusterrole", role, "--verb=get", "--non-resource-url=/metrics")
	kubectl(t, "create", "clusterrolebinding", role, "--clusterrole="+role, "--serviceaccount="+ns+":with")
	t.Cleanup(func() {
		if _, err := shared.Kubectl(context.Background(), "delete", "clusterrolebinding,clusterrole", role); err != nil {
			t.Error(err)
		}
	})
	address := forward(t, systemNamespace, pods[0].Name, "10259")
	for _, tt := range []struct {
		account string
		want    []int
	}{
		{"with", []int{http.StatusOK}},
		{"without", []int{http.StatusForbidden}},
		{"", []int{http.StatusUnauthorized, http.StatusForbidden}},
	} {
		token := ""
		if tt.account != "" {
			token = strings.TrimSpace(kubectl(t, "create", "token", "-n", ns, tt.account))
		}
		// The API server hears of roles and bindings by watches.
		playgroundtest.Eventually(t, fmt.Sprintf("account %q gets %v", tt.account, tt.want), func(ctx context.Context) (bool, string) {
			code, err := get(ctx, "https://"+address+"/metrics", token)
			return slices.Contains(tt.want, code), fmt.Sprint(code, " ", err)
		})
	}
	log := kubectl(t, "logs", "-n", systemNamespace, pods[0].Name)
	if regexp.MustCompile(`(?m)^E.*requestheader`).MatchString(log) {
		t.Errorf("the log complains about the API server's request headers:\n%s", log)
	}
}

func get(ctx context.Context, url, token string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	// Its certificate is of its own making.
	insecure := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	response, err := insecure.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// forward makes a pod's port one of this machine until the test ends, and returns its address.
func forward(t *testing.T, ns, pod, port string) string {
	t.Helper()
	binary, err := playground.FindBinary("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, binary, "--kubeconfig", shared.Kubeconfig, "port-forward", "-n", ns, "pod/"+pod, "--address=127.0.0.1", ":"+port)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was told to end
	})
	address := ""
	if _, err := fmt.Fscanf(out, "Forwarding from %s", &address); err != nil {
		t.Fatalf("kubectl port-forward: %v", err)
	}
	return address
}

// drain drains a node, and lets pods come to it again after the test.
func drain(t *testing.T, node string, args ...string) {
	t.Helper()
	t.Cleanup(func() {
		if _, err := shared.Kubectl(context.Background(), "uncordon", node); err != nil {
			t.Error(err)
		}
	})
	timed(t, "drained", func() { kubectl(t, append([]string{"drain", node, "--timeout=3m"}, args...)...) })
}

// TestSchedulerDrained drains the node that the leader is on as an administrator would:
// pods go on being placed, and the replica comes up elsewhere.
func TestSchedulerDrained(t *testing.T) {
	ns := playgroundtest.Namespace(t, client)
	installScheduler(t)
	was, identity := leader(t, schedulerName, "")
	pod, err := client.CoreV1().Pods(systemNamespace).Get(t.Context(), was, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	node := pod.Spec.NodeName
	drain(t, node, "--ignore-daemonsets", "--delete-emptydir-data", "--force")
	leader(t, schedulerName, identity)
	bind(t, ns, "after-drain")
	awaitRollout(t, schedulerName)
	other := slices.DeleteFunc(slices.Clone(shared.RealNodes), func(name string) bool { return name == node })
	for _, pod := range podsOf(t, systemNamespace, "app.kubernetes.io/name="+schedulerName) {
		if pod.Spec.NodeName != other[0] {
			t.Errorf("pod %s is on %s, want %s", pod.Name, pod.Spec.NodeName, other[0])
		}
	}
}
