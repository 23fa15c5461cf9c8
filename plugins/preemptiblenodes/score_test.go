package preemptiblenodes

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/kubernetes/pkg/scheduler/framework"
)

// TestScore scores a pod of a Deployment of six, of which none or three are on
// preemptible nodes: two of pool z1/m, one of pool z2/m.
func TestScore(t *testing.T) {
	type scores = map[string]int64
	all := scores{"a": 100, "b": 100, "c": 100, "d": 100}
	tests := []struct {
		name           string
		args           string
		pod, namespace stringMap
		none, three    scores
	}{
		{
			name:  "nothing is said: pools are balanced",
			three: scores{"a": 100, "b": 67, "c": 75, "d": 100},
		},
		{
			name:  "prefer",
			pod:   stringMap{PreemptibleAnnotation: "prefer"},
			none:  scores{"a": 50, "b": 100, "c": 100, "d": 100},
			three: scores{"a": 50, "b": 67, "c": 75, "d": 100},
		},
		{
			name:  "prefer up to a cap, and other nodes from there on",
			args:  "default: {preemptible: prefer, onDemandMin: 50%}",
			none:  scores{"a": 50, "b": 100, "c": 100, "d": 100},
			three: scores{"a": 100, "b": 17, "c": 25, "d": 50},
		},
		{
			name:  "a soft cap alone",
			args:  "default: {preemptibleMax: 3}",
			three: scores{"a": 100, "b": 17, "c": 25, "d": 50},
		},
		{
			name:      "a namespace's never",
			namespace: stringMap{PreemptibleAnnotation: "never"},
			none:      scores{"a": 100, "b": 50, "c": 50, "d": 50},
			three:     scores{"a": 100, "b": 17, "c": 25, "d": 50},
		},
		{
			name:      "a namespace's require goes before the default",
			args:      "default: {preemptible: never}",
			namespace: stringMap{PreemptibleAnnotation: "require"},
			none:      scores{"a": 50, "b": 100, "c": 100, "d": 100},
			three:     scores{"a": 50, "b": 67, "c": 75, "d": 100},
		},
		{
			name:  "a pod that allows has no preference, whatever the default",
			args:  "default: {preemptible: never}",
			pod:   stringMap{PreemptibleAnnotation: "allow"},
			three: scores{"a": 100, "b": 67, "c": 75, "d": 100},
		},
		{
			name:  "require leaves one kind, which is balanced",
			pod:   stringMap{PreemptibleAnnotation: "require"},
			none:  scores{"b": 100, "c": 100, "d": 100},
			three: scores{"b": 67, "c": 75, "d": 100},
		},
	}
	for _, tt := range tests {
		for number, want := range map[int]scores{0: tt.none, 3: tt.three} {
			t.Run(fmt.Sprintf("%s, %d there", tt.name, number), func(t *testing.T) {
				c := newCluster(t, tt.args)
				c.store(namespace(tt.namespace))
				c.addNodes(node("a"), spot("b", "z1", "m"), spot("c", "z2", "m"), spot("d", "z2", "l"))
				pods := c.web(6, 4, tt.pod)
				if number > 0 {
					c.place("b", pods[:2]...)
					c.place("c", pods[2])
				}
				got := scoresOf(c.schedule(pods[3]))
				for node := range got {
					if got[node] == 0 {
						got[node] = 100 // PreScore has left scoring to other plugins
					}
				}
				if want == nil {
					want = all
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("scores (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestPreScoreSkips(t *testing.T) {
	tests := []struct {
		name  string
		nodes []string
		mode  string
		there string // where a sibling is
		want  bool
	}{
		{name: "no preference and no sibling", nodes: []string{"a", "b", "c"}, mode: "allow", want: true},
		{name: "no preference and a sibling on another node", nodes: []string{"a", "b", "c"}, mode: "allow", there: "a", want: true},
		{name: "no preference and a sibling in a pool", nodes: []string{"a", "b", "c"}, mode: "allow", there: "b"},
		{name: "a preference that all nodes meet", nodes: []string{"b", "c"}, mode: "prefer", want: true},
		{name: "a preference that no node meets", nodes: []string{"a"}, mode: "prefer", want: true},
		{name: "a preference between the nodes", nodes: []string{"a", "b"}, mode: "prefer"},
		{name: "a single pool that has a sibling", nodes: []string{"b"}, mode: "prefer", there: "b", want: true},
		{name: "a sibling in a pool none of whose nodes takes the pod", nodes: []string{"a", "b"}, mode: "allow", there: "c", want: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, "default: {preemptible: "+tt.mode+"}")
			c.addNodes(node("a"), spot("b", "z1", "m"), spot("c", "z2", "m"))
			pods := c.web(3, 2, nil)
			if tt.there != "" {
				c.place(tt.there, pods[0])
			}
			c.schedule(pods[1])
			var feasible = c.nodeInfos()[:0:0]
			for _, n := range c.nodeInfos() {
				for _, name := range tt.nodes {
					if n.Node().Name == name {
						feasible = append(feasible, n)
					}
				}
			}
			state := framework.NewCycleState()
			c.plugin.PreFilter(context.Background(), state, pods[1], c.nodeInfos())
			if status := c.plugin.PreScore(context.Background(), state, pods[1], feasible); status.IsSkip() != tt.want {
				t.Errorf("%v, want skip %t", status, tt.want)
			}
		})
	}
}

func TestPreScoreLeavesDaemonSetsToOthers(t *testing.T) {
	c := newCluster(t, "")
	p := owned(pod("p", nil), "apps/v1", "DaemonSet", "logs", "logs")
	if status := c.plugin.PreScore(t.Context(), framework.NewCycleState(), p, nil); !status.IsSkip() {
		t.Errorf("%v, want skip", status)
	}
}

// TestSpread has a Deployment's preemptible replicas fill pools of unequal numbers
// of nodes, and counts those in each: what one pool takes must be the least possible.
func TestSpread(t *testing.T) {
	c := newCluster(t, "default: {preemptible: prefer, preemptibleMax: 8}")
	pools := map[string]string{}
	for zone, nodes := range map[string]int{"z1": 5, "z2": 1, "z3": 2} {
		for i := range nodes {
			n := spot(fmt.Sprintf("%s-%d", zone, i), zone, "m")
			pools[n.Name] = zone
			c.addNodes(n)
		}
	}
	c.addNodes(spot("z3-l", "z3", "l"), node("a"))
	pools["z3-l"], pools["a"] = "z3, type l", "on demand"
	replicas := map[string]int{}
	for node, number := range c.run(c.web(12, 12, nil)...) {
		replicas[pools[node]] += number
	}
	if diff := cmp.Diff(map[string]int{"z1": 2, "z2": 2, "z3": 2, "z3, type l": 2, "on demand": 4}, replicas); diff != "" {
		t.Errorf("replicas by pool (-want +got):\n%s", diff)
	}
}

// TestARolloutCountsBothReplicaSets has the new pods of a surge go where the old ones
// leave room, and follow as these go.
func TestARolloutCountsBothReplicaSets(t *testing.T) {
	policy := stringMap{PreemptibleAnnotation: "prefer", PreemptibleMaxAnnotation: "67%"}
	c := newCluster(t, "")
	c.addNodes(node("a"), spot("b", "z1", "m"), spot("c", "z2", "m"))
	old := c.web(3, 3, policy)
	where := map[string]string{}
	for _, p := range old {
		where[p.Name] = c.schedule(p).Node
		c.place(where[p.Name], p)
	}
	if diff := cmp.Diff(map[string]string{"web-1-0": "b", "web-1-1": "c", "web-1-2": "a"}, where); diff != "" {
		t.Fatalf("the old pods (-want +got):\n%s", diff)
	}
	c.store(replicaSet("web-2", "web", 1), replicaSet("web-1", "web", 3))
	fresh := podsOf("web-2", 3, policy)
	want := []string{"a", "b", "c"}
	for i, p := range fresh {
		if got := c.schedule(p).Node; got != want[i] {
			t.Errorf("new pod %d goes to %s, want %s", i, got, want[i])
		}
		c.place(want[i], p)
		gone := old[i].DeepCopy()
		gone.Spec.NodeName = where[old[i].Name]
		if err := c.UpdatePod(gone, terminating(gone)); err != nil {
			t.Fatal(err)
		}
	}
}
