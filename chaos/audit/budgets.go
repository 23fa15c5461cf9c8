package audit

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/kubernetes/pkg/apis/policy"
	policyconversion "k8s.io/kubernetes/pkg/apis/policy/v1"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
	"github.com/stowage-k8s/stowage/internal/report"
)

func noBudget(v *View) {
	const fix = "create a PodDisruptionBudget with maxUnavailable: 1 that selects its pods"
	for _, w := range v.Workloads {
		left := v.uncovered(w)
		switch {
		case !w.serves() || left < 2:
		case left == w.Replicas:
			v.Report(w, fmt.Sprintf("no PodDisruptionBudget selects its %d replicas: a drain may evict all of them at once", left), fix)
		default:
			v.Report(w, fmt.Sprintf("no PodDisruptionBudget selects %d of its %d pods: a drain may evict all of these at once", left, len(w.Pods)), fix)
		}
	}
}

// budgetRefused reports budgets that can never be applied, by the API server's own validation.
func budgetRefused(v *View) {
	for _, b := range v.Budgets {
		if why := b.refused(); why != "" {
			v.ReportObject(budgetName(b), b.File, "the API server rejects it: "+why, "set a selector, and either minAvailable or maxUnavailable to a number or a percentage such as 50%")
		}
	}
}

// refused says why the API server does not take the budget, if so. It has taken those of a
// cluster.
func (b Budget) refused() string {
	if b.File == "" {
		return ""
	}
	var internal policy.PodDisruptionBudget
	if err := policyconversion.Convert_v1_PodDisruptionBudget_To_policy_PodDisruptionBudget(b.PodDisruptionBudget, &internal, nil); err != nil {
		return err.Error()
	}
	var all []string
	for _, err := range policyvalidation.ValidatePodDisruptionBudget(&internal, policyvalidation.PodDisruptionBudgetValidationOptions{}) {
		if _, whole := err.BadValue.(policy.PodDisruptionBudgetSpec); whole {
			all = append(all, err.Field+": "+err.Detail)
		} else {
			all = append(all, err.Error())
		}
	}
	return strings.Join(all, "; ")
}

// What to do about a budget that allows nothing.
const (
	haveMore  = "set maxUnavailable: 1, and run two or more replicas"
	setNumber = "select no pods of Jobs, DaemonSets or other kinds without the scale subresource, or set minAvailable to a number, which needs no scale, below the number of pods of other kinds that it selects"
)

// remedy says what to do about a budget that allows none of its healthy pods to go. Where it
// selects pods that add nothing to a scale, or less than they are, maxUnavailable would not
// do.
func remedy(covered []covering, healthy int) string {
	whole := !slices.ContainsFunc(covered, func(c covering) bool {
		return c.part || c.ends() || c.Controller.Empty() || c.Controller == cluster.DaemonSetKind
	})
	if whole {
		return haveMore
	}
	number := "0"
	if healthy > 1 {
		number = fmt.Sprintf("%d or less", healthy-1)
	}
	return fmt.Sprintf("set minAvailable to %s, or select exactly the pods of Deployments, StatefulSets and similar kinds, with maxUnavailable: 1 and two or more replicas", number)
}

func budgetAllowsNothing(v *View) {
	for _, b := range v.Budgets {
		covered := v.workloadsOf[b]
		if why, failed := disruption.SyncFailed(b.PodDisruptionBudget); failed {
			v.ReportObject(budgetName(b), b.File, fmt.Sprintf("the disruption controller cannot count its pods (%s): %s", why, v.noneGoes(b, covered, "can")), setNumber)
			continue
		}
		said := map[string]bool{}
		for _, setting := range settings(covered) {
			if why, fix := v.nothingAllowed(b, setting); why != "" && !said[why] {
				said[why] = true
				v.ReportObject(budgetName(b), b.File, why, fix)
			}
		}
	}
}

// nothingAllowed says why a budget never allows anything of what it covers at once, if so,
// and what to do.
func (v *View) nothingAllowed(b Budget, covered []covering) (why, fix string) {
	if without := unscaled(covered); b.takesScale() && len(without) > 0 {
		return v.uncountable(b, covered, without), setNumber
	}
	if why, fix := v.allowsNothing(b, covered); why != "" {
		return why, fix
	}
	if status := b.Status; b.takesScale() && status.ObservedGeneration == b.Generation && status.ExpectedPods == 0 && status.CurrentHealthy > 0 {
		return fmt.Sprintf("%d of its pods are healthy, but the scale of their controllers is 0: %s", status.CurrentHealthy, v.noneGoes(b, covered, "can")), setNumber
	}
	return "", ""
}

