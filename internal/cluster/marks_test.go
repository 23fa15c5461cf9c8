package cluster

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestDoNotDisrupt(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	started := func(ago time.Duration) func(*corev1.Pod) {
		return func(pod *corev1.Pod) { pod.Status.StartTime = &metav1.Time{Time: now.Add(-ago)} }
	}
	tests := []struct {
		name, annotation, value string
		change                  func(*corev1.Pod)
		want                    bool
	}{
		{name: "true", annotation: doNotDisrupt, value: "true", want: true},
		{name: "no other spelling of true", annotation: doNotDisrupt, value: "True"},
		{name: "false is no mark", annotation: doNotDisrupt, value: "false"},
		{name: "an empty value is no mark", annotation: doNotDisrupt, value: ""},
		{name: "a duration that is not over", annotation: doNotDisrupt, value: "30m", change: started(29 * time.Minute), want: true},
		{name: "a duration that is over at this very moment", annotation: doNotDisrupt, value: "30m", change: started(30 * time.Minute)},
		{name: "a duration counts from when the pod starts", annotation: doNotDisrupt, value: "30m", want: true},
		{name: "a number without a unit is no duration", annotation: doNotDisrupt, value: "10", change: started(time.Second)},
		{name: "days are no unit", annotation: doNotDisrupt, value: "1d", change: started(time.Second)},
		{name: "a duration of nothing is no mark", annotation: doNotDisrupt, value: "0"},
		{name: "a negative duration is no mark", annotation: doNotDisrupt, value: "-5m"},
		{name: "not safe to evict", annotation: safeToEvict, value: "false", want: true},
		{name: "safe to evict", annotation: safeToEvict, value: "true"},
		{name: "no other spelling of false", annotation: safeToEvict, value: "no"},
		{name: "what is for nodes says nothing of a pod", annotation: scaleDownDisabled, value: "true"},
		{name: "a pod that has come to its end has nothing to disrupt", annotation: doNotDisrupt, value: "true", change: func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodFailed }},
		{name: "nor has one that is on its way out", annotation: safeToEvict, value: "false", change: func(pod *corev1.Pod) { pod.DeletionTimestamp = &metav1.Time{Time: now} }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pod := podOf("a")
			pod.Annotations = map[string]string{tt.annotation: tt.value}
			if tt.change != nil {
				tt.change(pod)
			}
			mark, got := DoNotDisrupt(pod, now)
			if want := (Mark{tt.annotation, tt.value}); got != tt.want || got && mark != want {
				t.Errorf("marked %t (%v), want %t", got, mark, tt.want)
			}
		})
	}
}

func TestNodeDoNotDisrupt(t *testing.T) {
	for _, tt := range []struct {
		annotation, value string
		want              bool
	}{
		{doNotDisrupt, "true", true},
		{doNotDisrupt, "30m", false}, // durations are for pods
		{scaleDownDisabled, "true", true},
		{scaleDownDisabled, "false", false},
		{safeToEvict, "false", false}, // is for pods
	} {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{tt.annotation: tt.value}}}
		mark, got := NodeDoNotDisrupt(node)
		if want := (Mark{tt.annotation, tt.value}); got != tt.want || got && mark != want {
			t.Errorf("%s=%q: marked %t (%v), want %t", tt.annotation, tt.value, got, mark, tt.want)
		}
	}
}

// TestKeepsNode: which marks of pods keep their nodes.
func TestKeepsNode(t *testing.T) {
	for _, tt := range []struct {
		name, annotation, value string
		pod                     *corev1.Pod
		want                    bool
	}{
		{"a pod that is not safe to evict keeps its node", safeToEvict, "false", podOf("a", owned("ReplicaSet", "web-1")), true},
		{"one of a DaemonSet does not", safeToEvict, "false", podOf("a", owned("DaemonSet", "agent")), false},
		{"nor does a static pod", safeToEvict, "false", podOf("a", owned("Node", "n")), false},
		{"one of a DaemonSet that is not to be disrupted does", doNotDisrupt, "true", podOf("a", owned("DaemonSet", "agent")), true},
		{"a pod without a mark does not", safeToEvict, "true", podOf("a", owned("ReplicaSet", "web-1")), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.pod.Annotations = map[string]string{tt.annotation: tt.value}
			if tt.pod.OwnerReferences[0].Kind == "Node" {
				tt.pod.OwnerReferences[0].APIVersion = "v1"
			}
			if mark, got := KeepsNode(tt.pod, time.Unix(0, 0)); got != tt.want || got && mark != (Mark{tt.annotation, tt.value}) {
				t.Errorf("keeps it: %t (%v), want %t", got, mark, tt.want)
			}
		})
	}
}

func TestNodeLeaving(t *testing.T) {
	tainted := func(key string) *corev1.Node {
		return &corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "example.com/other"}, {Key: key, Effect: corev1.TaintEffectNoSchedule}}}}
	}
	for _, tt := range []struct {
		name    string
		node    *corev1.Node
		want    string
		drained bool
	}{
		{"a node that stays", &corev1.Node{}, "", false},
		{"one that is deleted", &corev1.Node{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{Time: time.Unix(1, 0)}}}, "is being deleted", true},
		{"one that cluster-autoscaler takes away", tainted("ToBeDeletedByClusterAutoscaler"), "has the taint ToBeDeletedByClusterAutoscaler", true},
		{"one that Karpenter takes away", tainted("karpenter.sh/disrupted"), "has the taint karpenter.sh/disrupted", true},
		{"one that an older Karpenter takes away", tainted("karpenter.sh/disruption"), "has the taint karpenter.sh/disruption", true},
		{"one that Karpenter empties to boot it again", tainted("karpenter.sh/rebooting"), "has the taint karpenter.sh/rebooting", true},
		{"one that AKS empties", tainted("remediator.kubernetes.azure.com/unschedulable"), "has the taint remediator.kubernetes.azure.com/unschedulable", true},
		{"one that Cast AI empties", tainted("autoscaling.cast.ai/draining"), "has the taint autoscaling.cast.ai/draining", true},
		{"one that the platform takes back, pods and all", tainted("aws-node-termination-handler/spot-itn"), "has the taint aws-node-termination-handler/spot-itn", false},
		{"one that is switched off", tainted(corev1.TaintNodeOutOfService), "has the taint node.kubernetes.io/out-of-service", false},
		{"one that may be taken away may as well stay", tainted("DeletionCandidateOfClusterAutoscaler"), "", false},
		{"one that has just come", tainted("karpenter.sh/unregistered"), "", false},
		{"one that does not answer", tainted(corev1.TaintNodeUnreachable), "", false},
		{"one that is cordoned", tainted(corev1.TaintNodeUnschedulable), "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			drained := ""
			if tt.drained {
				drained = tt.want
			}
			if diff := cmp.Diff([]string{tt.want, drained}, []string{NodeLeaving(tt.node), NodeDrained(tt.node)}); diff != "" {
				t.Errorf("leaving and drained (-want +got):\n%s", diff)
			}
		})
	}
}
