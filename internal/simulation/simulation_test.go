package simulation

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/plugins"
)

// configuration has a profile that prefers the fullest node, one that packs by
// BinPacking, and the engine's own.
const configuration = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: fullest
  plugins:
    score:
      disabled: [{name: "*"}]
      enabled: [{name: NodeResourcesFit}]
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}}
- schedulerName: binpacking
  plugins:
    multiPoint: {enabled: [{name: BinPacking}]}
- schedulerName: default-scheduler
`

func newSimulation(t testing.TB, profile string) *Simulation {
	t.Helper()
	p, err := Profile([]byte(configuration), profile)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), Options{Profiles: []*schedulerconfig.KubeSchedulerProfile{p}, Registry: plugins.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func quantities(cpu, memory string) corev1.ResourceList {
	return corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}
}

func node(name, cpu, memory string) *corev1.Node {
	allocatable := quantities(cpu, memory)
	allocatable["pods"] = resource.MustParse("10")
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
		Status:     corev1.NodeStatus{Allocatable: allocatable},
	}
}

// pod returns a pod on a node, or without one.
func pod(name, onNode, cpu, memory string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", UID: types.UID(name)},
		Spec: corev1.PodSpec{NodeName: onNode, Containers: []corev1.Container{{
			Name: "main", Resources: corev1.ResourceRequirements{Requests: quantities(cpu, memory)},
		}}},
	}
}

// feed adds the nodes and the pods on them.
func feed(t *testing.T, s *Simulation, nodes []*corev1.Node, pods []*corev1.Pod) {
	t.Helper()
	for _, n := range nodes {
		s.AddNode(n)
	}
	for _, p := range pods {
		if err := s.AddPod(p); err != nil {
			t.Fatal(err)
		}
	}
}

func schedule(t *testing.T, s *Simulation, p *corev1.Pod) Decision {
	t.Helper()
	d, err := s.Schedule(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSchedule(t *testing.T) {
	// outcome is a Decision with the total scores alone.
	type outcome struct {
		Node    string
		Scores  []string
		Reasons map[string]int
	}
	onlyOn := func(key string, p *corev1.Pod) *corev1.Pod {
		p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchFields: []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{key}}},
			}}},
		}}
		return p
	}
	claiming := func(p *corev1.Pod, cpu string) *corev1.Pod {
		p.Status.NodeAllocatableResourceClaimStatuses = []corev1.NodeAllocatableResourceClaimStatus{{ResourceClaimName: "claim", Containers: []string{"main"}, Mapping: []corev1.NodeAllocatableMappedResources{{Name: corev1.ResourceCPU, Quantity: ptr.To(resource.MustParse(cpu))}}}}
		return p
	}
	mounting := func(option string, p *corev1.Pod) *corev1.Pod {
		p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{BindMountOptions: []string{option}}}
		return p
	}
	three := []*corev1.Node{node("c", "4", "4Gi"), node("a", "4", "4Gi"), node("b", "4", "4Gi")}
	knowing := node("d", "4", "4Gi")
	knowing.Status.DeclaredFeatures = []string{"VolumeBindMountOptions"}
	tests := []struct {
		name  string
		nodes []*corev1.Node
		pods  []*corev1.Pod
		pod   *corev1.Pod
		want  outcome
	}{
		{
			name: "the node with the highest score is chosen", nodes: three,
			pods: []*corev1.Pod{pod("p1", "b", "2", "0"), pod("p2", "c", "1", "0")},
			pod:  pod("new", "", "1", "0"),
			want: outcome{Node: "b", Scores: []string{"b 75", "c 50", "a 25"}, Reasons: map[string]int{}},
		},
		{
			name: "of equal scores the first node by name is chosen", nodes: three,
			pod:  pod("new", "", "1", "0"),
			want: outcome{Node: "a", Scores: []string{"a 25", "b 25", "c 25"}, Reasons: map[string]int{}},
		},
		{
			name: "a single node that takes the pod is not scored, and the others say why they do not", nodes: three,
			pods: []*corev1.Pod{pod("p1", "a", "4", "0"), pod("p2", "c", "4", "4Gi")},
			pod:  pod("new", "", "1", "1Gi"),
			want: outcome{Node: "b", Reasons: map[string]int{"Insufficient cpu": 2, "Insufficient memory": 1}},
		},
		{
			name: "what claims of a node's pods take of it is taken", nodes: three[:2],
			pods: []*corev1.Pod{pod("p1", "a", "1", "0"), claiming(pod("p2", "c", "1", "0"), "2500m")},
			pod:  pod("new", "", "1", "0"),
			want: outcome{Node: "a", Reasons: map[string]int{"Insufficient cpu": 1}},
		},
		{
			name: "a pod that no node takes goes nowhere", nodes: three,
			pod:  pod("new", "", "5", "0"),
			want: outcome{Reasons: map[string]int{"Insufficient cpu": 3}},
		},
		{
			name: "nodes that are left out before filtering count too", nodes: three,
			pod:  onlyOn("b", pod("new", "", "5", "0")),
			want: outcome{Reasons: map[string]int{"Insufficient cpu": 1, "node(s) excluded by plugin(s) NodeAffinity": 2}},
		},
		{
			name: "a pod that asks for a node that is not there goes nowhere", nodes: three,
			pod:  onlyOn("d", pod("new", "", "1", "0")),
			want: outcome{Reasons: map[string]int{"node(s) excluded by plugin(s) NodeAffinity": 3}},
		},
		{
			name: "a pod that not every node can run goes to one that declares to know how", nodes: append(three[:2:2], knowing),
			pod:  mounting("noexec", pod("new", "", "1", "0")),
			want: outcome{Node: "d", Reasons: map[string]int{"node(s) didn't match Pod's required features": 2}},
		},
		{
			name: "in a cluster without nodes there are no reasons",
			pod:  pod("new", "", "1", "0"),
			want: outcome{Reasons: map[string]int{}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSimulation(t, "fullest")
			feed(t, s, tt.nodes, tt.pods)
			d := schedule(t, s, tt.pod)
			got := outcome{Node: d.Node, Reasons: d.Reasons}
			for _, score := range d.Scores {
				got.Scores = append(got.Scores, fmt.Sprint(score.Name, " ", score.TotalScore))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlaceCounts(t *testing.T) {
	s := newSimulation(t, "fullest")
	feed(t, s, []*corev1.Node{node("a", "2", "2Gi"), node("b", "2", "2Gi")}, nil)
	var got []string
	var placed []*corev1.Pod
	for i := range 5 {
		p := pod(fmt.Sprint("p", i), "", "1", "0")
		d := schedule(t, s, p)
		got = append(got, d.Node)
		if d.Node != "" {
			on, err := s.Place(p, d.Node)
			if err != nil {
				t.Fatal(err)
			}
			if p.Spec.NodeName != "" || on.Spec.NodeName != d.Node {
				t.Errorf("the pod given is on %q, the one returned on %q, want none and %s", p.Spec.NodeName, on.Spec.NodeName, d.Node)
			}
			placed = append(placed, on)
		}
	}
	if diff := cmp.Diff([]string{"a", "a", "b", "b", ""}, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	smaller := placed[0].DeepCopy()
	smaller.Spec.Containers[0].Resources.Requests = quantities("500m", "0")
	if err := s.UpdatePod(placed[0], smaller); err != nil {
		t.Fatal(err)
	}
	if d := schedule(t, s, pod("half", "", "500m", "0")); d.Node != "a" {
		t.Errorf("a pod that fits beside one that shrank goes to %q, want a", d.Node)
	}
	if err := s.RemovePod(placed[2]); err != nil {
		t.Fatal(err)
	}
	if d := schedule(t, s, pod("one more", "", "1", "0")); d.Node != "b" {
		t.Errorf("a pod that fits where one was removed goes to %q, want b", d.Node)
	}
}

func TestRemoveNodeAndAddItAgain(t *testing.T) {
	s, a := newSimulation(t, "fullest"), node("a", "2", "2Gi")
	feed(t, s, []*corev1.Node{a}, []*corev1.Pod{pod("p", "a", "1", "0")})
	if err := s.RemoveNode(a); err != nil {
		t.Fatal(err)
	}
	if d := schedule(t, s, pod("new", "", "1", "0")); d.Node != "" {
		t.Errorf("a pod goes to %q, which was removed", d.Node)
	}
	s.AddNode(a)
	if d := schedule(t, s, pod("new", "", "1", "0")); d.Node != "a" {
		t.Errorf("a pod goes to %q, want a, which is there again", d.Node)
	}
	if d := schedule(t, s, pod("new", "", "2", "0")); d.Node != "" {
		t.Errorf("a pod goes to %q, which has a pod that came back with it", d.Node)
	}
}

// TestStoreAndForget keeps a pod away from others of a team, which a namespace's
// label tells.
func TestStoreAndForget(t *testing.T) {
	s := newSimulation(t, "default-scheduler")
	feed(t, s, []*corev1.Node{node("a", "4", "4Gi")}, []*corev1.Pod{pod("other", "a", "1", "0")})
	loner := pod("loner", "", "1", "0")
	loner.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "a"}},
		}},
	}}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default", Labels: map[string]string{"team": "a"}}}
	for _, step := range []struct {
		name   string
		change func() error
		want   string
	}{
		{"before the namespace is known", func() error { return nil }, "a"},
		{"with the namespace", func() error { return s.Store(namespace) }, ""},
		{"with the namespace stored again", func() error { return s.Store(namespace.DeepCopy()) }, ""},
		{"with the namespace forgotten", func() error { return s.Forget(namespace) }, "a"},
	} {
		if err := step.change(); err != nil {
			t.Fatal(err)
		}
		if d := schedule(t, s, loner); d.Node != step.want {
			t.Errorf("%s the pod goes to %q, want %q", step.name, d.Node, step.want)
		}
	}
	err := s.Store(&schedulerconfig.KubeSchedulerConfiguration{})
	if want := "a *config.KubeSchedulerConfiguration cannot be simulated"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %s", err, want)
	}
}

// TestOrderDoesNotMatter feeds simulations the same cluster in different orders.
func TestOrderDoesNotMatter(t *testing.T) {
	var nodes []*corev1.Node
	var pods []*corev1.Pod
	for i := range 30 {
		name := fmt.Sprint("node-", i)
		nodes = append(nodes, node(name, fmt.Sprint(4+i%3*4), "16Gi"))
		for j := range i % 4 {
			pods = append(pods, pod(fmt.Sprint("pod-", i, "-", j), name, fmt.Sprint(1+j%2), "1Gi"))
		}
	}
	source := rand.New(rand.NewPCG(1, 0))
	var first Decision
	for i := range 5 {
		s := newSimulation(t, "binpacking")
		feed(t, s, nodes, pods)
		d := schedule(t, s, pod("new", "", "2", "2Gi"))
		if i == 0 {
			first = d
		} else if diff := cmp.Diff(first, d); diff != "" {
			t.Errorf("decision (-first +this):\n%s", diff)
		}
		source.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
		source.Shuffle(len(pods), func(i, j int) { pods[i], pods[j] = pods[j], pods[i] })
	}
}

func TestAddNodeReplacesWhatIsKnown(t *testing.T) {
	s := newSimulation(t, "fullest")
	n := node("a", "1", "1Gi")
	n.Labels[corev1.LabelTopologyZone] = "east"
	s.AddNode(n)
	larger := node("a", "4", "4Gi")
	larger.Labels[corev1.LabelTopologyZone] = "west"
	s.AddNode(larger)
	decision, err := s.Schedule(t.Context(), pod("p", "", "3", "1Gi"))
	if err != nil || decision.Node != "a" {
		t.Fatalf("%+v, %v: want the pod on the node as it is now", decision, err)
	}
	if err := s.RemoveNode(larger); err != nil {
		t.Fatal(err)
	}
	if decision, err = s.Schedule(t.Context(), pod("p", "", "1", "1Gi")); err != nil || decision.Node != "" {
		t.Fatalf("%+v, %v: want the node gone", decision, err)
	}
}
