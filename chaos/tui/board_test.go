package tui

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

func TestAvailability(t *testing.T) {
	w := small()
	leaving := w.pod("default", "leaving", "node-1", nil)
	leaving.DeletionTimestamp = &metav1.Time{Time: noon}
	w.pod("default", "over", "node-1", nil).Status.Phase = corev1.PodSucceeded
	want := map[string]availability{
		"Deployment default/api":  {2, 2},
		"Deployment default/gone": {3, 0},
		"Deployment shop/web":     {3, 2},
		"Pod default/bare":        {1, 1},
		"Pod default/leaving":     {1, 0},
		"Pod shop/waits":          {1, 0},
	}
	if diff := cmp.Diff(want, w.board().availability, cmp.AllowUnexported(availability{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPodsThatHaveEndedTakeNoRoom(t *testing.T) {
	w := small()
	w.pod("default", "over", "node-1", nil).Status.Phase = corev1.PodFailed
	node := w.board().rows[nodeTab][0].(*nodeRow)
	if want := (amount{2000, 4 << 30}); node.pods != 2 || node.requested != want {
		t.Errorf("%d pods request %v, want 2 pods and %v", node.pods, node.requested, want)
	}
}

func TestRequestsAreThoseOfTheObjectsAsTheyAre(t *testing.T) {
	w := small()
	first := w.board()
	grown := w.Pods[0].DeepCopy()
	grown.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = *w.Nodes[0].Status.Allocatable.Cpu()
	w.Pods = append([]*corev1.Pod{grown}, w.Pods[2:]...)
	second := newBoard(target.NewPicture(&w.Snapshot, noon), first)
	if got := second.requests[grown].cpu; got != 4000 {
		t.Errorf("the pod requests %d millicores, want 4000", got)
	}
	if len(second.requests) != len(w.Pods) {
		t.Errorf("%d requests are remembered of %d pods", len(second.requests), len(w.Pods))
	}
}

func TestVerdictsInWords(t *testing.T) {
	verdict := func(rule disruption.Rule, allowed bool) string {
		v := disruption.Verdict{Rule: rule, Allowed: allowed}
		v.Budget.Name = "web"
		return inShort(v)
	}
	want := map[disruption.Rule]string{
		disruption.NoBudget: "yes, no budget", disruption.Terminal: "yes, completed", disruption.AlreadyUnavailable: "yes, not ready",
		disruption.WithinBudget: "yes, by web", disruption.Terminating: "terminating", disruption.SeveralBudgets: "no, several budgets",
		disruption.StaleStatus: "not yet, web", disruption.BudgetSpent: "no, by web", disruption.BudgetShort: "no, by web", disruption.UnknownPolicy: "no, by web",
	}
	got := map[disruption.Rule]string{}
	for rule := range want {
		got[rule] = verdict(rule, false)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSeveralBudgets(t *testing.T) {
	w := small()
	w.budget("shop", "web", 1, 3, 2, 1)
	b := w.board()
	web := b.rows[workloadTab][2].(*workloadRow)
	if got := web.budget(b).text; got != "several: blocked" {
		t.Errorf("its budget says %q", got)
	}
}
