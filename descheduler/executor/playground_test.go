package executor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

func (l *live) run(p *plan.Plan, opts Options) *plan.Result {
	l.Helper()
	result, err := Run(l.Context(), p, opts)
	if err != nil {
		l.Fatal(err)
	}
	for _, e := range result.Evictions {
		l.Logf("wave %d: %s %s %s, on %s after %v", e.Wave, e.Move.Pod.Name, e.Outcome, e.Error, e.LandedOn, e.ReadyAfter.Round(time.Millisecond))
	}
	for _, d := range result.Dropped {
		l.Logf("dropped: %s %s %s", d.Pod.Name, d.Rule, d.Reason)
	}
	l.Logf("%d waves, %d new plans, stopped: %q", result.Waves, result.Replans, result.Stopped)
	return result
}

// onOld names the apps of the pods on old nodes.
func (l *live) onOld() []string {
	var apps []string
	for _, p := range l.pods("") {
		if isOld(p) && p.DeletionTimestamp == nil {
			apps = append(apps, p.Labels["app"])
		}
	}
	slices.Sort(apps)
	return apps
}

func TestWithinBudgets(t *testing.T) {
	l := newLive(t)
	l.deploy("tight", 3, "")
	l.deploy("wide", 4, "")
	l.deploy("free", 3, "")
	l.protect("tight", 1)
	l.protect("wide", 2)
	p, opts := l.prepare()
	atLeast := l.watch()
	result := l.run(p, opts)
	if result.Stopped != "" || result.Replans != 0 || len(result.Dropped) != 0 {
		t.Errorf("stopped %q, %d new plans, dropped %v", result.Stopped, result.Replans, result.Dropped)
	}
	if diff := cmp.Diff(disruption.Counts{Evicted: 10}, result.Counts); diff != "" {
		t.Errorf("evictions (-want +got):\n%s", diff)
	}
	atLeast(map[string]int{"tight": 2, "wide": 2, "free": 2})
	if result.Waves != 3 {
		t.Errorf("%d waves, want as few as the budgets allow: 3", result.Waves)
	}
	for _, e := range result.Evictions {
		if !strings.HasPrefix(e.LandedOn, "new-") || e.ReadyAfter <= 0 || e.Useless || e.Returned {
			t.Errorf("%s landed on %q, ready after %v, useless %t, returned %t", e.Move.Pod.Name, e.LandedOn, e.ReadyAfter, e.Useless, e.Returned)
		}
	}
	if old := l.onOld(); len(old) > 0 {
		t.Errorf("still on old nodes: %v", old)
	}
}

// TestAnEmptiedNodeIsTakenAway has an autoscaler take a node away as soon as the run has
// emptied it: it announces that, the machine stops, and the object goes last.
func TestAnEmptiedNodeIsTakenAway(t *testing.T) {
	for _, announced := range []bool{true, false} {
		t.Run(fmt.Sprintf("announced %t", announced), func(t *testing.T) {
			l := newLive(t)
			node := l.addOld()
			l.open("old")
			l.deploy("web", 9, "")
			p, opts := l.prepare()
			p.Waves = [][]int{nil, nil}
			for i, m := range p.Moves {
				wave := 1
				if m.From == node {
					wave = 0
				}
				p.Waves[wave] = append(p.Waves[wave], i)
			}
			onNode := len(p.Waves[0])
			if onNode == 0 || len(p.Waves[1]) < 2 {
				t.Fatalf("%d pods are on %s, of %d", onNode, node, len(p.Moves))
			}
			stop := sync.OnceFunc(func() {
				taints := ""
				if announced {
					taints = `{"key": "ToBeDeletedByClusterAutoscaler", "value": "1", "effect": "NoSchedule"}`
				}
				l.patchNode(node, fmt.Sprintf(`{"metadata": {"labels": {"chaos.stowage.dev/silent": ""}}, "spec": {"taints": [%s]}}`, taints))
				l.patchNode(node, `{"status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]}}`, "status")
			})
			remove := sync.OnceFunc(func() {
				if err := l.client.CoreV1().Nodes().Delete(t.Context(), node, metav1.DeleteOptions{}); err != nil {
					t.Error(err)
				}
			})
			opts.Progress = func(now Progress) {
				if now.Wave > onNode { // one pod of the workload goes at a time
					stop()
				}
				if now.Wave > onNode+1 {
					remove()
				}
			}
			result := l.run(p, opts)
			if result.Stopped != "" || result.Counts.Evicted != 9 {
				t.Errorf("stopped %q after %d evictions, want all 9", result.Stopped, result.Counts.Evicted)
			}
			if old := l.onOld(); len(old) > 0 {
				t.Errorf("still on old nodes: %v", old)
			}
		})
	}
}

