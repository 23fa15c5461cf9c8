package strategies

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/descheduler/policy"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// spreading adds a constraint on pods of the same app.
func spreading(key string, maxSkew int32, when corev1.UnsatisfiableConstraintAction, changes ...func(*corev1.TopologySpreadConstraint)) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		c := corev1.TopologySpreadConstraint{
			TopologyKey: key, MaxSkew: maxSkew, WhenUnsatisfiable: when,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": pod.Labels["app"]}},
		}
		for _, change := range changes {
			change(&c)
		}
		pod.Spec.TopologySpreadConstraints = append(pod.Spec.TopologySpreadConstraints, c)
	}
}

func labelled(key, value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Labels[key] = value }
}

// several returns pods with names of the prefix.
func several(n int, prefix, node, owner string, changes ...func(*corev1.Pod)) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, name := range placedNames(prefix, n) {
		pods = append(pods, placedPod(name, node, owner, changes...))
	}
	return pods
}

func join(lists ...[]*corev1.Pod) []*corev1.Pod {
	var all []*corev1.Pod
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func TestRemovePodsViolatingTopologySpreadConstraint(t *testing.T) {
	hardTaint := corev1.Taint{Key: "k", Effect: corev1.TaintEffectNoSchedule}
	zones := []*corev1.Node{placedNode("a1", 20, "zone=a"), placedNode("b1", 20, "zone=b"), placedNode("c1", 20, "zone=c")}
	hard := spreading("zone", 1, corev1.DoNotSchedule)
	soft := spreading("zone", 1, corev1.ScheduleAnyway)
	bothKinds := []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule, corev1.ScheduleAnyway}
	tests := []struct {
		name        string
		constraints []corev1.UnsatisfiableConstraintAction
		labels      *metav1.LabelSelector
		choose      placedChoice
		nodes       []*corev1.Node
		pods        []*corev1.Pod
		want        []string
		refused     []string
	}{
		{
			name: "as many go as are needed, to the emptiest zones", nodes: zones,
			pods: several(5, "p", "a1", "web", hard), want: []string{"p1 a1>b1", "p2 a1>c1", "p3 a1>b1"},
		},
		{name: "within the skew nothing goes", nodes: zones, pods: join(several(2, "p", "a1", "web", hard), several(1, "q", "b1", "web", hard), several(1, "r", "c1", "web", hard))},
		{
			name:  "one into a single empty zone, although four zones are beyond the skew",
			nodes: []*corev1.Node{zones[0], zones[1], zones[2], placedNode("d1", 9, "zone=d"), placedNode("e1", 9, "zone=e")},
			pods:  join(several(2, "p", "a1", "web", hard), several(2, "q", "b1", "web", hard), several(2, "r", "c1", "web", hard), several(2, "s", "d1", "web", hard)),
			want:  []string{"p1 a1>e1"},
		},
		{name: "what may be scheduled anyway stays by default", nodes: zones, pods: several(5, "p", "a1", "web", soft)},
		{
			name: "what may be scheduled anyway goes when asked for", constraints: bothKinds, nodes: zones[:2],
			pods: several(4, "p", "a1", "web", soft), want: []string{"p1 a1>b1", "p2 a1>b1"},
		},
		{
			name: "nodes without the label count for nothing", nodes: []*corev1.Node{zones[0], placedNode("x1", 9, "")}, constraints: bothKinds,
			pods: several(4, "p", "a1", "web", soft),
		},
		{
			name: "a node without the label is no improvement", nodes: []*corev1.Node{zones[0], placedNode("b1", 0, "zone=b"), placedNode("x1", 9, "")}, constraints: bothKinds,
			pods: several(4, "p", "a1", "web", soft), refused: []string{"shop/p1 NoImprovement", "shop/p2 NoImprovement"},
		},
		{
			name: "a node counts that has the labels of all of a pod's constraints", nodes: []*corev1.Node{zones[0], zones[1], placedNode("x1", 9, "")},
			pods: func() []*corev1.Pod {
				byHost := spreading("host", 1, corev1.DoNotSchedule)
				return join(several(2, "p", "a1", "web", hard, byHost), several(2, "q", "b1", "web", hard, byHost))
			}(),
			refused: []string{},
		},
		{
			name: "the zones that the pods may not be in do not count", nodes: []*corev1.Node{placedNode("a1", 9, "zone=a,pool=a"), placedNode("b1", 9, "zone=b,pool=a"), placedNode("c1", 9, "zone=c,pool=b")},
			pods: several(4, "p", "a1", "web", hard, requiring("a")), want: []string{"p1 a1>b1", "p2 a1>b1"},
		},
		{
			name: "they do where node affinity is ignored, and then nothing may move", nodes: []*corev1.Node{placedNode("a1", 9, "zone=a,pool=a"), placedNode("b1", 9, "zone=b,pool=b")},
			pods: several(4, "p", "a1", "web", requiring("a"), spreading("zone", 1, corev1.DoNotSchedule, func(c *corev1.TopologySpreadConstraint) {
				c.NodeAffinityPolicy = ptr.To(corev1.NodeInclusionPolicyIgnore)
			})),
			refused: []string{"shop/p1 NoDestination", "shop/p2 NoDestination"},
		},
		{
			name: "tainted zones count by default", nodes: []*corev1.Node{zones[0], placedNode("b1", 9, "zone=b", hardTaint)},
			pods: several(4, "p", "a1", "web", hard), refused: []string{"shop/p1 NoDestination", "shop/p2 NoDestination"},
		},
		{
			name: "tainted zones do not count where taints are honored", nodes: []*corev1.Node{zones[0], placedNode("b1", 9, "zone=b", hardTaint)},
			pods: several(4, "p", "a1", "web", spreading("zone", 1, corev1.DoNotSchedule, func(c *corev1.TopologySpreadConstraint) {
				c.NodeTaintsPolicy = ptr.To(corev1.NodeInclusionPolicyHonor)
			})),
			refused: []string{},
		},
		{
			name: "with too few domains the emptiest counts as empty", nodes: zones[:2],
			pods: func() []*corev1.Pod {
				atLeast3 := spreading("zone", 2, corev1.DoNotSchedule, func(c *corev1.TopologySpreadConstraint) { c.MinDomains = ptr.To[int32](3) })
				return join(several(3, "p", "a1", "web", atLeast3), several(1, "q", "b1", "web", atLeast3))
			}(),
			want: []string{"p1 a1>b1"},
		},
		{
			name: "revisions are counted by themselves", nodes: zones[:2],
			pods: join(
				several(2, "p", "a1", "web", labelled("rev", "1"), spreading("zone", 1, corev1.DoNotSchedule, func(c *corev1.TopologySpreadConstraint) { c.MatchLabelKeys = []string{"rev"} })),
				several(2, "q", "b1", "web", labelled("rev", "2"), spreading("zone", 1, corev1.DoNotSchedule, func(c *corev1.TopologySpreadConstraint) { c.MatchLabelKeys = []string{"rev"} })),
			),
			want: []string{"p1 a1>b1", "q1 b1>a1"},
		},
		{
			name: "pods that are counted but have no such constraint go last", nodes: zones[:2],
			pods: join(several(3, "p", "a1", "web"), several(1, "q", "a1", "web", hard)), want: []string{"q1 a1>b1", "p1 a1>b1"},
		},
		{
			name: "pods of other namespaces or on their way out do not count", nodes: zones[:2],
			pods: join(several(1, "p", "a1", "web", hard), several(3, "q", "a1", "web", hard, placedTerminating), several(3, "r", "a1", "web", func(pod *corev1.Pod) { pod.Namespace = "other" })),
		},
		{
			name: "pods outside of the selection count, and stay", nodes: zones[:2], labels: &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "back"}},
			pods: join(several(3, "p", "a1", "web", hard), several(1, "q", "a1", "web", hard, labelled("tier", "back"))), want: []string{"q1 a1>b1"},
		},
		{
			name: "of a zone's nodes the fullest gives, for the sake of a constraint over hosts", nodes: []*corev1.Node{zones[0], placedNode("a2", 20, "zone=a"), zones[1]},
			pods: join(
				several(1, "p", "a1", "web", hard, spreading("host", 1, corev1.DoNotSchedule)), several(3, "q", "a2", "web", hard, spreading("host", 1, corev1.DoNotSchedule)),
			),
			want: []string{"q1 a2>b1", "q2 a2>b1"},
		},
		{
			name: "no hard constraint gets worse for the sake of a soft one, also of pods that are merely counted", constraints: []corev1.UnsatisfiableConstraintAction{corev1.ScheduleAnyway},
			nodes: []*corev1.Node{zones[0], zones[1]},
			pods: join(
				several(3, "p", "a1", "web", labelled("tier", "x"), soft),
				several(3, "q", "b1", "db", labelled("tier", "x"), spreading("zone", 1, corev1.DoNotSchedule, func(c *corev1.TopologySpreadConstraint) {
					c.LabelSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "x"}}
				})),
			),
			choose: placedSpread, refused: []string{"shop/p1 NoImprovement", "shop/p2 NoImprovement"},
		},
		{
			name: "those that would rather stay go last, then by priority", nodes: zones[:2],
			pods: join(several(1, "p", "a1", "web", hard, placedReluctant("")), several(1, "q", "a1", "web", hard, placedPriority(3)), several(2, "r", "a1", "web", hard)),
			want: []string{"r1 a1>b1", "r2 a1>b1"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := &policy.RemovePodsViolatingTopologySpreadConstraintArgs{Constraints: tt.constraints, PodSelection: policy.PodSelection{LabelSelector: tt.labels}}
			if args.Constraints == nil {
				args.Constraints = []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule}
			}
			session := placedSession(tt.nodes, tt.pods, tt.choose)
			placedRun(t, NewRemovePodsViolatingTopologySpreadConstraint, args, session)
			if diff := cmp.Diff(tt.want, placedMoves(session)); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.refused, append([]string{}, session.Refused...)); tt.refused != nil && diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
			placedAgain(t, NewRemovePodsViolatingTopologySpreadConstraint, args, session)
		})
	}
}

