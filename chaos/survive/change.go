package survive

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/internal/ask"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/report"
)

// ChangeKind is what a change is about.
type ChangeKind string

// The kinds of changes.
const (
	Spread   ChangeKind = "spread"   // a topology spread constraint or a required anti-affinity
	Replicas ChangeKind = "replicas" // more replicas
	Budget   ChangeKind = "budget"   // a budget that allows more
	Request  ChangeKind = "request"  // a lower request
)

// Change is one change of a workload or of a budget that selects its pods.
type Change struct {
	Kind ChangeKind `json:"kind"`
	// Text says it in words, such as "1 replica more (3 instead of 2)".
	Text string `json:"text"`

	// cost says which of several changes is smaller: that with the lower one.
	cost float64
	do   func(*draft)
}

// The costs of changes. A budget comes after replicas, since it gives up what somebody asked for.
const (
	costSpread    = 1
	costNewSpread = 1.5
	costReplica   = 2
	costBudget    = 6
	costRequest   = 8
)

// mostReplicas is how many more replicas are tried.
const mostReplicas = 3

// candidates returns the changes that may help against the failure, the smallest first. Lower
// requests are not among them, see search.lower.
func candidates(w *workload, loss *Loss, f *Failure, ledger *disruption.Ledger) []Change {
	changes := respectTaints(w)
	if len(f.broken) > 0 || f.few {
		changes = append(changes, harden(w, loss)...)
		changes = append(changes, spread(w, loss)...)
		changes = append(changes, moreReplicas(w)...)
	}
	for _, broken := range f.broken {
		changes = append(changes, relax(w, broken, ledger)...)
	}
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.cost, b.cost) })
	return changes
}

// respectTaints returns the changes after which the nodes of a zone that is down do not count for a
// hard constraint. By default they do, and since no pod can be there, none more may be elsewhere.
func respectTaints(w *workload) []Change {
	var changes []Change
	for i, c := range w.draft.template.Spec.TopologySpreadConstraints {
		if c.WhenUnsatisfiable != corev1.DoNotSchedule || c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor {
			continue
		}
		changes = append(changes, Change{
			Kind: Spread, cost: costSpread, Text: fmt.Sprintf("set nodeTaintsPolicy: Honor in its topology spread constraint on %s", c.TopologyKey),
			do: func(d *draft) { d.template.Spec.TopologySpreadConstraints[i].NodeTaintsPolicy = honor() },
		})
	}
	return changes
}

func honor() *corev1.NodeInclusionPolicy {
	policy := corev1.NodeInclusionPolicyHonor
	return &policy
}

// harden returns the changes that turn what the scheduler prefers into what it requires, where that
// spreads pods so that some outlast the loss.
func harden(w *workload, loss *Loss) []Change {
	var changes []Change
	constraints := w.draft.template.Spec.TopologySpreadConstraints
	for i, c := range constraints {
		if c.WhenUnsatisfiable != corev1.ScheduleAnyway || !slices.Contains(loss.keys, c.TopologyKey) {
			continue
		}
		// The API server refuses a second hard one on the same key.
		if slices.ContainsFunc(constraints, func(other corev1.TopologySpreadConstraint) bool {
			return other.TopologyKey == c.TopologyKey && other.WhenUnsatisfiable == corev1.DoNotSchedule
		}) {
			continue
		}
		changes = append(changes, Change{
			Kind: Spread, cost: costSpread, Text: fmt.Sprintf("make its topology spread constraint on %s hard (whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor)", c.TopologyKey),
			do: func(d *draft) {
				hard := &d.template.Spec.TopologySpreadConstraints[i]
				hard.WhenUnsatisfiable, hard.NodeTaintsPolicy = corev1.DoNotSchedule, honor()
			},
		})
	}
	if affinity := w.draft.template.Spec.Affinity; affinity != nil && affinity.PodAntiAffinity != nil {
		for i, term := range affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution {
			if !slices.Contains(loss.keys, term.PodAffinityTerm.TopologyKey) {
				continue
			}
			changes = append(changes, Change{
				Kind: Spread, cost: costSpread, Text: fmt.Sprintf("make its preferred pod anti-affinity by %s required", named(affinity.PodAntiAffinity, i)),
				do: func(d *draft) {
					anti := d.template.Spec.Affinity.PodAntiAffinity
					anti.PreferredDuringSchedulingIgnoredDuringExecution = slices.Delete(anti.PreferredDuringSchedulingIgnoredDuringExecution, i, i+1)
					anti.RequiredDuringSchedulingIgnoredDuringExecution = append(anti.RequiredDuringSchedulingIgnoredDuringExecution, term.PodAffinityTerm)
				},
			})
		}
	}
	return changes
}

