package disruption

import (
	"context"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// bind puts every pod that waits on a node, where KWOK makes it run. No scheduler does:
// so replacements run when a test wants them to.
func (c *testCluster) bind() {
	c.Helper()
	_, all, nodes := c.look(c.Context())
	for _, p := range all {
		if p.Spec.NodeName != "" || p.DeletionTimestamp != nil {
			continue
		}
		binding := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: p.Name, UID: p.UID}, Target: corev1.ObjectReference{Kind: "Node", Name: nodes[0].Name}}
		if err := c.client.CoreV1().Pods(c.namespace).Bind(c.Context(), binding, metav1.CreateOptions{}); err != nil {
			c.Fatal(err)
		}
	}
}

// awaitPods waits until the namespace has so many pods that are neither at their end
// nor on their way out, and returns all.
func (c *testCluster) awaitPods(number int) pods {
	c.Helper()
	var all pods
	c.eventually(fmt.Sprint(number, " pods are there"), func(ctx context.Context) (bool, string) {
		_, all, _ = c.look(ctx)
		live := 0
		for _, p := range all {
			if p.DeletionTimestamp == nil && !terminal(p) {
				live++
			}
		}
		return live == number, fmt.Sprint(live)
	})
	return all
}

// TestEvictionsOfADeployment evicts all pods of a workload of which one may be
// unavailable, as the ledger allows, and asks the API server what it would have said.
func TestEvictionsOfADeployment(t *testing.T) {
	c := newCluster(t)
	deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: replicas("web", 3)}
	must[*appsv1.Deployment](t)(c.client.AppsV1().Deployments(c.namespace).Create(t.Context(), deployment, metav1.CreateOptions{}))
	c.awaitPods(3)
	c.bind()
	c.protect(pdb("web", 3, 3, maxUnavailable("1", 2)), 3)
	budget := types.NamespacedName{Namespace: c.namespace, Name: "web"}
	found, first, nodes := c.look(t.Context())
	l := NewLedger(found, first, nodes)
	if waves, _ := namesOf(l.Waves(first, Limits{})); len(waves) != 3 {
		t.Errorf("the plan is %v, want a pod at a time", waves)
	}
	for i, p := range first {
		if v := l.May(p); !v.Allowed {
			t.Fatalf("eviction %d: %+v", i, v)
		}
		if result := c.evict(p); result.Outcome != Evicted {
			t.Fatal(result.Err)
		}
		l.Spend(p)
		if i == len(first)-1 {
			break
		}
		c.awaitPods(3)
		next := first[i+1]
		if v := l.May(next); v.Rule != BudgetSpent {
			t.Errorf("with one pod evicted the next is %+v", v)
		}
		if result := c.evict(next); result.Outcome != RefusedByBudget || result.Budget != "web" {
			t.Errorf("the API server says %+v", result)
		}
		c.bind()
		c.eventually("the ledger has room again", func(ctx context.Context) (bool, string) {
			l.Update(c.look(ctx))
			return l.Allowed(budget) == 1, fmt.Sprintf("%+v", l.May(next))
		})
	}
}

// TestAsTheAPIServerSays evicts pods that a table describes: what the ledger says of
// them, and what the API server does.
func TestAsTheAPIServerSays(t *testing.T) {
	all := &metav1.LabelSelector{}
	none := func(changes ...func(*policyv1.PodDisruptionBudget)) *policyv1.PodDisruptionBudget {
		return pdb("web", 0, 0, append(changes, minAvailable("5", 5))...)
	}
	tests := []struct {
		name    string
		budgets budgets
		others  pods
		healthy int32 // pods that the budgets count
		pod     *corev1.Pod
		rule    Rule
		server  Outcome
	}{
		{name: "no budget", pod: pod("web-1"), rule: NoBudget, server: Evicted},
		{name: "a budget without a selector", budgets: budgets{none(selecting("web", nil))}, pod: pod("web-1"), rule: NoBudget, server: Evicted},
		{name: "a budget with an empty selector", budgets: budgets{none(selecting("web", all))}, healthy: 1, pod: pod("other-1"), rule: BudgetSpent, server: RefusedByBudget},
		{name: "two budgets", budgets: budgets{pdb("web", 0, 0, minAvailable("0", 0)), pdb("web", 0, 0, minAvailable("0", 0), selecting("all", all))}, healthy: 1, pod: pod("web-1"), rule: SeveralBudgets, server: TwoBudgets},
		{name: "two budgets and a pending pod", budgets: budgets{none(), none(selecting("all", all))}, pod: pod("web-1", pending), rule: BudgetShort, server: Evicted},
		{name: "two budgets and a failed pod", budgets: budgets{none(), none(selecting("all", all))}, pod: pod("web-1", notReady, failed), rule: Terminal, server: Evicted},
		{name: "pending while too few are healthy", budgets: budgets{none()}, pod: pod("web-1", pending), rule: BudgetShort, server: Evicted},
		{name: "unschedulable", budgets: budgets{none()}, pod: pod("web-1", unschedulable), rule: CannotStart, server: Evicted},
		{name: "unschedulable under two budgets", budgets: budgets{none(), none(selecting("all", all))}, pod: pod("web-1", unschedulable), rule: CannotStart, server: Evicted},
		{name: "pending while enough are healthy", budgets: budgets{pdb("web", 0, 0, minAvailable("1", 1))}, others: pods{pod("web-2")}, healthy: 1, pod: pod("web-1", pending), rule: AlreadyUnavailable, server: Evicted},
		{name: "not ready while too few are", budgets: budgets{none()}, pod: pod("web-1", notReady), rule: BudgetSpent, server: RefusedByBudget},
		{name: "not ready while enough are", budgets: budgets{pdb("web", 0, 0, minAvailable("1", 1))}, others: pods{pod("web-2")}, healthy: 1, pod: pod("web-1", notReady), rule: AlreadyUnavailable, server: Evicted},
		{name: "not ready, where it always may go", budgets: budgets{none(policy(policyv1.AlwaysAllow))}, pod: pod("web-1", notReady), rule: AlreadyUnavailable, server: Evicted},
		{name: "ready, where what is not always may go", budgets: budgets{none(policy(policyv1.AlwaysAllow))}, healthy: 1, pod: pod("web-1"), rule: BudgetSpent, server: RefusedByBudget},
		{name: "not ready, where none need be and none is", budgets: budgets{pdb("web", 0, 0, minAvailable("0", 0))}, pod: pod("web-1", notReady), rule: BudgetSpent, server: RefusedByBudget},
		{name: "not ready, where none need be and one is", budgets: budgets{pdb("web", 0, 0, minAvailable("0", 0))}, others: pods{pod("web-2")}, healthy: 1, pod: pod("web-1", notReady), rule: WithinBudget, server: Evicted},
		{name: "pods that nobody controls, by a percentage", budgets: budgets{pdb("web", 0, 0, maxUnavailable("100%", 0))}, healthy: 1, pod: pod("web-1"), rule: BudgetSpent, server: RefusedByBudget},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCluster(t)
			for _, p := range tt.others {
				c.create(p)
			}
			p := c.create(tt.pod)
			for _, b := range tt.budgets {
				c.protect(b, tt.healthy)
			}
			if v := c.ledger().May(p); v.Rule != tt.rule {
				t.Errorf("the ledger says %+v, want %s", v, tt.rule)
			}
			if result := c.evict(p); result.Outcome != tt.server {
				t.Errorf("the API server says %+v, want %s", result, tt.server)
			}
		})
	}
}