// Pods without constraints of their own have those of their scheduler.
func TestTopologySpreadByDefault(t *testing.T) {
	zones := []*corev1.Node{placedNode("a1", 20, "zone=a"), placedNode("b1", 20, "zone=b"), placedNode("c1", 20, "zone=c")}
	constraint := func(key string, when corev1.UnsatisfiableConstraintAction) corev1.TopologySpreadConstraint {
		return corev1.TopologySpreadConstraint{
			MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: when, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		}
	}
	soft := []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule, corev1.ScheduleAnyway}
	for _, tt := range []struct {
		name        string
		constraints []corev1.UnsatisfiableConstraintAction
		defaults    strategy.SpreadDefaults
		nodes       []*corev1.Node
		pods        []*corev1.Pod
		want        []string
	}{
		{
			name: "hard ones are enforced", nodes: zones, pods: several(5, "p", "a1", "web"),
			defaults: strategy.SpreadDefaults{Constraints: []corev1.TopologySpreadConstraint{constraint("zone", corev1.DoNotSchedule)}},
			want:     []string{"p1 a1>b1", "p2 a1>c1", "p3 a1>b1"},
		},
		{
			name: "not of pods on their way out", nodes: zones, pods: several(5, "p", "a1", "web", placedTerminating),
			defaults: strategy.SpreadDefaults{Constraints: []corev1.TopologySpreadConstraint{constraint("zone", corev1.DoNotSchedule)}},
		},
		{
			name: "a pod with constraints of its own has no others", nodes: zones, pods: several(5, "p", "a1", "web", spreading("host", 9, corev1.ScheduleAnyway)),
			defaults: strategy.SpreadDefaults{Constraints: []corev1.TopologySpreadConstraint{constraint("zone", corev1.DoNotSchedule)}},
		},
		{
			name: "soft ones are not, unless they are asked for", nodes: zones, pods: several(5, "p", "a1", "web"),
			defaults: strategy.SpreadDefaults{Constraints: []corev1.TopologySpreadConstraint{constraint("zone", corev1.ScheduleAnyway)}},
		},
		{
			name: "soft ones are where they are asked for", nodes: zones, pods: several(3, "p", "a1", "web"), constraints: soft,
			defaults: strategy.SpreadDefaults{Constraints: []corev1.TopologySpreadConstraint{constraint("zone", corev1.ScheduleAnyway)}},
			want:     []string{"p1 a1>b1", "p2 a1>c1"},
		},
		{
			name: "alone, one over hosts counts nodes that are in no zone", nodes: []*corev1.Node{placedNode("x1", 20, ""), placedNode("x2", 20, "")}, pods: several(4, "p", "x1", "web"), constraints: soft,
			defaults: strategy.SpreadDefaults{
				Constraints: []corev1.TopologySpreadConstraint{constraint("host", corev1.ScheduleAnyway), constraint("zone", corev1.ScheduleAnyway)}, Alone: true,
			},
			want: []string{"p1 x1>x2", "p2 x1>x2"},
		},
		{
			name: "together they count nodes with the labels of all", nodes: []*corev1.Node{placedNode("x1", 20, ""), placedNode("x2", 20, "")}, pods: several(4, "p", "x1", "web"), constraints: soft,
			defaults: strategy.SpreadDefaults{
				Constraints: []corev1.TopologySpreadConstraint{constraint("host", corev1.ScheduleAnyway), constraint("zone", corev1.ScheduleAnyway)},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := &policy.RemovePodsViolatingTopologySpreadConstraintArgs{Constraints: tt.constraints}
			if args.Constraints == nil {
				args.Constraints = []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule}
			}
			construct := func(args policy.Args, env strategy.Env) (strategy.Strategy, error) {
				env.SpreadDefaults = func(pod *corev1.Pod, when corev1.UnsatisfiableConstraintAction) strategy.SpreadDefaults {
					defaults := strategy.SpreadDefaults{Alone: tt.defaults.Alone}
					for _, c := range tt.defaults.Constraints {
						if c.WhenUnsatisfiable == when {
							defaults.Constraints = append(defaults.Constraints, c)
						}
					}
					return defaults
				}
				return NewRemovePodsViolatingTopologySpreadConstraint(args, env)
			}
			session := placedSession(tt.nodes, tt.pods, nil)
			placedRun(t, construct, args, session)
			if diff := cmp.Diff(tt.want, placedMoves(session)); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
			placedAgain(t, construct, args, session)
		})
	}
}

