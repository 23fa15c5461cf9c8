package dedicatednodes

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	"k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/apis/config"
)

// TestParts covers how the parts of the score come together, with default weights.
func TestParts(t *testing.T) {
	for _, tt := range []struct {
		scoreTest
		args *config.DedicatedNodesArgs
	}{
		{
			args: everything,
			scoreTest: scoreTest{
				name:  "nodes without taints and extended resources are left to other plugins",
				pod:   pod(amounts{"cpu": "1"}, append(unasked, toleration("team", ""))...),
				nodes: []fwk.NodeInfo{node("a", has(amounts{"cpu": "8"})), node("b", has(amounts{"cpu": "16"}), uses(amounts{"cpu": "3"}))},
				want:  nil,
			},
		},
		{
			args:      everything,
			scoreTest: scoreTest{name: "no nodes are left to other plugins", pod: pod(nil)},
		},
		{
			args: everything,
			scoreTest: scoreTest{
				name: "a node may gain by one part and lose by another",
				pod:  pod(nil, toleration("team", ns), limited("short", 900)),
				nodes: []fwk.NodeInfo{
					node("plain"),
					node("own", noSchedule("team")),
					node("own, not preferred", noSchedule("team"), prefer("old", "")),
					node("own, with a free gpu", noSchedule("team"), has(amounts{gpu: "1"})),
					node("own, not for long", noExecute("short")),
				},
				// 4/5, 4.5/5, 4/5, 3.5/5 and 3.75/5
				want: map[string]int64{"own": 100, "plain": 90, "own, not preferred": 90, "own, with a free gpu": 80, "own, not for long": 85},
			},
		},
		{
			args: everything,
			scoreTest: scoreTest{
				name: "a pod that asks for a GPU goes to the GPU nodes that are kept for such pods first",
				pod:  pod(amounts{gpu: "1"}, toleration(gpu, ns)),
				nodes: []fwk.NodeInfo{
					node("kept", noSchedule(gpu), has(amounts{gpu: "4"})),
					node("not kept", has(amounts{gpu: "4"}), uses(amounts{gpu: "3"})),
				},
				want: map[string]int64{"kept": 100, "not kept": 90},
			},
		},
		{
			args: everything,
			scoreTest: scoreTest{
				name: "a node that is bad in every way is behind by all of them",
				pod:  pod(nil, toleration("", ns), limited("", 0)),
				nodes: []fwk.NodeInfo{
					node("plain"),
					node("bad", noSchedule("theirs"), noExecute("soon"), prefer("old", ""), has(amounts{gpu: "1"})),
				},
				// (2·½ + 3)/5 against (2·(1-½^⅓) + 0 + ½ + 0)/5
				want: map[string]int64{"plain": 100, "bad": 38},
			},
		},
		{
			args: only(config.DedicatedNodesWeights{ScarceResources: 3, PreferNoSchedule: 1}),
			scoreTest: scoreTest{
				name: "weights balance the parts",
				pod:  pod(nil),
				nodes: []fwk.NodeInfo{
					node("plain"),
					node("gpu", has(amounts{gpu: "2"}), uses(amounts{gpu: "1"})),
					node("not preferred", prefer("old", "")),
				},
				// 1, (3·½ + 1)/4 and (3 + ½)/4
				want: map[string]int64{"plain": 100, "gpu": 62, "not preferred": 87},
			},
		},
		{
			args: only(config.DedicatedNodesWeights{ScarceResources: 100}),
			scoreTest: scoreTest{
				name:  "parts without weight do not count",
				pod:   pod(nil, toleration("team", ns), limited("short", 60)),
				nodes: []fwk.NodeInfo{node("plain"), node("own", noSchedule("team")), node("short", noExecute("short")), node("not preferred", prefer("old", ""))},
				want:  nil,
			},
		},
	} {
		tt.check(t, tt.args)
	}
}

