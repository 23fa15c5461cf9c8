package target

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/chaos/field"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

func newNode(name, zone string, labels ...string) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	if zone != "" {
		node.Labels[corev1.LabelTopologyZone] = zone
	}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		node.Labels[key] = value
	}
	return node
}

// pool is a picture of two zones, with some nodes of which the platform may take back.
func pool() *Picture {
	return NewPicture(&cluster.Snapshot{Nodes: []*corev1.Node{
		newNode("master-1", "zone-a", "node-role.kubernetes.io/control-plane="),
		newNode("old-master-1", "zone-b", "node-role.kubernetes.io/master="),
		newNode("worker-1", "zone-a", "pool=web"),
		newNode("worker-2", "zone-b", "pool=web"),
		newNode("spot-1", "zone-a", "pool=batch", "karpenter.sh/capacity-type=spot"),
		newNode("spot-2", "zone-b", "pool=batch", "cloud.google.com/gke-spot=true"),
		newNode("nowhere", "", "pool=batch"),
	}}, now)
}

func taintedNode(node *corev1.Node, key string) *corev1.Node {
	node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule})
	return node
}

// TestNodesThatAreTakenAway: they are lost anyway, so none is drawn, but one that is named.
func TestNodesThatAreTakenAway(t *testing.T) {
	deleted := newNode("deleted", "zone-a")
	deleted.DeletionTimestamp = ptr.To(metav1.NewTime(now))
	p := NewPicture(&cluster.Snapshot{
		Nodes: []*corev1.Node{
			newNode("stays", "zone-a"), deleted, taintedNode(newNode("emptied", "zone-a"), "karpenter.sh/disrupted"),
			taintedNode(newNode("announced", "zone-a", "karpenter.sh/capacity-type=spot"), "aws-node-termination-handler/spot-itn"),
			taintedNode(newNode("candidate", "zone-a"), "DeletionCandidateOfClusterAutoscaler"),
		},
		Pods: []*corev1.Pod{newPod("shop", "a", owned("ReplicaSet", "a"), onNode("stays")), newPod("shop", "b", owned("ReplicaSet", "b"), onNode("emptied"))},
	}, now)
	for _, tc := range []struct {
		name  string
		nodes Nodes
		want  []string
	}{
		{"all", Nodes{All: true}, []string{"stays", "candidate"}},
		{"a zone", Nodes{Zone: "zone-a"}, []string{"stays", "candidate"}},
		{"a zone that is lost as a whole", Nodes{Zone: "zone-a", TakeLeaving: true}, []string{"stays", "deleted", "emptied", "announced", "candidate"}},
		{"preemptible ones", Nodes{Preemptible: field.Yes}, nil},
		{"by name", Nodes{Names: field.List{"deleted", "announced"}}, []string{"deleted", "announced"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := tc.nodes.Compile()
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Nodes(p, preemptible.Known())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, nodeNames(got.Nodes)); diff != "" {
				t.Errorf("selected (-want, +got):\n%s", diff)
			}
		})
	}
	got := compile(t, Pods{All: true}).Pods(p)
	if diff := cmp.Diff([]string{"a"}, names(got.Pods)); diff != "" {
		t.Errorf("pods (-want, +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{WhyNodeLeaves: 1}, got.Excluded); diff != "" {
		t.Errorf("pods that are not selected (-want, +got):\n%s", diff)
	}
}

func nodeNames(nodes []*corev1.Node) []string {
	var all []string
	for _, node := range nodes {
		all = append(all, node.Name)
	}
	return all
}