// fewestSpreadMoves is the fewest moves after which no two counts differ by more than
// maxSkew: for each floor that all could have, what is above it and maxSkew has to go, and
// what is below it has to come.
func fewestSpreadMoves(counts map[string]int, maxSkew int) int {
	total := 0
	for _, n := range counts {
		total += n
	}
	fewest := -1
	for floor := 0; floor <= total; floor++ {
		above, below := 0, 0
		for _, n := range counts {
			above += max(0, n-floor-maxSkew)
			below += max(0, floor-n)
		}
		possible := len(counts)*floor <= total && total <= len(counts)*(floor+maxSkew)
		if moves := max(above, below); possible && (fewest < 0 || moves < fewest) {
			fewest = moves
		}
	}
	return fewest
}

func TestTopologySpreadNeedsFewestMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		maxSkew := rapid.IntRange(1, 3).Draw(t, "maxSkew")
		when := rapid.SampledFrom([]corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule, corev1.ScheduleAnyway}).Draw(t, "when")
		var nodes []*corev1.Node
		var pods []*corev1.Pod
		counts := map[string]int{}
		for i := range rapid.IntRange(1, 6).Draw(t, "zones") {
			zone := fmt.Sprint("z", i)
			nodes = append(nodes, placedNode(zone, 999, "zone="+zone))
			counts[zone] = rapid.IntRange(0, 9).Draw(t, zone)
			pods = append(pods, several(counts[zone], zone+"-", zone, "web", spreading("zone", int32(maxSkew), when))...)
		}
		args := &policy.RemovePodsViolatingTopologySpreadConstraintArgs{Constraints: []corev1.UnsatisfiableConstraintAction{when}}
		session := placedSession(nodes, pods, placedSpread)
		placedRun(t, NewRemovePodsViolatingTopologySpreadConstraint, args, session)
		if got, want := len(session.Moves), fewestSpreadMoves(counts, maxSkew); got != want {
			t.Errorf("%d moves, the fewest are %d, from %v: %v", got, want, counts, session.Moves)
		}
		if len(pods) > 0 {
			if left := placedViolation(session.State(), pods[0], pods[0].Spec.TopologySpreadConstraints[0]); left > 0 {
				t.Errorf("%d pods are beyond the skew after %v", left, session.Moves)
			}
		}
		placedAgain(t, NewRemovePodsViolatingTopologySpreadConstraint, args, session)
	})
}