// noneGoes says what it means that no pod of the workloads can be evicted. Those that have
// ended always can.
func (v *View) noneGoes(b Budget, covered []covering, can string) string {
	pod, of := "pod", "it selects"
	if len(covered) > 0 {
		of = "of " + names(covered)
	}
	if slices.ContainsFunc(covered, func(c covering) bool { return c.ends() }) {
		pod = "running pod"
	}
	text := fmt.Sprintf("no %s %s %s be evicted", pod, of, can)
	if !v.holdsDrains(b, covered) {
		return text
	}
	return text + ", and no node with such a pod can be drained"
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
func unscaled(covered []covering) []covering {
	return slices.DeleteFunc(slices.Clone(covered), func(c covering) bool {
		return c.Controller != cluster.JobKind && c.Controller != cluster.DaemonSetKind
	})
}

// uncountable says why the disruption controller cannot count the budget's pods. It counts
// the pods that have ended, too.
func (v *View) uncountable(b Budget, covered, without []covering) string {
	what := b.field()
	if b.Spec.MaxUnavailable == nil {
		what += " in percent"
	}
	when, can := "", "can ever"
	if !slices.ContainsFunc(without, func(c covering) bool { return c.Controller != cluster.JobKind }) {
		when, can = "while it has a pod, even a completed one, ", "can"
	}
	return fmt.Sprintf("%s requires the scale of every controller whose pods it selects, but %s has none: %s%s", what, names(without), when, v.noneGoes(b, covered, can))
}

// allowsNothing says why a budget lets no pod of the workloads go even when all are healthy,
// and what to do.
func (v *View) allowsNothing(b Budget, covered []covering) (why, fix string) {
	n, known := b.counted(covered)
	always := b.takesScale() && b.allows(100, 100) <= 0 // however many there are
	fix = remedy(covered, n.healthy)
	switch {
	case known && n.healthy == 0:
		return "", "" // scaled to nothing
	case b.Spec.MaxUnavailable == nil && b.Spec.MinAvailable == nil:
		return "neither minAvailable nor maxUnavailable is set: " + v.noneGoes(b, covered, "can ever"), fix
	case known && b.takesScale() && n.scale == 0:
		return fmt.Sprintf("%s requires the scale of controllers, but its pods have none: %s", b.field(), v.noneGoes(b, covered, "can ever")), setNumber
	case known && b.allows(n.healthy, n.scale) > 0, !known && !always:
		return "", ""
	}
	why = fmt.Sprintf("%s is %s", b.field(), b.value())
	part := slices.ContainsFunc(covered, func(c covering) bool { return c.part })
	switch {
	case n.autoscaler != "" && !always:
		return fmt.Sprintf("%s, and HorizontalPodAutoscaler %s may leave %d replicas: %s", why, n.autoscaler, n.healthy, v.noneGoes(b, covered, "can then")), fix
	case known && part && b.takesScale():
		why += fmt.Sprintf(", relative to the %d replicas of whole controllers, but it selects only %d of them", n.scale, n.healthy)
	case known && b.Spec.MinAvailable != nil:
		why += ", with " + report.Count(n.healthy, "replica")
	}
	return why + ": " + v.noneGoes(b, covered, "can ever"), fix
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

// count is what the disruption controller would count.
type count struct {
	// healthy is how many of the pods that the budget selects are healthy at best, where
	// autoscalers leave as few as they may, and scale what the controllers of these come to.
	healthy, scale int
	// autoscaler is one of those, if there is one.
	autoscaler string
}

// counted counts what the budget covers, if that is known. Pods that come to an end come and
// go, so they count only where there are no others.
func (b Budget) counted(covered []covering) (n count, known bool) {
	lasting := slices.DeleteFunc(slices.Clone(covered), func(c covering) bool { return c.ends() })
	if len(lasting) == 0 {
		lasting = slices.DeleteFunc(slices.Clone(covered), func(c covering) bool { return c.over() })
	}
	for _, c := range lasting {
		if c.Least < 0 && (!c.part || b.takesScale()) {
			return count{}, false
		}
		healthy := c.Least
		if c.part {
			healthy = len(c.pods)
			if c.Least >= 0 {
				healthy = min(healthy, c.Least)
			}
		}
		n.healthy += healthy
		if !c.Controller.Empty() {
			n.scale += max(0, c.Least)
		}
		if c.Autoscaler != "" {
			n.autoscaler = c.Autoscaler
		}
	}
	return n, true
}

// over says whether a workload of a cluster has ended: a Job without a pod that runs.
func (w *Workload) over() bool {
	return w.id.kind == cluster.JobKind && w.File == "" && len(w.Pods) == 0
}

func names(covered []covering) string {
	var all []string
	for _, c := range covered {
		name := c.String()
		if c.part {
			name += fmt.Sprintf(" (%d of its pods)", len(c.pods))
		}
		all = append(all, name)
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
		if all := together(v.budgetsOf[w]); len(all) > 1 && !w.over() {
			v.Report(w, fmt.Sprintf("%d budgets select its pods (%s): the API server evicts no pod with several budgets", len(all), strings.Join(all, ", ")), "delete all but one")
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
			v.ReportObject(budgetName(b), b.File, fmt.Sprintf("%d of its pods are not ready, and it blocks their eviction until enough others are ready (%s): drains of their nodes wait", len(pods), shortened(pods)),
				"set unhealthyPodEvictionPolicy: AlwaysAllow, so that pods that are not ready can always be evicted")
		}
	}
}
