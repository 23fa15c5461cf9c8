package preemptiblenodes

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"
)

// sequencesPerCheck makes the hundred checks of a plain run thousands of sequences.
const sequencesPerCheck = 50

// TestAnySequenceHoldsEveryPolicy draws clusters and what happens to them, and holds
// every decision against a model that counts everything anew.
func TestAnySequenceHoldsEveryPolicy(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		for range sequencesPerCheck {
			runSequence(rt)
		}
	})
}

func runSequence(rt *rapid.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	m := &model{
		namespace: drawPolicy(rt, "namespace"),
		defaults:  drawPolicy(rt, "default"),
		workloads: []*modelWorkload{
			{kind: "Deployment", name: "web", revision: 1}, {kind: "StatefulSet", name: "db"}, {kind: "Job", name: "batch"},
		},
	}
	s := &sequence{T: rt, model: m, cluster: newClusterWith(ctx, rt, alone, argsOf(m.defaults))}
	s.cluster.store(namespace(m.namespace))
	for _, w := range m.workloads {
		w.says = drawPolicy(rt, w.name+" says")
		s.scale(w)
	}
	for i := range rapid.IntRange(1, 6).Draw(rt, "nodes") {
		n := &modelNode{name: fmt.Sprintf("n%d", i), zone: fmt.Sprintf("z%d", i%2), instanceType: "m"}
		n.preemptible = rapid.Bool().Draw(rt, "preemptible")
		m.nodes = append(m.nodes, n)
		s.turn(n)
	}
	for range rapid.IntRange(1, 25).Draw(rt, "steps") {
		s.step()
	}
}

// drawPolicy draws what one side says, never a contradiction.
func drawPolicy(rt *rapid.T, label string) stringMap {
	says := stringMap{}
	if mode := rapid.SampledFrom([]string{"", "", "never", "allow", "prefer", "require"}).Draw(rt, label); mode != "" {
		says[PreemptibleAnnotation] = mode
	}
	if says[PreemptibleAnnotation] == "require" {
		return says
	}
	for _, key := range []string{PreemptibleMaxAnnotation, OnDemandMinAnnotation} {
		switch rapid.SampledFrom([]string{"", "", "number", "percentage"}).Draw(rt, key) {
		case "number":
			says[key] = fmt.Sprint(rapid.IntRange(0, 6).Draw(rt, key))
		case "percentage":
			says[key] = fmt.Sprintf("%d%%", rapid.SampledFrom([]int{0, 1, 33, 34, 50, 66, 67, 99, 100}).Draw(rt, key))
		}
	}
	return says
}

// sequence does to the simulated cluster what it does to the model.
type sequence struct {
	*rapid.T
	model   *model
	cluster *cluster
	pods    int // made so far
}

func (s *sequence) step() {
	steps := map[string]func(){
		"create":       s.create,
		"create more":  func() { s.create(); s.create(); s.create() },
		"delete":       s.delete,
		"end":          s.end,
		"scale":        func() { s.scale(s.workload()) },
		"roll out":     s.rollOut,
		"turn node":    func() { s.turn(s.node()) },
		"relabel node": s.relabel,
		"namespace":    s.sayOtherwise,
	}
	names := []string{"create", "create", "create more", "create more", "delete", "end", "scale", "roll out", "turn node", "relabel node", "namespace"}
	steps[rapid.SampledFrom(names).Draw(s.T, "step")]()
}

func (s *sequence) workload() *modelWorkload {
	return rapid.SampledFrom(s.model.workloads).Draw(s.T, "workload")
}

func (s *sequence) node() *modelNode {
	return rapid.SampledFrom(s.model.nodes).Draw(s.T, "node")
}

// create makes a pod, checks where it goes, and puts it there. One that goes nowhere
// is given up.
func (s *sequence) create() {
	w := s.workload()
	s.pods++
	p := owned(pod(fmt.Sprintf("%s-pod-%d", w.name, s.pods), w.says), "", "", "", w.controller())
	owner := &p.OwnerReferences[0]
	owner.Name = string(w.controller())
	switch w.kind {
	case "Deployment":
		owner.APIVersion, owner.Kind = "apps/v1", "ReplicaSet"
	case "StatefulSet":
		owner.APIVersion, owner.Kind = "apps/v1", "StatefulSet"
	case "Job":
		owner.APIVersion, owner.Kind = "batch/v1", "Job"
	}
	decision := s.cluster.schedule(p)
	s.checkIndex()
	n := s.check(w, p, decision.Node, decision.Reasons)
	if n == nil {
		return
	}
	s.cluster.place(n.name, p)
	p.Spec.NodeName = n.name
	s.model.pods = append(s.model.pods, &modelPod{workload: w, object: p, node: n, lasts: true})
}

