package beside

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// TestLoad covers how full the nodes are before and after.
func TestLoad(t *testing.T) {
	for _, load := range []Load{{Nodes: 500, Pods: 2000}, {Nodes: 500, Pods: 5000}, {Nodes: 5000, Pods: 5000}} {
		nodes := load.pool().Nodes()
		all, before, arriving := int64(0), int64(0), map[string]int64{}
		for _, node := range nodes {
			all += node.Status.Allocatable.Cpu().MilliValue()
			before += load.filler(node.Name).Spec.Containers[0].Resources.Requests.Cpu().MilliValue()
		}
		for _, scheduler := range both {
			for i := range load.Pods / 2 {
				arriving[scheduler] += load.pod(i, scheduler).Spec.Containers[0].Resources.Requests.Cpu().MilliValue()
			}
		}
		if percent := 100 * before / all; percent != fullPercent {
			t.Errorf("%+v: %d %% of the nodes is taken before, want %d", load, percent, fullPercent)
		}
		after := 100 * float64(before+arriving[Own]+arriving[Other]) / float64(all)
		if after < thenPercent-0.5 || after > thenPercent || arriving[Own] != arriving[Other] {
			t.Errorf("%+v: %.1f %% of the nodes is taken after, want %d; by the schedulers' pods %v", load, after, thenPercent, arriving)
		}
	}
}

func TestWatcher(t *testing.T) {
	w := &watcher{pods: map[types.UID]pod{}}
	load := Load{Nodes: 500, Pods: 2000}
	sees := func(i int, scheduler, node string, phase corev1.PodPhase, reason string, milliCPU int) {
		p := load.pod(i, scheduler)
		p.UID = types.UID(p.Name)
		p.Spec.Containers = newPod("", "", milliCPU).Spec.Containers
		p.Spec.NodeName, p.Status.Phase, p.Status.Reason = node, phase, reason
		if reason == corev1.PodReasonUnschedulable {
			p.Status.Reason = ""
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: reason}}
		}
		trimmed, err := trim(p)
		if err != nil {
			t.Fatal(err)
		}
		w.see(nil, trimmed.(*corev1.Pod))
	}
	type state struct {
		Own, Other Count
		Undecided  int
		Settled    bool
	}
	for _, step := range []struct {
		name   string
		happen func()
		want   state
	}{
		{"a pod that was there before", func() {
			p := load.filler("a")
			p.UID, p.Status.Phase = "filler", corev1.PodRunning
			w.see(nil, p)
		}, state{Settled: true}},
		{"pods arrive", func() {
			sees(0, Own, "", corev1.PodPending, "", 3000)
			sees(0, Other, "", corev1.PodPending, "", 3000)
		}, state{Count{Unplaced: 1}, Count{Unplaced: 1}, 2, true}},
		{"one gets a node", func() { sees(0, Own, "a", corev1.PodPending, "", 3000) }, state{Count{Placed: 1}, Count{Unplaced: 1}, 1, false}},
		{"it runs", func() { sees(0, Own, "a", corev1.PodRunning, "", 3000) }, state{Count{Placed: 1}, Count{Unplaced: 1}, 1, true}},
		{"the other runs on the same node", func() { sees(0, Other, "a", corev1.PodRunning, "", 3000) }, state{Count{Placed: 1}, Count{Placed: 1}, 0, false}},
		{"and is refused", func() { sees(0, Other, "a", corev1.PodFailed, "OutOfcpu", 3000) }, state{Count{Placed: 1}, Count{Placed: 1, Refused: 1}, 0, true}},
		{"one fits nowhere", func() { sees(1, Own, "", corev1.PodPending, corev1.PodReasonUnschedulable, 5000) },
			state{Count{Placed: 1, Unplaced: 1}, Count{Placed: 1, Refused: 1}, 0, true}},
	} {
		step.happen()
		got := state{w.count(Own), w.count(Other), w.undecided(), w.settled()}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
	if n := w.running(); n != 2 {
		t.Errorf("%d pods run, want 2: %s", n, fmt.Sprint(w.pods))
	}
}
