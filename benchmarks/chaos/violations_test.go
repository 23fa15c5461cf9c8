package chaos

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/undo"
)

// history is a watcher that is told what happens, a second after the other.
type history struct {
	*watcher
	clock time.Time
	known map[string]*corev1.Pod
}

// newHistory watches a fleet whose pods are all Ready, called by workload and number, such
// as "web-0".
func newHistory(fleet *Fleet) *history {
	h := &history{clock: time.Unix(0, 0), known: map[string]*corev1.Pod{}}
	h.watcher = newWatcher(func() time.Time { return h.clock })
	h.expect(fleet)
	for _, pdb := range fleet.Budgets {
		h.budget(pdb)
	}
	for _, w := range fleet.Workloads {
		for i := range w.Replicas {
			name := fmt.Sprintf("%s-%d", w.Name, i)
			h.create(name, w)
			h.ready(name, !w.NeverReady)
		}
	}
	h.begin()
	return h
}

func (h *history) create(name string, w Workload) {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: name, UID: types.UID(name), Labels: w.labels()}}
	h.known[name] = p
	h.pod(nil, p)
}

func (h *history) update(name string, change func(*corev1.Pod)) {
	h.clock = h.clock.Add(time.Second)
	was := h.known[name]
	is := was.DeepCopy()
	change(is)
	h.known[name] = is
	h.pod(was, is)
}

// ready makes a pod that has a node Ready, or not.
func (h *history) ready(name string, is bool) {
	h.update(name, func(p *corev1.Pod) {
		status := corev1.ConditionFalse
		if is {
			status = corev1.ConditionTrue
		}
		p.Spec.NodeName = "n0"
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
	})
}

// evict has a pod begin to leave, as the API server does when it grants an eviction.
func (h *history) evict(name string) {
	h.update(name, func(p *corev1.Pod) {
		p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI"})
		p.DeletionTimestamp = &metav1.Time{Time: h.clock}
	})
}

func (h *history) gone(name string) {
	h.clock = h.clock.Add(time.Second)
	h.pod(h.known[name], nil)
}

// replace has a pod go and another come in its place.
func (h *history) replace(name, by string, w Workload) {
	h.gone(name)
	h.create(by, w)
	h.ready(by, true)
}

// fleetOf returns a fleet of one form.
func fleetOf(form form) *Fleet {
	f := &Fleet{}
	f.add("shop", form, podSpec(100))
	return f
}

