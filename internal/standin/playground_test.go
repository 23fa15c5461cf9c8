package standin

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/playground/playgroundtest"
)

// begin creates a stand-in.
func (l *live) begin(ctx context.Context, m *Mover, pod *corev1.Pod, node string) *Move {
	l.Helper()
	mv, err := m.Begin(ctx, pod, node)
	if err != nil {
		l.Fatal(err)
	}
	return mv
}

func (l *live) finish(ctx context.Context, m *Mover, mv *Move, want Outcome, reason string) {
	l.Helper()
	got, err := m.Finish(ctx, mv)
	if err != nil {
		l.Fatal(err)
	}
	if got.Outcome != want || !strings.Contains(got.Reason, reason) {
		l.Errorf("the move has ended with %+v, want %s: %q", got, want, reason)
	}
}

// awaitReady waits until the stand-in is ready.
func (l *live) awaitReady(mv *Move) {
	l.Helper()
	playgroundtest.Eventually(l.T, "the stand-in is ready", func(ctx context.Context) (bool, string) {
		pod, err := l.client.CoreV1().Pods(l.namespace).Get(ctx, mv.StandIn, metav1.GetOptions{})
		return err == nil && disruption.Ready(pod), fmt.Sprint(pod, err)
	})
}

func TestASinglePodIsNeverMissing(t *testing.T) {
	l := newLive(t)
	l.deploy(1)
	atLeast := l.watch()
	m, ctx := l.mover("run", 0)
	mv := l.begin(ctx, m, l.pod(), to)
	l.finish(ctx, m, mv, Moved, "")
	moved := l.settled(1)[0]
	atLeast(1)
	if moved.Name != mv.StandIn || moved.Spec.NodeName != to {
		t.Errorf("the pod is %s on %s, want the stand-in %s on %s", moved.Name, moved.Spec.NodeName, mv.StandIn, to)
	}
	if owners := moved.OwnerReferences; len(owners) != 1 || owners[0].Controller == nil || !*owners[0].Controller || owners[0].UID != mv.ReplicaSetUID {
		t.Errorf("the owners are %+v, want the ReplicaSet as the controller", owners)
	}
	d, err := l.client.AppsV1().Deployments(l.namespace).Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d.Generation != 1 {
		t.Error("the Deployment was changed")
	}
	// It is a pod like any other: it can be moved in the same way, and its controller's next pod is
	// not bound to a node.
	l.finish(ctx, m, l.begin(ctx, m, &moved, from), Moved, "")
	if back := l.settled(1)[0]; back.Spec.NodeName != from {
		t.Errorf("the pod is on %s after the second move, want %s", back.Spec.NodeName, from)
	}
}

func TestOneOfSeveral(t *testing.T) {
	l := newLive(t)
	l.deploy(3)
	atLeast := l.watch()
	m, ctx := l.mover("run", 0)
	old := l.pod()
	l.finish(ctx, m, l.begin(ctx, m, old, to), Moved, "")
	pods := l.settled(3)
	atLeast(3)
	for _, pod := range pods {
		if pod.UID == old.UID {
			t.Error("the ReplicaSet has deleted another pod")
		}
	}
}

// TestKilledAfterEveryWrite stops a program after each of its writes in turn, and has another one
// restore what is left.
func TestKilledAfterEveryWrite(t *testing.T) {
	for _, tt := range []struct{ name, node string }{{"of a move", to}, {"of one that is given up", shut}} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLive(t)
			l.deploy(1)
			atLeast := l.watch()
			for writes := 1; ; writes++ {
				m, ctx := l.mover(fmt.Sprint("killed after ", writes), writes)
				if tt.node == shut {
					m.Patience = time.Millisecond
				}
				pod := l.settled(1)[0]
				node := tt.node
				if pod.Spec.NodeName == to && node == to {
					node = from
				}
				mv, err := m.Begin(ctx, &pod, node)
				if err == nil {
					_, err = m.Finish(ctx, mv)
				}
				killed := err != nil
				if killed && ctx.Err() == nil {
					t.Fatal(err)
				}
				t.Logf("after %d writes: %v, %+v", writes, err, l.restore())
				l.settled(1)
				if !killed {
					// Created, marked, handed over and released; or created and removed.
					if want := map[string]int{to: 4, shut: 2}[tt.node]; writes-1 < want {
						t.Errorf("it was killed after %d writes at most, want %d at least", writes-1, want)
					}
					break
				}
			}
			atLeast(1)
			if left := l.restore(); len(left) > 0 {
				t.Errorf("there was more to restore: %+v", left)
			}
		})
	}
}

