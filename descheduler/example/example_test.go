package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/app"
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

// node returns a node with 4 CPUs.
func node(name string, labels map[string]string) *corev1.Node {
	room := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourcePods: resource.MustParse("110")}
	return &corev1.Node{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: labels},
		Status: corev1.NodeStatus{
			Capacity: room, Allocatable: room,
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
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

var retiring = map[string]string{"example.com/retiring": ""}

func TestPlan(t *testing.T) {
	namespace := &corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	tests := []struct {
		name           string
		nodes          []runtime.Object
		workloads      [][]runtime.Object
		moves, refused []string
	}{
		{
			name:      "pods leave a retiring node",
			nodes:     []runtime.Object{node("old", retiring), node("new", nil)},
			workloads: [][]runtime.Object{workload("web", "1", "old", "new")},
			moves:     []string{"web-0 old>new"},
		},
		{
			name:      "they stay where only a retiring node has room",
			nodes:     []runtime.Object{node("old-1", retiring), node("old-2", retiring), node("new", nil)},
			workloads: [][]runtime.Object{workload("web", "1", "old-1"), workload("big", "4", "new")},
			refused:   []string{"web-0 NoImprovement"},
		},
		{
			name:      "they stay where the scheduler would bring them back",
			nodes:     []runtime.Object{node("old", retiring), node("new", nil)},
			workloads: [][]runtime.Object{workload("web", "1", "old"), workload("big", "3", "new")},
			refused:   []string{"web-0 WouldReturn"},
		},
		{
			name:  "they stay where nothing is retiring",
			nodes: []runtime.Object{node("new-1", nil), node("new-2", nil)},
			workloads: [][]runtime.Object{
				workload("web", "1", "new-1", "new-1"),
			},
		},
		{
			name:      "a move makes room for one that was refused before it",
			nodes:     []runtime.Object{node("new", nil), node("old", retiring)},
			workloads: [][]runtime.Object{workload("big", "3", "old"), workload("web", "1", "old")},
			moves:     []string{"big-0 old>new", "web-0 old>new"},
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
				if want := "node old is retiring: it has the label example.com/retiring"; m.Reason != want || m.Improves != "on a node that stays" {
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
		"nodeLabel: a/b/c": "profiles[0].pluginConfig[0].args.nodeLabel: Invalid value: \"a/b/c\": a valid label",
		"nodeLable: x":     `args.nodeLable: Forbidden: unknown field (did you mean "nodeLabel"?)`,
	} {
		file := filepath.Join(t.TempDir(), "policy.yaml")
		if err := os.WriteFile(file, bytes.Replace(data, []byte("nodeLabel: example.com/retiring"), []byte(label), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := plan(t, file)
		if err == nil || app.ExitCode(err) != 3 || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: exit code %d, want 3: %v", label, app.ExitCode(err), err)
		}
	}
}
