package playground_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
	"github.com/stowage-k8s/stowage/internal/process"
)

// roleVariable makes the test binary run as the program that starts a playground
// and is then killed.
const roleVariable = "STOWAGE_TEST_STARTER"

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		p, err := playgroundtest.Start(context.Background(), playground.Options{})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		_ = json.NewEncoder(os.Stdout).Encode(p.Info)
		select {}
	}
	// Playgrounds that others start meanwhile are none of these tests' business, be it by name
	// or by folder. The folder's name is short, for sockets.
	dir, err := os.MkdirTemp("", "pg")
	if err == nil {
		err = os.Setenv("TMPDIR", dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// start starts a playground that ends with the test.
func start(t *testing.T, opts playground.Options) *playground.Playground {
	t.Helper()
	p, err := playgroundtest.Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// processesOf returns the command lines, by process id, of the processes that have
// to do with a playground's folder.
func processesOf(t *testing.T, info playground.Info) map[int]string {
	t.Helper()
	found := map[int]string{}
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Fatalf("listing processes: %v", err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		folder := []byte(filepath.Dir(info.Kubeconfig))
		if err != nil || !bytes.Contains(line, append(folder, '/')) && !bytes.Contains(line, append(folder, 0)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		found[pid] = string(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
	}
	return found
}

// componentPID returns the process id of one of a playground's components.
func componentPID(t *testing.T, info playground.Info, component string) int {
	t.Helper()
	for pid, line := range processesOf(t, info) {
		if strings.Contains(line, " component "+component+" ") || strings.Contains(line, "/"+component+" ") {
			return pid
		}
	}
	t.Fatalf("no %s runs", component)
	return 0
}

// awaitNothingLeft waits until no process, port or file of a playground is left.
func awaitNothingLeft(t *testing.T, info playground.Info) {
	t.Helper()
	left := func() string {
		if processes := processesOf(t, info); len(processes) > 0 {
			return fmt.Sprintf("processes %v", processes)
		}
		if _, err := os.Stat(filepath.Dir(info.Kubeconfig)); !errors.Is(err, os.ErrNotExist) {
			return fmt.Sprintf("folder %s: %v", filepath.Dir(info.Kubeconfig), err)
		}
		server, err := url.Parse(info.Server)
		if err != nil {
			t.Fatal(err)
		}
		listener, err := net.Listen("tcp", server.Host)
		if err != nil {
			return err.Error()
		}
		listener.Close()
		return ""
	}
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		what := left()
		if what == "" {
			return
		}
		if time.Since(begin) > playgroundtest.Patience {
			t.Fatalf("left behind: %s", what)
		}
	}
}

// TestStopLeavesNothing also has a component that was killed start again before that.
func TestStopLeavesNothing(t *testing.T) {
	p := start(t, playground.Options{Restart: true})
	if got := len(processesOf(t, p.Info)); got != 6 {
		t.Errorf("%d processes are running, want the supervisor, etcd, the API server, its two controllers and KWOK", got)
	}
	before := componentPID(t, p.Info, playground.KubeScheduler)
	if err := p.Signal(playground.KubeScheduler, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	playgroundtest.Eventually(t, "kube-scheduler runs again", func(context.Context) (bool, string) {
		processes := processesOf(t, p.Info)
		_, same := processes[before]
		return !same && len(processes) == 6, fmt.Sprint(processes)
	})
	p.Stop()
	if err := p.Err(); err != nil {
		t.Errorf("a playground that was asked to stop ended with %v", err)
	}
	awaitNothingLeft(t, p.Info)
}

func TestNothingIsLeftWhenTheStarterIsKilled(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	starter, err := process.Start(process.Spec{Name: "starter", Path: os.Args[0], Env: []string{roleVariable + "=1"}, Stdout: write, Stderr: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	write.Close()
	t.Cleanup(starter.Kill)
	var info playground.Info
	if err := json.NewDecoder(read).Decode(&info); err != nil {
		t.Fatal(err)
	}
	starter.Kill() // as kill -9 does
	awaitNothingLeft(t, info)
}

func TestNothingIsLeftWhenTheSupervisorIsKilled(t *testing.T) {
	p := start(t, playground.Options{})
	if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "supervisor ended with signal: killed") {
		t.Errorf("the playground ended with %v", err)
	}
	awaitNothingLeft(t, p.Info)
}

func TestTheEndOfAComponentIsTheEnd(t *testing.T) {
	p := start(t, playground.Options{})
	if err := syscall.Kill(componentPID(t, p.Info, "kube-controller-manager"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "kube-controller-manager ended with signal: killed") {
		t.Errorf("the playground ended with %v, want it to name the component", err)
	}
	awaitNothingLeft(t, p.Info)
}

// folders returns the folders of all playgrounds.
func folders(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(os.TempDir(), "stowage-playground-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	before := folders(t)
	_, err := playground.Start(ctx, playground.Options{Progress: func(playground.Step) { cancel() }})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want that it was cancelled", err)
	}
	if diff := cmp.Diff(before, folders(t)); diff != "" {
		t.Errorf("folders (-before +after):\n%s", diff)
	}
}

func TestStoppedWhileStarting(t *testing.T) {
	_, err := playground.Start(t.Context(), playground.Options{Name: "hasty", Progress: func(playground.Step) {
		for _, info := range playground.List() {
			if info.Name == "hasty" {
				_ = syscall.Kill(info.PID, syscall.SIGTERM) // as `down` does
			}
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "stopped while it was starting") {
		t.Errorf("error %v, want that it was stopped", err)
	}
}

// TestSideBySide runs two playgrounds at once, and ends one of them as another
// terminal would.
func TestSideBySide(t *testing.T) {
	a, b := start(t, playground.Options{Name: "side-a"}), start(t, playground.Options{Name: "side-b", NoKubeScheduler: true})
	for _, p := range []*playground.Playground{a, b} {
		client, err := p.Client()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: p.Name}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		maps, err := client.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name!=kube-root-ca.crt"})
		if err != nil {
			t.Fatal(err)
		}
		if len(maps.Items) != 1 || maps.Items[0].Name != p.Name {
			t.Errorf("playground %s has the config maps %v, want its own alone", p.Name, maps.Items)
		}
	}
	if _, err := playground.Start(t.Context(), playground.Options{Name: "side-a"}); !errors.Is(err, playground.ErrInUse) {
		t.Errorf("a second playground of the same name: %v", err)
	}
	server, err := url.Parse(a.Server)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(server.Port())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := playground.Start(t.Context(), playground.Options{Port: port}); err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("a playground on the port of another: %v", err)
	}
	if err := playground.Down(t.Context(), "side-a"); err != nil {
		t.Fatal(err)
	}
	awaitNothingLeft(t, a.Info)
	if err := a.Err(); err != nil {
		t.Errorf("a playground that was asked to stop ended with %v", err)
	}
	client, err := b.Client()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().ConfigMaps("default").Get(t.Context(), "side-b", metav1.GetOptions{}); err != nil {
		t.Errorf("the other playground does not answer any more: %v", err)
	}
}

func TestBadOptions(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	deep := filepath.Join(t.TempDir(), strings.Repeat("x", 80))
	if err := os.Mkdir(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		opts   playground.Options
		tmpdir string
		want   string
	}{
		{name: "a port in use", opts: playground.Options{Port: port}, want: fmt.Sprintf("port %d of 127.0.0.1 is in use", port)},
		{name: "a port that does not exist", opts: playground.Options{Port: 70000}, want: "port 70000: must be from 1 to 65535, or 0 for a free port"},
		{name: "a name that does not fit", opts: playground.Options{Name: "My Playground"}, want: `playground name "My Playground": must consist of lowercase letters, digits and dashes`},
		{name: "a negative limit", opts: playground.Options{ClientQPS: -1}, want: "client QPS -1 and burst 0: must be 0 (the default) or more"},
		{name: "no such objects", opts: playground.Options{Preload: "/does/not/exist"}, want: `objects to preload "/does/not/exist": no such file`},
		{name: "too many real nodes", opts: playground.Options{RealNodes: 101}, want: "101 real nodes: must be from 0 to 100"},
		{name: "a version that there is none of", opts: playground.Options{Kubernetes: "1.34.1"}, want: `Kubernetes version "1.34.1": must be one of 1.34, 1.35, `},
		{name: "a version that is not built", opts: playground.Options{Kubernetes: "1.34", Binary: "/some/bin/stowage-playground"}, want: "the control plane of Kubernetes 1.34 is not built: run `hack/control-plane.sh 1.34` in /some"},
		{name: "kubelets that are newer than the control plane", opts: playground.Options{Kubernetes: "1.34", RealNodes: 1}, want: "real nodes have kubelets of Kubernetes " + playground.LinkedVersion},
		{name: "no such binary", opts: playground.Options{Binary: "/does/not/exist"}, want: "no such file or directory"},
		{name: "a disk without room", tmpdir: "/sys", want: "only 0 MiB free in /sys: a playground requires 512 MiB or more"},
		{name: "a folder too deep for sockets", tmpdir: deep, want: "would have a path of more than 92 bytes"},
		{name: "logs that cannot be written", opts: playground.Options{LogDir: "/dev/null/logs"}, want: "/dev/null: not a directory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.tmpdir != "" {
				t.Setenv("TMPDIR", tt.tmpdir)
			}
			before := folders(t)
			_, err := playground.Start(t.Context(), tt.opts)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want one line with %s", err, tt.want)
			}
			if diff := cmp.Diff(before, folders(t)); diff != "" {
				t.Errorf("folders (-before +after):\n%s", diff)
			}
		})
	}
}

// TestCluster looks at one playground from all sides: as clients without and
// with few rights, and with kubectl.
func TestCluster(t *testing.T) {
	small, err := pool.Load("../../config/pools/small.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, playground.Options{Pool: small})
	client, err := p.Client()
	if err != nil {
		t.Fatal(err)
	}

	t.Run("every node is Ready and has the pool's labels", func(t *testing.T) {
		nodes, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(nodes.Items) != 20 || p.Nodes != 20 {
			t.Errorf("%d nodes, and the playground says %d, want 20", len(nodes.Items), p.Nodes)
		}
		for _, node := range nodes.Items {
			if node.Status.Phase != corev1.NodeRunning || node.Labels[pool.GroupLabel] == "" {
				t.Errorf("node %s: phase %q, labels %v", node.Name, node.Status.Phase, node.Labels)
			}
		}
	})

	t.Run("nobody gets in without credentials", func(t *testing.T) {
		insecure := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
		for _, path := range []string{"/version", "/readyz", "/api/v1/nodes"} {
			answer, err := insecure.Get(p.Server + path)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != http.StatusUnauthorized {
				t.Errorf("GET %s without credentials: %s, want 401", path, answer.Status)
			}
		}
	})

	t.Run("a service account has a token, and no rights of its own", func(t *testing.T) {
		kubeconfig, err := p.ServiceAccountKubeconfig(t.Context(), "default", "default")
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
		if err != nil {
			t.Fatal(err)
		}
		account, err := kubernetes.NewForConfig(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := account.CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{}); !apierrors.IsForbidden(err) {
			t.Errorf("listing pods as the default service account: %v, want that it is forbidden", err)
		}
	})

	t.Run("servers in pods can read whom to believe, as kubeadm has it", func(t *testing.T) {
		want := map[string]string{
			"requestheader-allowed-names":        `["front-proxy-client"]`,
			"requestheader-username-headers":     `["X-Remote-User"]`,
			"requestheader-group-headers":        `["X-Remote-Group"]`,
			"requestheader-extra-headers-prefix": `["X-Remote-Extra-"]`,
		}
		var says map[string]string
		eventually(t, "the API server has written it", func(ctx context.Context) (bool, string, error) {
			read, err := client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "extension-apiserver-authentication", metav1.GetOptions{})
			if err != nil {
				return false, err.Error(), nil
			}
			says = read.Data
			return says["requestheader-client-ca-file"] != "" && says["client-ca-file"] != "", fmt.Sprint(says), nil
		})
		if says["requestheader-client-ca-file"] == says["client-ca-file"] {
			t.Error("whoever speaks for others is known by the authority of all clients")
		}
		got := map[string]string{}
		for key := range want {
			got[key] = says[key]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what it says (-want +got):\n%s", diff)
		}
	})

	t.Run("a pod may be privileged where its namespace lets it", func(t *testing.T) {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "privileged"}, Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "main", Image: "registry.k8s.io/pause", SecurityContext: &corev1.SecurityContext{Privileged: ptr.To(true)}}},
		}}
		if _, err := client.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
			t.Error(err)
		}
	})

	t.Run("a node refuses pods that it has no room for, as a kubelet does, and starts those late that say so", func(t *testing.T) {
		for _, pod := range []*corev1.Pod{
			{ObjectMeta: metav1.ObjectMeta{Name: "late", Annotations: map[string]string{"pod-ready.stage.kwok.x-k8s.io/delay": "1h"}}},
			{ObjectMeta: metav1.ObjectMeta{Name: "fits"}},
			{ObjectMeta: metav1.ObjectMeta{Name: "too-many"}},
		} {
			pod.Spec = corev1.PodSpec{
				NodeName: "general-00000", // as if several schedulers had bound them at once
				Containers: []corev1.Container{{Name: "main", Image: "registry.k8s.io/pause", Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{"cpu": resource.MustParse("3")},
				}}},
			}
			if _, err := client.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		var got map[string]string
		err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, playgroundtest.Patience, true, func(ctx context.Context) (bool, error) {
			pods, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
			got = map[string]string{}
			for _, pod := range pods.Items {
				got[pod.Name] = string(pod.Status.Phase) + pod.Status.Reason
			}
			return cmp.Equal(got, map[string]string{"late": "Pending", "fits": "Running", "too-many": "FailedOutOfcpu"}), err
		})
		if err != nil {
			t.Errorf("pods %v: %v", got, err)
		}
		if err := client.CoreV1().Pods("default").DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
			t.Error(err)
		}
	})

	t.Run("kubectl", func(t *testing.T) { testKubectl(t, p) })
}

