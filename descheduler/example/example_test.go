package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/app"
	"github.com/stowage-k8s/stowage/descheduler/strategies"
	"github.com/stowage-k8s/stowage/internal/docstest"
)

// report is what the tests look at in a report.
type report struct {
	Plan struct {
		Moves []struct {
			Pod      struct{ Name string }
			From, To string
			Reason   string
			Improves string
		}
		Refused []struct {
			Pod  struct{ Name string }
			Rule string
		}
	}
}

// plan has the command plan on a cluster of these objects.
func plan(t *testing.T, policy string, objects ...runtime.Object) (report, error) {
	t.Helper()
	list := &corev1.List{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "List"}}
	for _, object := range objects {
		list.Items = append(list.Items, runtime.RawExtension{Object: object})
	}
	dump, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cluster.json")
	if err := os.WriteFile(file, dump, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := newCommand()
	cmd.SetArgs([]string{"plan", "--from-dump", file, "--policy-config-file", policy, "-o", "json"})
	cmd.SetOut(&out)
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		return report{}, err
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	return r, nil
}

// moves returns the moves as "pod from>to", and who stays as "pod rule".
func (r report) moves() (moves, refused []string) {
	for _, m := range r.Plan.Moves {
		moves = append(moves, fmt.Sprintf("%s %s>%s", m.Pod.Name, m.From, m.To))
	}
	for _, s := range r.Plan.Refused {
		refused = append(refused, s.Pod.Name+" "+s.Rule)
	}
	return moves, refused
}

// node returns a node with 4 CPUs, that retires in some days unless these are 0.
func node(name string, days int, taints ...corev1.Taint) *corev1.Node {
	room := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourcePods: resource.MustParse("110")}
	n := &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)},
		Spec:       corev1.NodeSpec{Taints: taints},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	if days != 0 {
		n.Labels = map[string]string{"example.com/retires": today.AddDate(0, 0, days).Format(time.DateOnly)}
	}
	return n
}

// workload returns a ReplicaSet with a pod on each of the nodes, by the names name-0, name-1 …
func workload(name, cpu string, nodes ...string) []runtime.Object {
	set := &appsv1.ReplicaSet{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "ReplicaSet"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec:       appsv1.ReplicaSetSpec{Replicas: ptr.To(int32(len(nodes))), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}}},
	}
	set.Status.Replicas, set.Status.ReadyReplicas, set.Status.AvailableReplicas = *set.Spec.Replicas, *set.Spec.Replicas, *set.Spec.Replicas
	objects := []runtime.Object{set}
	for i, on := range nodes {
		objects = append(objects, &corev1.Pod{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"},
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "default", Name: fmt.Sprintf("%s-%d", name, i), UID: types.UID(fmt.Sprintf("%s-%d", name, i)),
				Labels:          map[string]string{"app": name},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: name, UID: set.UID, Controller: ptr.To(true)}},
			},
			Spec: corev1.PodSpec{
				NodeName: on, SchedulerName: "default-scheduler",
				Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}}}},
			},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
		})
	}
	return objects
}

var (
	today = time.Now().UTC()
	// avoided is what the scheduler would rather not use.
	avoided = corev1.Taint{Key: "example.com/retires", Effect: corev1.TaintEffectPreferNoSchedule}
)

func TestPlan(t *testing.T) {
	namespace := &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	tests := []struct {
		name           string
		nodes          []runtime.Object
		workloads      [][]runtime.Object
		moves, refused []string
	}{
		{
			name:      "pods leave a node that retires soon",
			nodes:     []runtime.Object{node("old", 10, avoided), node("new", 0)},
			workloads: [][]runtime.Object{workload("web", "1", "old", "new", "old")},
			moves:     []string{"web-0 old>new", "web-2 old>new"},
		},
		{
			name:      "they stay on a node that retires much later",
			nodes:     []runtime.Object{node("old", 20, avoided), node("new", 0)},
			workloads: [][]runtime.Object{workload("web", "1", "old")},
		},
		{
			name:      "they go to a node that retires much later",
			nodes:     []runtime.Object{node("old", 10, avoided), node("new", 20)},
			workloads: [][]runtime.Object{workload("web", "1", "old")},
			moves:     []string{"web-0 old>new"},
		},
		{
			name:      "they stay where the only other node with room retires soon too",
			nodes:     []runtime.Object{node("old", 10, avoided), node("older", 5), node("new", 0)},
			workloads: [][]runtime.Object{workload("web", "1", "old"), workload("big", "4", "new")},
			refused:   []string{"web-0 NoImprovement"},
		},
		{
			name:      "they stay where the scheduler would bring them back",
			nodes:     []runtime.Object{node("old", 10), node("new", 0)},
			workloads: [][]runtime.Object{workload("web", "1", "old"), workload("big", "3", "new")},
			refused:   []string{"web-0 WouldReturn"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			objects := append([]runtime.Object{namespace}, tt.nodes...)
			for _, w := range tt.workloads {
				objects = append(objects, w...)
			}
			made, err := plan(t, "policy.yaml", objects...)
			if err != nil {
				t.Fatal(err)
			}
			moves, refused := made.moves()
			if diff := cmp.Diff(tt.moves, moves); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.refused, refused); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
			for _, m := range made.Plan.Moves {
				if want := "node old retires on " + today.AddDate(0, 0, 10).Format(time.DateOnly); m.Reason != want || m.Improves != "on a node that is not retiring" {
					t.Errorf("%s moves because %q to be %q", m.Pod.Name, m.Reason, m.Improves)
				}
			}
		})
	}
}

