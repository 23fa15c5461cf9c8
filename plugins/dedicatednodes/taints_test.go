package dedicatednodes

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/kubernetes/pkg/features"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
	"github.com/stowage-k8s/stowage/plugins/internal/plugintest"
)

const (
	ns = corev1.TaintEffectNoSchedule
	ne = corev1.TaintEffectNoExecute
)

// blanket tolerates whatever keeps pods from being scheduled.
var blanket = toleration("", ns)

// scoreTest is a set of nodes and what they score for a pod; nothing, if scoring
// them is left to other plugins.
type scoreTest struct {
	name  string
	pod   *corev1.Pod
	nodes []fwk.NodeInfo
	want  map[string]int64
}

func (tt scoreTest) check(t *testing.T, args *config.DedicatedNodesArgs) {
	t.Run(tt.name, func(t *testing.T) {
		got := plugintest.Scores(t, newPlugin(t, args), tt.pod, tt.nodes...)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("scores (-want +got):\n%s", diff)
		}
	})
}

func TestToleratedTaints(t *testing.T) {
	equal := func(value string) corev1.Toleration {
		return corev1.Toleration{Key: "team", Operator: corev1.TolerationOpEqual, Value: value}
	}
	for _, tt := range []scoreTest{
		{
			name:  "a pod prefers the nodes whose taint it tolerates by name",
			pod:   pod(nil, toleration("team", ns)),
			nodes: []fwk.NodeInfo{node("plain"), node("own", noSchedule("team"))},
			// 1 - ½¹ against 1 - ½²
			want: map[string]int64{"own": 100, "plain": 75},
		},
		{
			name:  "NoSchedule and NoExecute taints dedicate a node alike",
			pod:   pod(nil, toleration("team", "")),
			nodes: []fwk.NodeInfo{node("plain"), node("no schedule", noSchedule("team")), node("no execute", noExecute("team"))},
			want:  map[string]int64{"no schedule": 100, "no execute": 100, "plain": 75},
		},
		{
			name: "the more of a node's taints the pod tolerates by name, the better",
			pod:  pod(nil, toleration("team", ns), toleration("disk", ns)),
			nodes: []fwk.NodeInfo{
				node("plain"),
				node("one", noSchedule("team")),
				node("two", noSchedule("team"), noSchedule("disk")),
			},
			// 0.5, 0.75 and 0.875
			want: map[string]int64{"two": 100, "one": 87, "plain": 62},
		},
		{
			name: "taints that only a blanket toleration covers speak against a node",
			pod:  pod(nil, blanket, toleration("team", ns)),
			nodes: []fwk.NodeInfo{
				node("own", noSchedule("team")),
				node("shared", noSchedule("team"), noSchedule("theirs")),
				node("shared by three", noSchedule("team"), noSchedule("theirs"), noSchedule("others")),
			},
			// 1 - ½^2, 1 - ½^1.5 and 1 - ½^1.33
			want: map[string]int64{"own": 100, "shared": 89, "shared by three": 85},
		},
		{
			name: "one taint more of the pod's own outweighs any number of foreign ones",
			pod:  pod(nil, blanket, toleration("team", ns), toleration("disk", ns)),
			nodes: []fwk.NodeInfo{
				node("one", noSchedule("team")),
				node("two and others", noSchedule("team"), noSchedule("disk"), noSchedule("a"), noSchedule("b"), noSchedule("c")),
			},
			// 1 - ½^2 against 1 - ½^2.25
			want: map[string]int64{"two and others": 100, "one": 96},
		},
		{
			name:  "a pod that tolerates everything keeps off the nodes that are for others",
			pod:   pod(nil, toleration("", "")),
			nodes: []fwk.NodeInfo{node("plain"), node("theirs", noSchedule("theirs"))},
			// 1 - ½^1 against 1 - ½^0.5
			want: map[string]int64{"plain": 100, "theirs": 79},
		},
		{
			name: "a taint with another value than the pod tolerates is foreign",
			pod:  pod(nil, blanket, equal("blue")),
			nodes: []fwk.NodeInfo{
				node("blue", taint("team", "blue", ns)),
				node("red", taint("team", "red", ns)),
			},
			// 1 - ½^2 against 1 - ½^0.5
			want: map[string]int64{"blue": 100, "red": 54},
		},
		{
			name: "tolerations that compare numbers are off and make no taint the pod's own",
			pod: pod(nil,
				corev1.Toleration{Key: "tier", Operator: corev1.TolerationOpLt, Value: "3"},
				corev1.Toleration{Key: "tier", Operator: corev1.TolerationOpGt, Value: "1"},
			),
			nodes: []fwk.NodeInfo{node("plain"), node("tier 2", taint("tier", "2", ns))},
			want:  map[string]int64{"plain": 100, "tier 2": 79},
		},
		{
			name: "taints that say what state a node is in dedicate it to nobody, tolerated by name or not",
			pod:  pod(nil, append(unasked, toleration(corev1.TaintNodeUnschedulable, ns), blanket)...),
			nodes: []fwk.NodeInfo{
				node("plain"),
				node("unschedulable", noSchedule(corev1.TaintNodeUnschedulable)),
				node("under pressure", noSchedule(corev1.TaintNodeMemoryPressure)),
				node("not ready", noExecute(corev1.TaintNodeNotReady)),
			},
			want: nil,
		},
		{
			name:  "a PreferNoSchedule taint dedicates a node to nobody",
			pod:   pod(nil, toleration("team", "")),
			nodes: []fwk.NodeInfo{node("plain"), node("preferred", prefer("team", ""))},
			want:  nil,
		},
		{
			name:  "a pod that may go to one pool only has nothing to choose",
			pod:   pod(nil, toleration("team", ns)),
			nodes: []fwk.NodeInfo{node("a", noSchedule("team")), node("b", noSchedule("team"))},
			want:  nil,
		},
	} {
		tt.check(t, onlyTolerated)
	}
}

