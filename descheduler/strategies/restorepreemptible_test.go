package strategies

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/descheduler/strategy/strategytest"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// restoreFataler is what tests and rapid's checks have in common.
type restoreFataler interface {
	Helper()
	Fatal(args ...any)
	Context() context.Context
}

func (c *restoreCluster) session(picture *cluster.Snapshot) *strategytest.Session {
	return strategytest.New(picture, c.schedule)
}

func runRestore(t restoreFataler, session *strategytest.Session, namespaces *policy.Namespaces) {
	t.Helper()
	env := strategy.Env{Preemptible: preemptible.NewSchedulers(restoreOptions, session.State().Picture().Namespaces)}
	s, err := NewRestorePreemptible(&policy.RestorePreemptibleArgs{Namespaces: namespaces}, env)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Deschedule(t.Context(), session); err != nil {
		t.Fatal(err)
	}
}

func TestRestorePreemptible(t *testing.T) {
	spot := func(name string, room int) restoreNode { return restoreNode{name: name, spot: true, room: room} }
	onDemand := func(name string, room int) restoreNode { return restoreNode{name: name, room: room} }
	going := func(n restoreNode) restoreNode { n.notified = true; return n }
	tests := []struct {
		name  string
		nodes []restoreNode
		webs  restoreSet
		want  []string
	}{
		{
			"no more than the surplus moves off",
			[]restoreNode{spot("s", 9), onDemand("d", 9)},
			restoreSet{max: 2, desired: 5, on: []string{"s", "s", "s", "s", "d"}},
			[]string{
				"web/web-0 s>d: StatefulSet web/web has 4 replicas on preemptible nodes, and its policy allows 2",
				"web/web-1 s>d: StatefulSet web/web has 3 replicas on preemptible nodes, and its policy allows 2",
			},
		},
		{
			"a namespace's limit that was passed while there was no room",
			[]restoreNode{spot("s", 9), onDemand("d", 1)},
			restoreSet{max: 0, soft: true, desired: 2, on: []string{"s", "s"}},
			[]string{"web/web-0 s>d: StatefulSet web/web has 2 replicas on preemptible nodes, and its policy allows 0"},
		},
		{
			"replicas on their way out do not count",
			[]restoreNode{spot("s", 9), onDemand("d", 9)},
			restoreSet{max: 2, desired: 2, on: []string{"s", "s"}, ending: []string{"s", "s"}},
			nil,
		},
		{
			"never",
			[]restoreNode{spot("s", 9), onDemand("d", 9)},
			restoreSet{mode: "never", max: -1, desired: 2, on: []string{"d", "s"}},
			[]string{"web/web-1 s>d: node s is preemptible, which the policy of StatefulSet web/web forbids"},
		},
		{
			"require",
			[]restoreNode{spot("s", 9), onDemand("d", 9)},
			restoreSet{mode: "require", max: -1, desired: 2, on: []string{"d", "s"}},
			[]string{"web/web-0 d>s: node d is not preemptible, which the policy of StatefulSet web/web requires"},
		},
		{
			"a node that is about to go, whatever its kind",
			[]restoreNode{going(spot("s", 9)), going(onDemand("d", 9)), onDemand("e", 9)},
			restoreSet{mode: "allow", max: -1, desired: 2, on: []string{"d", "s"}},
			[]string{"web/web-1 s>e: node s is about to be removed", "web/web-0 d>e: node d is about to be removed"},
		},
		{
			"of a surplus, those go first whose node does",
			[]restoreNode{spot("a", 9), going(spot("s", 9)), onDemand("d", 9)},
			restoreSet{mode: "prefer", max: 1, desired: 2, on: []string{"a", "s"}},
			[]string{"web/web-1 s>d: node s is about to be removed"},
		},
		{
			"a node that is about to go, for one that is not quite right either",
			[]restoreNode{going(spot("s", 9)), onDemand("d", 9)},
			restoreSet{mode: "prefer", max: -1, desired: 1, on: []string{"s"}},
			[]string{"web/web-0 s>d: node s is about to be removed"},
		},
		{
			"prefer goes back up to its limit",
			[]restoreNode{spot("s", 9), onDemand("d", 9)},
			restoreSet{mode: "prefer", max: 2, desired: 3, on: []string{"d", "d", "d"}},
			[]string{
				"web/web-0 d>s: StatefulSet web/web prefers preemptible nodes, and has 0 of at most 2 replicas there",
				"web/web-1 d>s: StatefulSet web/web prefers preemptible nodes, and has 1 of at most 2 replicas there",
			},
		},
		{
			"prefer goes back as far as there is room",
			[]restoreNode{spot("s", 1), onDemand("d", 9)},
			restoreSet{mode: "prefer", max: -1, desired: 2, on: []string{"d", "d"}},
			[]string{"web/web-0 d>s: StatefulSet web/web prefers preemptible nodes, and node d is not preemptible"},
		},
		{
			"prefer does not go where the node is about to go",
			[]restoreNode{going(spot("s", 9)), onDemand("d", 9)},
			restoreSet{mode: "prefer", max: -1, desired: 1, on: []string{"d"}},
			nil,
		},
		{
			"allow goes nowhere",
			[]restoreNode{spot("s", 9), onDemand("d", 9)},
			restoreSet{mode: "allow", max: 1, desired: 3, on: []string{"d", "d", "s"}},
			nil,
		},
		{
			"a percentage is of the desired replicas, not of those there are",
			[]restoreNode{onDemand("d", 9), spot("s", 9)},
			restoreSet{mode: "half", max: -1, desired: 4, on: []string{"s", "s"}},
			nil,
		},
		{
			"one on another node finds the room that those alike would only leave themselves",
			[]restoreNode{spot("s", 2), onDemand("d", 1), spot("t", 1)},
			restoreSet{mode: "never", max: -1, soft: true, stubborn: true, desired: 3, on: []string{"s", "s", "t"}},
			[]string{"web/web-2 t>d: node t is preemptible, which the policy of StatefulSet web/web forbids"},
		},
		{
			"annotations that make no sense",
			[]restoreNode{going(spot("s", 9)), onDemand("d", 9)},
			restoreSet{mode: "nonsense", max: -1, desired: 1, on: []string{"s"}},
			nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.webs.name = "web"
			c := &restoreCluster{nodes: tt.nodes, workloads: []*restoreSet{&tt.webs}}
			picture := c.picture()
			if tt.webs.mode == "half" {
				for _, pod := range picture.Pods {
					pod.Annotations = map[string]string{preemptible.MaxAnnotation: "50%"}
				}
			}
			session := c.session(picture)
			runRestore(t, session, nil)
			if diff := cmp.Diff(tt.want, session.Moves); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRestorePreemptibleLeavesAloneWhatItDoesNotManage(t *testing.T) {
	tests := []struct {
		name   string
		change func(*cluster.Snapshot)
		args   *policy.Namespaces
	}{
		{"a pod without a controller", func(s *cluster.Snapshot) { s.Pods[0].OwnerReferences = nil }, nil},
		{"a pod of a DaemonSet", func(s *cluster.Snapshot) { s.Pods[0].OwnerReferences[0].Kind = "DaemonSet"; s.StatefulSets = nil }, nil},
		{"a pod of a Job", func(s *cluster.Snapshot) {
			s.Pods[0].OwnerReferences[0].Kind, s.StatefulSets = "Job", nil
			s.Jobs = []*batchv1.Job{{ObjectMeta: metav1.ObjectMeta{Namespace: "web", Name: "web", UID: "web"}}}
		}, nil},
		{"a pod of a scheduler without the plugin", func(s *cluster.Snapshot) { s.Pods[0].Spec.SchedulerName = "other" }, nil},
		{"a pod of another namespace", func(*cluster.Snapshot) {}, &policy.Namespaces{Exclude: []string{"web"}}},
		{"a workload of which one pod's annotations make no sense", func(s *cluster.Snapshot) {
			other := s.Pods[0].DeepCopy()
			other.Name, other.UID, other.Spec.NodeName = "web-1", "web-1", "d"
			other.Annotations = map[string]string{preemptible.MaxAnnotation: "?"}
			s.Pods = append(s.Pods, other)
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := &restoreCluster{
				nodes:     []restoreNode{{name: "s", spot: true, room: 9}, {name: "d", room: 9}},
				workloads: []*restoreSet{{name: "web", mode: "never", max: -1, desired: 1, on: []string{"s"}}},
			}
			plain := c.session(c.picture())
			if runRestore(t, plain, nil); len(plain.Moves) != 1 {
				t.Fatalf("without the change, want one move, got %q", plain.Moves)
			}
			picture := c.picture()
			tt.change(picture)
			session := c.session(picture)
			if runRestore(t, session, tt.args); len(session.Moves) > 0 {
				t.Errorf("moved %q, want nothing moved", session.Moves)
			}
		})
	}
}

func TestRestorePreemptibleNeedsToKnowPreemptibleNodes(t *testing.T) {
	s, err := NewRestorePreemptible(&policy.RestorePreemptibleArgs{}, strategy.Env{})
	if err != nil {
		t.Fatal(err)
	}
	c := &restoreCluster{nodes: []restoreNode{{name: "d", room: 1}}}
	err = s.Deschedule(t.Context(), c.session(c.picture()))
	if want := "no scheduler configuration enables PreemptibleNodes, so preemptible nodes are unknown: pass one with --scheduler-config"; err == nil || err.Error() != want {
		t.Errorf("got the error %v, want %s", err, want)
	}
}

func TestRestorePreemptibleOfAnUnknownKindWantsAsManyAsThereAre(t *testing.T) {
	c := &restoreCluster{
		nodes:     []restoreNode{{name: "s", spot: true, room: 9}, {name: "d", room: 9}},
		workloads: []*restoreSet{{name: "web", max: 2, on: []string{"s", "s", "s", "d"}}},
	}
	picture := c.picture()
	picture.StatefulSets = nil
	for _, pod := range picture.Pods {
		pod.OwnerReferences[0].Kind = "Game"
		pod.Annotations = map[string]string{preemptible.MaxAnnotation: "50%"}
	}
	session := c.session(picture)
	runRestore(t, session, nil)
	want := []string{"web/web-0 s>d: Game web/web has 3 replicas on preemptible nodes, and its policy allows 2"}
	if diff := cmp.Diff(want, session.Moves); diff != "" {
		t.Errorf("moves (-want +got):\n%s", diff)
	}
}

func TestRestorePreemptibleTriesNoMoreThanAFewForAWish(t *testing.T) {
	for name, tt := range map[string]struct {
		room int
		want []string
	}{
		"where preemptible nodes are full, none": {0, nil},
		"where the scheduler has other plans, two on each node": {
			9, []string{"web/web-0 WouldReturn", "web/web-1 WouldReturn", "web/web-3 WouldReturn", "web/web-4 WouldReturn"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := &restoreCluster{
				nodes:     []restoreNode{{name: "s", spot: true, room: tt.room}, {name: "d", room: 9}, {name: "e", room: 9}},
				workloads: []*restoreSet{{name: "web", mode: "prefer", max: -1, desired: 6, on: []string{"d", "d", "d", "e", "e", "e"}}},
			}
			session := c.session(c.picture())
			session.Schedule = func(_ *strategy.State, pod *corev1.Pod) string { return pod.Spec.NodeName }
			runRestore(t, session, nil)
			if diff := cmp.Diff(tt.want, session.Refused); diff != "" {
				t.Errorf("refused (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRestorePreemptibleObjectiveOutlivesTheRun asks the objective of a move again, with
// states of a later day.
func TestRestorePreemptibleObjectiveOutlivesTheRun(t *testing.T) {
	web := &restoreSet{name: "web", mode: "prefer", max: 1, desired: 2, on: []string{"s", "s"}}
	c := &restoreCluster{nodes: []restoreNode{{name: "s", spot: true, room: 9}, {name: "d", room: 9}}, workloads: []*restoreSet{web}}
	objective, state := c.objective(t)
	for _, tt := range []struct {
		name string
		on   []string
		max  string
		kind string
		to   string
		want float64
	}{
		{name: "all is as it was", on: []string{"s", "s"}, to: "d", want: 2},
		{name: "the other replica is gone", on: []string{"s"}, to: "d", want: 0},
		{name: "the other replica has moved", on: []string{"s", "d"}, to: "d", want: 0},
		{name: "the node where it should go is gone", on: []string{"s", "s"}, to: "e", want: 0},
		{name: "the annotations make no sense any more", on: []string{"s", "s"}, max: "?", to: "d", want: 0},
		{name: "a controller of a kind that does not say how many it wants", on: []string{"s", "s", "d", "d"}, kind: "Game", max: "50%", to: "d", want: 0},
	} {
		web.on = tt.on
		picture := c.picture()
		for _, pod := range picture.Pods {
			if tt.max != "" {
				pod.Annotations[preemptible.MaxAnnotation] = tt.max
			}
			if tt.kind != "" {
				pod.OwnerReferences[0].Kind, picture.StatefulSets = tt.kind, nil
			}
		}
		stranger := web.pod(9, "s")
		stranger.OwnerReferences[0].UID = "other"
		picture.Pods = append(picture.Pods, stranger)
		state := strategy.NewState(picture, labels.Everything())
		state.Remove(picture.Pods[0])
		if got := objective.Gain(state, picture.Pods[0], tt.to); got != tt.want {
			t.Errorf("%s: gain %v, want %v", tt.name, got, tt.want)
		}
	}

	// What other strategies do to the state of the run counts too.
	pods := state.Picture().Pods
	state.Remove(pods[0])
	state.Remove(pods[1])
	if got := objective.Gain(state, pods[0], "d"); got != 0 {
		t.Errorf("without the other replica in the same state: gain %v, want 0", got)
	}
}

// objective returns the one that moves are proposed with, and the state of that run, in
// which nothing has moved.
func (c *restoreCluster) objective(t *testing.T) (strategy.Objective, *strategy.State) {
	t.Helper()
	asked := &askedSession{Session: c.session(c.picture())}
	asked.Schedule = func(*strategy.State, *corev1.Pod) string { return "" }
	s, err := NewRestorePreemptible(&policy.RestorePreemptibleArgs{}, strategy.Env{Preemptible: preemptible.NewSchedulers(restoreOptions, nil)})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Deschedule(t.Context(), asked); err != nil || len(asked.proposals) == 0 {
		t.Fatalf("got %d proposals and the error %v, want some", len(asked.proposals), err)
	}
	return asked.proposals[0].Objective, asked.State()
}

func TestRestorePreemptibleDescribesWhatAMoveGains(t *testing.T) {
	for gain, want := range map[float64]string{
		1: "on a preemptible node, which it prefers",
		2: "on a node that its policy allows",
		3: "leaves a node that is about to be removed",
		6: "leaves a node that is about to be removed",
	} {
		if got := (&restoreObjective{}).Describe(gain); got != want {
			t.Errorf("gain %v: got %q, want %q", gain, got, want)
		}
	}
}

// TestRestorePreemptibleRestores draws clusters, and holds what is planned against a
// plain count of what is wrong.
func TestRestorePreemptibleRestores(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		for range restoreClustersPerCheck {
			c := drawRestoreCluster(rt)
			session := c.session(c.picture())
			runRestore(rt, session, nil)
			c.replay(rt, session.Moves)
			c.checkNothingIsLeft(rt, session.State())

			again := c.session(pictureOf(session.State()))
			runRestore(rt, again, nil)
			if len(again.Moves) > 0 {
				rt.Fatalf("after %q, a second run plans %q", session.Moves, again.Moves)
			}
		}
	})
}

// restoreClustersPerCheck makes the hundred checks of a plain run thousands of clusters.
const restoreClustersPerCheck = 30

func drawRestoreCluster(rt *rapid.T) *restoreCluster {
	c := &restoreCluster{}
	for i := range rapid.IntRange(1, 5).Draw(rt, "nodes") {
		c.nodes = append(c.nodes, restoreNode{
			name: fmt.Sprintf("n%d", i), spot: rapid.Bool().Draw(rt, "spot"),
			notified: rapid.IntRange(0, 3).Draw(rt, "notified") == 0, room: rapid.IntRange(1, 5).Draw(rt, "room"),
		})
	}
	var free []string
	for _, n := range c.nodes {
		free = append(free, slices.Repeat([]string{n.name}, n.room)...)
	}
	free = rapid.Permutation(free).Draw(rt, "free")
	for _, name := range []string{"a", "b", "c"} {
		w := &restoreSet{name: name, max: -1, soft: rapid.Bool().Draw(rt, "soft"), stubborn: rapid.IntRange(0, 3).Draw(rt, "stubborn") == 0}
		w.mode = rapid.SampledFrom([]preemptible.Mode{"never", "allow", "prefer", "prefer", "require"}).Draw(rt, "mode")
		if w.mode != preemptible.Require && rapid.Bool().Draw(rt, "limited") {
			w.max = rapid.IntRange(0, 3).Draw(rt, "max")
		}
		w.desired = rapid.IntRange(0, min(4, len(free))).Draw(rt, "desired")
		w.on, free = free[:w.desired], free[w.desired:]
		if len(free) > 0 && rapid.IntRange(0, 3).Draw(rt, "ending") == 0 {
			w.ending, free = free[:1], free[1:]
		}
		c.workloads = append(c.workloads, w)
	}
	return c
}

// replay does the moves one by one: each has to leave less wrong with the pod's place,
// and none more wrong with the others'.
func (c *restoreCluster) replay(rt *rapid.T, moves []string) {
	places := c.places()
	for _, move := range moves {
		fields := strings.Fields(move)
		_, pod, _ := strings.Cut(fields[0], "/")
		from, to, _ := strings.Cut(strings.TrimSuffix(fields[1], ":"), ">")
		before := c.faults(places)
		if places[pod] != from {
			rt.Fatalf("%s: the pod is on %s", move, places[pod])
		}
		places[pod] = to
		after := c.faults(places)
		if after[pod] >= before[pod] {
			rt.Fatalf("%s: the fault was %d and is %d, in %q", move, before[pod], after[pod], moves)
		}
		for _, other := range slices.Sorted(maps.Keys(places)) {
			if other != pod && after[other] > max(before[other], before[pod]) {
				rt.Fatalf("%s: the fault of %s was %d and is %d, in %q", move, other, before[other], after[other], moves)
			}
		}
	}
}

// checkNothingIsLeft tries every replica of the resulting state by itself: none may be
// badly placed while the scheduler would choose a better node.
func (c *restoreCluster) checkNothingIsLeft(rt *rapid.T, state *strategy.State) {
	places := restorePlaces{}
	var pods []*corev1.Pod
	for _, node := range state.Nodes() {
		for _, pod := range node.Pods {
			if pod.DeletionTimestamp == nil {
				places[pod.Name] = node.Name
				pods = append(pods, pod)
			}
		}
	}
	before := c.faults(places)
	for _, pod := range pods {
		state.Remove(pod)
		to := c.schedule(state, pod)
		state.Add(pod)
		wish := before[pod.Name] == 1 && c.workload(pod.Namespace).stubborn // not every replica is tried
		if to == "" || before[pod.Name] == 0 || wish {
			continue
		}
		places[pod.Name] = to
		if after := c.faults(places)[pod.Name]; after < before[pod.Name] {
			rt.Fatalf("%s stays on %s with the fault %d, and would go to %s with the fault %d", pod.Name, pod.Spec.NodeName, before[pod.Name], to, after)
		}
		places[pod.Name] = pod.Spec.NodeName
	}
}

// pictureOf returns a picture of the state.
func pictureOf(state *strategy.State) *cluster.Snapshot {
	picture := *state.Picture()
	picture.Pods = nil
	for _, node := range state.Nodes() {
		for _, pod := range node.Pods {
			pod = pod.DeepCopy()
			pod.UID = types.UID(pod.Name)
			picture.Pods = append(picture.Pods, pod)
		}
	}
	return &picture
}
