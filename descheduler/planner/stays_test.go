package planner

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// What others do to nodes and workloads, and which pods it keeps.
func TestWhatStaysForOthers(t *testing.T) {
	failing := corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}}
	// wantsThree says that the ReplicaSet wants one pod more than there is, and what the API server says to that.
	wantsThree := func(b *build, conditions ...appsv1.ReplicaSetCondition) {
		b.ReplicaSets[0].Spec.Replicas, b.ReplicaSets[0].Status.Conditions = ptr.To[int32](3), conditions
	}
	refused := func(message string) appsv1.ReplicaSetCondition {
		return appsv1.ReplicaSetCondition{Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: message}
	}
	tests := []struct {
		name      string
		scheduler string
		objective strategy.Objective
		change    func(*build)
		want      []string
	}{
		{
			name: "a node that is being deleted is no better, though the scheduler does not know", scheduler: "emptiest", objective: off("a"),
			change: func(b *build) { b.Nodes[2].DeletionTimestamp = &metav1.Time{Time: now} },
			want: []string{
				"web-0 NoImprovement: scheduler emptiest would choose node c, which is being deleted",
				"web-1 NoImprovement: scheduler emptiest would choose node c, which is being deleted",
			},
		},
		{
			name: "nor is one that an autoscaler takes away, to pods that tolerate everything and are to start anew", scheduler: "fullest", objective: strategy.Anywhere,
			change: func(b *build) {
				b.Nodes[1].Spec.Taints = []corev1.Taint{{Key: "ToBeDeletedByClusterAutoscaler", Effect: corev1.TaintEffectNoSchedule}}
				for _, pod := range b.Pods {
					pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
				}
			},
			want: []string{
				"web-0 NoImprovement: scheduler fullest could choose node b, which has the taint ToBeDeletedByClusterAutoscaler",
				"web-1 NoImprovement: scheduler fullest could choose node b, which has the taint ToBeDeletedByClusterAutoscaler",
			},
		},
		{
			name: "pods of a node that is being emptied are left to those who do", scheduler: "emptiest", objective: off("a"),
			change: func(b *build) {
				b.Nodes[0].Spec.Taints = []corev1.Taint{{Key: "karpenter.sh/disrupted", Effect: corev1.TaintEffectNoSchedule}}
			},
			want: []string{
				"web-0 NotEvictable: its node has the taint karpenter.sh/disrupted: the autoscaler or platform that drains it moves its pods",
				"web-1 NotEvictable: its node has the taint karpenter.sh/disrupted: the autoscaler or platform that drains it moves its pods",
			},
		},
		{
			name: "but not those of a node of which the platform has said that it will be gone", scheduler: "emptiest", objective: off("a"),
			change: func(b *build) {
				b.Nodes[0].Spec.Taints = []corev1.Taint{{Key: "aws-node-termination-handler/spot-itn", Effect: corev1.TaintEffectNoSchedule}}
			},
			want: []string{"web-0 a>c of 1, together 0", "web-1 a>c of 1, together 0"},
		},
		{
			name: "what is under way keeps a workload's pods, but not one that fails again and again", scheduler: "emptiest", objective: off("a"),
			change: func(b *build) {
				wantsThree(b)
				b.pod("web-0").Status.ContainerStatuses = []corev1.ContainerStatus{failing}
			},
			want: []string{"web-0 a>c of 1, together 0", "web-1 Rollout: ReplicaSet default/web: being scaled: 2 of 3 replicas exist"},
		},
		{
			name: "pods that could not be created anew stay, broken or not", scheduler: "emptiest", objective: off("a"),
			change: func(b *build) {
				wantsThree(b, refused("violates PodSecurity"))
				b.pod("web-0").Status.ContainerStatuses = []corev1.ContainerStatus{failing}
			},
			want: []string{
				"web-0 Rollout: ReplicaSet default/web: its pods cannot be created: violates PodSecurity",
				"web-1 Rollout: ReplicaSet default/web: its pods cannot be created: violates PodSecurity",
			},
		},
		{
			name: "a quota that has no room for more replicas keeps none where it is", scheduler: "emptiest", objective: off("a"),
			change: func(b *build) { wantsThree(b, refused("exceeded quota: team")) },
			want:   []string{"web-0 a>c of 1, together 0", "web-1 a>c of 1, together 0"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := new(build).node("a", "10").node("b", "10").node("c", "40").pods("web", tt.scheduler, "3", "a", "a").pods("other", tt.scheduler, "3", "b", "b")
			tt.change(b)
			p := newPlanner(t, func(ctx context.Context, s strategy.Session) error {
				for _, name := range []string{"web-0", "web-1"} {
					if _, err := s.Propose(ctx, strategy.Proposal{Pod: b.pod(name), Reason: "test", Objective: tt.objective}); err != nil {
						return err
					}
				}
				return nil
			})
			got, err := p.Plan(t.Context(), &b.Snapshot, plan.Done{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, shown(got)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}
