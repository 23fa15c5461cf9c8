package disruption

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestWaves(t *testing.T) {
	web := pods{pod("web-1", on("a")), pod("web-2", on("a")), pod("web-3", on("b")), pod("web-4", on("b"))}
	db := pods{pod("db-1", on("a")), pod("db-2", on("b"), in("other")), pod("db-3", in("other"))}
	two := budgets{pdb("web", 4, 4, maxUnavailable("2", 2))}
	all := append(append(pods{}, web...), db...)
	tests := []struct {
		name    string
		budgets budgets
		picture pods
		list    pods
		limits  Limits
		waves   []string
		kept    []string
	}{
		{name: "no pods", picture: all},
		{name: "without budgets and limits all go at once", picture: all, list: all, waves: []string{"web-1 web-2 web-3 web-4 db-1 db-2 db-3"}},
		{name: "a budget's room is there again in the next wave", budgets: two, picture: all, list: all, waves: []string{"web-1 web-2 db-1 db-2 db-3", "web-3 web-4"}},
		{
			name: "it is not for pods that nothing replaces", budgets: budgets{pdb("web", 4, 4, minAvailable("1", 1))},
			picture: pods{pod("web-1", bare), pod("web-2"), pod("web-3"), pod("web-4")}, list: pods{pod("web-1", bare), pod("web-2"), pod("web-3"), pod("web-4")},
			waves: []string{"web-1 web-2 web-3", "web-4"},
		},
		{
			name: "the last of them are kept", budgets: budgets{pdb("web", 4, 4, minAvailable("2", 2))},
			picture: pods{pod("web-1", bare), pod("web-2"), pod("web-3", bare), pod("web-4")}, list: pods{pod("web-1", bare), pod("web-3", bare), pod("web-2")},
			waves: []string{"web-1 web-3"}, kept: []string{"web-2 BudgetSpent"},
		},
		{
			name: "the list's order counts, not the picture's", budgets: two, picture: all, list: pods{web[3], web[0], web[2]},
			waves: []string{"web-4 web-1", "web-3"},
		},
		{
			name: "what cannot go is kept, in order", budgets: append(two, pdb("all", 5, 5, maxUnavailable("0", 5), selecting("all", &metav1.LabelSelector{}))),
			picture: all, list: all, waves: []string{"db-2 db-3"},
			kept: []string{"web-1 SeveralBudgets", "web-2 SeveralBudgets", "web-3 SeveralBudgets", "web-4 SeveralBudgets", "db-1 BudgetSpent"},
		},
		{name: "a pod that is listed twice goes once", picture: web, list: pods{web[0], web[1], web[0]}, waves: []string{"web-1 web-2"}, kept: []string{"web-1 AlreadyEvicted"}},
		{name: "so many in all", picture: all, list: all, limits: Limits{Total: 3}, waves: []string{"web-1 web-2 web-3", "web-4 db-1 db-2", "db-3"}},
		{name: "so many of a node", picture: all, list: all, limits: Limits{PerNode: 1}, waves: []string{"web-1 web-3 db-3", "web-2 web-4", "db-1 db-2"}},
		{name: "pods without a node count for none", picture: pods{pod("web-1"), pod("web-2")}, list: pods{pod("web-1"), pod("web-2")}, limits: Limits{PerNode: 1}, waves: []string{"web-1 web-2"}},
		{name: "so many of a namespace", picture: all, list: all, limits: Limits{PerNamespace: 2}, waves: []string{"web-1 web-2 db-2 db-3", "web-3 web-4", "db-1"}},
		{name: "one of a workload", picture: all, list: all, limits: Limits{OnePer: Controller}, waves: []string{"web-1 db-1", "web-2 db-2", "web-3 db-3", "web-4"}},
		{
			name: "pods that are moved by a stand-in take nothing from a budget", budgets: budgets{pdb("web", 4, 4, maxUnavailable("0", 4)), pdb("db", 3, 3, maxUnavailable("0", 3))}, picture: all, list: all,
			limits: Limits{Beside: func(p *corev1.Pod) bool { return p.Labels["app"] == "web" }}, waves: []string{"web-1 web-2 web-3 web-4 db-2 db-3"}, kept: []string{"db-1 BudgetSpent"},
		},
		{
			name: "unless several budgets select them, or they are moved already", budgets: budgets{pdb("db", 1, 1, maxUnavailable("0", 1)), pdb("all", 1, 1, maxUnavailable("0", 1), selecting("all", &metav1.LabelSelector{MatchLabels: map[string]string{"app": "db"}}))},
			picture: pods{pod("web-1", replaced), pod("db-1")}, list: pods{pod("web-1", replaced), pod("db-1")},
			limits: Limits{Beside: func(*corev1.Pod) bool { return true }}, kept: []string{"web-1 BeingMoved", "db-1 SeveralBudgets"},
		},
		{
			name: "pods that are not ready take no room", budgets: budgets{pdb("web", 4, 3, maxUnavailable("2", 2))},
			picture: pods{pod("web-1"), pod("web-2"), pod("web-3"), pod("web-4", notReady)}, list: pods{pod("web-1"), pod("web-4", notReady), pod("web-2")},
			waves: []string{"web-1 web-4", "web-2"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan := NewLedger(tt.budgets, tt.picture, nil).Waves(tt.list, tt.limits)
			waves, kept := namesOf(plan)
			if diff := cmp.Diff(tt.waves, waves); diff != "" {
				t.Errorf("waves (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.kept, kept); diff != "" {
				t.Errorf("kept (-want +got):\n%s", diff)
			}
		})
	}
}

// namesOf returns the names of the pods of each wave, and of those kept with the rule.
func namesOf(plan Plan) (waves, kept []string) {
	for _, wave := range plan.Waves {
		var names []string
		for _, p := range wave {
			names = append(names, p.Name)
		}
		waves = append(waves, strings.Join(names, " "))
	}
	for _, k := range plan.Kept {
		kept = append(kept, k.Pod.Name+" "+string(k.Verdict.Rule))
	}
	return waves, kept
}
