package candidatenodes_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/klog/v2"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	corev1 "k8s.io/api/core/v1"
)

// TestChangesWithoutEvents covers nodes that are not as the table has them, because the
// events that say so are still on their way: a wrong answer must not be remembered.
func TestChangesWithoutEvents(t *testing.T) {
	tests := []struct {
		name string
		// before is on node b, c or both at first, cpu by node; comes says that a pod comes
		// to b without an event and goes again, else it is there from the start and goes.
		before map[string]string
		cpu    string
		comes  bool
		ask    string
		want   []string // after each step; several are as good
	}{
		{"a node that is full for a while", map[string]string{"b": "2", "c": "2"}, "2", true, "1500m", []string{"c", "b c"}},
		{"a node that was full", map[string]string{"c": "3"}, "3", false, "2", []string{"b"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newEngine(t, []schedulerconfig.KubeSchedulerProfile{*shipped(t)[0].profile}, nil)
			for _, name := range []string{"b", "c", "d"} {
				e.AddNode(newNode(name))
				if cpu := tt.before[name]; cpu != "" {
					if err := e.AddPod(newPod("on-"+name, name, cpu, 0)); err != nil {
						t.Fatal(err)
					}
				}
			}
			e.settle()
			unannounced := newPod("unannounced", "b", tt.cpu, 0)
			come, goes := func() error { return e.sched.Cache.AssumePod(klog.Background(), unannounced) }, func() error { return e.sched.Cache.ForgetPod(klog.Background(), unannounced) }
			steps := []func() error{come, goes}
			if !tt.comes {
				if err := come(); err != nil {
					t.Fatal(err)
				}
				e.chooses(newPod("first", "", "100m", 0))
				time.Sleep(1100 * time.Millisecond) // all nodes are compared each second
				steps = steps[1:]
			}
			e.chooses(newPod("other", "", "100m", 0))
			time.Sleep(200 * time.Millisecond) // nodes are looked at for a while after an event
			e.chooses(newPod("other", "", "100m", 0))
			for i, step := range steps {
				if err := step(); err != nil {
					t.Fatal(err)
				}
				if got := e.chooses(newPod("asked", "", tt.ask, 0)); got == "" || !strings.Contains(tt.want[i], got) {
					t.Errorf("after step %d, %q is chosen, want %q", i, got, tt.want[i])
				}
			}
			e.chooses(newPod("other", "", "100m", 0))
			time.Sleep(1100 * time.Millisecond)
			if got, want := e.chooses(newPod("asked later", "", tt.ask, 0)), tt.want[len(steps)-1]; got == "" || !strings.Contains(want, got) {
				t.Errorf("later, %q is chosen, want %q", got, want)
			}
		})
	}
}

// chooses returns the node that is left for the pod; nothing, if all are.
func (e *engine) chooses(pod *corev1.Pod) string {
	e.t.Helper()
	f, _ := e.look(pod)
	left, status, _ := f.RunPreFilterPlugins(context.Background(), framework.NewCycleState(), pod)
	if !status.IsSuccess() {
		e.t.Fatal(status)
	}
	if left.AllNodes() {
		return ""
	}
	return left.NodeNames.UnsortedList()[0]
}

// TestLabelsOfManyValues covers labels of which each node has a value of its own: a pod
// that asks for one is left to the engine, and others are still placed by the state of
// nodes that are alike.
func TestLabelsOfManyValues(t *testing.T) {
	e := newEngine(t, []schedulerconfig.KubeSchedulerProfile{*shipped(t)[0].profile}, nil)
	for i := range 200 {
		node := newNode(fmt.Sprintf("node-%03d", i))
		node.Labels["example.com/instance"] = node.Name
		node.Labels["example.com/pool"] = fmt.Sprint(i % 10)
		e.sched.Cache.AddNode(klog.Background(), node)
	}
	asking := func(key, value string) *corev1.Pod {
		pod := newPod("asking", "", "1", 0)
		pod.Spec.NodeSelector = map[string]string{key: value}
		return pod
	}
	for range 2 { // what is known of the label is remembered
		if got := e.chooses(asking("example.com/instance", "node-007")); got != "" {
			t.Errorf("%q is chosen for a pod that asks for one instance", got)
		}
	}
	if got, want := e.chooses(asking("example.com/pool", "3")), "node-003"; got != want {
		t.Errorf("%q is chosen from the pool, want %q", got, want)
	}
	for i := range 600 { // far more than are kept
		// All nodes refuse the pod alike: one says why for all.
		if got, want := e.chooses(asking(fmt.Sprintf("example.com/nobody-has-%d", i), "")), "node-000"; got != want {
			t.Fatalf("%q is asked about a pod that no node is for, want %q", got, want)
		}
	}
	if got, want := e.chooses(asking("example.com/pool", "3")), "node-003"; got != want {
		t.Errorf("later, %q is chosen from the pool, want %q", got, want)
	}
}
