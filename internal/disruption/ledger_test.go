package disruption

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

type (
	budgets = []*policyv1.PodDisruptionBudget
	pods    = []*corev1.Pod
)

func TestAllowed(t *testing.T) {
	three := pods{pod("web-1"), pod("web-2"), pod("web-3")}
	tests := []struct {
		name   string
		budget *policyv1.PodDisruptionBudget
		pods   pods
		want   int
	}{
		{name: "a number of unavailable pods", budget: pdb("web", 3, 3, maxUnavailable("1", 2)), pods: three, want: 1},
		{name: "a percentage of unavailable pods is rounded up", budget: pdb("web", 3, 3, maxUnavailable("34%", 1)), pods: three, want: 2},
		{name: "more unavailable pods than there are", budget: pdb("web", 3, 3, maxUnavailable("7", 0)), pods: three, want: 3},
		{name: "no unavailable pods", budget: pdb("web", 3, 3, maxUnavailable("0", 3)), pods: three, want: 0},
		{name: "a number of available pods", budget: pdb("web", 3, 3, minAvailable("2", 2)), pods: three, want: 1},
		{name: "a percentage of available pods is rounded up", budget: pdb("web", 3, 3, minAvailable("34%", 2)), pods: three, want: 1},
		{name: "more available pods than there are", budget: pdb("web", 3, 3, minAvailable("4", 4)), pods: three, want: 0},
		{name: "neither", budget: pdb("web", 3, 3, statusAllows(3)), pods: three, want: 0},
		{name: "a percentage that cannot be read", budget: pdb("web", 3, 3, maxUnavailable("many", 0)), pods: three, want: 0},
		{name: "no pods are expected", budget: pdb("web", 0, 3, maxUnavailable("1", 0)), pods: three, want: 0},
		{name: "the status is older than the spec", budget: pdb("web", 3, 3, maxUnavailable("1", 2), stale), pods: three, want: 0},
		{name: "the status allows less than the pods", budget: pdb("web", 3, 3, maxUnavailable("2", 1), statusAllows(1)), pods: three, want: 1},
		{
			name: "the pods allow less than the status", budget: pdb("web", 3, 3, maxUnavailable("2", 1)),
			pods: pods{pod("web-1"), pod("web-2"), pod("web-3", notReady)}, want: 1,
		},
		{
			name: "pods that are pending, terminal or terminating are not healthy", budget: pdb("web", 5, 5, minAvailable("1", 1)),
			pods: pods{pod("web-1"), pod("web-2", pending), pod("web-3", failed), pod("web-4", terminating), pod("web-5")}, want: 1,
		},
		{
			name: "pods that are about to be deleted are not healthy", budget: pdb("web", 3, 3, minAvailable("1", 1), disrupted("web-2")),
			pods: three, want: 1,
		},
		{
			name: "a stand-in is not one more for others to use", budget: pdb("web", 2, 3, minAvailable("1", 1)),
			pods: pods{pod("web-1"), pod("web-2"), pod("web-3", standIn)}, want: 1,
		},
		{
			name: "pods of another namespace do not count", budget: pdb("web", 3, 3, minAvailable("1", 1)),
			pods: pods{pod("web-1"), pod("web-2", in("other"))}, want: 0,
		},
		{
			name: "pods of another app do not count", budget: pdb("web", 3, 3, minAvailable("1", 1)),
			pods: pods{pod("web-1"), pod("db-1")}, want: 0,
		},
		{
			name: "an empty selector selects all", budget: pdb("web", 3, 3, minAvailable("1", 1), selecting("web", &metav1.LabelSelector{})),
			pods: pods{pod("web-1"), pod("db-1")}, want: 1,
		},
		{
			name: "no selector selects nothing", budget: pdb("web", 3, 3, minAvailable("1", 1), selecting("web", nil)),
			pods: three, want: 0,
		},
		{
			name: "a selector that cannot be read selects nothing", pods: three, want: 0,
			budget: pdb("web", 3, 3, minAvailable("1", 1), selecting("web", &metav1.LabelSelector{MatchLabels: map[string]string{"app": "?"}})),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := NewLedger(budgets{tt.budget}, tt.pods, nil).Allowed(named("web")); got != tt.want {
				t.Errorf("%d disruptions are allowed, want %d", got, tt.want)
			}
		})
	}
	if got := NewLedger(nil, three, nil).Allowed(named("web")); got != 0 {
		t.Errorf("a budget that is not known allows %d disruptions", got)
	}
}