func TestTopologySpreadNeverMakesItWorse(t *testing.T) {
	actions := []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule, corev1.ScheduleAnyway}
	rapid.Check(t, func(t *rapid.T) {
		var nodes []*corev1.Node
		for _, name := range placedNames("n", rapid.IntRange(1, 5).Draw(t, "nodes")) {
			zone := rapid.SampledFrom([]string{"", "zone=a", "zone=b", "zone=c"}).Draw(t, name+" in")
			nodes = append(nodes, placedNode(name, 6, zone))
		}
		samples := map[string]*corev1.Pod{}
		for _, app := range []string{"a", "b"} {
			sample := placedPod("sample-"+app, "", app, labelled("all", "yes"))
			for i := range rapid.IntRange(0, 2).Draw(t, app+" constraints") {
				key := rapid.SampledFrom([]string{"zone", "host"}).Draw(t, fmt.Sprint(app, " over ", i))
				spreading(key, int32(rapid.IntRange(1, 2).Draw(t, "maxSkew")), rapid.SampledFrom(actions).Draw(t, "when"), func(c *corev1.TopologySpreadConstraint) {
					if rapid.Bool().Draw(t, "of all") {
						c.LabelSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"all": "yes"}}
					}
				})(sample)
			}
			samples[app] = sample
		}
		var pods []*corev1.Pod
		for _, name := range placedNames("p", rapid.IntRange(0, 6*len(nodes)).Draw(t, "pods")) {
			sample := samples[rapid.SampledFrom([]string{"a", "b"}).Draw(t, name+" of")]
			pods = append(pods, placedPod(name, nodes[rapid.IntRange(0, len(nodes)-1).Draw(t, name+" on")].Name, sample.Labels["app"], func(pod *corev1.Pod) {
				pod.Labels, pod.Spec.TopologySpreadConstraints = sample.Labels, sample.Spec.TopologySpreadConstraints
				if rapid.IntRange(0, 5).Draw(t, name+" goes") == 5 {
					placedTerminating(pod)
				}
			}))
		}
		args := &policy.RemovePodsViolatingTopologySpreadConstraintArgs{Constraints: actions}
		session := placedSession(nodes, pods, map[bool]placedChoice{true: placedSpread}[rapid.Bool().Draw(t, "spreading scheduler")])
		session.Keep = func(pod *corev1.Pod) string {
			if pod.UID == "p1" {
				return "kept"
			}
			return ""
		}
		violations := func(state *strategy.State) (sum int) {
			seen := map[string]bool{}
			for _, pod := range pods {
				for _, c := range pod.Spec.TopologySpreadConstraints {
					if id := jsonOf(pod.Labels["app"], c); !seen[id] {
						seen[id] = true
						sum += placedViolation(state, pod, c)
					}
				}
			}
			return sum
		}
		before := violations(session.State())
		placedRun(t, NewRemovePodsViolatingTopologySpreadConstraint, args, session)
		if after := violations(session.State()); after > before-len(session.Moves) {
			t.Errorf("%d pods were beyond the skew, and %d are after %v", before, after, session.Moves)
		}
		again := placedSession(nodes, placedResult(session.State()).Pods, nil)
		// With several constraints a pod may have to move twice, which is for a later day:
		// what was moved rests.
		again.Schedule = session.Schedule
		again.Keep = func(pod *corev1.Pod) string {
			if strings.HasSuffix(pod.Name, "-replacement") {
				return "it rests"
			}
			if session.Keep != nil {
				return session.Keep(pod)
			}
			return ""
		}
		placedRun(t, NewRemovePodsViolatingTopologySpreadConstraint, args, again)
		if len(again.Moves) > 0 {
			t.Errorf("a second run moves %v after %v", again.Moves, session.Moves)
		}
	})
}