// TestOthersMovesAreLeftAlone has a program start while another one moves a pod.
func TestOthersMovesAreLeftAlone(t *testing.T) {
	l := newLive(t)
	l.deploy(1)
	a, ctx := l.mover("a", 0)
	b, _ := l.mover("b", 0)
	pod := l.pod()
	mv := l.begin(ctx, a, pod, to)
	if _, err := b.Begin(ctx, pod, to); !apierrors.IsAlreadyExists(err) {
		t.Errorf("another program may create a second stand-in: %v", err)
	}
	if restored, err := b.Restore(ctx, l.namespace); err != nil || len(restored) > 0 {
		t.Errorf("another program has ended the move: %+v, %v", restored, err)
	}
	l.finish(ctx, a, mv, Moved, "")
	l.settled(1)
}

func TestQuotaRefusesTheStandIn(t *testing.T) {
	l := newLive(t)
	l.deploy(1)
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("1")}}}
	if _, err := l.client.CoreV1().ResourceQuotas(l.namespace).Create(t.Context(), quota, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	playgroundtest.AwaitAdmission(t, l.client, l.namespace, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "more"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "pause"}}}}, false)
	m, ctx := l.mover("run", 0)
	if _, err := m.Begin(ctx, l.pod(), to); err == nil || !strings.Contains(err.Error(), "exceeded quota") {
		t.Errorf("the error is %v", err)
	}
	l.settled(1)
}

func TestAStandInThatDoesNotGetReady(t *testing.T) {
	l := newLive(t)
	l.deploy(1)
	atLeast := l.watch()
	m, ctx := l.mover("run", 0)
	m.Patience = time.Second // for the scheduler to say why
	l.finish(ctx, m, l.begin(ctx, m, l.pod(), shut), NotMoved, "its stand-in was not ready in time: not scheduled")
	l.settled(1)
	atLeast(1)
}

// TestTheSchedulerChoosesTheNode drains the first node, and then has no other one.
func TestTheSchedulerChoosesTheNode(t *testing.T) {
	l := newLive(t)
	l.deploy(1)
	cordon := func(node string) {
		t.Helper()
		set := func(ctx context.Context, unschedulable bool) error {
			_, err := l.client.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, fmt.Appendf(nil, `{"spec": {"unschedulable": %t}}`, unschedulable), metav1.PatchOptions{})
			return err
		}
		if err := set(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := set(context.Background(), false); err != nil {
				t.Error(err)
			}
		})
	}
	cordon(from)
	atLeast := l.watch()
	m, ctx := l.mover("run", 0)
	l.finish(ctx, m, l.begin(ctx, m, l.pod(), ""), Moved, "")
	moved := l.settled(1)[0]
	if a := moved.Spec.Affinity.NodeAffinity; moved.Spec.NodeName != to || a.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		t.Errorf("the pod is on node %s, and bound to %v", moved.Spec.NodeName, a.RequiredDuringSchedulingIgnoredDuringExecution)
	}
	cordon(to)
	result, err := m.Finish(ctx, l.begin(ctx, m, &moved, ""))
	if err != nil || result.Outcome != NotMoved || result.InVain || !strings.Contains(result.Reason, "its stand-in fits on no node: not scheduled: 0/") {
		t.Errorf("the move has ended with %+v, %v", result, err)
	}
	l.settled(1)
	atLeast(1)
}

// TestRestoresOnlyWhatItIsAskedFor has a program that ends the moves of certain runs, whether their
// time is over or not.
func TestRestoresOnlyWhatItIsAskedFor(t *testing.T) {
	l := newLive(t)
	l.deploy(1)
	m, ctx := l.mover("run", 0)
	mv := l.begin(ctx, m, l.pod(), shut)
	for _, of := range []string{"another", "run"} {
		restorer, ctx := l.mover("restorer", 0)
		restorer.Clock = later{}
		restorer.Mine = func(run string) bool { return run == of }
		restored, err := restorer.Restore(ctx, l.namespace)
		if err != nil || len(restored) > 0 != (of == "run") {
			t.Errorf("asked for %s, it has ended %+v, %v", of, restored, err)
		}
	}
	l.finish(ctx, m, mv, NotMoved, "its stand-in is gone")
	l.settled(1)
}