func TestMay(t *testing.T) {
	allow := func(rule Rule, budget string) Verdict {
		v := Verdict{Allowed: true, Rule: rule}
		if budget != "" {
			v.Budget = named(budget)
		}
		return v
	}
	keep := func(rule Rule, reason string) Verdict {
		return Verdict{Rule: rule, Budget: named("web"), Reason: reason}
	}
	one, short := pdb("web", 2, 2, maxUnavailable("1", 1)), pdb("web", 2, 0, maxUnavailable("1", 1))
	any := &metav1.LabelSelector{}
	tests := []struct {
		name    string
		budgets budgets
		others  pods
		pod     *corev1.Pod
		want    Verdict
	}{
		{name: "no budget selects it", budgets: budgets{one}, pod: pod("db-1"), want: allow(NoBudget, "")},
		{name: "a budget of no selector selects nothing", budgets: budgets{pdb("web", 2, 2, selecting("web", nil))}, pod: pod("web-1"), want: allow(NoBudget, "")},
		{name: "the budget has room", budgets: budgets{one}, others: pods{pod("web-2")}, pod: pod("web-1"), want: allow(WithinBudget, "web")},
		{
			name: "the budget has no room", budgets: budgets{one}, others: pods{pod("web-2", pending)}, pod: pod("web-1"),
			want: keep(BudgetSpent, "budget default/web needs 1 healthy pod and has 1; its status allows 1 disruption"),
		},
		{
			name: "the status is older than the spec", budgets: budgets{pdb("web", 2, 2, maxUnavailable("1", 1), stale)}, others: pods{pod("web-2")}, pod: pod("web-1"),
			want: keep(StaleStatus, "budget default/web was changed, and the disruption controller has not updated its status yet: wait for it"),
		},
		{
			name: "the controller cannot count the pods", pod: pod("web-1"),
			budgets: budgets{pdb("web", 2, 2, maxUnavailable("1", 1), statusAllows(0), func(b *policyv1.PodDisruptionBudget) {
				b.Status.Conditions = []metav1.Condition{{Type: policyv1.DisruptionAllowedCondition, Reason: policyv1.SyncFailedReason, Message: "found no controllers"}}
			})},
			want: keep(BudgetSpent, "budget default/web allows no disruptions, because the disruption controller cannot count its pods: found no controllers"),
		},
		{
			name: "the controller has never counted the pods, and waiting for it is in vain", pod: pod("web-1"),
			budgets: budgets{pdb("web", 2, 2, maxUnavailable("1", 1), statusAllows(0), stale, func(b *policyv1.PodDisruptionBudget) {
				b.Status.Conditions = []metav1.Condition{{Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policyv1.SyncFailedReason, Message: "found no controllers"}}
			})},
			want: keep(StaleStatus, "budget default/web allows no disruptions, because the disruption controller cannot count its pods: found no controllers"),
		},
		{
			name: "the percentage cannot be read", budgets: budgets{pdb("web", 2, 2, maxUnavailable("x", 1))}, pod: pod("web-1"),
			want: keep(BudgetSpent, `budget default/web allows no disruptions, because it is invalid: invalid value for IntOrString: invalid type: string is not a percentage`),
		},
		{
			name: "two budgets", budgets: budgets{one, pdb("web", 2, 2, selecting("all", any))}, pod: pod("web-1"),
			want: Verdict{Rule: SeveralBudgets, Reason: "2 budgets select it (default/web, default/all), and the API server evicts no pod with several budgets: delete all but one"},
		},
		{
			name: "two budgets and a pod that is starting, which the API server would evict", budgets: budgets{one, pdb("web", 2, 1, selecting("all", any))}, pod: pod("web-1", pending),
			want: keep(BudgetShort, "it is starting, and a workload may be waiting for it: budget default/web needs 1 healthy pod and has 0; its status allows 1 disruption"),
		},
		{
			name: "two budgets and a pod that is starting while both have enough", budgets: budgets{one, pdb("web", 2, 2, selecting("all", any), minAvailable("1", 1))},
			others: pods{pod("web-2")}, pod: pod("web-1", pending), want: allow(AlreadyUnavailable, "all"),
		},
		{name: "two budgets and a pod that cannot start", budgets: budgets{short, pdb("web", 2, 0, selecting("all", any))}, pod: pod("web-1", pending, on("up"), waits("ImagePullBackOff")), want: allow(CannotStart, "")},
		{name: "two budgets and a terminal pod", budgets: budgets{one, pdb("web", 2, 2, selecting("all", any))}, pod: pod("web-1", failed), want: allow(Terminal, "")},
		{name: "succeeded under a budget without room", budgets: budgets{short}, pod: pod("web-1", succeeded), want: allow(Terminal, "")},
		{name: "a stand-in", budgets: budgets{one}, others: pods{pod("web-2")}, pod: pod("web-1", standIn), want: Verdict{Rule: BeingMoved, Reason: "it stands in for a pod that is being moved (label stowage.dev/stand-in)"}},
		{name: "about to be replaced by a stand-in", budgets: budgets{one}, others: pods{pod("web-2")}, pod: pod("web-1", replaced), want: Verdict{Rule: BeingMoved, Reason: "it is being moved: its stand-in is ready (label stowage.dev/stand-in)"}},
		{name: "terminating", budgets: budgets{one}, pod: pod("web-1", terminating), want: Verdict{Rule: Terminating, Reason: "it is already being deleted"}},

		{name: "not ready while enough are", budgets: budgets{one}, others: pods{pod("web-2")}, pod: pod("web-1", notReady), want: allow(AlreadyUnavailable, "web")},
		{
			name: "not ready while too few are, by the status", budgets: budgets{short}, others: pods{pod("web-2")}, pod: pod("web-1", notReady),
			want: keep(BudgetSpent, "budget default/web needs 1 healthy pod and has 1; its status allows no disruptions"),
		},
		{
			name: "not ready while too few are, by the pods", budgets: budgets{one}, pod: pod("web-1", notReady),
			want: keep(BudgetSpent, "budget default/web needs 1 healthy pod and has 0; its status allows 1 disruption"),
		},
		{
			name: "not ready while the status is stale", budgets: budgets{pdb("web", 2, 2, maxUnavailable("1", 1), stale)}, others: pods{pod("web-2")}, pod: pod("web-1", notReady),
			want: keep(StaleStatus, "budget default/web was changed, and the disruption controller has not updated its status yet: wait for it"),
		},
		{
			name: "not ready, where none need be and another is", budgets: budgets{pdb("web", 2, 1, maxUnavailable("2", 0))}, others: pods{pod("web-2")}, pod: pod("web-1", notReady),
			want: allow(WithinBudget, "web"),
		},
		{
			name: "not ready, where none need be and none is", budgets: budgets{pdb("web", 2, 0, maxUnavailable("2", 0))}, pod: pod("web-1", notReady),
			want: keep(BudgetSpent, "budget default/web needs 0 healthy pods and has 0; its status allows no disruptions"),
		},
		{
			name: "not ready, which the budget always lets go", budgets: budgets{pdb("web", 2, 0, maxUnavailable("1", 1), stale, policy(policyv1.AlwaysAllow))}, pod: pod("web-1", notReady),
			want: allow(AlreadyUnavailable, "web"),
		},
		{
			name: "ready, while the budget always lets go what is not", budgets: budgets{pdb("web", 2, 1, maxUnavailable("1", 1), policy(policyv1.AlwaysAllow))}, pod: pod("web-1"),
			want: keep(BudgetSpent, "budget default/web needs 1 healthy pod and has 1; its status allows no disruptions"),
		},
		{
			name: "not ready, by the policy's name", budgets: budgets{pdb("web", 2, 2, maxUnavailable("1", 1), policy(policyv1.IfHealthyBudget))}, others: pods{pod("web-2")}, pod: pod("web-1", notReady),
			want: allow(AlreadyUnavailable, "web"),
		},
		{
			name: "not ready, by a policy of a later release", budgets: budgets{pdb("web", 2, 2, maxUnavailable("1", 1), policy("Later"))}, others: pods{pod("web-2")}, pod: pod("web-1", notReady),
			want: keep(UnknownPolicy, `budget default/web has the unhealthyPodEvictionPolicy "Later", which is unknown: must be IfHealthyBudget or AlwaysAllow`),
		},

		{name: "pending while enough are healthy", budgets: budgets{one}, others: pods{pod("web-2")}, pod: pod("web-1", pending), want: allow(AlreadyUnavailable, "web")},
		{
			name: "pending while too few are healthy", budgets: budgets{short}, pod: pod("web-1", pending),
			want: keep(BudgetShort, "it is starting, and a workload may be waiting for it: budget default/web needs 1 healthy pod and has 0; its status allows no disruptions"),
		},
		{
			name: "starting on a Ready node while too few are healthy", budgets: budgets{short}, pod: pod("web-1", pending, on("up"), waits("ContainerCreating")),
			want: keep(BudgetShort, "it is starting, and a workload may be waiting for it: budget default/web needs 1 healthy pod and has 0; its status allows no disruptions"),
		},
		{name: "starting on a node that is not Ready", budgets: budgets{short}, pod: pod("web-1", pending, on("down"), waits("ContainerCreating")), want: allow(CannotStart, "")},
		{name: "starting on a node that is gone", budgets: budgets{short}, pod: pod("web-1", pending, on("gone")), want: allow(CannotStart, "")},
		{name: "pending since no node takes it", budgets: budgets{short}, pod: pod("web-1", unschedulable), want: allow(CannotStart, "")},
		{name: "pending without its image", budgets: budgets{short}, pod: pod("web-1", pending, on("up"), waits("ErrImagePull")), want: allow(CannotStart, "")},
		{name: "pending without its image under a stale status", budgets: budgets{pdb("web", 2, 2, maxUnavailable("1", 1), stale)}, pod: pod("web-1", pending, on("up"), waits("ErrImagePull")), want: allow(CannotStart, "")},
		{
			name: "not ready without its image, which it had before", budgets: budgets{short}, pod: pod("web-1", notReady, waits("ImagePullBackOff")),
			want: keep(BudgetSpent, "budget default/web needs 1 healthy pod and has 0; its status allows no disruptions"),
		},
		{name: "an operator moves it on request, though the budget has no room", budgets: budgets{pdb("web", 1, 1, minAvailable("1", 1))}, pod: pod("web-1", onRequest), want: allow(OnRequest, "")},
		{name: "an operator would move it, and the budget has room", budgets: budgets{one}, others: pods{pod("web-2")}, pod: pod("web-1", onRequest), want: allow(WithinBudget, "web")},
		{name: "its eviction goes on in the background", budgets: budgets{one}, others: pods{pod("web-2")}, pod: pod("web-1", evicting), want: Verdict{Rule: Terminating, Reason: "it is already being evicted in the background"}},
		{
			name: "the eviction of another goes on in the background", budgets: budgets{one}, others: pods{pod("web-2", evicting)}, pod: pod("web-1"),
			want: keep(BudgetSpent, "budget default/web needs 1 healthy pod and has 1; its status allows 1 disruption"),
		},
		{name: "pending where none need be healthy", budgets: budgets{pdb("web", 2, 0, maxUnavailable("2", 0))}, pod: pod("web-1", pending), want: allow(AlreadyUnavailable, "web")},
		{name: "pending, which the budget always lets go", budgets: budgets{pdb("web", 2, 0, maxUnavailable("1", 1), policy(policyv1.AlwaysAllow))}, pod: pod("web-1", pending), want: allow(AlreadyUnavailable, "web")},
		{
			name: "pending while the status is stale", budgets: budgets{pdb("web", 2, 2, maxUnavailable("1", 1), stale)}, others: pods{pod("web-2")}, pod: pod("web-1", pending),
			want: keep(StaleStatus, "it is starting, and a workload may be waiting for it: budget default/web was changed, and the disruption controller has not updated its status yet: wait for it"),
		},
	}
	nodes := []*corev1.Node{node("up", true), node("down", false)}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := NewLedger(tt.budgets, append(tt.others, tt.pod), nodes).May(tt.pod)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
	if got := NewLedger(budgets{one}, nil, nil).May(pod("web-1")); got.Rule != NotInPicture || got.Allowed {
		t.Errorf("a pod that is not in the picture: %+v", got)
	}
}

