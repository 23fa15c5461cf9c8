package strategies

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/descheduler/policy"
)

func tolerating(key string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists})
	}
}

func TestRemovePodsViolatingNodeTaints(t *testing.T) {
	hard := corev1.Taint{Key: "gpu", Value: "a100", Effect: corev1.TaintEffectNoSchedule}
	soft := corev1.Taint{Key: "old", Effect: corev1.TaintEffectPreferNoSchedule}
	noExecute := corev1.Taint{Key: "gone", Effect: corev1.TaintEffectNoExecute}
	free := placedNode("free", 9, "")
	tests := []struct {
		name  string
		args  policy.RemovePodsViolatingNodeTaintsArgs
		nodes []*corev1.Node
		pods  []*corev1.Pod
		want  []string
		// refused is checked where given.
		refused []string
	}{
		{
			name: "only pods that do not tolerate the taint go", nodes: []*corev1.Node{free, placedNode("tainted", 9, "", hard)},
			pods: []*corev1.Pod{placedPod("a", "tainted", "web"), placedPod("b", "tainted", "db", tolerating("gpu"))},
			want: []string{"a tainted>free"},
		},
		{
			name: "PreferNoSchedule does not count by default, nor does NoExecute ever", nodes: []*corev1.Node{free, placedNode("tainted", 9, "", soft, noExecute)},
			pods: []*corev1.Pod{placedPod("a", "tainted", "web")},
		},
		{
			name: "PreferNoSchedule counts when asked for", nodes: []*corev1.Node{free, placedNode("tainted", 9, "", soft)},
			args: policy.RemovePodsViolatingNodeTaintsArgs{IncludePreferNoSchedule: true},
			pods: []*corev1.Pod{placedPod("a", "tainted", "web")}, want: []string{"a tainted>free"},
		},
		{
			name: "a node that had better be left for one that is as bad is not left", nodes: []*corev1.Node{placedNode("t1", 1, "", soft), placedNode("t2", 9, "", soft)},
			args: policy.RemovePodsViolatingNodeTaintsArgs{IncludePreferNoSchedule: true},
			pods: []*corev1.Pod{placedPod("a", "t1", "web"), placedPod("b", "t1", "web")}, refused: []string{"shop/a NoImprovement", "shop/b NoImprovement"},
		},
		{
			name: "a node that must be left is left for one that had better not be taken", nodes: []*corev1.Node{placedNode("t1", 9, "", hard), placedNode("t2", 9, "", soft)},
			args: policy.RemovePodsViolatingNodeTaintsArgs{IncludePreferNoSchedule: true},
			pods: []*corev1.Pod{placedPod("a", "t1", "web")}, want: []string{"a t1>t2"},
		},
		{
			name: "an excluded key does not count", nodes: []*corev1.Node{free, placedNode("tainted", 9, "", hard)},
			args: policy.RemovePodsViolatingNodeTaintsArgs{ExcludedTaints: []string{"gpu"}},
			pods: []*corev1.Pod{placedPod("a", "tainted", "web")},
		},
		{
			name: "an excluded key and value does not count, another value does", nodes: []*corev1.Node{free, placedNode("t1", 9, "", hard), placedNode("t2", 9, "", corev1.Taint{Key: "gpu", Value: "t4", Effect: corev1.TaintEffectNoSchedule})},
			args: policy.RemovePodsViolatingNodeTaintsArgs{ExcludedTaints: []string{"gpu=a100"}},
			pods: []*corev1.Pod{placedPod("a", "t1", "web"), placedPod("b", "t2", "web")}, want: []string{"b t2>free"},
		},
		{
			name: "only included ones count", nodes: []*corev1.Node{free, placedNode("t1", 9, "", hard), placedNode("t2", 9, "", corev1.Taint{Key: "other", Effect: corev1.TaintEffectNoSchedule})},
			args: policy.RemovePodsViolatingNodeTaintsArgs{IncludedTaints: []string{"gpu=a100"}},
			pods: []*corev1.Pod{placedPod("a", "t1", "web"), placedPod("b", "t2", "web")}, want: []string{"a t1>free"},
		},
		{
			name: "only pods of the selection go", nodes: []*corev1.Node{free, placedNode("tainted", 9, "", hard)},
			args: policy.RemovePodsViolatingNodeTaintsArgs{PodSelection: policy.PodSelection{
				Namespaces: &policy.Namespaces{Include: []string{"shop"}}, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}},
			}},
			pods: []*corev1.Pod{placedPod("a", "tainted", "web"), placedPod("b", "tainted", "db")}, want: []string{"b tainted>free"},
		},
		{
			name: "what must go comes before what had better, then priority, then those that would rather stay", nodes: []*corev1.Node{free, placedNode("t1", 9, "", soft), placedNode("t2", 9, "", hard)},
			args: policy.RemovePodsViolatingNodeTaintsArgs{IncludePreferNoSchedule: true},
			pods: []*corev1.Pod{
				placedPod("a", "t1", "a"), placedPod("x", "t1", "x", tolerating("old")), placedPod("y", "t1", "y", tolerating("old")), placedPod("z", "t1", "z", tolerating("old")), placedPod("b", "t2", "b", placedReluctant("true")), placedPod("c", "t2", "c", placedPriority(7)), placedPod("d", "t2", "d"),
				placedPod("e", "t2", "e", placedTerminating),
			},
			want: []string{"d t2>free", "c t2>free", "b t2>free", "a t1>free"},
		},
		{
			name: "after two in vain the others of a workload are spared, those of another are not", nodes: []*corev1.Node{placedNode("full", 0, ""), placedNode("tainted", 9, "", hard)},
			pods:    []*corev1.Pod{placedPod("a", "tainted", "web"), placedPod("b", "tainted", "web"), placedPod("c", "tainted", "web"), placedPod("d", "tainted", "db"), placedPod("e", "tainted", "")},
			refused: []string{"shop/a NoDestination", "shop/b NoDestination", "shop/d NoDestination", "shop/e NoDestination"},
		},
		{
			name: "a pod that is refused goes when another makes room", nodes: []*corev1.Node{placedNode("t1", 9, "", hard), placedNode("t2", 1, "", corev1.Taint{Key: "other", Effect: corev1.TaintEffectNoSchedule}), placedNode("t3", 1, "", corev1.Taint{Key: "third", Effect: corev1.TaintEffectNoSchedule})},
			pods: []*corev1.Pod{placedPod("a", "t1", "web", tolerating("other")), placedPod("b", "t2", "db", tolerating("third"))},
			want: []string{"b t2>t3", "a t1>t2"}, refused: []string{"shop/a NoDestination"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			session := placedSession(tt.nodes, tt.pods, nil)
			placedRun(t, NewRemovePodsViolatingNodeTaints, &tt.args, session)
			if diff := cmp.Diff(tt.want, placedMoves(session)); diff != "" {
				t.Errorf("moves (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.refused, session.Refused); tt.refused != nil && diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
			placedAgain(t, NewRemovePodsViolatingNodeTaints, &tt.args, session)
		})
	}
}
