package playground_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stowage-k8s/stowage/internal/exit"
	"github.com/stowage-k8s/stowage/internal/playground"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
	"github.com/stowage-k8s/stowage/internal/process"
)

// command runs stowage-playground to its end.
func command(t *testing.T, args ...string) (output string, code int) {
	t.Helper()
	binary, err := playground.FindBinary(playground.BinaryName)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), playgroundtest.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	out, _ := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("stowage-playground %s does not end: %s", strings.Join(args, " "), out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestBadCommands(t *testing.T) {
	file := func(yaml string) string {
		path := filepath.Join(t.TempDir(), "pool.yaml")
		if err := os.WriteFile(path, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const header = "apiVersion: playground.stowage.dev/v1alpha1\nkind: NodePool\ngroups:\n"
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"a pool file that is missing", []string{"up", "--pool", "/does/not/exist"}, "reading the pool file: open /does/not/exist: no such file or directory"},
		{"a pool with a negative count", []string{"up", "--pool", file(header + "- {name: a, count: -5, capacity: {cpu: 1, memory: 1Gi}}")}, "groups[0].count: Invalid value: -5: must be 0 or more"},
		{"a pool with an unknown field", []string{"up", "--pool", file(header + "- {name: a, cuont: 5, capacity: {cpu: 1, memory: 1Gi}}")}, `unknown field "groups[0].cuont"`},
		{"a negative number of nodes", []string{"demo", "--nodes=-1"}, "--nodes=-1: must be from 1 to 1000000, or 0 for the number in the pool"},
		{"a version that there is none of", []string{"up", "--kubernetes=1.20"}, `Kubernetes version "1.20": must be one of 1.34, `},
		{"an unknown flag", []string{"up", "--node=1"}, `unknown flag: --node (did you mean "--nodes"?)`},
		{"an unknown command", []string{"start"}, `unknown command "start" for "stowage-playground"`},
		{"a playground that does not run", []string{"down", "nobody"}, `no playground named "nobody" is running`},
		{"a kubeconfig of none", []string{"kubeconfig", "nobody"}, `no playground named "nobody" is running`},
		{"fewer real nodes than none", []string{"up", "--real-nodes=-1"}, "-1 real nodes: must be from 0 to 100"},
		{"images that nobody runs", []string{"up", "--image=/bin/ls"}, "images require real nodes: set --real-nodes to 1 or more"},
		{"images that are not there", []string{"up", "--real-nodes=1", "--image=/does/not/exist"}, `images "/does/not/exist": no such file`},
		{"a format that there is not", []string{"list", "-o", "wide"}, `--output "wide": must be json or yaml, or omitted`},
		{"a name, and all", []string{"down", "--all", "somebody"}, "specify a name or --all, not both"},
		{"an unknown component", []string{"component", "docker"}, `unknown component "docker": must be one of [etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kwok real-node]`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			out, code := command(t, tt.args...)
			if code != exit.Refused || !strings.Contains(out, tt.want) || strings.Count(out, "\n") != 1 {
				t.Errorf("exit code %d, output %q, want code %d and one line with %s", code, out, exit.Refused, tt.want)
			}
		})
	}
}

// TestUp runs `up` as a user does, looks at it from other terminals, and ends it
// with Ctrl-C.
func TestUp(t *testing.T) {
	binary, err := playground.FindBinary(playground.BinaryName)
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	up, err := process.Start(process.Spec{Name: "up", Path: binary, Args: []string{"up", "--name", "tested", "--nodes", "3"}, Stdout: write, Stderr: write})
	if err != nil {
		t.Fatal(err)
	}
	write.Close()
	t.Cleanup(up.Kill)
	lines := bufio.NewReader(read)
	await := func(text string) string {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if strings.Contains(line, text) {
				return line
			}
			if err != nil {
				t.Fatalf("`up` has not said %q: %v", text, err)
			}
		}
	}
	await("all 3 nodes Ready")
	await("ready: Kubernetes v" + playground.LinkedVersion + ".")
	kubeconfig := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(await("export KUBECONFIG=")), "export KUBECONFIG="))
	await("nodes 3/3 Ready   pods 0   bound 0/s")

	if out, code := command(t, "kubeconfig", "tested"); code != 0 || out != kubeconfig+"\n" {
		t.Errorf("kubeconfig: exit code %d, %q, want %q", code, out, kubeconfig)
	}
	if out, code := command(t, "list"); code != 0 || !strings.Contains(out, "tested") || !strings.Contains(out, kubeconfig) {
		t.Errorf("list: exit code %d, %q", code, out)
	}
	out, code := command(t, "list", "-o", "json")
	var list struct {
		Kind  string
		Items []struct{ Name, Kubeconfig, Context string }
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil || code != 0 {
		t.Fatalf("list -o json: exit code %d, %v: %s", code, err, out)
	}
	if i := slices.IndexFunc(list.Items, func(item struct{ Name, Kubeconfig, Context string }) bool { return item.Name == "tested" }); i < 0 || list.Items[i].Kubeconfig != kubeconfig || list.Kind != "PlaygroundList" {
		t.Errorf("list -o json: %s", out)
	}
	var info playground.Info
	for _, info = range playground.List() {
		if info.Name == "tested" {
			break
		}
	}
	if err := up.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	await("stopped and cleaned up")
	if _, err := io.Copy(io.Discard, lines); err != nil {
		t.Error(err)
	}
	if err := up.Err(); err != nil {
		t.Errorf("`up` ended with %v", err)
	}
	awaitNothingLeft(t, info)
}
