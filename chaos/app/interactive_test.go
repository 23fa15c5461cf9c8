package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/chaos/tui"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

func TestAPickedPodIsSparedAsADrawnOne(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ready  int
		budget bool
		victim tui.Victim
		picked int
		want   string
	}{
		{name: "a pod of a workload that is whole goes", ready: 2, victim: tui.Victim{Kind: tui.Pod, UID: "web-0", How: assess.Evict}, picked: 1},
		{name: "the last ready pod stays while the other is not replaced", ready: 1, victim: tui.Victim{Kind: tui.Pod, UID: "web-0", How: assess.Evict}, want: "pod shop/web-0 is the last ready pod of its workload"},
		{name: "a pod that is not ready goes", ready: 1, victim: tui.Victim{Kind: tui.Pod, UID: "web-1", How: assess.Evict}, picked: 1},
		{name: "its budget decides, where there is one", ready: 1, budget: true, victim: tui.Victim{Kind: tui.Pod, UID: "web-0", How: assess.Evict}, picked: 1},
		{name: "deletion asks no budget", ready: 1, budget: true, victim: tui.Victim{Kind: tui.Pod, UID: "web-0", How: assess.Delete}, want: "the last ready pod of its workload"},
		{name: "a workload goes as a whole", ready: 1, victim: tui.Victim{Kind: tui.Workload, UID: "web", How: assess.Delete}, picked: 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := &cluster.Snapshot{ReplicaSets: []*appsv1.ReplicaSet{{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "web"},
				Spec:       appsv1.ReplicaSetSpec{Replicas: ptr.To[int32](2)},
			}}}
			for i := range 2 {
				name := fmt.Sprint("web-", i)
				pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
					Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": "web"},
					OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "web", Controller: ptr.To(true)}},
				}}
				if i < tt.ready {
					pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
				}
				s.Pods = append(s.Pods, pod)
			}
			if tt.budget {
				s.Budgets = []*policyv1.PodDisruptionBudget{{
					ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"},
					Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
				}}
			}
			choice, err := (&actions{}).choose(target.NewPicture(s, time.Now()), tt.victim)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("got error %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(choice.Pods) != tt.picked {
				t.Errorf("%d pods are picked, want %d", len(choice.Pods), tt.picked)
			}
		})
	}
}
