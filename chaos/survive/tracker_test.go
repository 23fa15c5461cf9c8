package survive

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

const interval = 10 * time.Minute

// tracking is a cluster that changes while its losses are tracked.
type tracking struct {
	*build
	*Tracker
	now time.Time
}

func newTracking(t testing.TB, b *build, least string) *tracking {
	t.Helper()
	tracker, err := NewTracker(Options{Profiles: profiles(t), Thresholds: thresholds(least)}, interval)
	if err != nil {
		t.Fatal(err)
	}
	return &tracking{build: b, Tracker: tracker, now: b.picture().Now}
}

// look returns the cluster as it is after some time, and all of its losses.
func (k *tracking) look(after time.Duration) (*target.Picture, []*Loss) {
	k.now = k.now.Add(after)
	s := k.Snapshot
	s.Nodes, s.Pods, s.Budgets = slices.Clone(s.Nodes), slices.Clone(s.Pods), slices.Clone(s.Budgets)
	s.Deployments, s.ReplicaSets, s.StatefulSets = slices.Clone(s.Deployments), slices.Clone(s.ReplicaSets), slices.Clone(s.StatefulSets)
	picture := target.NewPicture(&s, k.now)
	return picture, Losses(picture, preemptible.Recognizer{}, kinds)
}

// update updates the answers, and returns which losses were asked about, and how many are stale.
func (k *tracking) update(t testing.TB, after time.Duration) (asked []string, stale int) {
	t.Helper()
	picture, losses := k.look(after)
	round, err := k.Update(t.Context(), picture, losses, func(Turn) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, loss := range losses {
		if k.known[loss.String()].asked == k.rounds {
			asked = append(asked, loss.String())
		}
	}
	if len(asked) != round.Asked {
		t.Errorf("%d losses were asked about, and %d are counted", len(asked), round.Asked)
	}
	return asked, round.Stale
}

// said is an answer as it is compared.
type said struct {
	Failures map[string][]string
	Floors   []Floor
}

func saidOf(is *Tracked) said {
	s := said{Failures: map[string][]string{}, Floors: is.Floors}
	for _, f := range is.Failures {
		s.Failures[fmt.Sprint(f.Workload, f.Unknown)] = f.Why
	}
	return s
}

// withoutRoom leaves out what depends on the room that there is.
func (s said) withoutRoom() said {
	budgets := map[string][]string{}
	for workload, why := range s.Failures {
		if i := slices.IndexFunc(why, func(phrase string) bool { return strings.HasPrefix(phrase, "budget ") }); i >= 0 {
			budgets[workload] = why[i : i+1]
		}
	}
	return said{budgets, s.Floors}
}

// An answer is that of a new tracker, which knows nothing of former pictures. One that is stale may
// only be wrong about whether there is room, and none is stale after the interval.
func TestAnswersAreThoseOfANewTracker(t *testing.T) {
	spared, stale := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		least := rapid.SampledFrom([]string{"", "1", "50%"}).Draw(rt, "least")
		k := newTracking(t, drawCluster(rt), least)
		defer k.Close()
		k.update(t, 0)
		for range rapid.IntRange(1, 4).Draw(rt, "rounds") {
			for range rapid.IntRange(0, 2).Draw(rt, "changes") {
				k.drawChange(rt)
			}
			after := rapid.SampledFrom([]time.Duration{time.Second, interval / 4, interval}).Draw(rt, "after")
			asked, _ := k.update(t, after)
			fresh := newTracking(t, k.build, least)
			fresh.update(t, 0)
			fresh.Close()
			if len(fresh.known) != len(k.known) {
				rt.Fatalf("there are %d losses, and %d are known", len(fresh.known), len(k.known))
			}
			spared += len(k.known) - len(asked)
			for name, is := range k.known {
				want, got := saidOf(&fresh.known[name].Tracked), saidOf(&is.Tracked)
				if is.stale {
					stale++
					if after == interval {
						rt.Errorf("%s is stale after the interval", name)
					}
					want, got = want.withoutRoom(), got.withoutRoom()
				}
				if diff := cmp.Diff(want, got); diff != "" {
					rt.Errorf("%s, stale: %t (-new +tracked):\n%s", name, is.stale, diff)
				}
			}
		}
	})
	if spared == 0 || stale == 0 {
		t.Errorf("%d losses were not asked about again, and %d of them were stale: this test has lost its subject", spared, stale)
	}
}