// TestScoreWithoutPreScore covers profiles that enable the plugin for Score alone.
func TestScoreWithoutPreScore(t *testing.T) {
	got, status := newPlugin(t, onlyScarce).Score(context.Background(), framework.NewCycleState(), pod(nil), node("a", has(amounts{gpu: "4"}), uses(amounts{gpu: "3"})))
	if !status.IsSuccess() {
		t.Fatal(status)
	}
	if want := int64(scale * 3 / 4); got != want {
		t.Errorf("score %d, want %d", got, want)
	}
}

func TestScoreRefusesForeignState(t *testing.T) {
	state := framework.NewCycleState()
	state.Write(preScoreStateKey, foreignState{})
	_, status := newPlugin(t, everything).Score(context.Background(), state, pod(nil), node("a"))
	if status.Code() != fwk.Error || !strings.Contains(status.Message(), "foreignState") {
		t.Errorf("status %v, want an error that names the type", status)
	}
}

type foreignState struct{}

func (s foreignState) Clone() fwk.StateData { return s }

func TestNormalize(t *testing.T) {
	tests := []struct {
		name      string
		raw, want []int64
	}{
		{"no nodes", nil, nil},
		{"equal nodes all get the most", []int64{5, 5}, []int64{100, 100}},
		{"differences are kept, not stretched", []int64{scale, scale / 2, scale * 3 / 4}, []int64{100, 50, 75}},
		{"the best gets the most, however bad it is", []int64{scale / 4, 0}, []int64{100, 75}},
		{"the whole range is a hundred points", []int64{scale, 0}, []int64{100, 0}},
		{"no worse node ties with the best", []int64{scale, scale - 1000}, []int64{100, 99}},
		{"rounding does not tell nodes apart", []int64{scale, scale - noise}, []int64{100, 100}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var list fwk.NodeScoreList
			for _, raw := range tt.raw {
				list = append(list, fwk.NodeScore{Score: raw})
			}
			normalize(list)
			var got []int64
			for _, s := range list {
				got = append(got, s.Score)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("normalize (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSignPod(t *testing.T) {
	gpusOnly := only(everything.Weights)
	gpusOnly.ScarceResources = []string{gpu}
	p := pod(amounts{"cpu": "1", gpu: "2", fpga: "1", "hugepages-2Mi": "4Mi"}, toleration("b", ns), toleration("a", ns))
	tolerations := fwk.SignFragment{Key: "v1.Pod.Spec.Tolerations", Value: []corev1.Toleration{toleration("a", ns), toleration("b", ns)}}
	tests := []struct {
		name string
		args *config.DedicatedNodesArgs
		pod  *corev1.Pod
		want []fwk.SignFragment
	}{
		{
			"tolerations and extended resources, in order", everything, p,
			[]fwk.SignFragment{tolerations, {Key: "stowage.dev/DedicatedNodes.extendedResources", Value: []corev1.ResourceName{fpga, gpu}}},
		},
		{
			"only those that are listed", gpusOnly, p,
			[]fwk.SignFragment{tolerations, {Key: "stowage.dev/DedicatedNodes.extendedResources", Value: []corev1.ResourceName{gpu}}},
		},
		{
			"a pod that tolerates and requests nothing", everything, pod(nil),
			[]fwk.SignFragment{
				{Key: "v1.Pod.Spec.Tolerations", Value: []corev1.Toleration{}},
				{Key: "stowage.dev/DedicatedNodes.extendedResources", Value: []corev1.ResourceName{}},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, status := newPlugin(t, tt.args).SignPod(context.Background(), tt.pod)
			if !status.IsSuccess() {
				t.Fatal(status)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("fragments (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNew(t *testing.T) {
	tests := []struct {
		name string
		args runtime.Object
		want string
	}{
		{"arguments of another plugin", &schedulerconfig.NodeResourcesFitArgs{}, "want the arguments of DedicatedNodes to be of type DedicatedNodesArgs, got *config.NodeResourcesFitArgs"},
		{
			"every part off", only(config.DedicatedNodesWeights{}),
			"pluginConfig[DedicatedNodes].args.weights: Required value: at least one of toleratedTaints, scarceResources, preferNoSchedule and shortStay must be more than 0",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(context.Background(), tt.args, nil)
			if err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}