func TestSpend(t *testing.T) {
	begin := pods{pod("web-1"), pod("web-2"), pod("web-3"), pod("web-4"), pod("web-5")}
	budget := func(healthy int32, changes ...func(*policyv1.PodDisruptionBudget)) *policyv1.PodDisruptionBudget {
		return pdb("web", 5, healthy, append(changes, maxUnavailable("2", 3))...)
	}
	// After the eviction of web-1 of five pods, of which two may be unavailable.
	tests := []struct {
		name   string
		budget *policyv1.PodDisruptionBudget
		pods   pods
		want   int
		rule   Rule // of web-1
	}{
		{name: "nothing shows it", budget: budget(5), pods: begin, want: 1, rule: AlreadyEvicted},
		{name: "the budget was written for another reason", budget: budget(5, version("2")), pods: begin, want: 1, rule: AlreadyEvicted},
		{
			name: "the API server has taken it from the budget", pods: begin, want: 1, rule: AlreadyEvicted,
			budget: pdb("web", 5, 5, version("2"), disrupted("web-1"), maxUnavailable("2", 3), statusAllows(1)),
		},
		{
			name: "the pod terminates, and the budget is of before", budget: budget(5), want: 1, rule: AlreadyEvicted,
			pods: pods{pod("web-1", terminating), pod("web-2"), pod("web-3"), pod("web-4"), pod("web-5")},
		},
		{
			name: "the pod terminates, and the controller has seen it", budget: budget(4, version("3")), want: 1, rule: Terminating,
			pods: pods{pod("web-1", terminating), pod("web-2"), pod("web-3"), pod("web-4"), pod("web-5")},
		},
		{name: "the controller has seen it, and the pods are of before", budget: budget(4, version("3")), pods: begin, want: 0, rule: AlreadyEvicted},
		{name: "the pod is gone", budget: budget(4, version("3")), pods: begin[1:], want: 1, rule: NotInPicture},
		{
			name: "its replacement is ready, and not counted", budget: budget(4, version("3")), want: 1, rule: NotInPicture,
			pods: append(pods{pod("web-6")}, begin[1:]...),
		},
		{
			name: "its replacement is counted", budget: budget(5, version("4")), want: 2, rule: NotInPicture,
			pods: append(pods{pod("web-6")}, begin[1:]...),
		},
		{
			name: "its replacement has its name, and the controller takes it for the evicted", want: 1, rule: NotInPicture,
			budget: budget(4, version("3"), disrupted("web-1")), pods: append(pods{pod("web-1", uid("new"))}, begin[1:]...),
		},
		{name: "the budget is gone", pods: begin, want: 0, rule: AlreadyEvicted},
		{name: "the budget and the pod are gone", pods: begin[1:], want: 0, rule: NotInPicture},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := NewLedger(budgets{budget(5)}, begin, nil)
			l.Spend(begin[0])
			l.Spend(begin[0]) // once is enough
			if got := l.Allowed(named("web")); got != 1 {
				t.Errorf("%d disruptions are allowed after one of two", got)
			}
			var now budgets
			if tt.budget != nil {
				now = budgets{tt.budget}
			}
			l.Update(now, tt.pods, nil)
			if got := l.Allowed(named("web")); got != tt.want {
				t.Errorf("%d disruptions are allowed, want %d", got, tt.want)
			}
			if got := l.May(begin[0]).Rule; got != tt.rule {
				t.Errorf("the evicted pod is %s, want %s", got, tt.rule)
			}
		})
	}
}

