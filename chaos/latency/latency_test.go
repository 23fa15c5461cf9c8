package latency

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden files")

// victim is a pod as a real node reports it.
func victim() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web-7d4b9c-x2x9z", UID: "0f0e0d0c-1111-2222-3333-444444444444"},
		Spec:       corev1.PodSpec{NodeName: "worker-1"},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "ended", ContainerID: "containerd://" + strings.Repeat("0", 64)},
			{Name: "main", ContainerID: "containerd://" + strings.Repeat("ab", 32), State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		}},
	}
}

var spec = Spec{Delay: 100 * time.Millisecond, Jitter: 10 * time.Millisecond, TTL: time.Minute, Interface: "eth0"}

var helper = Helper{Image: DefaultImage, Namespace: "kube-system"}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); if that is meant, run the test with -update:\n%s", file, diff)
	}
}

func TestGolden(t *testing.T) {
	plain := spec
	plain.Jitter = 0
	var argv strings.Builder
	for _, args := range [][]string{spec.Add(), plain.Add(), spec.Remove()} {
		fmt.Fprintf(&argv, "%q\n", args)
	}
	golden(t, "argv.txt", []byte(argv.String()))

	pod, err := helper.Pod(spec, victim())
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := yaml.Marshal(pod)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "helper.yaml", manifest)

	for name, s := range map[string]Spec{"networkchaos.yaml": spec, "networkchaos-without-jitter.yaml": plain} {
		object, err := NetworkChaos(s, victim())
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, manifest)
	}
}

func TestSpecsThatMakeNoSense(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(*Spec)
		want  string
	}{
		{"no delay", func(s *Spec) { s.Delay, s.Jitter = 0, 0 }, "delay: 0s must be more than 0, up to 1m0s, in whole microseconds"},
		{"a negative delay", func(s *Spec) { s.Delay, s.Jitter = -1, 0 }, "delay: -1ns must be more than 0"},
		{"a delay that is an outage", func(s *Spec) { s.Delay = time.Hour }, "delay: 1h0m0s must be more than 0, up to 1m0s"},
		{"a delay finer than tc reads", func(s *Spec) { s.Delay = 100*time.Millisecond + 1 }, "in whole microseconds"},
		{"more jitter than delay", func(s *Spec) { s.Jitter = time.Second }, "jitter: 1s must be from 0 to the delay of 100ms"},
		{"negative jitter", func(s *Spec) { s.Jitter = -1 }, "jitter: -1ns must be from 0"},
		{"no end", func(s *Spec) { s.TTL = 0 }, "duration: 0s must be from 1s to 24h0m0s, in whole seconds, so that the delay ends on its own"},
		{"an end that is too far", func(s *Spec) { s.TTL = 25 * time.Hour }, "duration: 25h0m0s must be"},
		{"part of a second", func(s *Spec) { s.TTL = 1500 * time.Millisecond }, "duration: 1.5s must be"},
		{"no interface", func(s *Spec) { s.Interface = "" }, `interface: "" is not the name of a network interface such as eth0`},
		{"an option for an interface", func(s *Spec) { s.Interface = "-batch" }, "interface:"},
		{"a command for an interface", func(s *Spec) { s.Interface = "eth0;reboot" }, "interface:"},
		{"an interface over two lines", func(s *Spec) { s.Interface = "eth0\nx" }, "interface:"},
		{"a name that is too long", func(s *Spec) { s.Interface = "abcdefghijklmnop" }, "interface:"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := spec
			tt.alter(&s)
			if err := s.Check(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if _, err := helper.Pod(s, victim()); err == nil {
				t.Error("there is a helper for it")
			}
			if _, err := NetworkChaos(s, victim()); err == nil {
				t.Error("there is a NetworkChaos for it")
			}
		})
	}
	if err := spec.Check(); err != nil {
		t.Error(err)
	}
}

