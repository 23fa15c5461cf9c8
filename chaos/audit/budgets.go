package audit

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

func noBudget(v *View) {
	for _, w := range v.Workloads {
		if w.serves() && w.Replicas >= 2 && len(v.BudgetsOf(w)) == 0 {
			v.Report(w, fmt.Sprintf("no PodDisruptionBudget selects its %d replicas: a drain may take them all at once", w.Replicas),
				"create a PodDisruptionBudget with maxUnavailable: 1 and the labels of its pods as selector")
		}
	}
}

// What to do about a budget that allows nothing.
const (
	haveMore  = "set maxUnavailable: 1, and have two replicas or more"
	setNumber = "select no pods of Jobs, DaemonSets or other kinds without the scale subresource, or set minAvailable to a number, which is counted without any scale"
)

func budgetAllowsNothing(v *View) {
	for _, b := range v.Budgets {
		covered := v.workloadsOf[budgetName(b)]
		report := func(message, fix string) { v.ReportObject(budgetName(b), b.File, message, fix) }
		if why, failed := disruption.SyncFailed(b.PodDisruptionBudget); failed {
			report(fmt.Sprintf("the disruption controller cannot count its pods (%s): %s", why, noneGoes(covered, "can")), setNumber)
			continue
		}
		if len(covered) == 0 {
			continue
		}
		if without := unscaled(covered); b.takesScale() && len(without) > 0 {
			report(uncountable(b, covered, without), setNumber)
			continue
		}
		if why, fix := allowsNothing(b, covered); why != "" {
			report(why, fix)
		} else if status := b.Status; b.takesScale() && status.ObservedGeneration == b.Generation && status.ExpectedPods == 0 && status.CurrentHealthy > 0 {
			report(fmt.Sprintf("%d of its pods are healthy, and by the scale of their controllers there should be none: %s", status.CurrentHealthy, noneGoes(covered, "can")), setNumber)
		}
	}
}

// noneGoes says what it means that no pod of the workloads can be evicted. Drains leave the
// pods of DaemonSets where they are.
func noneGoes(covered []*Workload, can string) string {
	of := "it selects"
	if len(covered) > 0 {
		of = "of " + names(covered)
	}
	text := fmt.Sprintf("no pod %s %s be evicted", of, can)
	if len(covered) > 0 && !slices.ContainsFunc(covered, func(w *Workload) bool { return w.Controller != cluster.DaemonSetKind }) {
		return text
	}
	return text + ", and no node drained that has one"
}

// takesScale says whether the disruption controller needs the scale of each controller of
// the budget's pods. For a number in minAvailable it counts the pods.
func (b Budget) takesScale() bool {
	return b.Spec.MaxUnavailable != nil || b.Spec.MinAvailable != nil && b.Spec.MinAvailable.Type == intstr.String
}

// field names the field by which the budget says what it allows.
func (b Budget) field() string {
	if b.Spec.MaxUnavailable != nil {
		return "maxUnavailable"
	}
	return "minAvailable"
}

// unscaled returns the workloads whose controllers have no scale subresource. Of kinds that
// are not Kubernetes' own only a cluster knows, where the budget's status tells.
func unscaled(covered []*Workload) []*Workload {
	return slices.DeleteFunc(slices.Clone(covered), func(w *Workload) bool {
		return w.Controller != cluster.JobKind && w.Controller != cluster.DaemonSetKind
	})
}

// uncountable says why the disruption controller cannot count the budget's pods. It counts
// the pods that have ended, too.
func uncountable(b Budget, covered, without []*Workload) string {
	what := b.field()
	if b.Spec.MaxUnavailable == nil {
		what += " in percent"
	}
	when, can := "", "can ever"
	if !slices.ContainsFunc(without, func(w *Workload) bool { return w.Controller != cluster.JobKind }) {
		when, can = "while there is a pod of it, even a completed one, ", "can"
	}
	return fmt.Sprintf("%s takes the scale of each controller whose pods it selects, and %s has none: %s%s", what, names(without), when, noneGoes(covered, can))
}