func TestViolations(t *testing.T) {
	most := func(value any) policyv1.PodDisruptionBudgetSpec {
		return policyv1.PodDisruptionBudgetSpec{MaxUnavailable: number(value)}
	}
	least := func(value any) policyv1.PodDisruptionBudgetSpec {
		return policyv1.PodDisruptionBudgetSpec{MinAvailable: number(value)}
	}
	four := func(specs ...policyv1.PodDisruptionBudgetSpec) *Fleet {
		return fleetOf(form{"web", []Workload{{Replicas: 4}}, specs})
	}
	tests := []struct {
		name  string
		fleet *Fleet
		play  func(h *history, web Workload)
		// ours are the pods that the tool says it has evicted.
		ours []string
		want blame
	}{
		{"nothing happens", four(most(1)), func(*history, Workload) {}, nil, blame{}},
		{
			"an eviction within the budget", four(most(1)),
			func(h *history, _ Workload) { h.evict("web-0"); h.gone("web-0") },
			[]string{"web-0"}, blame{},
		},
		{
			"one after the other, each when the last has been replaced", four(most(1)),
			func(h *history, web Workload) {
				h.evict("web-0")
				h.replace("web-0", "web-4", web)
				h.evict("web-1")
				h.replace("web-1", "web-5", web)
				h.evict("web-4")
			},
			[]string{"web-0", "web-1", "web-4"}, blame{},
		},
		{
			"the second before the first has been replaced", four(most(1)),
			func(h *history, _ Workload) { h.evict("web-0"); h.evict("web-1") },
			[]string{"web-0", "web-1"}, blame{ours: 1},
		},
		{
			"a replacement that is not Ready yet is none", four(most(1)),
			func(h *history, web Workload) {
				h.evict("web-0")
				h.gone("web-0")
				h.create("web-4", web)
				h.evict("web-1")
			},
			[]string{"web-0", "web-1"}, blame{ours: 1},
		},
		{
			"a third is no violation more: the budget was broken already", four(most(1)),
			func(h *history, _ Workload) { h.evict("web-0"); h.evict("web-1"); h.evict("web-2") },
			[]string{"web-0", "web-1", "web-2"}, blame{ours: 1},
		},
		{
			"broken, whole again, and broken again", four(most(1)),
			func(h *history, web Workload) {
				h.evict("web-0")
				h.evict("web-1")
				h.replace("web-0", "web-4", web)
				h.evict("web-2")
			},
			[]string{"web-0", "web-1", "web-2"}, blame{ours: 2},
		},
		{
			"a deletion is no better than an eviction", four(most(1)),
			func(h *history, _ Workload) {
				h.evict("web-0")
				h.update("web-1", func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: h.clock} })
			},
			[]string{"web-0", "web-1"}, blame{ours: 1},
		},
		{
			"and neither is one that leaves nothing to be seen", four(most(1)),
			func(h *history, _ Workload) { h.gone("web-0"); h.gone("web-1") },
			[]string{"web-0", "web-1"}, blame{ours: 1},
		},
		{
			"somebody else evicts too many", four(most(1)),
			func(h *history, _ Workload) { h.evict("web-0"); h.evict("web-1") },
			nil, blame{others: 1},
		},
		{
			"a node takes a pod when one was evicted within the budget", four(most(1)),
			func(h *history, _ Workload) { h.evict("web-0"); h.ready("web-1", false) },
			[]string{"web-0"}, blame{after: 1},
		},
		{
			"an eviction when a node has taken what the budget allows", four(most(1)),
			func(h *history, _ Workload) { h.ready("web-1", false); h.evict("web-0") },
			[]string{"web-0"}, blame{ours: 1},
		},
		{
			"a pod that is lost with its node is not lost by an eviction, though it is evicted later", four(most(1)),
			func(h *history, web Workload) {
				h.ready("web-0", false)
				h.ready("web-1", false)
				h.ready("web-0", true)
				h.ready("web-1", true)
				h.evict("web-1")
			},
			[]string{"web-1"}, blame{others: 1},
		},
		{
			"a pod that is back itself is not missing", four(most(1)),
			func(h *history, _ Workload) {
				h.ready("web-1", false)
				h.ready("web-1", true)
				h.evict("web-0")
			},
			[]string{"web-0"}, blame{},
		},
		{
			"and is not taken for the replacement of another", four(most(2)),
			func(h *history, _ Workload) {
				h.evict("web-0")
				h.ready("web-1", false)
				h.ready("web-1", true)
				h.ready("web-2", false)
				h.ready("web-3", false)
			},
			[]string{"web-0"}, blame{after: 1},
		},
		{
			"one that has long been replaced is not blamed for what others do later", four(most(1)),
			func(h *history, web Workload) {
				h.evict("web-0")
				h.replace("web-0", "web-4", web)
				h.ready("web-1", false)
				h.ready("web-2", false)
			},
			[]string{"web-0"}, blame{others: 1},
		},
		{
			"a budget that allows nothing", four(most(0)),
			func(h *history, _ Workload) { h.evict("web-0") },
			[]string{"web-0"}, blame{ours: 1},
		},
		{
			"30 % of 4 that may be away are 1.2, which counts as 2", four(most("30%")),
			func(h *history, _ Workload) { h.evict("web-0"); h.evict("web-1") },
			[]string{"web-0", "web-1"}, blame{},
		},
		{
			"but not as 3", four(most("30%")),
			func(h *history, _ Workload) { h.evict("web-0"); h.evict("web-1"); h.evict("web-2") },
			[]string{"web-0", "web-1", "web-2"}, blame{ours: 1},
		},
		{
			"60 % of 4 that must be there are 2.4, which counts as 3", four(least("60%")),
			func(h *history, _ Workload) { h.evict("web-0"); h.evict("web-1") },
			[]string{"web-0", "web-1"}, blame{ours: 1},
		},
		{
			"two that must be there", four(least(2)),
			func(h *history, _ Workload) { h.evict("web-0"); h.evict("web-1") },
			[]string{"web-0", "web-1"}, blame{},
		},
		{
			"of two budgets the stricter is broken", four(most(1), least(2)),
			func(h *history, _ Workload) { h.evict("web-0"); h.evict("web-1") },
			[]string{"web-0", "web-1"}, blame{ours: 1},
		},
		{
			"no budget", four(),
			func(h *history, _ Workload) { h.evict("web-0"); h.evict("web-1"); h.evict("web-2"); h.evict("web-3") },
			[]string{"web-0", "web-1", "web-2", "web-3"}, blame{},
		},
		{
			"a pod that was never Ready takes nothing from a budget that is broken, or one that is not",
			fleetOf(form{"web", []Workload{{Replicas: 4}, {Name: "sick", Replicas: 2, NeverReady: true}}, []policyv1.PodDisruptionBudgetSpec{most(2), most(1)}}),
			func(h *history, _ Workload) { h.evict("web-sick-0"); h.gone("web-sick-0") },
			[]string{"web-sick-0"}, blame{},
		},
		{
			"pods that are not Ready are away for a budget that counts them",
			fleetOf(form{"web", []Workload{{Replicas: 4}, {Name: "sick", Replicas: 2, NeverReady: true}}, []policyv1.PodDisruptionBudgetSpec{most(2)}}),
			func(h *history, _ Workload) { h.evict("web-0") },
			[]string{"web-0"}, blame{ours: 1},
		},
		{
			"a budget over two workloads counts both",
			fleetOf(form{"web", []Workload{{Replicas: 4}, {Name: "more", Replicas: 6}}, []policyv1.PodDisruptionBudgetSpec{least("60%")}}),
			func(h *history, _ Workload) {
				for i := range 4 {
					h.evict(fmt.Sprint("web-", i))
				}
			},
			[]string{"web-0", "web-1", "web-2", "web-3"}, blame{},
		},
		{
			"and is broken by one more",
			fleetOf(form{"web", []Workload{{Replicas: 4}, {Name: "more", Replicas: 6}}, []policyv1.PodDisruptionBudgetSpec{least("60%")}}),
			func(h *history, _ Workload) {
				for i := range 5 {
					h.evict(fmt.Sprint("web-more-", i))
				}
			},
			[]string{"web-more-0", "web-more-1", "web-more-2", "web-more-3", "web-more-4"}, blame{ours: 1},
		},
		{
			"a budget of another namespace is none of it",
			func() *Fleet {
				f := four(most(1))
				f.Budgets[0].Namespace = "elsewhere"
				return f
			}(),
			func(h *history, _ Workload) { h.evict("web-0"); h.evict("web-1") },
			[]string{"web-0", "web-1"}, blame{},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHistory(tt.fleet)
			tt.play(h, tt.fleet.Workloads[0])
			evicted := map[types.UID]bool{}
			for _, name := range tt.ours {
				evicted[types.UID(name)] = true
			}
			if diff := cmp.Diff(tt.want, attribute(h.result().violations, evicted), cmp.AllowUnexported(blame{})); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBudgetsThatChange(t *testing.T) {
	fleet := fleetOf(form{"web", []Workload{{Replicas: 4}}, []policyv1.PodDisruptionBudgetSpec{{MaxUnavailable: number(2)}}})
	h := newHistory(fleet)
	h.evict("web-0")
	stricter := fleet.Budgets[0].DeepCopy()
	stricter.Spec.MaxUnavailable = number(1)
	h.budget(stricter)
	late := fleet.Budgets[0].DeepCopy()
	late.Name, late.Spec = "late", policyv1.PodDisruptionBudgetSpec{MinAvailable: number(3), Selector: late.Spec.Selector}
	h.budget(late)
	h.evict("web-1")
	want := map[string][2]int{"web-0": {2, 3}, "late": {2, 3}}
	got := map[string][2]int{}
	for _, v := range h.result().violations {
		got[v.budget.Name] = [2]int{v.healthy, v.demand}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("healthy and demanded by budget (-want +got):\n%s", diff)
	}
}

func TestRecovery(t *testing.T) {
	fleet := fleetOf(form{"web", []Workload{{Replicas: 4}}, nil})
	web := fleet.Workloads[0]
	h := newHistory(fleet)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n0", Labels: map[string]string{undo.SilentLabel: ""}}}
	h.node(nil, node)
	h.evict("web-0") // at 1 s of it
	h.evict("web-1")
	h.replace("web-0", "web-4", web) // 3 s after
	h.ready("web-2", false)
	h.ready("web-2", true) // no replacement
	h.ready("web-3", false)
	back := node.DeepCopy()
	delete(back.Labels, undo.SilentLabel)
	h.node(node, back)
	h.gone("web-1")
	h.create("web-5", web)
	h.ready("web-5", true)
	got := h.result()
	if diff := cmp.Diff([]time.Duration{3 * time.Second}, got.recoveries); diff != "" {
		t.Errorf("recoveries (-want +got):\n%s", diff)
	}
	want := map[string]standing{"Deployment shop/web": {ready: 2, waiting: 2, floor: 2}}
	if diff := cmp.Diff(want, got.returned, cmp.AllowUnexported(standing{})); diff != "" {
		t.Errorf("when the node was back (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[types.UID]bool{"web-0": true, "web-1": true}, got.evicted); diff != "" {
		t.Errorf("evicted (-want +got):\n%s", diff)
	}
}

func TestSettled(t *testing.T) {
	fleet := fleetOf(form{"web", []Workload{{Replicas: 2}, {Name: "sick", Replicas: 1, NeverReady: true}}, nil})
	web := fleet.Workloads[0]
	h := newHistory(fleet)
	steps := []struct {
		name string
		do   func()
		want int
	}{
		{"at first", func() {}, 2},
		{"with one on its way out", func() { h.evict("web-0") }, 1},
		{"with one missing", func() { h.gone("web-0") }, 1},
		{"with one that has no node", func() { h.create("web-2", web) }, 1},
		{"with one that is Ready", func() { h.ready("web-2", true) }, 2},
		{"with one that is never Ready missing", func() { h.gone("web-sick-0") }, 1},
		{"with one that is never Ready, and has no node", func() { h.create("web-sick-1", fleet.Workloads[1]) }, 1},
		{"with one that is never Ready, and has one", func() { h.ready("web-sick-1", false) }, 2},
	}
	for _, s := range steps {
		s.do()
		if got, all, _ := h.settled(); got != s.want || all != 2 {
			t.Errorf("%s: %d of %d settled, want %d", s.name, got, all, s.want)
		}
	}
}