// TestPreconditions holds what the API server does with the UID of another pod. It
// takes the disruption from the budget before it looks.
func TestPreconditions(t *testing.T) {
	other := func(p *corev1.Pod) Target {
		target := TargetOf(p)
		target.UID = "other"
		return target
	}
	evict := func(c *testCluster, target Target) Result {
		return NewEvictor(c.client, Options{Mode: ForReal}).Evict(c.Context(), target)
	}
	c := newCluster(t)
	ready, unready, waiting := c.create(pod("web-1")), c.create(pod("web-2", notReady)), c.create(pod("web-3", pending))
	c.create(pod("web-4"))
	c.protect(pdb("web", 0, 0, minAvailable("1", 1)), 2)
	if got := evict(c, other(unready)); got.Outcome != RefusedByBudget || got.RetryAfter == 0 {
		t.Errorf("another UID than that of a pod that is not ready: %+v", got)
	}
	if got := NewEvictor(c.client, Options{Mode: ServerDryRun}).Evict(t.Context(), other(ready)); got.Outcome != Replaced {
		t.Errorf("another UID than that of a ready pod, dry run: %+v", got)
	}
	former := TargetOf(waiting)
	former.ResourceVersion = waiting.ResourceVersion
	c.become(waiting, corev1.PodStatus{Phase: corev1.PodPending, Message: "changed"})
	if got := evict(c, former); got.Outcome != Changed {
		t.Errorf("a pod that has changed: %+v", got)
	}
	if got := evict(c, Target{Namespace: c.namespace, Name: "web-9", UID: "u9"}); got.Outcome != Gone {
		t.Errorf("no such pod: %+v", got)
	}
	l := c.ledger()
	if v := l.May(ready); v.Rule != WithinBudget {
		t.Errorf("before: %+v", v)
	}
	if got := evict(c, other(ready)); got.Outcome != Replaced {
		t.Errorf("another UID than that of a ready pod: %+v", got)
	}
	c.awaitBudget("web", "lost one to an eviction that was not", func(b *policyv1.PodDisruptionBudget) bool {
		return b.Status.CurrentHealthy == 1 && b.Status.DisruptionsAllowed == 0
	})
	l.Update(c.look(t.Context()))
	if v := l.May(ready); v.Rule != BudgetSpent {
		t.Errorf("after: %+v", v)
	}
}

func TestTerminating(t *testing.T) {
	c := newCluster(t)
	held := pod("web-1")
	held.Finalizers = []string{"stowage.dev/held"}
	p := c.create(held)
	t.Cleanup(func() {
		patch := []byte(`{"metadata":{"finalizers":null}}`)
		if _, err := c.client.CoreV1().Pods(c.namespace).Patch(context.Background(), p.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}); err != nil {
			t.Error(err)
		}
	})
	for _, want := range []Rule{NoBudget, Terminating} {
		if v := c.ledger().May(p); v.Rule != want {
			t.Errorf("the ledger says %+v, want %s", v, want)
		}
		if result := c.evict(p); result.Outcome != Evicted {
			t.Errorf("the API server says %+v", result)
		}
	}
	if err := c.client.CoreV1().Namespaces().Delete(t.Context(), c.namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if result := c.evict(p); result.Outcome != Deferred {
		t.Errorf("in a namespace that is being deleted the API server says %+v", result)
	}
}
