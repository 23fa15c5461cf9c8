package preemptiblenodes

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/component-base/metrics/testutil"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// indexed returns pods by their controllers.
func indexed(t fataler, pods ...*corev1.Pod) cache.Indexer {
	t.Helper()
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{controllerIndex: byController})
	for _, p := range pods {
		if err := indexer.Add(p); err != nil {
			t.Fatal(err)
		}
	}
	return indexer
}

func with(pods []*corev1.Pod, change func(*corev1.Pod)) []*corev1.Pod {
	for _, p := range pods {
		change(p)
	}
	return pods
}

func pinned(p *corev1.Pod) { p.Spec.Affinity = preemptible.Known().Exclude(nil) }
func held(p *corev1.Pod) {
	p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: preemptible.LimitGate}}
}

func TestSideOf(t *testing.T) {
	const limit, mode = PreemptibleMaxAnnotation, PreemptibleAnnotation
	for _, tt := range []struct {
		name    string
		desired int
		said    stringMap
		// free, pinned and held are how many siblings there are of each kind.
		free, pinned, held int
		told               map[types.UID]side
		change             func(*corev1.Pod) // of the free ones
		want               side
	}{
		{name: "the first goes anywhere", desired: 4, said: stringMap{limit: "2"}, held: 3, want: anywhere},
		{name: "so does the last that may", desired: 4, said: stringMap{limit: "2"}, free: 1, pinned: 1, want: anywhere},
		{name: "the next does not", desired: 4, said: stringMap{limit: "2"}, free: 2, want: onDemandOnly},
		{name: "wherever the others are now", desired: 4, said: stringMap{limit: "2"}, free: 2, change: func(p *corev1.Pod) { p.Spec.NodeName = "on-demand" }, want: onDemandOnly},
		{name: "one on its way out gives its place up", desired: 4, said: stringMap{limit: "2"}, free: 2, change: func(p *corev1.Pod) { p.DeletionTimestamp = terminating(p).DeletionTimestamp }, want: anywhere},
		{name: "so does one that has failed", desired: 4, said: stringMap{limit: "2"}, free: 2, change: func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }, want: anywhere},
		{name: "what has just been told counts, whatever the cache shows", desired: 4, said: stringMap{limit: "1"}, held: 1, told: map[types.UID]side{"web-1-0": anywhere}, want: onDemandOnly},
		{name: "as an exclusion", desired: 4, said: stringMap{limit: "1"}, free: 1, told: map[types.UID]side{"web-1-0": onDemandOnly}, want: anywhere},
		{name: "a percentage is of what is desired", desired: 10, said: stringMap{limit: "50%"}, free: 4, held: 2, want: anywhere},
		{name: "and rounded down", desired: 3, said: stringMap{limit: "50%"}, free: 1, want: onDemandOnly},
		{name: "a floor leaves the rest", desired: 5, said: stringMap{OnDemandMinAnnotation: "2"}, free: 3, want: onDemandOnly},
		{name: "none may", desired: 3, said: stringMap{limit: "0"}, want: onDemandOnly},
		{name: "no hard limit", desired: 3, free: 2, want: anywhere},
		{name: "within the limit it prefers what it prefers", desired: 4, said: stringMap{limit: "2", mode: "prefer"}, free: 1, want: preferablyPreemptible},
		{name: "beyond it that is no longer asked", desired: 4, said: stringMap{limit: "2", mode: "prefer"}, free: 2, want: onDemandOnly},
		{name: "never", desired: 3, said: stringMap{mode: "never"}, want: onDemandOnly},
		{name: "require", desired: 3, said: stringMap{mode: "require"}, want: preemptibleOnly},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, "")
			pods := c.web(tt.desired, tt.free+tt.pinned+tt.held+1, tt.said)
			free, rest := pods[:tt.free], pods[tt.free:]
			if tt.change != nil {
				with(free, tt.change)
			}
			with(rest[:tt.pinned], pinned)
			with(rest[tt.pinned:], held)
			siblings := newSiblings(indexed(t, pods...))
			maps.Copy(siblings.told, tt.told)
			got, err := c.plugin.sideOf(pods[len(pods)-1], siblings)
			if err != nil || got != tt.want {
				t.Errorf("got %s, error %v, want %s", got, err, tt.want)
			}
		})
	}
}

// TestContradiction has a policy that the pod's own selector cannot meet.
func TestContradiction(t *testing.T) {
	c := newCluster(t, "")
	c.addNodes(spot("s", "z", "m"), node("o", "karpenter.sh/capacity-type=on-demand"))
	for mode, tt := range map[string]struct{ value, leaves string }{
		"never":   {"spot", "only preemptible nodes"},
		"require": {"on-demand", "no preemptible nodes"},
	} {
		p := pod(mode, stringMap{PreemptibleAnnotation: mode})
		p.Spec.NodeSelector = stringMap{"karpenter.sh/capacity-type": tt.value}
		want := "the pod's node selector and affinity allow " + tt.leaves + ", which contradicts stowage.dev/preemptible: " + mode + ": change one of them in the pod template"
		if d := c.schedule(p); d.Node != "" || !strings.Contains(fmt.Sprint(d.Reasons), want) {
			t.Errorf("%s: placed on %q, for reasons %v, want %s", mode, d.Node, d.Reasons, want)
		}
	}
}

// TestBlind has pods that no node takes, with and without an autoscaler's mark on a node.
func TestBlind(t *testing.T) {
	never := stringMap{PreemptibleAnnotation: "never"}
	for _, tt := range []struct {
		name   string
		label  string
		said   stringMap
		reason string // of the node's refusal
		want   int
	}{
		{"never beside an autoscaler", "karpenter.sh/nodepool=default", never, ErrReasonPreemptible, 1},
		{"a cap", "karpenter.sh/nodepool=default", stringMap{PreemptibleMaxAnnotation: "0"}, ErrReasonCap, 1},
		{"no autoscaler", "example.com/pool=default", never, ErrReasonPreemptible, 0},
		{"refused for something else first, as where the pod says so itself", "karpenter.sh/nodepool=default", never, "node(s) didn't match Pod's node affinity/selector", 0},
		{"a node about to go", "karpenter.sh/nodepool=default", never, ErrReasonNotice, 0},
		{"no limit", "karpenter.sh/nodepool=default", nil, ErrReasonCap, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t, "")
			recorder := events.NewFakeRecorder(10)
			c.plugin.recorder = recorder
			n := node("s", spotLabel, tt.label)
			c.addNodes(n)
			c.plugin.alarm.see(n)
			p := pod("p", tt.said)
			c.schedule(pod("another", nil)) // has the engine take its picture
			state := framework.NewCycleState()
			if _, status := c.plugin.PreFilter(t.Context(), state, p, c.nodeInfos()); !status.IsSuccess() && !status.IsSkip() {
				t.Fatal(status)
			}
			statuses := framework.NewDefaultNodeToStatus()
			statuses.Set("s", fwk.NewStatus(fwk.Unschedulable, tt.reason))
			for range 2 {
				if _, status := c.plugin.PostFilter(t.Context(), state, p, statuses); status.Code() != fwk.Unschedulable {
					t.Fatal(status)
				}
			}
			got, err := testutil.GetGaugeMetricValue(blindPods)
			if err != nil || int(got) != tt.want || len(recorder.Events) != tt.want {
				t.Errorf("%v blind pods, error %v, %d events, want %d", got, err, len(recorder.Events), tt.want)
			}
			c.plugin.forget(p)
			if got, _ := testutil.GetGaugeMetricValue(blindPods); got != 0 {
				t.Errorf("%v blind pods once it is gone", got)
			}
		})
	}
}