func TestBadArguments(t *testing.T) {
	data, err := os.ReadFile("policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for label, want := range map[string]string{
		"within: 0s":       "profiles[0].pluginConfig[0].args.within: Invalid value: \"0s\": must be more than 0",
		"nodeLabel: a/b/c": "profiles[0].pluginConfig[0].args.nodeLabel: Invalid value: \"a/b/c\": a valid label",
		"nodeLable: x":     `args.nodeLable: unknown field (did you mean "nodeLabel"?)`,
	} {
		file := filepath.Join(t.TempDir(), "policy.yaml")
		if err := os.WriteFile(file, bytes.Replace(data, []byte("within: 336h"), []byte(label), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := plan(t, file)
		if err == nil || app.ExitCode(err) != 4 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: exit code %d, want 4: %v", label, app.ExitCode(err), err)
		}
	}
}

const (
	// page is where this example is explained.
	page = "../README.md"
	// strategiesPage is where the built-in strategies are.
	strategiesPage = "../strategies/README.md"
)

func TestPageShowsTheseFiles(t *testing.T) {
	for file, shown := range map[string]string{
		"main.go":     docstest.Quoted(t, page, "go", "// Command my-descheduler"),
		"policy.yaml": docstest.Quoted(t, page, "yaml", "apiVersion: descheduler/"),
	} {
		if diff := cmp.Diff(docstest.Read(t, file), shown); diff != "" {
			t.Errorf("%s in %s (-file +page):\n%s", file, page, diff)
		}
	}
}

func TestPageHasEveryStrategy(t *testing.T) {
	for _, s := range strategies.All() {
		if !strings.Contains(docstest.Read(t, strategiesPage), "\n| `"+s.Name+"` |") {
			t.Errorf("%s does not list %s", strategiesPage, s.Name)
		}
	}
}

// TestPageWorks does what the page says to do: it makes a module of its own beside this
// one, which cannot import what is internal here, and installs its program.
func TestPageWorks(t *testing.T) {
	if testing.Short() {
		t.Skip("links a descheduler")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	beside := t.TempDir()
	if err := os.Symlink(root, filepath.Join(beside, "stowage")); err != nil {
		t.Fatal(err)
	}
	out := run(t, beside, "bash", "-euo", "pipefail", "-c", docstest.Quoted(t, page, "console", "mkdir my-descheduler"))
	for _, want := range []string{"nodeLabel: example.com/retires\n", "within: 336h0m0s\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in the policy with all defaults: %s", want, out)
		}
	}
	mine := filepath.Join(beside, "my-descheduler")
	if err := os.WriteFile(filepath.Join(mine, "kustomization.yaml"), []byte(docstest.Quoted(t, page, "yaml", "apiVersion: kustomize.")), 0o600); err != nil {
		t.Fatal(err)
	}
	installed := run(t, mine, filepath.Join(root, "bin/kubectl"), "kustomize", ".")
	for _, want := range []string{"image: registry.example.com/my-descheduler:v1\n", "- name: LeaveRetiringNodes\n"} {
		if !strings.Contains(installed, want) {
			t.Errorf("no %q in what is installed: %s", want, installed)
		}
	}
	if strings.Contains(installed, "name: LowNodeUtilization\n") {
		t.Error("the shipped policy is installed too")
	}
}

// run runs a command in a folder and returns what it prints.
func run(t *testing.T, dir, command string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command, args...)
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s%s", command, strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}