// TestUnmarksOnlyItsOwn has a run that was killed after it had marked a pod, and whose stand-in is gone:
// another program leaves the pod alone.
func TestUnmarksOnlyItsOwn(t *testing.T) {
	l := newLive(t)
	l.deploy(1)
	m, ctx := l.mover("run", 0)
	old := l.pod()
	marked, err := m.patch(ctx, old, labelled(cluster.OfReplaced), map[string]any{
		corev1.PodDeletionCost: lowestCost, cluster.DeletionCostWasAnnotation: old.Annotations[corev1.PodDeletionCost], cluster.ReplacedByAnnotation: "run",
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range []string{"another", "run"} {
		restorer, ctx := l.mover("restorer", 0)
		restorer.Mine = func(run string) bool { return run == of }
		restored, err := restorer.Restore(ctx, l.namespace)
		if err != nil || len(restored) > 0 != (of == "run") {
			t.Errorf("asked for %s, it has restored %+v, %v", of, restored, err)
		}
	}
	now, err := l.client.CoreV1().Pods(l.namespace).Get(ctx, marked.Name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(old.Annotations, now.Annotations, cmpopts.EquateEmpty()); diff != "" || cluster.BeingReplaced(now) {
		t.Errorf("labels %v, annotations (-want +got):\n%s", now.Labels, diff)
	}
}

func TestARolloutBeginsInTheMiddle(t *testing.T) {
	l := newLive(t)
	l.deploy(1)
	atLeast := l.watch()
	m, ctx := l.mover("run", 0)
	mv := l.begin(ctx, m, l.pod(), to)
	l.awaitReady(mv)
	l.patchDeployment(`{"spec": {"template": {"spec": {"containers": [{"name": "main", "env": [{"name": "NEW", "value": "yes"}]}]}}}}`)
	l.finish(ctx, m, mv, NotMoved, rollout)
	l.settled(1)
	atLeast(1)
}

func TestTheOldPodGoesInTheMiddle(t *testing.T) {
	for _, tt := range []struct {
		name, node string
		least      int
	}{
		// Its ReplicaSet may have a new pod that is ready before the stand-in is handed over.
		{"when its stand-in is ready", to, 1},
		{"before its stand-in is ready", shut, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLive(t)
			l.deploy(1)
			atLeast := l.watch()
			m, ctx := l.mover("run", 0)
			pod := l.pod()
			mv := l.begin(ctx, m, pod, tt.node)
			if tt.node == to {
				l.awaitReady(mv)
			}
			if err := l.client.CoreV1().Pods(l.namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}); err != nil {
				t.Fatal(err)
			}
			if result, err := m.Finish(ctx, mv); err != nil || tt.node == shut && result.Outcome != NotMoved {
				t.Errorf("the move has ended with %+v, %v", result, err)
			}
			l.settled(1)
			atLeast(tt.least)
		})
	}
}

func TestTheStandInGoesInTheMiddle(t *testing.T) {
	l := newLive(t)
	l.deploy(1)
	atLeast := l.watch()
	m, ctx := l.mover("run", 0)
	mv := l.begin(ctx, m, l.pod(), to)
	l.awaitReady(mv)
	// The budget has one to spare now.
	playgroundtest.Eventually(t, "somebody else has evicted the stand-in", func(ctx context.Context) (bool, string) {
		result := disruption.NewEvictor(l.client, disruption.Options{Mode: disruption.ForReal}).Evict(ctx, disruption.Target{Namespace: l.namespace, Name: mv.StandIn, UID: mv.StandInUID})
		return result.Outcome == disruption.Evicted, fmt.Sprintf("%+v", result)
	})
	l.finish(ctx, m, mv, NotMoved, "its stand-in is gone")
	l.settled(1)
	atLeast(1)
}

// TestReplicasChangeInTheMiddle has somebody write the replicas, as an autoscaler does, while pods
// are moved to and fro.
func TestReplicasChangeInTheMiddle(t *testing.T) {
	l := newLive(t)
	l.deploy(2)
	atLeast := l.watch()
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(30 * time.Millisecond):
				l.patchDeployment(fmt.Sprintf(`{"spec": {"replicas": %d}}`, 2+i%3))
			}
		}
	})
	m, ctx := l.mover("run", 0)
	outcomes := map[Outcome]int{}
	for range 10 {
		pods := l.pods()
		for i := range pods {
			pod := &pods[i]
			if pod.DeletionTimestamp != nil || !disruption.Ready(pod) {
				continue
			}
			node := map[string]string{from: to, to: from}[pod.Spec.NodeName]
			mv, err := m.Begin(ctx, pod, node)
			if err != nil {
				t.Log(err)
				break
			}
			result, err := m.Finish(ctx, mv)
			if err != nil {
				t.Fatal(err)
			}
			outcomes[result.Outcome]++
			break
		}
	}
	close(stop)
	writer.Wait()
	t.Log(outcomes)
	if outcomes[Moved] == 0 {
		t.Error("no pod was moved, so that nothing was tested")
	}
	l.patchDeployment(`{"spec": {"replicas": 2}}`)
	l.settled(2)
	atLeast(2)
}

