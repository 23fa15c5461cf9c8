package pool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
)

const header = "apiVersion: playground.stowage.dev/v1alpha1\nkind: NodePool\n"

func TestNodes(t *testing.T) {
	p, err := Parse([]byte(header + `
groups:
- name: spot
  count: 2
  zones: [zone-a, zone-b]
  instanceType: metal
  preemptible: gke
  capacity: {cpu: 4, memory: 16Gi, example.com/dongle: "2"}
  labels: {team: red}
  taints: [{key: dedicated, value: red, effect: NoSchedule}]
- name: plain
  count: 1
  capacity: {cpu: 500m, memory: 1Gi, pods: 7}
`))
	if err != nil {
		t.Fatal(err)
	}
	spot := corev1.ResourceList{
		"cpu": resource.MustParse("4"), "memory": resource.MustParse("16Gi"),
		"example.com/dongle": resource.MustParse("2"), "pods": resource.MustParse("110"),
	}
	plain := corev1.ResourceList{"cpu": resource.MustParse("500m"), "memory": resource.MustParse("1Gi"), "pods": resource.MustParse("7")}
	node := func(name, zone, instance, group string, capacity corev1.ResourceList, labels map[string]string, taints ...corev1.Taint) *corev1.Node {
		all := map[string]string{
			"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64",
			"topology.kubernetes.io/zone": zone, "topology.kubernetes.io/region": "region-1",
			"node.kubernetes.io/instance-type": instance, "playground.stowage.dev/group": group,
		}
		for key, value := range labels {
			all[key] = value
		}
		return &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: all, Annotations: map[string]string{"kwok.x-k8s.io/node": "fake"}},
			Spec:       corev1.NodeSpec{ProviderID: "kwok://" + name, Taints: taints},
			Status:     corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
		}
	}
	labels := map[string]string{"team": "red", "cloud.google.com/gke-spot": "true"}
	taint := corev1.Taint{Key: "dedicated", Value: "red", Effect: corev1.TaintEffectNoSchedule}
	want := []*corev1.Node{
		node("spot-00000", "zone-a", "metal", "spot", spot, labels, taint),
		node("spot-00001", "zone-b", "metal", "spot", spot, labels, taint),
		node("plain-00000", "zone-a", "plain", "plain", plain, nil),
	}
	if diff := cmp.Diff(want, p.Nodes()); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
}

func TestBadPools(t *testing.T) {
	group := func(fields string) string {
		return header + "groups:\n- name: a\n  count: 1\n  capacity: {cpu: 1, memory: 1Gi}\n" + fields
	}
	tests := []struct {
		name, yaml, want string
	}{
		{"an empty file", "", `apiVersion: Unsupported value: "": supported values: "playground.stowage.dev/v1alpha1"`},
		{"a file of another kind", "apiVersion: v1\nkind: Pod\n", `kind: Unsupported value: "Pod": supported values: "NodePool"`},
		{"no groups", header, "groups: Required value: at least one node group"},
		{"YAML that is none", "groups: [", "yaml: line 1: did not find expected node content"},
		{"an unknown field", header + "nodes: 3\n", `unknown field "nodes"`},
		{"an unknown field of a group", group("  zone: zone-a\n"), `unknown field "groups[0].zone"`},
		{"a field given twice", group("  count: 2\n"), `key "count" already set in map`},
		{"a negative count", header + "groups:\n- name: a\n  count: -1\n  capacity: {cpu: 1, memory: 1Gi}\n", "groups[0].count: Invalid value: -1: must be 0 or more"},
		{"more nodes than memory has room for", header + "groups:\n- name: a\n  count: 9223372036854775807\n  capacity: {cpu: 1, memory: 1Gi}\n", "groups[0].count: Invalid value: 9223372036854775807: a pool can have at most 1000000 nodes"},
		{"a count that is no number", header + "groups:\n- name: a\n  count: many\n", "cannot unmarshal string"},
		{"a name that no node can have", header + "groups:\n- name: A_b\n  count: 1\n  capacity: {cpu: 1, memory: 1Gi}\n", `groups[0].name: Invalid value: "A_b"`},
		{"two groups of one name", group("- name: a\n  count: 1\n  capacity: {cpu: 1, memory: 1Gi}\n"), `groups[1].name: Duplicate value: "a"`},
		{"no memory", header + "groups:\n- name: a\n  count: 1\n  capacity: {cpu: 1}\n", "groups[0].capacity[memory]: Required value"},
		{"a quantity that is none", header + "groups:\n- name: a\n  count: 1\n  capacity: {cpu: 1, memory: 1 GB}\n", `groups[0].capacity[memory]: Invalid value: "1 GB": must be a quantity such as 4, 500m or 16Gi`},
		{"a negative quantity", header + "groups:\n- name: a\n  count: 1\n  capacity: {cpu: -1, memory: 1Gi}\n", `groups[0].capacity[cpu]: Invalid value: "-1": must be 0 or more`},
		{"an unknown platform", group("  preemptible: spot\n"), `groups[0].preemptible: Unsupported value: "spot": supported values: "aks", "castai", "eks", "generic", "gke", "karpenter", "spotinst"`},
		{"an unknown taint effect", group("  taints: [{key: a, effect: NoEntry}]\n"), `groups[0].taints[0].effect: Unsupported value: "NoEntry": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"`},
		{"a label that is none", group("  labels: {a: b c}\n"), `groups[0].labels: Invalid value: "b c"`},
		{"a zone that no label can hold", group("  zones: [a b]\n"), `groups[0].zones[0]: Invalid value: "a b"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "pool.yaml")
			if err := os.WriteFile(file, []byte(tt.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(file)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), file) {
				t.Errorf("error %v, want one that names the file, with %s", err, tt.want)
			}
		})
	}
}

func TestShippedPools(t *testing.T) {
	for name, want := range map[string]int{"small": 20, "default": 500, "large": 5000} {
		p, err := Load(filepath.Join("../../../config/pools", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		preemptible, gpus := 0, 0
		for _, node := range p.Nodes() {
			if node.Labels["karpenter.sh/capacity-type"] == "spot" {
				preemptible++
			}
			if _, ok := node.Status.Allocatable["nvidia.com/gpu"]; ok {
				gpus++
			}
		}
		if p.Size() != want || preemptible == 0 || gpus == 0 {
			t.Errorf("pool %s: %d nodes, %d preemptible, %d with GPUs; want %d nodes, and some of each", name, p.Size(), preemptible, gpus, want)
		}
	}
}

// TestScale draws pools and checks that every group gets its share of the nodes,
// up to rounding, and that no node is lost.
func TestScale(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := &Pool{}
		for range rapid.IntRange(1, 6).Draw(rt, "groups") {
			p.Groups = append(p.Groups, Group{Count: rapid.IntRange(0, 500).Draw(rt, "count")})
		}
		if p.Size() == 0 {
			p.Groups[0].Count = 1
		}
		want := rapid.IntRange(1, 10_000).Draw(rt, "nodes")
		scaled := p.Scale(want)
		if scaled.Size() != want {
			rt.Fatalf("%d nodes, want %d", scaled.Size(), want)
		}
		for i, g := range scaled.Groups {
			share := float64(p.Groups[i].Count) * float64(want) / float64(p.Size())
			if diff := float64(g.Count) - share; diff <= -1 || diff >= 1 {
				rt.Errorf("group %d has %d nodes, its share is %.2f", i, g.Count, share)
			}
		}
	})
}
