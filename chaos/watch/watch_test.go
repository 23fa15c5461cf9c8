package watch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-base/metrics/testutil"
	"k8s.io/utils/clock"

	"github.com/stowage-k8s/stowage/chaos/survive"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// scripted is a cluster that changes by a step each minute, and the clock. The context ends after the
// last step.
type scripted struct {
	*cluster.Snapshot
	clock.Clock
	now   time.Time
	steps []func(*cluster.Snapshot)
	stop  context.CancelFunc
}

func (s *scripted) Now() time.Time { return s.now }

// After returns at once, unless nothing happens before.
func (s *scripted) After(d time.Duration) <-chan time.Time {
	due := make(chan time.Time, 1)
	if d == pause {
		due <- s.now
	}
	return due
}

func (s *scripted) Picture() *target.Picture {
	now := *s.Snapshot
	return target.NewPicture(&now, s.now)
}

// Changed is asked for after each round.
func (s *scripted) Changed() <-chan struct{} {
	changed := make(chan struct{}, 1)
	if len(s.steps) == 0 {
		s.stop()
		return changed
	}
	next := *s.Snapshot
	s.steps[0](&next)
	s.Snapshot, s.steps, s.now = &next, s.steps[1:], s.now.Add(time.Minute)
	changed <- struct{}{}
	return changed
}

func node(name, zone, cpu string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelTopologyZone: zone}},
		Status: corev1.NodeStatus{
			Allocatable: corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse("8Gi"), "pods": resource.MustParse("110")},
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
}

// pod returns a pod of a ReplicaSet that is not in the snapshot: it is replaced by one that is alike.
func pod(name, node, cpu string) *corev1.Pod {
	yes := true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: name, UID: types.UID(name),
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "web", Controller: &yes}},
		},
		Spec: corev1.PodSpec{
			NodeName: node, SchedulerName: corev1.DefaultSchedulerName,
			Containers: []corev1.Container{{Name: "main", Image: "web", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu)}}}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
}

// there is a check of an API server that answers.
func there(context.Context) error { return nil }

// watching watches a cluster of three nodes in two zones, with a pod in each zone, while a cordon takes
// the room for replacements away and gives it back, and a node that cannot be lost joins and goes.
func watching(t *testing.T, out func(w *bytes.Buffer) Out, check func(context.Context) error) (*bytes.Buffer, *Recorder) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	a := node("a1", "a", "2")
	cordoned := a.DeepCopy()
	cordoned.Spec.Unschedulable = true
	nodes := []*corev1.Node{a, node("a2", "a", "2"), node("b1", "b", "2")}
	source := &scripted{
		Snapshot: &cluster.Snapshot{Nodes: nodes, Pods: []*corev1.Pod{pod("web-0", "a2", "1"), pod("web-1", "b1", "1")}},
		now:      noon, stop: stop,
		steps: []func(*cluster.Snapshot){
			func(s *cluster.Snapshot) { s.Nodes = []*corev1.Node{cordoned, nodes[1], nodes[2]} },
			func(s *cluster.Snapshot) { s.Pods = append(s.Pods[:1:1], pod("web-1", "b1", "1500m")) },
			func(s *cluster.Snapshot) { s.Nodes = nodes },
			func(s *cluster.Snapshot) {
				s.Nodes = append(nodes[:3:3], node("c1", "c", "8"))
				s.Pods = append(s.Pods[:2:2], pod("web-2", "c1", "7"))
			},
			func(s *cluster.Snapshot) { s.Nodes, s.Pods = nodes, s.Pods[:2] },
		},
	}
	profiles, err := simulation.Load(simulation.Configurations{})
	if err != nil {
		t.Fatal(err)
	}
	tracker, err := survive.NewTracker(survive.Options{Profiles: profiles}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer tracker.Close()
	said := &bytes.Buffer{}
	w := &Watcher{
		Source: source, Tracker: tracker, Metrics: NewRecorder("v1.2.3", source.Now()), Check: check, Clock: source, Out: out(said),
		Losses: func(picture *target.Picture) []*survive.Loss {
			return survive.Losses(picture, preemptible.Recognizer{}, []survive.Kind{survive.Zone, survive.Node})
		},
	}
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return said, w.Metrics
}