// The status of one of two overlapping budgets may promise too much for good.
func TestSpendWhenTheStatusPromisesTooMuch(t *testing.T) {
	all := pods{pod("web-1"), pod("web-2"), pod("web-3")}
	l := NewLedger(budgets{pdb("web", 3, 3, maxUnavailable("2", 1), statusAllows(9))}, all, nil)
	for _, want := range []int{1, 0} {
		l.Spend(all[want])
		if got := l.Allowed(named("web")); got != want {
			t.Errorf("%d disruptions are allowed, want %d", got, want)
		}
		l.Update(budgets{pdb("web", 3, 3, version("2"), maxUnavailable("2", 1), statusAllows(9))}, all, nil)
		if got := l.Allowed(named("web")); got != want {
			t.Errorf("%d disruptions are allowed in a new picture, want %d", got, want)
		}
	}
}

func TestSpendWhatCostsNothing(t *testing.T) {
	all := pods{pod("web-1"), pod("web-2"), pod("web-3", notReady), pod("web-4", pending), pod("web-5", failed), pod("db-1"), pod("web-6", terminating)}
	l := NewLedger(budgets{pdb("web", 4, 2, minAvailable("1", 1))}, all, nil)
	for _, p := range all[2:] {
		l.Spend(p)
		if got := l.Allowed(named("web")); got != 1 {
			t.Errorf("%d disruptions are allowed after %s went, want 1", got, p.Name)
		}
	}
	l.Spend(pod("web-9")) // of a later picture: it may have been one of the healthy
	if got := l.Allowed(named("web")); got != 0 {
		t.Errorf("%d disruptions are allowed after an unknown pod went, want 0", got)
	}
	if got := l.May(all[2]).Rule; got != AlreadyEvicted {
		t.Errorf("an evicted pod is %s", got)
	}
}