func TestTolerationsThatCompareNumbersWhereTheEngineKnowsThem(t *testing.T) {
	featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, features.TaintTolerationComparisonOperators, true)
	scoreTest{
		name:  "a toleration that compares numbers makes a taint the pod's own",
		pod:   pod(nil, corev1.Toleration{Key: "tier", Operator: corev1.TolerationOpLt, Value: "3"}),
		nodes: []fwk.NodeInfo{node("plain"), node("tier 2", taint("tier", "2", ns))},
		want:  map[string]int64{"tier 2": 100, "plain": 75},
	}.check(t, onlyTolerated)
}

func TestPreferNoSchedule(t *testing.T) {
	listed := only(onlyPrefer.Weights)
	listed.PreferNoSchedule = []config.TaintWeight{
		{Key: "old", Value: "very", Weight: 3},
		{Key: "old", Weight: 10},
	}
	for _, tt := range []struct {
		scoreTest
		args *config.DedicatedNodesArgs
	}{
		{
			args: onlyPrefer,
			scoreTest: scoreTest{
				name: "every taint that the pod does not tolerate weighs 1 unless told otherwise",
				pod:  pod(nil),
				nodes: []fwk.NodeInfo{
					node("plain"),
					node("one", prefer("old", "")),
					node("two", prefer("old", ""), prefer("slow", "")),
				},
				// 1, 1/2 and 1/3
				want: map[string]int64{"plain": 100, "one": 50, "two": 33},
			},
		},
		{
			args: onlyPrefer,
			scoreTest: scoreTest{
				name:  "the best node gets the most, tainted or not",
				pod:   pod(nil),
				nodes: []fwk.NodeInfo{node("one", prefer("old", "")), node("two", prefer("old", ""), prefer("slow", ""))},
				want:  map[string]int64{"one": 100, "two": 83},
			},
		},
		{
			args: listed,
			scoreTest: scoreTest{
				name: "weights go by key and value first, then by key, and add up",
				pod:  pod(nil),
				nodes: []fwk.NodeInfo{
					node("plain"),
					node("not listed", prefer("slow", "very")),
					node("listed by value", prefer("old", "very")),
					node("listed by key", prefer("old", "a bit")),
					node("two", prefer("old", "very"), prefer("slow", "")),
				},
				// 1, 1/2, 1/4, 1/11 and 1/5
				want: map[string]int64{"plain": 100, "not listed": 50, "listed by value": 25, "listed by key": 9, "two": 20},
			},
		},
		{
			args: listed,
			scoreTest: scoreTest{
				name: "a taint that the pod tolerates, by name or not, weighs nothing",
				pod:  pod(nil, toleration("old", ""), toleration("slow", corev1.TaintEffectPreferNoSchedule)),
				nodes: []fwk.NodeInfo{
					node("old", prefer("old", "very")),
					node("slow", prefer("slow", "")),
					node("both and more", prefer("old", ""), prefer("slow", ""), prefer("hot", "")),
				},
				want: map[string]int64{"old": 100, "slow": 100, "both and more": 50},
			},
		},
		{
			args: onlyPrefer,
			scoreTest: scoreTest{
				name:  "a toleration for another effect does not count",
				pod:   pod(nil, toleration("old", ns)),
				nodes: []fwk.NodeInfo{node("plain"), node("old", prefer("old", ""))},
				want:  map[string]int64{"plain": 100, "old": 50},
			},
		},
		{
			args: onlyPrefer,
			scoreTest: scoreTest{
				name:  "a pod that tolerates everything has nothing to prefer",
				pod:   pod(nil, toleration("", "")),
				nodes: []fwk.NodeInfo{node("plain"), node("old", prefer("old", ""))},
				want:  nil,
			},
		},
	} {
		tt.check(t, tt.args)
	}
}