func TestTellsPeople(t *testing.T) {
	said, _ := watching(t, func(w *bytes.Buffer) Out { return Text(w) }, there)
	want := `5 of 5 losses are survived.

12:00:00 watching for changes
12:02:00 zone a can no longer be lost: ReplicaSet shop/web: 1 of 1 lost pod stays pending: 0/3 nodes are available for its replacement: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable
12:02:00 zone b can no longer be lost: ReplicaSet shop/web: 1 of 1 lost pod stays pending: 0/3 nodes are available for its replacement: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable
12:02:00 node a2 can no longer be lost: ReplicaSet shop/web: 1 of 1 lost pod stays pending: 0/3 nodes are available for its replacement: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable
12:02:00 node b1 can no longer be lost: ReplicaSet shop/web: 1 of 1 lost pod stays pending: 0/3 nodes are available for its replacement: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable
12:03:00 zone b can be lost again
12:03:00 node a2 can be lost again
12:03:00 node b1 can be lost again
12:04:00 zone a can be lost again
12:04:00 zone c cannot be lost: ReplicaSet shop/web: 1 of 1 lost pod stays pending: 0/4 nodes are available for its replacement: 3 Insufficient cpu, 1 node(s) had untolerated taint(s)
12:04:00 node c1 cannot be lost: ReplicaSet shop/web: 1 of 1 lost pod stays pending: 0/4 nodes are available for its replacement: 3 Insufficient cpu, 1 node(s) had untolerated taint(s)
12:05:00 zone a can no longer be lost: ReplicaSet shop/web: 1 of 1 lost pod stays pending: 0/3 nodes are available for its replacement: 2 node(s) had untolerated taint(s), 1 Insufficient cpu
12:05:00 node c1 is no longer predicted: its nodes are gone, not ready or being drained
12:05:00 zone c is no longer predicted: its nodes are gone, not ready or being drained
`
	if diff := cmp.Diff(want, said.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTellsPrograms(t *testing.T) {
	said, _ := watching(t, func(w *bytes.Buffer) Out { return JSON(w) }, there)
	var got []string
	for line := range strings.Lines(said.String()) {
		var c Change
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		if c.APIVersion != survive.APIVersion || c.Kind != "SurvivalChange" || len(c.Loss.Nodes) == 0 || len(c.Failures) > 0 != (c.Verdict == NotSurvived) {
			t.Errorf("it says %s", line)
		}
		got = append(got, fmt.Sprintf("%s %s: %s, was %s", c.Time.Format(time.TimeOnly), &c.Loss, c.Verdict, c.Was))
	}
	want := []string{
		"12:00:00 zone a: survived, was ",
		"12:00:00 zone b: survived, was ",
		"12:00:00 node a1: survived, was ",
		"12:00:00 node a2: survived, was ",
		"12:00:00 node b1: survived, was ",
		"12:02:00 zone a: not survived, was survived",
		"12:02:00 zone b: not survived, was survived",
		"12:02:00 node a2: not survived, was survived",
		"12:02:00 node b1: not survived, was survived",
		"12:03:00 zone b: survived, was not survived",
		"12:03:00 node a2: survived, was not survived",
		"12:03:00 node b1: survived, was not survived",
		"12:04:00 zone a: survived, was not survived",
		"12:04:00 zone c: not survived, was ",
		"12:04:00 node c1: not survived, was ",
		"12:05:00 zone a: not survived, was survived",
		"12:05:00 node c1: gone, was not survived",
		"12:05:00 zone c: gone, was not survived",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMetrics(t *testing.T) {
	_, r := watching(t, func(w *bytes.Buffer) Out { return JSON(w) }, there)
	want := `
# HELP stowage_floor_ratio [ALPHA] Number of ready pods of a workload at the worst moment of a loss ÷ number of desired pods, as predicted. For the losses of stowage_survives, each with the 20 workloads that would drop the furthest.
# TYPE stowage_floor_ratio gauge
stowage_floor_ratio{loss="zone/a",workload="ReplicaSet shop/web"} 0.5
stowage_floor_ratio{loss="zone/b",workload="ReplicaSet shop/web"} 0.5
# HELP stowage_survives [ALPHA] 1 if all workloads would survive the loss, such as zone/zone-a, else 0. Losses of which that is unknown are left out. Of nodes, only those that would not be survived are included, and at most 50.
# TYPE stowage_survives gauge
stowage_survives{loss="zone/a"} 0
stowage_survives{loss="zone/b"} 1
# HELP stowage_watch_losses [ALPHA] Number of losses, by kind (node, zone, pool or preemptible) and by whether they would be survived: yes, no or unknown.
# TYPE stowage_watch_losses gauge
stowage_watch_losses{kind="node",survived="no"} 0
stowage_watch_losses{kind="node",survived="unknown"} 0
stowage_watch_losses{kind="node",survived="yes"} 3
stowage_watch_losses{kind="zone",survived="no"} 1
stowage_watch_losses{kind="zone",survived="unknown"} 0
stowage_watch_losses{kind="zone",survived="yes"} 1
# HELP stowage_watch_last_update_timestamp_seconds [ALPHA] Unix time of the state of the cluster that the latest predictions are about, or of the start if there are none yet. It does not move on while the API server does not answer.
# TYPE stowage_watch_last_update_timestamp_seconds gauge
stowage_watch_last_update_timestamp_seconds 1.7960403e+09
# HELP stowage_watch_stale_losses [ALPHA] Number of losses that wait for their turn to be predicted again, because something has changed that does not concern them directly.
# TYPE stowage_watch_stale_losses gauge
stowage_watch_stale_losses 0
`
	names := []string{"stowage_survives", "stowage_floor_ratio", "stowage_watch_losses", "stowage_watch_stale_losses", "stowage_watch_last_update_timestamp_seconds"}
	if err := testutil.GatherAndCompare(r.Registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
}

// TestOldIsToldToBeOld has the API server answer twice, and no more.
func TestOldIsToldToBeOld(t *testing.T) {
	for _, answers := range []int{0, 2} {
		checks := 0
		_, r := watching(t, func(w *bytes.Buffer) Out { return JSON(w) }, func(context.Context) error {
			if checks++; checks > answers {
				return errors.New("connection refused")
			}
			return nil
		})
		families, err := r.Gather()
		if err != nil {
			t.Fatal(err)
		}
		want := noon.Add(time.Duration(max(0, answers-1)) * time.Minute)
		for _, family := range families {
			if family.GetName() != "stowage_watch_last_update_timestamp_seconds" {
				continue
			}
			if got := family.GetMetric()[0].GetGauge().GetValue(); got != seconds(want) {
				t.Errorf("after %d answers the state is said to be of %v, want %v", answers, got, seconds(want))
			}
		}
	}
}

// Of many nodes that cannot be lost, some have series, and all are counted.
func TestMetricsAreBounded(t *testing.T) {
	r := NewRecorder("v1.2.3", time.Unix(0, 0))
	var answers []*survive.Tracked
	for i := range 2 * mostNodes {
		answers = append(answers, &survive.Tracked{
			Result: survive.Result{Loss: survive.Loss{Kind: survive.Node, Name: fmt.Sprint(i)}, Failures: []*survive.Failure{{Workload: "web", Unknown: i%10 == 0}}},
			Floors: []survive.Floor{{Workload: "web"}},
		})
	}
	for range 2 {
		r.Record(answers, survive.Round{Asked: 3}, noon)
	}
	series := map[string]int{}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		series[family.GetName()] = len(family.GetMetric())
	}
	delete(series, "stowage_watch_build_info")
	want := map[string]int{
		"stowage_survives": mostNodes, "stowage_floor_ratio": mostNodes, "stowage_watch_losses": 3,
		"stowage_watch_stale_losses": 1, "stowage_watch_last_update_timestamp_seconds": 1, "stowage_watch_predictions_total": 1,
	}
	if diff := cmp.Diff(want, series); diff != "" {
		t.Errorf("number of series (-want +got):\n%s", diff)
	}
}

// failing is a reader that has gone away.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestEndsWhenNobodyReads(t *testing.T) {
	for name, out := range map[string]Out{"text": Text(failing{}), "JSON": JSON(failing{})} {
		if err := out.first([]*survive.Tracked{{}}, noon); err == nil || err.Error() != "broken pipe" {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