// drawChange changes something as a control plane or a user would.
func (k *tracking) drawChange(t *rapid.T) {
	pod := func() int { return rapid.IntRange(0, len(k.Pods)-1).Draw(t, "pod") }
	kind := rapid.IntRange(0, 8).Draw(t, "change")
	if len(k.Pods) == 0 && kind < 4 || len(k.Budgets) == 0 && (kind == 6 || kind == 7) {
		return
	}
	switch kind {
	case 0: // a pod is no more
		i := pod()
		k.Pods = slices.Delete(slices.Clone(k.Pods), i, i+1)
	case 1: // a pod is elsewhere
		changed := k.pod(pod())
		changed.Spec.NodeName = rapid.SampledFrom(k.Nodes).Draw(t, "node").Name
		changed.UID = types.UID(fmt.Sprintf("%s-%d", changed.UID, rapid.Int().Draw(t, "uid")))
	case 2: // a pod becomes ready, or is no longer
		changed := k.pod(pod())
		ready := &changed.Status.Conditions[0]
		if ready.Status = corev1.ConditionTrue; rapid.Bool().Draw(t, "not ready") {
			ready.Status = corev1.ConditionFalse
		}
	case 3: // a pod is on its way out
		k.pod(pod()).DeletionTimestamp = &metav1.Time{Time: k.now}
	case 4: // a node is cordoned, or no longer
		i := rapid.IntRange(0, len(k.Nodes)-1).Draw(t, "node")
		node := k.Nodes[i].DeepCopy()
		node.Spec.Unschedulable = !node.Spec.Unschedulable
		k.Nodes[i] = node
	case 5: // a node joins
		k.node(fmt.Sprint("node-", len(k.Nodes)), rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "zone"), "4")
	case 6: // a budget allows more or less
		i := rapid.IntRange(0, len(k.Budgets)-1).Draw(t, "budget")
		budget := k.Budgets[i].DeepCopy()
		budget.Spec.MinAvailable, budget.Spec.MaxUnavailable = share(rapid.SampledFrom([]string{"0", "1", "100%"}).Draw(t, "healthy")), nil
		k.Budgets[i] = budget
	case 7: // a budget is no more
		i := rapid.IntRange(0, len(k.Budgets)-1).Draw(t, "budget")
		k.Budgets = slices.Delete(slices.Clone(k.Budgets), i, i+1)
	case 8: // a workload asks for more or less
		if len(k.ReplicaSets) == 0 {
			return
		}
		i := rapid.IntRange(0, len(k.ReplicaSets)-1).Draw(t, "workload")
		set := k.ReplicaSets[i].DeepCopy()
		cpu := rapid.IntRange(1, 6).Draw(t, "half CPUs")
		set.Spec.Template.Spec.Containers[0].Resources.Requests = template("", fmt.Sprintf("%dm", cpu*500), nil).Spec.Containers[0].Resources.Requests
		k.ReplicaSets[i] = set
	}
}

// pod returns a copy of a pod in its place.
func (k *tracking) pod(i int) *corev1.Pod {
	k.Pods[i] = k.Pods[i].DeepCopy()
	return k.Pods[i]
}

func TestAsksAgainOnlyForWhatAChangeTouches(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(k *tracking)
		after  time.Duration
		want   []string
		stale  int
	}{
		{name: "nothing has changed", change: func(*tracking) {}, after: 2 * interval},
		{
			name: "the heartbeat of a node", after: interval,
			change: func(k *tracking) {
				k.Nodes[0] = k.Nodes[0].DeepCopy()
				k.Nodes[0].Status.Conditions[0].LastHeartbeatTime = metav1.Time{Time: k.now}
			},
		},
		{
			name: "a pod is no longer ready: losses with pods of its workload, and those that put pods on its node",
			change: func(k *tracking) {
				k.changed("web-0").Status.Conditions[0].Status = corev1.ConditionFalse
			},
			want: []string{"zone a", "zone b", "node a1", "node b1"}, stale: 4,
		},
		{
			name: "a budget: losses with pods that it selects",
			change: func(k *tracking) {
				k.Budgets[0] = k.Budgets[0].DeepCopy()
				k.Budgets[0].Spec.MinAvailable = share("1")
			},
			want: []string{"zone a", "node a2"}, stale: 6,
		},
		{
			name: "the template of a workload: losses with pods of it",
			change: func(k *tracking) {
				k.ReplicaSets[1] = k.ReplicaSets[1].DeepCopy()
				k.ReplicaSets[1].Spec.Template.Labels["more"] = "yes"
			},
			want: []string{"zone a", "node a2"}, stale: 6,
		},
		{
			name: "room on another node: losses that leave pods without one",
			change: func(k *tracking) {
				k.Nodes[4] = k.Nodes[4].DeepCopy()
				k.Nodes[4].Status.Allocatable[corev1.ResourceCPU] = resource.MustParse("1500m")
			},
			want: []string{"zone a", "zone b", "zone c", "node idle"}, stale: 4,
		},
		{
			name: "after the interval, all others have had their turn", after: interval,
			change: func(k *tracking) {
				k.Budgets[0] = k.Budgets[0].DeepCopy()
				k.Budgets[0].Spec.MinAvailable = share("1")
			},
			want: []string{"zone a", "zone b", "zone c", "node a1", "node a2", "node b1", "node b2", "node idle"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// Only b2 has room for a pod of web or db.
			k := newTracking(t, new(build).node("a1", "a", "4").node("a2", "a", "4").node("b1", "b", "4").node("b2", "b", "4").node("idle", "c", "1").
				deployment("web", "3", []string{"a1", "b1"}).deployment("db", "3", []string{"a2"}).budget("db", share("0"), nil), "")
			defer k.Close()
			k.update(t, 0)
			tt.change(k)
			asked, stale := k.update(t, tt.after)
			if diff := cmp.Diff(tt.want, asked); diff != "" || stale != tt.stale {
				t.Errorf("%d losses are stale, want %d; asked about (-want +got):\n%s", stale, tt.stale, diff)
			}
		})
	}
}

// changed returns a copy of a pod in its place.
func (k *tracking) changed(name string) *corev1.Pod {
	return k.pod(slices.IndexFunc(k.Pods, func(pod *corev1.Pod) bool { return pod.Name == name }))
}