// TestOthersDisruptToo has others delete pods and make a budget while a wave is under way.
func TestOthersDisruptToo(t *testing.T) {
	l := newLive(t)
	l.deploy("deleted", 3, "")
	l.deploy("frozen", 3, "")
	l.deploy("other", 3, "")
	p, opts := l.prepare()
	opts.Limits.Total = 3
	interfere := sync.OnceFunc(func() {
		l.protect("frozen", 0)
		for _, pod := range l.pods("deleted") {
			if isOld(pod) {
				if err := l.client.CoreV1().Pods(l.namespace).Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To(int64(0))}); err != nil && !apierrors.IsNotFound(err) {
					t.Error(err)
				}
			}
		}
	})
	opts.Progress = func(now Progress) {
		if now.Evicted > 0 {
			interfere()
		}
	}
	result := l.run(p, opts)
	if result.Stopped != "" {
		t.Errorf("stopped: %s", result.Stopped)
	}
	// The wave that was under way has evicted one of each, unless the budget came first.
	frozen := 0
	for _, e := range result.Evictions {
		if e.Wave > 1 && strings.HasPrefix(e.Move.Pod.Name, "frozen") && e.Outcome == disruption.Evicted {
			t.Errorf("%s was evicted after its budget was made", e.Move.Pod.Name)
		}
	}
	for _, app := range l.onOld() {
		if app != "frozen" {
			t.Errorf("a pod of %s is still on an old node", app)
		}
		frozen++
	}
	if frozen < 2 {
		t.Errorf("%d pods of frozen were left alone, want 2 at least", frozen)
	}
	if len(l.pods("deleted")) != 3 || len(l.pods("other")) != 3 {
		t.Error("pods are missing")
	}
}

// TestAPIServerRestarts cuts all connections in the middle of a wave for a while.
func TestAPIServerRestarts(t *testing.T) {
	l := newLive(t)
	l.deploy("web", 3, "")
	l.deploy("db", 3, "")
	l.protect("web", 1)
	l.protect("db", 1)
	p, opts := l.prepare()
	opts.AtOnce = 1 // a request that is cut off may take a disruption for two minutes
	l.proxy.evict = func(n int) answer {
		if n == 2 {
			l.proxy.away = true
			go l.proxy.CloseClientConnections()
			time.AfterFunc(2*time.Second, l.proxy.back)
		}
		return evicts
	}
	atLeast := l.watch()
	result := l.run(p, opts)
	if result.Stopped != "" || result.Replans != 1 {
		t.Errorf("stopped %q, %d new plans", result.Stopped, result.Replans)
	}
	if result.Evictions[1].Outcome != disruption.Failed || result.Counts.Evicted != 6 || result.Counts.Unanswered != 1 {
		t.Errorf("counts %+v", result.Counts)
	}
	atLeast(map[string]int{"web": 2, "db": 2})
	if old := l.onOld(); len(old) > 0 {
		t.Errorf("still on old nodes: %v", old)
	}
}

func TestStorms(t *testing.T) {
	for name, how := range map[string]answer{"of 429": refuses, "of 409": conflicts} {
		t.Run(name, func(t *testing.T) {
			l := newLive(t)
			for i := range 4 {
				l.deploy(fmt.Sprint("web", i), 1, "")
			}
			p, opts := l.prepare()
			opts.AtOnce = 1 // of several, more would be on their way
			l.proxy.evict = func(int) answer { return how }
			result := l.run(p, opts)
			if result.Cause != plan.Refused || !result.Safety || l.proxy.requests() != 3 || len(l.onOld()) != 4 {
				t.Errorf("cause %s, safety %t, %d requests, on old nodes %v", result.Cause, result.Safety, l.proxy.requests(), l.onOld())
			}
		})
	}
}

func TestSchedulerThatNeverBinds(t *testing.T) {
	l := newLive(t)
	l.deploy("web", 3, "nobody")
	p, opts := l.prepare()
	opts.WaveTimeout = 10 * time.Second // for the replacement to be made
	result := l.run(p, opts)
	if result.Cause != plan.PodsPending || !result.Safety || !strings.Contains(result.Stopped, "(not scheduled: scheduler nobody has reported no reason)") {
		t.Errorf("cause %s, safety %t, stopped: %s", result.Cause, result.Safety, result.Stopped)
	}
	if got := l.proxy.requests(); got != 1 {
		t.Errorf("%d evictions were requested, want no other after the first", got)
	}
}

// TestFullCluster has the real scheduler say why a replacement stays pending.
func TestFullCluster(t *testing.T) {
	l := newLive(t)
	l.deploy("web", 1, "")
	p, opts := l.prepare()
	l.open("none")
	opts.WaveTimeout = 10 * time.Second // for the scheduler to say so
	result := l.run(p, opts)
	if result.Cause != plan.PodsPending || !strings.Contains(result.Stopped, "4 node(s) were unschedulable") {
		t.Errorf("cause %s, stopped: %s", result.Cause, result.Stopped)
	}
}

// TestInterruptedLive ends a run in the middle of a wave.
func TestInterruptedLive(t *testing.T) {
	l := newLive(t)
	l.deploy("web", 4, "")
	l.protect("web", 4)
	p, opts := l.prepare()
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := sync.OnceFunc(func() { cancel(errors.New("terminated")) })
	opts.Progress = func(now Progress) {
		if now.Evicted == 2 {
			stop()
		}
	}
	result, err := Run(ctx, p, opts) // which does not wait for the wave, or the cause would be another
	if err != nil || result.Cause != plan.Interrupted || result.Safety || result.Counts != (disruption.Counts{Evicted: 2}) {
		t.Errorf("error %v, cause %s, safety %t, %+v", err, result.Cause, result.Safety, result.Counts)
	}
	if l.proxy.requests() != 2 {
		t.Errorf("%d evictions were requested, want 2", l.proxy.requests())
	}
}