// TestTheWorkloadEndsInTheMiddle has a workload that nobody wants any more. Its budget stays, and
// would keep the stand-in for good: it is the last pod.
func TestTheWorkloadEndsInTheMiddle(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(*live)
		// abandoned says that no program goes on with the move, and another one restores it.
		abandoned bool
	}{
		{name: "scaled to nothing", end: func(l *live) { l.patchDeployment(`{"spec": {"replicas": 0}}`) }},
		{name: "scaled to nothing, and the program is gone", end: func(l *live) { l.patchDeployment(`{"spec": {"replicas": 0}}`) }, abandoned: true},
		{name: "deleted", end: (*live).deleteDeployment},
		{name: "deleted, and the program is gone", end: (*live).deleteDeployment, abandoned: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLive(t)
			l.deploy(1)
			m, ctx := l.mover("run", 0)
			mv := l.begin(ctx, m, l.pod(), to)
			l.awaitReady(mv)
			tt.end(l)
			playgroundtest.Eventually(t, "the pod is gone", func(ctx context.Context) (bool, string) {
				_, err := l.client.CoreV1().Pods(l.namespace).Get(ctx, mv.Pod, metav1.GetOptions{})
				return apierrors.IsNotFound(err), fmt.Sprint(err)
			})
			if tt.abandoned {
				l.restore()
			} else {
				l.finish(ctx, m, mv, NotMoved, "")
			}
			playgroundtest.Eventually(t, "no pod is left", func(context.Context) (bool, string) {
				pods := l.pods()
				return len(pods) == 0, fmt.Sprint(pods)
			})
		})
	}
}

// TestTheStandInGoesWithItsReplicaSet has no program that would remove the stand-in.
func TestTheStandInGoesWithItsReplicaSet(t *testing.T) {
	l := newLive(t)
	l.deploy(1)
	m, ctx := l.mover("run", 0)
	l.awaitReady(l.begin(ctx, m, l.pod(), to))
	l.deleteDeployment()
	playgroundtest.Eventually(t, "no pod is left", func(context.Context) (bool, string) {
		pods := l.pods()
		return len(pods) == 0, fmt.Sprint(pods)
	})
}

func (l *live) deleteDeployment() {
	l.Helper()
	if err := l.client.AppsV1().Deployments(l.namespace).Delete(l.Context(), "web", metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)}); err != nil {
		l.Fatal(err)
	}
}

// TestAStandInWhoseRemovalIsRefused has a budget that wants both pods.
func TestAStandInWhoseRemovalIsRefused(t *testing.T) {
	l := newLive(t)
	l.deploy(1)
	m, ctx := l.mover("run", 0)
	clock := testingclock.NewFakeClock(time.Now())
	m.Clock = clock
	mv := l.begin(ctx, m, l.pod(), to)
	l.awaitReady(mv)
	l.patchBudget(`{"spec": {"minAvailable": 2}}`)
	step := func(want Outcome, reason string) {
		t.Helper()
		if got, err := m.Step(ctx, mv); err != nil || got.Outcome != want || !strings.Contains(got.Reason, reason) {
			t.Errorf("%+v, %v, want outcome %q and %q", got, err, want, reason)
		}
	}
	clock.SetTime(mv.Until.Add(time.Second))
	step(UnderWay, "")
	clock.SetTime(mv.Until.Add(lingers + time.Second))
	step(Left, "stand-in "+mv.StandIn+" is left for the next run")
	// A run that restores it does not wait for the budget.
	next, ctx := l.mover("next", 0)
	next.Clock = later{}
	if restored, err := next.Restore(ctx, l.namespace); err == nil || !strings.Contains(err.Error(), "is left for the next run") || len(restored) > 0 {
		t.Errorf("restored %+v, %v", restored, err)
	}
	l.patchBudget(`{"spec": {"minAvailable": 1}}`)
	playgroundtest.Eventually(t, "the stand-in is removed", func(ctx context.Context) (bool, string) {
		restored, err := next.Restore(ctx, l.namespace)
		return len(restored) == 1 && err == nil, fmt.Sprint(restored, err)
	})
	l.settled(1)
}

// patchBudget changes the budget, and waits until its status is of that.
func (l *live) patchBudget(patch string) {
	l.Helper()
	budgets := l.client.PolicyV1().PodDisruptionBudgets(l.namespace)
	changed, err := budgets.Patch(l.Context(), "web", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		l.Fatal(err)
	}
	playgroundtest.Eventually(l.T, "the budget is observed", func(ctx context.Context) (bool, string) {
		b, err := budgets.Get(ctx, "web", metav1.GetOptions{})
		return err == nil && b.Status.ObservedGeneration >= changed.Generation, fmt.Sprint(b, err)
	})
}
