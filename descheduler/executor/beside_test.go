package executor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// byStandIn has all pods of a plan moved by stand-ins.
func byStandIn(p *plan.Plan) *plan.Plan {
	for i := range p.Moves {
		p.Moves[i].StandIn = true
	}
	return p
}

// outcomes counts the moves by their outcomes.
func outcomes(result *plan.Result) map[disruption.Outcome]int {
	n := map[disruption.Outcome]int{}
	for _, e := range result.Evictions {
		n[e.Outcome]++
	}
	return n
}

// mostStandIns watches the pods, and returns a function that ends the watch and says how many
// stand-ins there were at a time, those that terminated included.
func (l *live) mostStandIns() func() int {
	l.Helper()
	list, err := l.client.CoreV1().Pods(l.namespace).List(l.Context(), metav1.ListOptions{})
	if err != nil {
		l.Fatal(err)
	}
	events, err := l.client.CoreV1().Pods(l.namespace).Watch(l.Context(), metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		l.Fatal(err)
	}
	most := 0
	var watching sync.WaitGroup
	watching.Go(func() {
		there := map[types.UID]bool{}
		for e := range events.ResultChan() {
			pod, is := e.Object.(*corev1.Pod)
			if !is {
				return
			}
			delete(there, pod.UID)
			if e.Type != watch.Deleted && cluster.IsStandIn(pod) {
				there[pod.UID] = true
			}
			most = max(most, len(there))
		}
	})
	return func() int {
		events.Stop()
		watching.Wait()
		return most
	}
}

// noStandIns fails the test if a move is not over.
func (l *live) noStandIns() {
	l.Helper()
	for _, p := range l.pods("") {
		if p.Labels[cluster.StandInLabel] != "" {
			l.Errorf("pod %s is left with the label %s=%s", p.Name, cluster.StandInLabel, p.Labels[cluster.StandInLabel])
		}
	}
}

func TestByStandIns(t *testing.T) {
	l := newLive(t)
	least := map[string]int{}
	for i := range 3 {
		app := fmt.Sprint("web", i)
		l.deploy(app, 1, "")
		l.protect(app, 0)
		least[app] = 1
	}
	l.deploy("db", 2, "")
	l.protect("db", 0)
	least["db"] = 2
	p, opts := l.prepare()
	atLeast := l.watch()
	most := l.mostStandIns()
	result := l.run(byStandIn(p), opts)
	atLeast(least)
	if result.Stopped != "" || outcomes(result)[plan.Moved] != 5 || len(result.Evictions) != 5 || len(result.Dropped) != 0 {
		t.Errorf("stopped %q, outcomes %v, dropped %v, want all 5 moved", result.Stopped, outcomes(result), result.Dropped)
	}
	if result.Waves != 2 || result.Counts != (disruption.Counts{}) {
		t.Errorf("%d waves, evictions %+v, want 2 waves and no eviction", result.Waves, result.Counts)
	}
	if got := most(); got != opts.MaxStandIns {
		t.Errorf("there were %d stand-ins at a time, want %d", got, opts.MaxStandIns)
	}
	for _, e := range result.Evictions {
		if e.LandedOn != e.Move.To || e.ReadyAfter <= 0 || e.Useless || e.Returned {
			t.Errorf("%s landed on %q, ready after %v, useless %t, returned %t", e.Move.Pod.Name, e.LandedOn, e.ReadyAfter, e.Useless, e.Returned)
		}
	}
	if old := l.onOld(); len(old) > 0 {
		t.Errorf("still on old nodes: %v", old)
	}
	l.noStandIns()
}

// TestAStandInIsRefused has a quota that has no room for one more pod.
func TestAStandInIsRefused(t *testing.T) {
	l := newLive(t)
	l.deploy("web", 1, "")
	l.protect("web", 0)
	p, opts := l.prepare()
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}}}
	if _, err := l.client.CoreV1().ResourceQuotas(l.namespace).Create(t.Context(), quota, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	playgroundtest.AwaitAdmission(t, l.client, l.namespace, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "more"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "pause"}}}}, false)
	opts.Planner = noMore{opts.Planner}
	result := l.run(byStandIn(p), opts)
	if result.Stopped != "" || len(result.Evictions) != 1 || result.Evictions[0].Outcome != plan.NotMoved || !strings.Contains(result.Evictions[0].Error, "exceeded quota") {
		t.Errorf("stopped %q, %+v", result.Stopped, result.Evictions)
	}
	l.noStandIns()
}

// noMore makes no further plan.
type noMore struct{ Planner }

func (noMore) Plan(context.Context, *cluster.Snapshot, plan.Done) (*plan.Plan, error) {
	return &plan.Plan{}, nil
}

// TestInterruptedWithStandIns ends a run while stand-ins wait for their nodes.
func TestInterruptedWithStandIns(t *testing.T) {
	l := newLive(t)
	for i := range 3 {
		l.deploy(fmt.Sprint("web", i), 1, "")
	}
	p, opts := l.prepare()
	l.open("none") // no stand-in gets ready
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := sync.OnceFunc(func() { cancel(errors.New("terminated")) })
	opts.Progress = func(Progress) {
		n := 0
		for _, p := range l.pods("") {
			if cluster.IsStandIn(p) {
				n++
			}
		}
		if n == opts.MaxStandIns {
			stop()
		}
	}
	result, err := Run(ctx, byStandIn(p), opts)
	if err != nil || result.Cause != plan.Interrupted || outcomes(result)[plan.NotMoved] != 3 {
		t.Errorf("error %v, cause %s, outcomes %v", err, result.Cause, outcomes(result))
	}
	if got := len(l.onOld()); got != 3 {
		t.Errorf("%d pods are on old nodes, want all 3", got)
	}
	l.noStandIns()
}

// TestStandInsInVain has no stand-in get ready in time.
func TestStandInsInVain(t *testing.T) {
	l := newLive(t)
	for i := range 4 {
		l.deploy(fmt.Sprint("web", i), 1, "")
	}
	p, opts := l.prepare()
	l.open("none")
	opts.StandIns = newMover(l, time.Second)
	result := l.run(byStandIn(p), opts)
	if result.Cause != plan.PodsPending || !result.Safety || !strings.Contains(result.Stopped, "stand-ins in a row were created in vain, the last one because its stand-in was not ready in time: not scheduled: ") {
		t.Errorf("cause %s, safety %t, stopped: %s", result.Cause, result.Safety, result.Stopped)
	}
	if got := len(l.onOld()); got != 4 {
		t.Errorf("%d pods are on old nodes, want all 4", got)
	}
	l.noStandIns()
}
