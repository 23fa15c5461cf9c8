package recovery

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/chaos/journal"
)

// budget is a PodDisruptionBudget by its status.
type budget struct {
	selector   labels.Selector
	generation int64
	now        journal.Budget
	series     series[journal.Budget]
}

// worseBudget compares how many healthy pods there are beyond what is demanded, and then
// what is allowed.
func worseBudget(a, b journal.Budget) bool {
	if x, y := a.Healthy-a.Desired, b.Healthy-b.Desired; x != y {
		return x < y
	}
	return a.Allowed < b.Allowed
}

// BudgetGone handles the deletion of a PodDisruptionBudget.
func (o *Observer) BudgetGone(was *policyv1.PodDisruptionBudget) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.budgets[was.Namespace], was.Name)
}

// Budget handles a new or changed PodDisruptionBudget. An outdated status is ignored.
func (o *Observer) Budget(is *policyv1.PodDisruptionBudget, at time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer o.writeDue(at)
	named := o.budgets[is.Namespace]
	if named == nil {
		named = map[string]*budget{}
		o.budgets[is.Namespace] = named
	}
	if is.Status.ObservedGeneration != is.Generation || o.deleted[is.Namespace] {
		return
	}
	now := journal.Budget{
		Namespace: is.Namespace, Budget: is.Name, Healthy: int(is.Status.CurrentHealthy),
		Desired: int(is.Status.DesiredHealthy), Allowed: int(is.Status.DisruptionsAllowed),
	}
	b := named[is.Name]
	if b == nil {
		b = &budget{generation: -1, now: now}
		b.series.worse = worseBudget
		named[is.Name] = b
		if !o.began.IsZero() {
			b.series.begin(now, at)
		}
	}
	if b.generation != is.Generation {
		b.generation, b.selector = is.Generation, selectorOf(is)
	}
	b.now = now
	if b.series.set(now, at) {
		o.hold(at, func() {
			b.series.flush(func(value journal.Budget, at time.Time) { o.write(at, journal.Record{Budget: &value}) })
		})
	}
}

// selectorOf returns what selects nothing for a selector that cannot be read.
func selectorOf(pdb *policyv1.PodDisruptionBudget) labels.Selector {
	selector, err := metav1.LabelSelectorAsSelector(pdb.Spec.Selector)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}

// covering names the budgets that select the pod, in order.
func (o *Observer) covering(p *corev1.Pod) []string {
	var names []string
	for name, b := range o.budgets[p.Namespace] {
		if b.selector.Matches(labels.Set(p.Labels)) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
