package candidatenodes_test

import (
	"context"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	frameworkruntime "k8s.io/kubernetes/pkg/scheduler/framework/runtime"

	"github.com/stowage-k8s/stowage/plugins/dedicatednodes"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// liar is a plugin that says nothing against a node in a scan, and then refuses it.
type liar struct {
	node string
}

func (l *liar) Name() string { return dedicatednodes.Name }

func (l *liar) PreFilter(_ context.Context, state fwk.CycleState, _ *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	scan.Write(state, l.Name(), scan.Part{})
	return nil, nil
}

func (l *liar) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

func (l *liar) Filter(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	if node.Node().Name == l.node {
		return fwk.NewStatus(fwk.Unschedulable, "node(s) were lied about")
	}
	return nil
}

func (l *liar) Score(context.Context, fwk.CycleState, *corev1.Pod, fwk.NodeInfo) (int64, *fwk.Status) {
	return 0, nil
}

func (l *liar) ScoreExtensions() fwk.ScoreExtensions { return nil }

// TestRefusedNode covers a node that was chosen and does not take the pod, which only a
// defect can cause: nothing is evicted there, and the pod is retried with all nodes.
func TestRefusedNode(t *testing.T) {
	profile := shipped(t)[0].profile
	e := newEngine(t, []schedulerconfig.KubeSchedulerProfile{*profile}, frameworkruntime.Registry{
		dedicatednodes.Name: func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return &liar{node: "b"}, nil },
	})
	e.AddNode(newNode("a"))
	e.AddNode(newNode("b"))
	for _, pod := range []*corev1.Pod{newPod("other", "a", "2", 0), newPod("victim", "b", "1", 0)} {
		if err := e.AddPod(pod); err != nil {
			t.Fatal(err)
		}
	}
	pod := newPod("high", "", "1", 1000)
	e.submit(pod)
	e.settle()
	if got := e.schedule(pod); got.Node != "" || got.Nominated != "" || len(got.Victims) > 0 {
		t.Fatalf("the first attempt, with the node that refuses: %+v", got)
	}
	if !e.waits(pod) {
		t.Error("the pod is not tried again by itself")
	}
	if diff := cmp.Diff("a", e.schedule(pod).Node); diff != "" {
		t.Errorf("node of the second attempt, with all nodes (-want +got):\n%s", diff)
	}
}

// waits says whether the scheduler tries the pod again by itself, after its backoff at
// the latest.
func (e *engine) waits(pod *corev1.Pod) bool {
	queue := e.sched.SchedulingQueue
	return slices.ContainsFunc(slices.Concat(queue.PodsInActiveQ(), queue.PodsInBackoffQ()), func(p *corev1.Pod) bool { return p.UID == pod.UID })
}
