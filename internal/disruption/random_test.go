package disruption

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// cases are enough for every rule to come up many times.
const cases = 40

// TestRandomBudgets draws workloads with budgets, and holds what the ledger says of
// every pod against what the API server says: first of all pods in a dry run, then of
// one after the other for real, while the ledger is told no more than what it spent.
func TestRandomBudgets(t *testing.T) {
	c := newCluster(t)
	random := rand.New(rand.NewPCG(1, 2))
	drawn := make([]*randomCase, cases)
	for i := range drawn {
		drawn[i] = c.draw(random, fmt.Sprintf("app%d", i))
	}
	seen := map[Rule]int{}
	for _, r := range drawn {
		r.settle(c)
		l, list := c.ledger(), r.pods(c)
		for _, p := range list {
			v := l.May(p)
			seen[v.Rule]++
			r.compare(c, p, v, ServerDryRun)
		}
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		for _, p := range list {
			// A pod that is not ready takes a disruption from a budget that needs none
			// ready, and the controller gives it back: what comes next depends on the moment.
			if l.May(p).Rule == WithinBudget && !Ready(p) {
				continue
			}
			if r.compare(c, p, l.May(p), ForReal).Spends() {
				l.Spend(p)
			}
		}
	}
	for _, rule := range []Rule{NoBudget, Terminal, CannotStart, AlreadyUnavailable, WithinBudget, SeveralBudgets, BudgetSpent, BudgetShort} {
		if seen[rule] == 0 {
			t.Errorf("no pod came under the rule %s: %v", rule, seen)
		}
	}
	t.Log("pods under each rule:", seen)
}

// randomCase is a workload under none, one or two budgets.
type randomCase struct {
	app      string
	replicas int
	statuses []corev1.PodStatus
	budgets  int
}

func (c *testCluster) draw(random *rand.Rand, app string) *randomCase {
	r := &randomCase{app: app, replicas: 1 + random.IntN(6)}
	for range r.replicas {
		p := pod(app, [](func(*corev1.Pod)){
			func(*corev1.Pod) {}, func(*corev1.Pod) {}, func(*corev1.Pod) {}, func(*corev1.Pod) {}, notReady, pending, unschedulable, failed,
		}[random.IntN(8)])
		if terminal(p) {
			notReady(p) // as a kubelet leaves it
		}
		r.statuses = append(r.statuses, p.Status)
	}
	set := replicas(app, int32(r.replicas))
	must[*appsv1.ReplicaSet](c.T)(c.client.AppsV1().ReplicaSets(c.namespace).Create(c.Context(), &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: app}, Spec: appsv1.ReplicaSetSpec{Replicas: set.Replicas, Selector: set.Selector, Template: set.Template},
	}, metav1.CreateOptions{}))
	r.budgets = []int{0, 1, 1, 1, 1, 1, 1, 1, 1, 2}[random.IntN(10)]
	for i := range r.budgets {
		b := pdb(app, 0, 0)
		b.Name = fmt.Sprint(app, "-", i)
		value := intstr.FromInt(random.IntN(r.replicas + 2))
		if random.IntN(2) == 0 {
			value = intstr.FromString(fmt.Sprint([]int{0, 10, 33, 34, 50, 67, 90, 100}[random.IntN(8)], "%"))
		}
		if random.IntN(2) == 0 {
			b.Spec.MinAvailable = &value
		} else {
			b.Spec.MaxUnavailable = &value
		}
		b.Spec.UnhealthyPodEvictionPolicy = []*policyv1.UnhealthyPodEvictionPolicyType{nil, ptr.To(policyv1.IfHealthyBudget), ptr.To(policyv1.AlwaysAllow)}[random.IntN(3)]
		c.newBudget(b)
	}
	return r
}

func (r *randomCase) pods(c *testCluster) pods {
	_, all, _ := c.look(c.Context())
	var own pods
	for _, p := range all {
		if p.Labels["app"] == r.app {
			own = append(own, p)
		}
	}
	return own
}

// settle gives the pods their status, and waits until the controllers have seen it.
func (r *randomCase) settle(c *testCluster) {
	c.Helper()
	live := func(all pods) int {
		n := 0
		for _, p := range all {
			if !terminal(p) {
				n++
			}
		}
		return n
	}
	var own pods
	replaced := func(context.Context) (bool, string) {
		own = r.pods(c)
		return live(own) == r.replicas, fmt.Sprint(live(own))
	}
	c.eventually(r.app+" has its pods", replaced)
	healthy := 0
	for i, p := range own {
		if changed := c.become(p, r.statuses[i]); guarded(changed) && Ready(changed) {
			healthy++
		}
	}
	c.eventually(r.app+" has others for those that failed", replaced)
	// Of two budgets the controller follows one alone, and neither matters.
	if r.budgets == 1 {
		name := r.app + "-0"
		c.awaitBudget(name, fmt.Sprintf("counted %d of %d", healthy, len(own)), func(b *policyv1.PodDisruptionBudget) bool {
			expected := r.replicas
			if b.Spec.MinAvailable != nil && b.Spec.MinAvailable.Type == intstr.Int {
				expected = len(own)
			}
			return b.Status.CurrentHealthy == int32(healthy) && b.Status.ExpectedPods == int32(expected)
		})
	}
}

// compare evicts the pod, and returns the outcome. The ledger must foretell it.
func (r *randomCase) compare(c *testCluster, p *corev1.Pod, v Verdict, mode Mode) Outcome {
	c.Helper()
	evicted := map[Mode]Outcome{ServerDryRun: WouldEvict, ForReal: Evicted}[mode]
	want := evicted
	switch {
	case v.Allowed || p.Status.Phase == corev1.PodPending: // whatever the ledger says of those
	case v.Rule == SeveralBudgets:
		want = TwoBudgets
	default:
		want = RefusedByBudget
	}
	got := NewEvictor(c.client, Options{Mode: mode}).Evict(c.Context(), TargetOf(p))
	if diff := cmp.Diff(want, got.Outcome); diff != "" {
		c.Errorf("%s, %s: the API server says %v, the ledger %+v", p.Name, p.Status.Phase, got, v)
	}
	return got.Outcome
}
