package chaos

import (
	"slices"
	"time"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// budget is a PodDisruptionBudget, with the health of its pods as the watcher sees it.
type budget struct {
	name     types.NamespacedName
	selector labels.Selector
	spec     policyv1.PodDisruptionBudgetSpec
	// healthy counts its pods that are Ready and not on their way out.
	healthy int
	// missing are the pods that ceased to be healthy and that no other has come for, those
	// that were lost first at the front.
	missing []missing
}

// missing is a pod that ceased to be healthy.
type missing struct {
	uid types.UID
	// removed says that it did so because somebody evicted or deleted it, and not with its
	// node or by itself: the same pod may come back from that, and be evicted later.
	removed bool
}

// violation is a moment at which a budget that had enough healthy pods had too few.
type violation struct {
	at      time.Time
	budget  types.NamespacedName
	healthy int
	demand  int
	// missing are the pods that were missing, the one that was lost at that moment last.
	missing []missing
}

func newBudget(pdb *policyv1.PodDisruptionBudget) *budget {
	// An empty selector selects all pods of the namespace, and none at all no pod.
	selector, err := metav1.LabelSelectorAsSelector(pdb.Spec.Selector)
	if err != nil {
		selector = labels.Nothing() // the API server has checked it
	}
	return &budget{name: types.NamespacedName{Namespace: pdb.Namespace, Name: pdb.Name}, selector: selector, spec: pdb.Spec}
}

// covers says whether the budget is about pods with these labels.
func (b *budget) covers(namespace string, set map[string]string) bool {
	return b.name.Namespace == namespace && b.selector.Matches(labels.Set(set))
}

// demand returns how many pods have to be healthy where so many are expected. A percentage
// is rounded up, as the disruption controller does: in favour of the workload where it is
// about those that must be there, against it where about those that may be away.
func (b *budget) demand(expected int) int {
	scaled := func(value *intstr.IntOrString) int {
		n, err := intstr.GetScaledValueFromIntOrPercent(value, expected, true)
		if err != nil {
			return 0 // the API server has checked it
		}
		return n
	}
	switch {
	case b.spec.MaxUnavailable != nil:
		return max(0, expected-scaled(b.spec.MaxUnavailable))
	case b.spec.MinAvailable != nil:
		return scaled(b.spec.MinAvailable)
	}
	return 0
}

// lose takes note that a pod is no longer healthy. It returns a violation where that is one pod too many.
func (b *budget) lose(pod missing, expected int, at time.Time) *violation {
	demand := b.demand(expected)
	b.healthy--
	b.missing = append(b.missing, pod)
	if b.healthy != demand-1 {
		return nil // enough, or too few already
	}
	return &violation{at: at, budget: b.name, healthy: b.healthy, demand: demand, missing: slices.Clone(b.missing)}
}

// gain takes note that a pod has become healthy: one that was missing itself, or in the
// place of the one that has been missing longest.
func (b *budget) gain(uid types.UID) {
	b.healthy++
	if len(b.missing) == 0 {
		return
	}
	i := max(0, slices.IndexFunc(b.missing, func(m missing) bool { return m.uid == uid }))
	b.missing = slices.Delete(b.missing, i, i+1)
}

// blame is whose violations are, by how many.
type blame struct {
	// ours are those where the eviction of one pod too many is the tool's.
	ours int
	// after are those where it is not, but a pod that the tool had evicted was missing, too:
	// the eviction was within the budget, and what came then was not.
	after int
	// others are those where no pod that the tool had evicted was missing.
	others int
}

// attribute tells whose violations are, by the pods that the tool had evicted.
func attribute(violations []violation, evicted map[types.UID]bool) blame {
	ours := func(m missing) bool { return m.removed && evicted[m.uid] }
	var b blame
	for _, v := range violations {
		switch {
		case ours(v.last()):
			b.ours++
		case slices.ContainsFunc(v.missing, ours):
			b.after++
		default:
			b.others++
		}
	}
	return b
}

// last is the pod that was one too many.
func (v violation) last() missing { return v.missing[len(v.missing)-1] }