func TestVictimsThatHaveNoHelper(t *testing.T) {
	for _, tt := range []struct {
		name  string
		alter func(*corev1.Pod, *Helper)
		want  string
	}{
		{"on the node's network", func(p *corev1.Pod, _ *Helper) { p.Spec.HostNetwork = true }, "pod shop/web-7d4b9c-x2x9z uses the host network"},
		{"nothing runs", func(p *corev1.Pod, _ *Helper) { p.Status.ContainerStatuses = p.Status.ContainerStatuses[:1] }, "has no running container with a known ID"},
		{"an id that is a pattern", func(p *corev1.Pod, _ *Helper) { p.Status.ContainerStatuses[1].ContainerID = "containerd://.*" }, "has no running container with a known ID"},
		{"an image that is an option", func(_ *corev1.Pod, h *Helper) { h.Image = "--privileged" }, `helperImage: "--privileged" is not an image`},
		{"a namespace that is none", func(_ *corev1.Pod, h *Helper) { h.Namespace = "Kube System" }, `helperNamespace: "Kube System" is not a namespace name`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, h := victim(), helper
			tt.alter(p, &h)
			if _, err := h.Pod(spec, p); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// TestHelperScript runs the script among processes of its own, one of which has a network
// of its own, with a stand-in for nsenter: it delays that one, and always ends it.
func TestHelperScript(t *testing.T) {
	if out, err := exec.Command("unshare", "--pid", "--fork", "--mount-proc", "--net", "true").CombinedOutput(); err != nil {
		t.Skipf("no namespaces here: %v: %s", err, out)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("helper.sh", script)
	write("nsenter", `[ "$(readlink /proc/self/fd/3)" = "$(cat `+dir+`/network)" ] && echo "$*" >>`+dir+`/calls; test ! -e `+dir+`/broken`)
	write("tc", "")
	// Nothing but the mark tells the victim's cgroup: all have the same here.
	write("main", `
cd `+dir+`
unshare --net sleep 60 &
victim=$!
until readlink /proc/$victim/ns/net >network && [ "$(cat network)" != "$(readlink /proc/1/ns/net)" ]; do :; done
mark=$(head -n 1 /proc/$victim/cgroup)
sh helper.sh "$mark" eth0 0 delay 100000us || echo "ended by itself: code $?"
echo -- >>calls
sh helper.sh "$mark" eth0 60 delay 1us 2us & helper=$!
until [ "$(wc -l <calls)" -gt 3 ]; do :; done
kill $helper; wait $helper || echo "told to end: code $?"
echo -- >>calls
sh helper.sh no-such-container eth0 60 delay 1us || echo "no such container: code $?"
touch broken
sh helper.sh "$mark" eth0 60 delay 1us || echo "not delayed: code $?"
cat calls
kill $victim
`)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", filepath.Join(dir, "main"))
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	cmd.WaitDelay = time.Second
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errs.String())
	}
	want := `told to end: code 143
no such container: code 1
not delayed: code 1
--net=/proc/self/fd/3 tc qdisc add dev eth0 root netem delay 100000us
--net=/proc/self/fd/3 tc qdisc del dev eth0 root netem
--
--net=/proc/self/fd/3 tc qdisc add dev eth0 root netem delay 1us 2us
--net=/proc/self/fd/3 tc qdisc del dev eth0 root netem
--
--net=/proc/self/fd/3 tc qdisc add dev eth0 root netem delay 1us
`
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("(-want +got):\n%s%s", diff, errs.String())
	}
}

// TestHelperScriptSaysWhatItLacks runs the script where it cannot do its work.
func TestHelperScriptSaysWhatItLacks(t *testing.T) {
	stub := "#!/bin/sh\nexit 1\n"
	for _, tt := range []struct {
		name string
		// image has what is in it besides a shell.
		image []string
		want  string
	}{
		{
			"a node that does not let it see its processes", []string{"grep", "nsenter", "readlink", "tc"},
			"cannot read /proc/1/ns/net, so cannot tell a pod's network from the node's: it takes the node's process ids (hostPID) and the capability SYS_PTRACE over them, " +
				"which nodes that are containers themselves may not give: delay pods on other nodes, or by Chaos Mesh\n",
		},
		{"an image without tc", []string{"grep", "nsenter", "readlink"}, "the image lacks tc: helperImage names one that has sh, nsenter and tc\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			image := t.TempDir()
			for _, name := range tt.image {
				if err := os.WriteFile(filepath.Join(image, name), []byte(stub), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", script, "helper.sh", "some-container", "eth0", "1", "delay", "1us")
			cmd.Env = []string{"PATH=" + image}
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1 {
				t.Errorf("it ended with %v, want code 1", err)
			}
			if diff := cmp.Diff(tt.want, string(out)); diff != "" {
				t.Errorf("it says (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCreateHelper(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status corev1.PodStatus
		want   string
	}{
		{"in force", corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}, ""},
		{"it says why not", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: 1, Message: "no process on this node belongs to container x\n",
		}}}}}, "helper pod kube-system/stowage-latency-web-7d4b9c-x2x9z-0f0e0d0c did not start the delay: it exited with code 1: no process on this node belongs to container x"},
		{"over before anybody looked", corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{{
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}},
		}}}, ""},
		{"killed without a word", corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{{
			State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}},
		}}}, "did not start the delay: it exited with code 137: OOMKilled"},
		{"refused by the kubelet", corev1.PodStatus{Phase: corev1.PodFailed, Reason: "OutOfcpu", Message: "no room"}, "did not start the delay: OutOfcpu: no room"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pod, err := helper.Pod(spec, victim())
			if err != nil {
				t.Fatal(err)
			}
			pod.Status = tt.status
			err = CreateHelper(t.Context(), fake.NewClientset(), pod)
			if got := fmt.Sprint(err); tt.want == "" && err != nil || !strings.HasSuffix(got, tt.want) && tt.want != "" {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	pod, err := helper.Pod(spec, victim())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}}}}
	time.AfterFunc(time.Second, cancel)
	if err := CreateHelper(ctx, fake.NewClientset(), pod); err == nil || !strings.HasSuffix(err.Error(), "it is waiting: ErrImagePull") {
		t.Errorf("an image that is not there: %v", err)
	}
}

