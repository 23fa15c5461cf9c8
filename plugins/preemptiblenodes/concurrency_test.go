package preemptiblenodes

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFiveHundredReplicasAtOnce has them scheduled one after the other, as the engine
// does, each assumed where it goes before any of them runs.
func TestFiveHundredReplicasAtOnce(t *testing.T) {
	c := newCluster(t, "")
	c.addNodes(node("a"), spot("b", "z1", "m"), spot("c", "z2", "m"))
	pods := c.web(500, 500, stringMap{PreemptibleAnnotation: "prefer", PreemptibleMaxAnnotation: "66%"})
	if diff := cmp.Diff(map[string]int{"a": 170, "b": 165, "c": 165}, c.run(pods...)); diff != "" {
		t.Errorf("pods by node (-want +got):\n%s", diff)
	}
}

// TestTwoProfiles has two instances of the plugin place the pods of one workload in
// turn: each finds what the other has placed in the snapshot.
func TestTwoProfiles(t *testing.T) {
	profiles := []*cluster{newCluster(t, ""), newCluster(t, "")}
	policy := stringMap{PreemptibleAnnotation: "prefer", OnDemandMinAnnotation: "34%"}
	pods := profiles[0].web(500, 500, policy)
	profiles[1].web(500, 500, policy)
	for _, c := range profiles {
		c.addNodes(node("a"), spot("b", "z1", "m"), spot("c", "z2", "m"))
	}
	went := map[string]int{}
	for i, p := range pods {
		node := profiles[i%2].schedule(p).Node
		went[node]++
		for _, c := range profiles {
			c.place(node, p)
		}
	}
	if diff := cmp.Diff(map[string]int{"a": 170, "b": 165, "c": 165}, went); diff != "" {
		t.Errorf("pods by node (-want +got):\n%s", diff)
	}
}

// TestAScaleDownLeavesNoRoom has a workload scaled down to fewer replicas than it has
// on preemptible nodes: none of those is moved, and none comes until there is room.
func TestAScaleDownLeavesNoRoom(t *testing.T) {
	policy := stringMap{PreemptibleAnnotation: "prefer", PreemptibleMaxAnnotation: "50%"}
	c := newCluster(t, "")
	c.addNodes(node("a"), spot("b", "z1", "m"))
	pods := c.web(10, 10, policy)
	if diff := cmp.Diff(map[string]int{"a": 5, "b": 5}, c.run(pods...)); diff != "" {
		t.Fatalf("pods by node (-want +got):\n%s", diff)
	}
	// The controller takes those that are on the node for all.
	c.store(deployment("web", 4), replicaSet("web-1", "web", 4))
	for _, p := range pods[5:] {
		gone := p.DeepCopy()
		gone.Spec.NodeName = "a"
		if err := c.RemovePod(gone); err != nil {
			t.Fatal(err)
		}
	}
	next := podsOf("web-1", 12, policy)[10:]
	if diff := cmp.Diff(map[string]int{"a": 2}, c.run(next...)); diff != "" {
		t.Errorf("pods by node after the scale-down (-want +got):\n%s", diff)
	}
}