// The name in disruptedPods may be that of a pod that was evicted before.
func TestSpendOfASuccessorOfTheSameName(t *testing.T) {
	first, second, other := pod("db-0"), pod("db-0", uid("second")), pod("db-1")
	budget := func(v string, allows int32) budgets {
		return budgets{pdb("db", 4, 4, version(v), maxUnavailable("3", 1), disrupted("db-0"), statusAllows(allows))}
	}
	l := NewLedger(budgets{pdb("db", 4, 4, maxUnavailable("3", 1))}, pods{first, other, pod("db-2"), pod("db-3")}, nil)
	l.Spend(first)
	l.Update(budget("2", 2), pods{second, other, pod("db-2"), pod("db-3")}, nil)
	if got := l.Allowed(named("db")); got != 2 {
		t.Errorf("%d disruptions are allowed with the first evicted, want 2", got)
	}
	l.Spend(second)
	if got := l.Allowed(named("db")); got != 1 {
		t.Errorf("%d disruptions are allowed with the second evicted, want 1", got)
	}
	l.Update(budget("2", 2), pods{second, other, pod("db-2"), pod("db-3")}, nil)
	if got := l.Allowed(named("db")); got != 1 {
		t.Errorf("%d disruptions are allowed in a picture of before, want 1", got)
	}
	l.Update(budget("3", 1), pods{second, other, pod("db-2"), pod("db-3")}, nil)
	if got := l.Allowed(named("db")); got != 1 {
		t.Errorf("%d disruptions are allowed once the budget shows it, want 1", got)
	}
}

func TestControllerOfAPod(t *testing.T) {
	for want, p := range map[types.UID]*corev1.Pod{"web": pod("web-1"), "web-1": pod("web-1", bare)} {
		if got := Controller(p); got != want {
			t.Errorf("controller %s, want %s", got, want)
		}
	}
}