func testKubectl(t *testing.T, p *playground.Playground) {
	binary, err := playground.FindBinary("kubectl")
	if err != nil {
		t.Fatal(err)
	}
	kubectl := func(args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), playgroundtest.Patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, binary, append([]string{"--kubeconfig", p.Kubeconfig}, args...)...)
		cmd.Env = playgroundtest.Environ(t)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	has := func(got, want string) {
		t.Helper()
		if !strings.Contains(got, want) {
			t.Errorf("kubectl printed %q, want %q in it", got, want)
		}
	}
	manifest := filepath.Join(t.TempDir(), "web.yaml")
	if err := os.WriteFile(manifest, []byte(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 6
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      nodeSelector: {playground.stowage.dev/group: general}
      containers: [{name: web, image: registry.k8s.io/pause, resources: {requests: {cpu: 100m}}}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: once, image: registry.k8s.io/pause}]
`), 0o600); err != nil {
		t.Fatal(err)
	}

	waits := fmt.Sprint("--timeout=", playgroundtest.Patience)
	has(kubectl("version"), "Server Version: "+p.Kubernetes)
	has(kubectl("get", "nodes"), "Ready")
	has(kubectl("apply", "-f", manifest), "deployment.apps/web created")
	has(kubectl("rollout", "status", "deployment/web"), "successfully rolled out")
	has(kubectl("wait", "--for=condition=complete", "job/once", waits), "condition met")
	has(kubectl("scale", "deployment/web", "--replicas=9"), "scaled")
	has(kubectl("rollout", "status", "deployment/web"), "successfully rolled out")
	has(kubectl("get", "pods", "-o", "wide"), "general-00")
	has(kubectl("describe", "deployment", "web"), "9 desired | 9 updated | 9 total | 9 available")

	node := kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].spec.nodeName}")
	has(kubectl("drain", node, "--ignore-daemonsets", "--force"), "node/"+node+" drained")
	has(kubectl("get", "node", node), "SchedulingDisabled")
	if left := kubectl("get", "pods", "-l", "app=web", "-o", "name", "--field-selector", "spec.nodeName="+node); left != "" {
		t.Errorf("pods are left on the drained node: %s", left)
	}
	has(kubectl("rollout", "status", "deployment/web"), "successfully rolled out")
	has(kubectl("uncordon", node), "uncordoned")
	has(kubectl("delete", "-f", manifest, "--wait"), `deployment.apps "web" deleted`)
	kubectl("wait", "--for=delete", "pods", "-l", "app=web", waits)
}