func TestShortStay(t *testing.T) {
	tenMinutes := only(onlyStay.Weights)
	tenMinutes.StayHorizon.Duration /= 6
	for _, tt := range []struct {
		scoreTest
		args *config.DedicatedNodesArgs
	}{
		{
			args: onlyStay,
			scoreTest: scoreTest{
				name: "the shorter the stay, the worse the node, up to the horizon",
				pod:  pod(nil, limited("minutes", 900), limited("half", 1800), limited("hour", 3600), limited("day", 86400), toleration("ever", ne)),
				nodes: []fwk.NodeInfo{
					node("plain"),
					node("minutes", noExecute("minutes")),
					node("half", noExecute("half")),
					node("hour", noExecute("hour")),
					node("day", noExecute("day")),
					node("ever", noExecute("ever")),
				},
				want: map[string]int64{"plain": 100, "ever": 100, "day": 100, "hour": 100, "half": 50, "minutes": 25},
			},
		},
		{
			args: onlyStay,
			scoreTest: scoreTest{
				name: "of several taints, the one that leaves least counts",
				pod:  pod(nil, limited("a", 1800), limited("b", 900)),
				nodes: []fwk.NodeInfo{
					node("plain"),
					node("a", noExecute("a")),
					node("longer first", noExecute("a"), noExecute("b")),
					node("shorter first", noExecute("b"), noExecute("a")),
				},
				want: map[string]int64{"plain": 100, "a": 50, "longer first": 25, "shorter first": 25},
			},
		},
		{
			args: onlyStay,
			scoreTest: scoreTest{
				name:  "a node that is not ready counts as one that the pod leaves after the usual 300 seconds",
				pod:   pod(nil, unasked...),
				nodes: []fwk.NodeInfo{node("ready"), node("not ready", noExecute(corev1.TaintNodeNotReady)), node("unreachable", noExecute(corev1.TaintNodeUnreachable))},
				// 1/12
				want: map[string]int64{"ready": 100, "not ready": 8, "unreachable": 8},
			},
		},
		{
			args: tenMinutes,
			scoreTest: scoreTest{
				name:  "300 seconds are half of a horizon of ten minutes",
				pod:   pod(nil, unasked...),
				nodes: []fwk.NodeInfo{node("ready"), node("not ready", noExecute(corev1.TaintNodeNotReady))},
				want:  map[string]int64{"ready": 100, "not ready": 50},
			},
		},
		{
			args: onlyStay,
			scoreTest: scoreTest{
				name:  "a stay of no time, or less, is worth nothing",
				pod:   pod(nil, limited("now", 0), limited("past", -7)),
				nodes: []fwk.NodeInfo{node("plain"), node("now", noExecute("now")), node("past", noExecute("past"))},
				want:  map[string]int64{"plain": 100, "now": 0, "past": 0},
			},
		},
		{
			args: onlyStay,
			scoreTest: scoreTest{
				name:  "a limit on the stay is nothing to nodes without the taint, or with another effect",
				pod:   pod(nil, limited("team", 60)),
				nodes: []fwk.NodeInfo{node("plain"), node("no schedule", noSchedule("team"))},
				want:  nil,
			},
		},
		{
			args: onlyStay,
			scoreTest: scoreTest{
				name:  "of the tolerations that match a taint, the first one counts",
				pod:   pod(nil, toleration("ever first", ne), limited("limit first", 900), limited("", 1800), toleration("limit first", ne)),
				nodes: []fwk.NodeInfo{node("plain"), node("ever first", noExecute("ever first")), node("limit first", noExecute("limit first")), node("any", noExecute("any"))},
				want:  map[string]int64{"plain": 100, "ever first": 100, "any": 50, "limit first": 25},
			},
		},
	} {
		tt.check(t, tt.args)
	}
}