// named names a preferred term by its topology key, and by what it selects if another has the same key.
func named(anti *corev1.PodAntiAffinity, i int) string {
	term := anti.PreferredDuringSchedulingIgnoredDuringExecution[i].PodAffinityTerm
	for j, other := range anti.PreferredDuringSchedulingIgnoredDuringExecution {
		if i != j && other.PodAffinityTerm.TopologyKey == term.TopologyKey {
			return fmt.Sprintf("%s (to pods with %s)", term.TopologyKey, metav1.FormatLabelSelector(term.LabelSelector))
		}
	}
	return term.TopologyKey
}

// spread returns the changes that add a hard topology spread constraint, where there is none.
func spread(w *workload, loss *Loss) []Change {
	var changes []Change
	for _, key := range loss.keys {
		if slices.ContainsFunc(w.draft.template.Spec.TopologySpreadConstraints, func(c corev1.TopologySpreadConstraint) bool { return c.TopologyKey == key }) {
			continue
		}
		added := corev1.TopologySpreadConstraint{
			MaxSkew: 1, TopologyKey: key, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: w.selector(), NodeTaintsPolicy: honor(),
		}
		if w.draft.template.Labels[hashLabel(w)] != "" {
			added.MatchLabelKeys = []string{hashLabel(w)} // pods of an old revision do not count
		}
		changes = append(changes, Change{
			Kind: Spread, cost: costNewSpread, Text: fmt.Sprintf("add a topology spread constraint on %s (maxSkew: 1, whenUnsatisfiable: DoNotSchedule, nodeTaintsPolicy: Honor)", key),
			do: func(d *draft) {
				d.template.Spec.TopologySpreadConstraints = append(d.template.Spec.TopologySpreadConstraints, *added.DeepCopy())
			},
		})
	}
	return changes
}

func moreReplicas(w *workload) []Change {
	if w.makesVolumes() {
		return nil // where they would be is not known
	}
	var changes []Change
	for more := 1; more <= mostReplicas; more++ {
		changes = append(changes, Change{
			Kind: Replicas, cost: costReplica + float64(more-1), Text: fmt.Sprintf("%s more (%d instead of %d)", report.Count(more, "replica"), w.draft.replicas+more, w.draft.replicas),
			do: func(d *draft) { d.replicas += more },
		})
	}
	return changes
}

// relax returns the change after which the budget allows what it would lose, and still needs a
// healthy pod.
func relax(w *workload, broken assess.BudgetFate, ledger *disruption.Ledger) []Change {
	i := slices.IndexFunc(w.draft.budgets, func(b *policyv1.PodDisruptionBudget) bool {
		return b.Namespace == broken.Namespace && b.Name == broken.Budget
	})
	if i < 0 {
		return nil
	}
	budget := w.draft.budgets[i]
	healthy, _, known := ledger.Health(keyOf(budget))
	left := healthy - broken.Spent
	if !known || left < 1 {
		return nil
	}
	name := budget.Namespace + "/" + budget.Name
	if most := budget.Spec.MaxUnavailable; most != nil {
		unavailable := intstr.FromInt32(budget.Status.ExpectedPods - int32(left))
		return []Change{{
			Kind: Budget, cost: costBudget, Text: fmt.Sprintf("set maxUnavailable of budget %s to %s instead of %s", name, unavailable.String(), most.String()),
			do: func(d *draft) { d.budgets[i].Spec.MaxUnavailable = &unavailable },
		}}
	}
	available, now := intstr.FromInt32(int32(left)), "all"
	if least := budget.Spec.MinAvailable; least != nil {
		now = least.String()
	}
	return []Change{{
		Kind: Budget, cost: costBudget, Text: fmt.Sprintf("set minAvailable of budget %s to %s instead of %s", name, available.String(), now),
		do: func(d *draft) { d.budgets[i].Spec.MinAvailable = &available },
	}}
}

// lower returns the change after which each pod requests so much of a resource.
func lower(w *workload, name corev1.ResourceName, amount int64) Change {
	requested := requestsOf(w.draft.template)[name]
	return Change{
		Kind: Request, cost: costRequest + float64(requested-amount)/float64(requested),
		Text: fmt.Sprintf("request %s %s in each pod instead of %s", ask.Amount(name, amount), name, ask.Amount(name, requested)),
		do: func(d *draft) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{}, Spec: d.template.Spec}
			ask.Lower(pod, name, amount)
			d.template.Spec = pod.Spec
		},
	}
}

// requestsOf returns what a pod of the template requests.
func requestsOf(template *corev1.PodTemplateSpec) cluster.Amounts {
	return cluster.Requests(&corev1.Pod{Spec: template.Spec})
}
