package karpentertest

import (
	"os"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// change changes the pods of a workload.
type change = func(*corev1.PodTemplateSpec)

// TestLimits has workloads with limits beside Karpenter, all at once. Each ends with all its
// pods Running and its limits kept, now and at every moment before, on no node too many.
func TestLimits(t *testing.T) {
	if os.Getenv(variable) == "" {
		t.Skip("`make test-karpenter` runs it")
	}
	cases := []struct {
		name string
		// replicas is how many the workload has in the end.
		replicas int
		pods     []change
		limits   limits
		// before has the cluster ready for the workload, of which first replicas are created
		// (or all of them, where it is 0); then is what happens when they run.
		before func(*world)
		first  int32
		then   func(*world)
	}{
		{name: "never", replicas: 3, pods: []change{annotated(modeAnnotation, "never")}, limits: limits{onDemand: 3}},
		{
			name: "never, on a node on demand whose others leave", replicas: 3, pods: []change{annotated(modeAnnotation, "never")}, limits: limits{onDemand: 3},
			before: func(w *world) { w.onDemandNodeWithRoom() }, then: (*world).othersLeave,
		},
		{
			name: "never, with a budget, on a node on demand whose others leave", replicas: 3, pods: []change{annotated(modeAnnotation, "never")}, limits: limits{onDemand: 3},
			before: func(w *world) { w.protect(); w.onDemandNodeWithRoom() }, then: (*world).othersLeave,
		},
		{name: "at most two", replicas: 10, pods: []change{annotated(maxAnnotation, "2")}, limits: limits{spot: 2, onDemand: 10}},
		{name: "at most half", replicas: 10, pods: []change{annotated(maxAnnotation, "50%")}, limits: limits{spot: 5, onDemand: 10}},
		{
			name: "at most half, as many as may be", replicas: 10, pods: []change{annotated(maxAnnotation, "50%"), annotated(modeAnnotation, "prefer")},
			limits: limits{spot: 5, onDemand: 5},
		},
		// A spread counts the nodes that a pod's own affinity leaves it, so what keeps half of them
		// off spot nodes leaves the other half alone in being spread.
		{name: "at most half, spread", replicas: 10, pods: []change{annotated(maxAnnotation, "50%"), spreadOverCapacityTypes}, limits: limits{spot: 5, onDemand: 10}},
		{name: "at least four on demand", replicas: 10, pods: []change{annotated(minAnnotation, "4")}, limits: limits{spot: 6, onDemand: 10}},
		{
			name: "require, with room on demand", replicas: 3, pods: []change{annotated(modeAnnotation, "require")}, limits: limits{spot: 3},
			before: func(w *world) { w.onDemandNodeWithRoom() },
		},
		{name: "required affinity", replicas: 3, pods: []change{requiringOnDemand}, limits: limits{onDemand: 3}},
		{name: "preferred affinity", replicas: 10, pods: []change{annotated(maxAnnotation, "2"), preferringOnDemand}, limits: limits{spot: 2, onDemand: 10}},
		{
			name: "at most two, scaled up", replicas: 10, pods: []change{annotated(maxAnnotation, "2")}, limits: limits{spot: 2, onDemand: 10},
			first: 4, then: func(w *world) { w.scale(10) },
		},
		{
			name: "at most two, rolled out anew", replicas: 6, pods: []change{annotated(maxAnnotation, "2")}, limits: limits{spot: 2, onDemand: 8}, // two more at a time
			then: (*world).restart,
		},
	}
	c := start(t)
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pool := strings.NewReplacer(" ", "-", ",", "").Replace(tt.name)
			w := c.newWorld(t, pool, tt.limits)
			others := 0
			if tt.before != nil {
				tt.before(w)
				others = w.watcher.view(w.namespace).pods
			}
			first := int32(tt.replicas)
			if tt.first > 0 {
				first = tt.first
			}
			w.deploy(web, first, tt.pods...)
			if tt.then != nil {
				w.awaitRunning(int(first) + others)
				tt.then(w)
				others = w.others()
			}
			v := w.awaitCalm(tt.replicas + others)
			t.Logf("in the end:\n%s", v.text)
			for _, broken := range v.broken {
				t.Errorf("the limit was broken: %s", broken)
			}
			if v.spot+v.onDemand != tt.replicas {
				t.Errorf("%d replicas on spot nodes and %d on others, of %d", v.spot, v.onDemand, tt.replicas)
			}
		})
	}
}

// othersLeave takes the workload away that keeps the node of ours in use, and waits until
// Karpenter has done away with the node.
func (w *world) othersLeave() {
	w.Helper()
	v := w.watcher.view(w.namespace)
	node := v.nodesOf["filler"][0]
	if slices.ContainsFunc(v.nodesOf[web], func(n string) bool { return n != node }) {
		w.Fatalf("all were to be on one node:\n%s", v.text)
	}
	w.remove("filler")
	w.await("the node is gone that has become too large", func(v view) bool { return !slices.Contains(v.nodes, node) })
}

// others counts the pods of other workloads than ours.
func (w *world) others() (n int) {
	for app, nodes := range w.watcher.view(w.namespace).nodesOf {
		if app != web {
			n += len(nodes)
		}
	}
	return n
}
