package replay

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Each pod that is placed anew is there once, with a node or as pending with a reason. No node
// has more than it offers, whatever the order. And the figures are of that placement.
func TestPodsAreConserved(t *testing.T) {
	subjects := shipped(t)
	rapid.Check(t, func(rt *rapid.T) {
		picture := drawCluster(rt)
		c := divided(picture, rapid.SampledFrom([]*uint64{nil, new(uint64)}).Draw(rt, "seed"))
		subject := rapid.SampledFrom(subjects).Draw(rt, "subject")
		pods, reasons, err := c.place(t.Context(), subject, 0)
		if err != nil {
			rt.Fatal(err)
		}
		if before, after := listed(c.pods), listed(pods); before != after {
			rt.Errorf("of the pods %s there are %s", before, after)
		}
		inUse, pending := map[string]bool{}, 0
		for _, pod := range pods {
			if node := pod.Spec.NodeName; node == "" {
				pending++
			} else {
				inUse[node] = true
			}
		}
		counted := 0
		for _, n := range reasons {
			counted += n
		}
		if counted != pending {
			rt.Errorf("%d pods are pending for %v", pending, reasons)
		}
		for i, free := range (&cluster.Snapshot{Nodes: c.nodes, Pods: slices.Concat(c.staying, pods)}).Free() {
			for name, amount := range free {
				if amount < 0 {
					rt.Errorf("%s has %d of %s too much", c.nodes[i].Name, -amount, name)
				}
			}
		}
		r := c.result(subject.Name, "", pods, reasons)
		if r.NodesUsed != len(inUse) || r.Pending != pending || r.Placed+r.Pending != len(c.pods) || r.NodesUsed+r.NodesRemovable+r.NodesKept != len(c.nodes) {
			rt.Errorf("the figures are %+v, of %d nodes with pods, and %d pods pending", r, len(inUse), pending)
		}
		if r.Pending == 0 && r.NodesUsed < picture.LowerBound(c.pods) {
			rt.Errorf("%d nodes are used, and the lower bound is %d", r.NodesUsed, picture.LowerBound(c.pods))
		}
		now := c.result(Now, "", c.pods, nil)
		if now.Placed+now.Pending != len(c.pods) || now.NodesUsed+now.NodesRemovable+now.NodesKept != len(c.nodes) {
			rt.Errorf("the figures for now are %+v", now)
		}
	})
}

func drawCluster(t *rapid.T) *cluster.Snapshot {
	s := &cluster.Snapshot{}
	for i := range rapid.IntRange(0, 5).Draw(t, "nodes") {
		name := fmt.Sprint("node-", i)
		node := newNode(name, fmt.Sprintf("cpu=%d memory=%dGi", rapid.IntRange(1, 4).Draw(t, "cpu"), rapid.IntRange(1, 4).Draw(t, "memory")))
		switch rapid.IntRange(0, 5).Draw(t, "state") {
		case 0:
			node.Spec.Unschedulable = true
		case 1:
			node.Annotations = map[string]string{"karpenter.sh/do-not-disrupt": "true"}
		case 2:
			labelled("karpenter.sh/capacity-type=spot")(node)
		}
		s.Nodes = append(s.Nodes, node)
		if rapid.Bool().Draw(t, "agent") {
			s.Pods = append(s.Pods, newPod("agent-"+name, name, "cpu=100m memory=100Mi", daemon))
		}
	}
	for i := range rapid.IntRange(0, 12).Draw(t, "pods") {
		node := ""
		if at := rapid.IntRange(-1, len(s.Nodes)-1).Draw(t, "node"); at >= 0 {
			node = s.Nodes[at].Name
		}
		requests := fmt.Sprintf("cpu=%dm memory=%dMi", rapid.IntRange(0, 15).Draw(t, "cpu")*100, rapid.IntRange(0, 15).Draw(t, "memory")*100)
		s.Pods = append(s.Pods, newPod(fmt.Sprintf("web-%02d", i), node, requests, func(p *corev1.Pod) {
			if rapid.IntRange(0, 3).Draw(t, "port") == 0 {
				p.Spec.Containers[0].Ports = []corev1.ContainerPort{{HostPort: 80, ContainerPort: 80, Protocol: corev1.ProtocolTCP}}
			}
		}))
	}
	return s
}