// check holds a decision against the model, and returns the node.
func (s *sequence) check(w *modelWorkload, p *corev1.Pod, node string, reasons map[string]int) *modelNode {
	allowed := s.model.allowed(w)
	if node == "" {
		if len(allowed) > 0 {
			s.Fatalf("%s goes nowhere, and could go to %s: %v\n%s", p.Name, allowed[0].name, reasons, s.model)
		}
		return nil
	}
	i := slices.IndexFunc(allowed, func(n *modelNode) bool { return n.name == node })
	if i < 0 {
		s.Fatalf("%s must not go to %s\n%s", p.Name, node, s.model)
	}
	chosen := allowed[i]
	if _, byPool := s.model.preemptibleReplicas(w); chosen.preemptible {
		for _, n := range allowed {
			if n.preemptible && byPool[n.zone+" "+n.instanceType] < byPool[chosen.zone+" "+chosen.instanceType] {
				s.Fatalf("%s goes to %s, where there is more to lose than on %s\n%s", p.Name, node, n.name, s.model)
			}
		}
	}
	return chosen
}

// checkIndex compares what the plugin has kept count of with what there is.
func (s *sequence) checkIndex() {
	index := s.cluster.plugin.nodes
	options := cmp.AllowUnexported(tally{}, pool{})
	want := s.model.tallies()
	if diff := cmp.Diff(want, index.tallies, options); diff != "" {
		s.Fatalf("tallies (-want +got):\n%s\n%s", diff, s.model)
	}
	there, notified := 0, 0
	for _, n := range s.model.nodes {
		if n.there {
			there++
			if n.aboutToLeave {
				notified++
			}
		}
	}
	if diff := cmp.Diff([]int{there, notified}, []int{len(index.facts), index.notified}); diff != "" {
		s.Fatalf("nodes, and those about to leave (-want +got):\n%s\n%s", diff, s.model)
	}
	for uid, t := range want {
		if diff := cmp.Diff(*t, index.recount(map[types.UID]bool{uid: true}, s.cluster.nodeInfos()), options); diff != "" {
			s.Fatalf("recount of %s (-want +got):\n%s\n%s", uid, diff, s.model)
		}
	}
}

// anyPod draws a pod, if there is one.
func (s *sequence) anyPod() (int, *modelPod) {
	if len(s.model.pods) == 0 {
		return 0, nil
	}
	i := rapid.IntRange(0, len(s.model.pods)-1).Draw(s.T, "pod")
	return i, s.model.pods[i]
}

func (s *sequence) delete() {
	i, p := s.anyPod()
	if p == nil {
		return
	}
	if err := s.cluster.RemovePod(p.object); err != nil {
		s.Fatal(err)
	}
	s.model.pods = slices.Delete(s.model.pods, i, i+1)
}

// end has a pod on its way out, or come to its end.
func (s *sequence) end() {
	_, p := s.anyPod()
	if p == nil {
		return
	}
	now := p.object.DeepCopy()
	switch rapid.IntRange(0, 2).Draw(s.T, "end") {
	case 0:
		now = terminating(now)
	case 1:
		now.Status.Phase = corev1.PodSucceeded
	case 2:
		now.Status.Phase = corev1.PodFailed
	}
	if err := s.cluster.UpdatePod(p.object, now); err != nil {
		s.Fatal(err)
	}
	p.object, p.lasts = now, false
}

func (s *sequence) scale(w *modelWorkload) {
	w.desired = rapid.IntRange(0, 9).Draw(s.T, "desired")
	switch w.kind {
	case "Deployment":
		s.cluster.store(deployment(w.name, w.desired), replicaSet(string(w.controller()), w.name, w.desired))
	case "StatefulSet":
		s.cluster.store(statefulSet(w.name, w.desired))
	case "Job":
		s.cluster.store(job(w.name, w.desired))
	}
}

// rollOut gives a workload another template. Pods of the old one stay until they are
// deleted, and a Deployment's new ones are of another ReplicaSet.
func (s *sequence) rollOut() {
	w := s.workload()
	w.says = drawPolicy(s.T, w.name+" says")
	if w.kind == "Deployment" {
		w.revision++
		s.cluster.store(replicaSet(string(w.controller()), w.name, rapid.IntRange(0, w.desired).Draw(s.T, "replicas")))
	}
}

// turn has a node come or go. Its pods stay, and are back with it.
func (s *sequence) turn(n *modelNode) {
	if n.there = !n.there; n.there {
		s.cluster.AddNode(n.object())
	} else if err := s.cluster.RemoveNode(n.object()); err != nil {
		s.Fatal(err)
	}
}

func (s *sequence) relabel() {
	n := s.node()
	n.preemptible = rapid.Bool().Draw(s.T, "preemptible")
	n.aboutToLeave = rapid.IntRange(0, 3).Draw(s.T, "about to leave") == 0
	n.instanceType = rapid.SampledFrom([]string{"m", "l"}).Draw(s.T, "type")
	if n.there {
		s.cluster.AddNode(n.object())
	}
}

func (s *sequence) sayOtherwise() {
	s.model.namespace = drawPolicy(s.T, "namespace")
	s.cluster.store(namespace(s.model.namespace))
}