func TestNodes(t *testing.T) {
	for _, tc := range []struct {
		name     string
		nodes    Nodes
		want     []string
		excluded map[string]int
	}{
		{name: "all leaves out the control plane", nodes: Nodes{All: true}, want: []string{"worker-1", "worker-2", "spot-1", "spot-2", "nowhere"}, excluded: map[string]int{whyControlPlane: 2}},
		{
			name: "the control plane is there when it is asked for", nodes: Nodes{All: true, IncludeControlPlane: true},
			want: []string{"master-1", "old-master-1", "worker-1", "worker-2", "spot-1", "spot-2", "nowhere"}, excluded: map[string]int{},
		},
		{name: "names", nodes: Nodes{Names: field.List{"spot-2", "worker-1"}}, want: []string{"worker-1", "spot-2"}, excluded: map[string]int{whyName: 5}},
		{name: "a name of the control plane", nodes: Nodes{Names: field.List{"master-1"}, IncludeControlPlane: true}, want: []string{"master-1"}, excluded: map[string]int{whyName: 6}},
		{name: "labels", nodes: Nodes{Labels: "pool=batch"}, want: []string{"spot-1", "spot-2", "nowhere"}, excluded: map[string]int{whyLabels: 4}},
		{name: "a zone", nodes: Nodes{Zone: "zone-a"}, want: []string{"worker-1", "spot-1"}, excluded: map[string]int{whyZone: 4, whyControlPlane: 1}},
		{name: "preemptible nodes", nodes: Nodes{Preemptible: field.Yes}, want: []string{"spot-1", "spot-2"}, excluded: map[string]int{whyOnDemand: 5}},
		{name: "nodes that are not preemptible", nodes: Nodes{Preemptible: field.No}, want: []string{"worker-1", "worker-2", "nowhere"}, excluded: map[string]int{whyPreemptible: 2, whyControlPlane: 2}},
		{name: "names that are not in the zone", nodes: Nodes{Names: field.List{"worker-1", "worker-2"}, Zone: "zone-b"}, want: []string{"worker-2"}, excluded: map[string]int{whyName: 5, whyZone: 1}},
		{name: "a number, which draws from them later", nodes: Nodes{Count: 1}, want: []string{"worker-1", "worker-2", "spot-1", "spot-2", "nowhere"}, excluded: map[string]int{whyControlPlane: 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := tc.nodes.Compile()
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.Nodes(pool(), preemptible.Known())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, nodeNames(got.Nodes)); diff != "" {
				t.Errorf("selected (-want, +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.excluded, got.Excluded); diff != "" {
				t.Errorf("excluded (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestNodesRefused(t *testing.T) {
	const empty = "--all-nodes: no selector given: select nodes by names, labels, zone or preemptible, limit them by count or percent, or set all to select every node"
	for _, tc := range []struct {
		name  string
		nodes Nodes
		want  string
	}{
		{name: "nothing at all, which would be everything", nodes: Nodes{}, want: empty},
		{name: "all of a hundred", nodes: Nodes{Percent: 100}, want: empty},
		{name: "the control plane, which does not select", nodes: Nodes{IncludeControlPlane: true}, want: empty},
		{name: "no names", nodes: Nodes{Names: field.List{}}, want: "--nodes: is empty: omit it, or set a value"},
		{name: "labels that are blank", nodes: Nodes{Labels: " "}, want: "--node-labels: is empty: omit it, or set a value; in YAML, a value that starts with ! needs quotes"},
		{name: "a zone that is blank", nodes: Nodes{Zone: " "}, want: "--zone: is empty: omit it, or set a value; in YAML, a value that starts with ! needs quotes"},
		{name: "what is neither true nor false", nodes: Nodes{Preemptible: "maybe"}, want: "--preemptible: must be true or false"},
		{name: "a number below 1", nodes: Nodes{Count: -1}, want: "--count: must be a whole number, 1 or more"},
		{name: "more than a hundred of a hundred", nodes: Nodes{Percent: 101}, want: "--percent: is 101: it must be a whole number from 1 to 100"},
		{name: "a number and a percentage", nodes: Nodes{Count: 1, Percent: 1}, want: "--count: cannot be combined with percent"},
		{name: "a node that is misspelt", nodes: Nodes{Names: field.List{"worker-1", "worker1"}}, want: `--nodes: no node worker1 (did you mean "worker-1"?)`},
		{name: "a node that is nothing like any", nodes: Nodes{Names: field.List{"x"}}, want: `--nodes: no node x`},
		{name: "a node of the control plane", nodes: Nodes{Names: field.List{"old-master-1"}}, want: `--include-control-plane: is required, because node old-master-1 is a control plane node`},
		{name: "a zone that is misspelt", nodes: Nodes{Zone: "zonea"}, want: `--zone: no zone zonea (did you mean "zone-a"?): available are zone-a, zone-b`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := tc.nodes.Compile()
			if err == nil {
				_, err = s.Nodes(pool(), preemptible.Known())
			}
			if err == nil {
				t.Fatal("it was not refused")
			}
			if diff := cmp.Diff(tc.want, field.AsFlags(err).Error()); diff != "" {
				t.Errorf("the error (-want, +got):\n%s", diff)
			}
		})
	}
}

func TestDrawNodes(t *testing.T) {
	var nodes []*corev1.Node
	for i := range 20 {
		nodes = append(nodes, newNode(fmt.Sprintf("node-%02d", i), "zone-a"))
	}
	for _, tc := range []struct {
		name  string
		nodes Nodes
		of    int
		want  int
	}{
		{name: "all where there is no limit", nodes: Nodes{All: true}, of: 20, want: 20},
		{name: "a number", nodes: Nodes{Count: 7}, of: 20, want: 7},
		{name: "a number of which there are not as many", nodes: Nodes{Count: 7}, of: 3, want: 3},
		{name: "a percentage, rounded down", nodes: Nodes{Percent: 30}, of: 19, want: 5},
		{name: "a percentage that would be none is one", nodes: Nodes{Percent: 30}, of: 2, want: 1},
		{name: "a percentage of none is none", nodes: Nodes{Percent: 30}, of: 0, want: 0},
		{name: "all of a hundred", nodes: Nodes{Percent: 100, All: true}, of: 20, want: 20},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := tc.nodes.Compile()
			if err != nil {
				t.Fatal(err)
			}
			drawn := nodeNames(s.Draw(1, nodes[:tc.of]))
			if len(drawn) != tc.want || len(slices.Compact(slices.Sorted(slices.Values(drawn)))) != tc.want {
				t.Errorf("drawn are %v, want %d", drawn, tc.want)
			}
			if again := nodeNames(s.Draw(1, nodes[:tc.of])); !slices.Equal(drawn, again) {
				t.Errorf("the same seed draws %v and %v", drawn, again)
			}
		})
	}
	s, err := Nodes{Count: 1}.Compile()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for seed := range draw.Seed(1000) {
		seen[s.Draw(seed, nodes)[0].Name] = true
	}
	if len(seen) != len(nodes) {
		t.Errorf("a thousand seeds draw %d of %d nodes", len(seen), len(nodes))
	}
}

func TestNodeFlagsAndFieldsAreTheSame(t *testing.T) {
	args := []string{"--nodes=a,b", "--node-labels=pool=web", "--zone=z", "--preemptible", "--count=2", "--percent=3", "--include-control-plane", "--all-nodes"}
	data := `{"names":["a","b"],"labels":"pool=web","zone":"z","preemptible":true,"count":2,"percent":3,"includeControlPlane":true,"all":true}`
	var byFlags, byFields Nodes
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	byFlags.Add(fs)
	new(Pods).Add(fs) // one command may have both
	if err := fs.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(data), &byFields); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(byFields, byFlags); diff != "" {
		t.Errorf("flags and fields differ (-fields, +flags):\n%s", diff)
	}
	written, err := json.Marshal(byFlags)
	if err != nil || string(written) != data {
		t.Errorf("written again it is %s, %v", written, err)
	}
}
