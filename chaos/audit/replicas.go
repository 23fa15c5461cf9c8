package audit

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

func singleReplica(v *View) {
	for _, w := range v.Workloads {
		switch {
		case w.Kind == "Pod":
			v.Report(w, "it is a pod without a controller: nothing replaces it", "let a Deployment make it, with two replicas or more")
		case w.serves() && w.Replicas == 1:
			v.Report(w, "it has one replica: the loss of its pod or node is an outage", "set spec.replicas to two or more, if it can run more than once")
		}
	}
}

func noBudget(v *View) {
	for _, w := range v.Workloads {
		if w.serves() && w.Replicas >= 2 && len(v.BudgetsOf(w)) == 0 {
			v.Report(w, fmt.Sprintf("no PodDisruptionBudget selects its %d replicas: a drain may take them all at once", w.Replicas),
				"create a PodDisruptionBudget with maxUnavailable: 1 and the labels of its pods as selector")
		}
	}
}

func budgetAllowsNothing(v *View) {
	for _, b := range v.Budgets {
		covered := v.workloadsOf[budgetName(b)]
		if len(covered) == 0 {
			continue
		}
		if why := allowsNothing(b, expected(covered)); why != "" {
			v.ReportObject(budgetName(b), b.File, fmt.Sprintf("%s: no pod of %s can ever be evicted, and no node drained that has one", why, names(covered)),
				"set maxUnavailable: 1, and have two replicas or more")
		}
	}
}

// expected returns how many pods the workloads want, or -1 where that is not known.
func expected(workloads []*Workload) int {
	sum := 0
	for _, w := range workloads {
		if w.Replicas < 0 {
			return -1
		}
		sum += w.Replicas
	}
	return sum
}

// allowsNothing says why a budget lets none of so many pods go even when all are healthy.
// Percentages are rounded up, as the disruption controller does.
func allowsNothing(b Budget, expected int) string {
	switch spec := b.Spec; {
	case spec.MaxUnavailable != nil:
		if n, err := intstr.GetScaledValueFromIntOrPercent(spec.MaxUnavailable, 100, true); err == nil && n == 0 {
			return "maxUnavailable is " + spec.MaxUnavailable.String()
		}
	case spec.MinAvailable != nil:
		total, of := expected, fmt.Sprintf(", of %d replicas", expected)
		if expected < 0 {
			total, of = 100, ""
			if spec.MinAvailable.Type == intstr.Int {
				return ""
			}
		}
		if n, err := intstr.GetScaledValueFromIntOrPercent(spec.MinAvailable, total, true); err == nil && total > 0 && n >= total {
			return fmt.Sprintf("minAvailable is %s%s", spec.MinAvailable, of)
		}
	default:
		return "it has neither minAvailable nor maxUnavailable"
	}
	return ""
}

func names(workloads []*Workload) string {
	var all []string
	for _, w := range workloads {
		all = append(all, w.String())
	}
	if len(all) > 3 {
		all = append(all[:3], fmt.Sprintf("%d more", len(all)-3))
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

// nowhere is why placement cannot be checked.
const nowhere = "manifests do not say where pods are"

// placed calls the function with each workload of which two pods at least have nodes.
func (v *View) placed(do func(w *Workload, pods int, nodes []*corev1.Node)) {
	if len(v.Nodes) == 0 {
		v.Unknown(nowhere)
		return
	}
	for _, w := range v.Workloads {
		pods := 0
		for _, pod := range w.Pods {
			if v.nodes[pod.Spec.NodeName] != nil {
				pods++
			}
		}
		if w.serves() && pods >= 2 {
			do(w, pods, v.NodesOf(w))
		}
	}
}

func oneNode(v *View) {
	v.placed(func(w *Workload, pods int, nodes []*corev1.Node) {
		if len(nodes) == 1 {
			v.Report(w, fmt.Sprintf("all its %d pods are on node %s", pods, nodes[0].Name),
				"spread it by topologySpreadConstraints over "+corev1.LabelHostname)
		}
	})
}

func oneZone(v *View) {
	zones := map[string]bool{}
	for _, node := range v.Nodes {
		if zone := node.Labels[corev1.LabelTopologyZone]; zone != "" {
			zones[zone] = true
		}
	}
	v.placed(func(w *Workload, pods int, nodes []*corev1.Node) {
		zone := nodes[0].Labels[corev1.LabelTopologyZone]
		if len(zones) < 2 || len(nodes) < 2 || zone == "" {
			return // one node is what one-node finds
		}
		for _, node := range nodes {
			if node.Labels[corev1.LabelTopologyZone] != zone {
				return
			}
		}
		v.Report(w, fmt.Sprintf("all its %d pods are in zone %s, one of %d", pods, zone, len(zones)),
			"spread it by topologySpreadConstraints over "+corev1.LabelTopologyZone)
	})
}

func onlyPreemptible(v *View) {
	v.placed(func(w *Workload, pods int, nodes []*corev1.Node) {
		said, err := preemptible.ParseAnnotations(w.Annotations)
		if err == nil && said.Mode != nil && *said.Mode == preemptible.Require {
			return // it is meant so
		}
		for _, node := range nodes {
			if !v.preemptible.Preemptible(node) {
				return
			}
		}
		v.Report(w, fmt.Sprintf("all its %d pods are on preemptible nodes, which may be taken back together", pods),
			"keep some replicas on other nodes, as by the annotation stowage.dev/on-demand-min")
	})
}