func TestHasChaosMesh(t *testing.T) {
	client := fake.NewClientset()
	if has, err := HasChaosMesh(client); has || err != nil {
		t.Errorf("without it: %t, error %v", has, err)
	}
	client.Resources = []*metav1.APIResourceList{{GroupVersion: "chaos-mesh.org/v1alpha1", APIResources: []metav1.APIResource{{Name: "podchaos"}}}}
	if has, err := HasChaosMesh(client); has || err != nil {
		t.Errorf("without NetworkChaos: %t, error %v", has, err)
	}
	client.Resources[0].APIResources = append(client.Resources[0].APIResources, metav1.APIResource{Name: "networkchaos"})
	if has, err := HasChaosMesh(client); !has || err != nil {
		t.Errorf("with it: %t, error %v", has, err)
	}
}

func TestNetworkChaosLapsed(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		code         int
		want         string
		fails        bool
	}{
		{name: "it is there", code: http.StatusOK, answer: `{"metadata":{"name":"x"}}`},
		{name: "it is on its way out", code: http.StatusOK, answer: `{"metadata":{"name":"x","deletionTimestamp":"2026-03-02T10:00:00Z"}}`, want: "NetworkChaos shop/stowage-latency-web-7d4b9c-x2x9z-0f0e0d0c was deleted"},
		{name: "it is gone", code: http.StatusNotFound, answer: `{"kind":"Status","status":"Failure","reason":"NotFound","code":404}`, want: "NetworkChaos shop/stowage-latency-web-7d4b9c-x2x9z-0f0e0d0c is gone"},
		{name: "no right to look", code: http.StatusForbidden, answer: `{"kind":"Status","status":"Failure","reason":"Forbidden","code":403}`, fails: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if want := "/apis/chaos-mesh.org/v1alpha1/namespaces/shop/networkchaos/stowage-latency-web-7d4b9c-x2x9z-0f0e0d0c"; r.Method != http.MethodGet || r.URL.Path != want {
					t.Errorf("it asked %s %s, want %s", r.Method, r.URL.Path, want)
				}
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(tt.code)
				fmt.Fprint(w, tt.answer)
			}))
			defer server.Close()
			client := kubernetes.NewForConfigOrDie(&rest.Config{Host: server.URL})
			if got, err := NetworkChaosLapsed(t.Context(), client, victim()); got != tt.want || (err != nil) != tt.fails {
				t.Errorf("got %q, error %v, want %q", got, err, tt.want)
			}
		})
	}
}