// allowsNothing says why a budget lets no pod of the workloads go even when all are healthy,
// and what to do.
func allowsNothing(b Budget, covered []*Workload) (why, fix string) {
	healthy, scale, autoscaler, known := counted(covered)
	always := b.takesScale() && b.allows(100, 100) <= 0 // however many there are
	switch {
	case known && healthy == 0:
		return "", "" // scaled to nothing
	case b.Spec.MaxUnavailable == nil && b.Spec.MinAvailable == nil:
		return "it has neither minAvailable nor maxUnavailable: " + noneGoes(covered, "can ever"), haveMore
	case known && b.takesScale() && scale == 0:
		return fmt.Sprintf("%s is counted by the scale of controllers, and its pods have none: %s", b.field(), noneGoes(covered, "can ever")), setNumber
	case known && b.allows(healthy, scale) > 0, !known && !always:
		return "", ""
	}
	why = fmt.Sprintf("%s is %s", b.field(), b.value())
	switch {
	case autoscaler != "" && !always:
		return fmt.Sprintf("%s, and HorizontalPodAutoscaler %s may leave %d replicas: %s", why, autoscaler, healthy, noneGoes(covered, "can then")), haveMore
	case known && b.Spec.MinAvailable != nil:
		why += fmt.Sprintf(", of %d replicas", healthy)
	}
	return why + ": " + noneGoes(covered, "can ever"), haveMore
}

// value is what the budget says in its field.
func (b Budget) value() *intstr.IntOrString {
	if b.Spec.MaxUnavailable != nil {
		return b.Spec.MaxUnavailable
	}
	return b.Spec.MinAvailable
}

// allows returns how many of so many healthy pods may go. Percentages are rounded up, as the
// disruption controller does; those that cannot be read the API server does not let in.
func (b Budget) allows(healthy, scale int) int {
	n, err := intstr.GetScaledValueFromIntOrPercent(b.value(), scale, true)
	switch {
	case err != nil:
		return healthy
	case b.Spec.MaxUnavailable != nil:
		return healthy - max(0, scale-n)
	}
	return healthy - n
}

// counted returns how many pods of the workloads are healthy at best where autoscalers leave
// as few as they may, and what the scales of their controllers come to. Pods of Jobs come and
// go, so they count only where there are no others. It names an autoscaler, if there is one.
func counted(covered []*Workload) (healthy, scale int, autoscaler string, known bool) {
	lasting := slices.DeleteFunc(slices.Clone(covered), func(w *Workload) bool { return w.Controller == cluster.JobKind })
	if len(lasting) == 0 {
		lasting = covered
	}
	for _, w := range lasting {
		if w.Least < 0 {
			return 0, 0, "", false
		}
		healthy += w.Least
		if !w.Controller.Empty() {
			scale += w.Least
		}
		if w.Autoscaler != "" {
			autoscaler = w.Autoscaler
		}
	}
	return healthy, scale, autoscaler, true
}

func names(workloads []*Workload) string {
	var all []string
	for _, w := range workloads {
		all = append(all, w.String())
	}
	return shortened(all)
}

// shortened lists the first of several names.
func shortened(all []string) string {
	if len(all) > 3 {
		all = append(slices.Clone(all[:3]), fmt.Sprintf("%d more", len(all)-3))
	}
	return strings.Join(all, ", ")
}

func twoBudgets(v *View) {
	for _, w := range v.Workloads {
		if budgets := v.BudgetsOf(w); len(budgets) > 1 {
			var all []string
			for _, b := range budgets {
				all = append(all, b.Name)
			}
			v.Report(w, fmt.Sprintf("%d budgets select its pods (%s): the API server evicts no such pod", len(all), strings.Join(all, ", ")), "leave one of them")
		}
	}
}

// budgetKeepsUnready reports budgets by which pods that do no work hold up drains now. That
// is what a budget does by default while it misses healthy pods.
func budgetKeepsUnready(v *View) {
	var budgets []*policyv1.PodDisruptionBudget
	for _, b := range v.Budgets {
		budgets = append(budgets, b.PodDisruptionBudget)
	}
	ledger := disruption.NewLedger(budgets, v.Pods, v.Nodes)
	kept := map[string][]string{}
	for _, pod := range v.Pods {
		if pod.Status.Phase != corev1.PodRunning || disruption.Ready(pod) {
			continue
		}
		if verdict := ledger.May(pod); verdict.Rule == disruption.BudgetSpent {
			name := objectName(budgetKind, verdict.Budget.Namespace, verdict.Budget.Name)
			kept[name] = append(kept[name], pod.Name)
		}
	}
	for _, b := range v.Budgets {
		_, failed := disruption.SyncFailed(b.PodDisruptionBudget)
		policy := b.Spec.UnhealthyPodEvictionPolicy
		switch pods := kept[budgetName(b)]; {
		case failed || policy != nil && *policy == policyv1.AlwaysAllow:
		case v.Pods == nil:
			v.Unknown(nowhere)
		case len(pods) > 0:
			v.ReportObject(budgetName(b), b.File, fmt.Sprintf("%d of its pods are not ready, and it lets none of them go until enough others are (%s): drains of their nodes wait", len(pods), shortened(pods)),
				"set unhealthyPodEvictionPolicy: AlwaysAllow, by which pods that are not ready may always be evicted")
		}
	}
}
