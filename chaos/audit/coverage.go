package audit

import (
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// covering says that a budget selects pods of a workload.
type covering struct {
	*Workload
	budget Budget
	// part says that it selects some of the workload's pods, which are these.
	part bool
	pods []*corev1.Pod
}

// selects says which of the workload's pods there are a selector takes, and whether it takes
// any. Where its template has the labels, all that are still to come are taken too.
func selects(selector labels.Selector, w *Workload) (pods []*corev1.Pod, part, any bool) {
	if w.templated && selector.Matches(labels.Set(w.Labels)) {
		return nil, false, true
	}
	for _, pod := range w.Pods {
		if selector.Matches(labels.Set(pod.Labels)) {
			pods = append(pods, pod)
		}
	}
	part = len(pods) < len(w.Pods) || w.templated && len(pods) < w.Replicas
	return pods, part, len(pods) > 0
}

// coverings returns which budgets select which workloads. Budgets that the API server
// refuses select nothing, as do those without a selector.
func coverings(budgets []Budget, workloads []*Workload) []covering {
	var all []covering
	for _, b := range budgets {
		selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err != nil || b.refused() != "" {
			continue
		}
		for _, w := range workloads {
			if !mayShare(b.Namespace, w.Namespace) {
				continue
			}
			if pods, part, any := selects(selector, w); any {
				all = append(all, covering{w, b, part, pods})
			}
		}
	}
	return nearest(atHome(all))
}

// atHome leaves out what is of different namespaces, one of which is not said, where both
// the budget and the workload have others of their own.
func atHome(all []covering) []covering {
	workloads, budgets := map[*Workload]bool{}, map[Budget]bool{}
	for _, c := range all {
		if home(c.Namespace) == home(c.budget.Namespace) {
			workloads[c.Workload], budgets[c.budget] = true, true
		}
	}
	return slices.DeleteFunc(all, func(c covering) bool {
		return home(c.Namespace) != home(c.budget.Namespace) && workloads[c.Workload] && budgets[c.budget]
	})
}

// nearest leaves out pairs of renderings that nobody applies together. Of several of a
// budget a workload has those whose files are nearest to its own, and the other way round.
func nearest(all []covering) []covering {
	type budgetFor struct {
		workload *Workload
		budget   key
	}
	type workloadFor struct {
		budget   Budget
		workload key
	}
	budgets, workloads := map[budgetFor]int{}, map[workloadFor]int{}
	for _, c := range all {
		near := nearness(c.File, c.budget.File)
		b, w := budgetFor{c.Workload, c.budget.id()}, workloadFor{c.budget, c.id}
		budgets[b], workloads[w] = max(budgets[b], near), max(workloads[w], near)
	}
	return slices.DeleteFunc(all, func(c covering) bool {
		near := nearness(c.File, c.budget.File)
		return near < budgets[budgetFor{c.Workload, c.budget.id()}] && near < workloads[workloadFor{c.budget, c.id}]
	})
}

// nearness is how much of their paths two files have in common.
func nearness(a, b string) int {
	one, other := strings.Split(filepath.ToSlash(a), "/"), strings.Split(filepath.ToSlash(b), "/")
	n := 0
	for n < min(len(one), len(other)) && one[n] == other[n] {
		n++
	}
	return n
}

// settings returns what a budget covers at once: workloads of one namespace, and of each one
// rendering.
func settings(covered []covering) [][]covering {
	var namespaces []string
	for _, c := range covered {
		if ns := home(c.Namespace); !slices.Contains(namespaces, ns) {
			namespaces = append(namespaces, ns)
		}
	}
	var all [][]covering
	for _, ns := range namespaces {
		var order []key
		renderings, most := map[key][]covering{}, 0
		for _, c := range covered {
			if home(c.Namespace) != ns {
				continue
			}
			if renderings[c.id] == nil {
				order = append(order, c.id)
			}
			renderings[c.id] = append(renderings[c.id], c)
			most = max(most, len(renderings[c.id]))
		}
		for i := range most {
			var setting []covering
			for _, id := range order {
				setting = append(setting, renderings[id][min(i, len(renderings[id])-1)])
			}
			all = append(all, setting)
		}
	}
	return all
}

// together returns the names of the most budgets that may select the same pods.
func together(coverings []covering) []string {
	var most []string
	for _, c := range coverings {
		var names []string
		for _, other := range coverings {
			if mayShare(c.budget.Namespace, other.budget.Namespace) && overlap(c, other) && !slices.Contains(names, other.budget.Name) {
				names = append(names, other.budget.Name)
			}
		}
		if len(names) > len(most) {
			most = names
		}
	}
	return most
}

func overlap(a, b covering) bool {
	return !a.part || !b.part || slices.ContainsFunc(a.pods, func(pod *corev1.Pod) bool { return slices.Contains(b.pods, pod) })
}

// uncovered returns how many of the workload's pods no budget selects.
func (v *View) uncovered(w *Workload) int {
	coverings := v.budgetsOf[w]
	switch {
	case len(coverings) == 0:
		return w.Replicas
	case slices.ContainsFunc(coverings, func(c covering) bool { return !c.part }):
		return 0
	}
	n := 0
	for _, pod := range w.Pods {
		if !slices.ContainsFunc(coverings, func(c covering) bool { return slices.Contains(c.pods, pod) }) {
			n++
		}
	}
	return n
}

// holdsDrains says whether drains wait for pods that the budget selects. They leave the pods
// of DaemonSets and mirror pods where they are.
func (v *View) holdsDrains(b Budget, covered []covering) bool {
	if len(covered) > 0 {
		return slices.ContainsFunc(covered, func(c covering) bool { return c.Controller != cluster.DaemonSetKind })
	}
	selector, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
	if err != nil {
		return false
	}
	static := false
	for _, pod := range v.Pods {
		if pod.Namespace != b.Namespace || !selector.Matches(labels.Set(pod.Labels)) {
			continue
		}
		if !cluster.Static(pod) && !cluster.OfDaemonSet(pod) {
			return true
		}
		static = true
	}
	return !static
}

// home is the namespace of an object: kubectl's default where none is said.
func home(namespace string) string {
	if namespace == "" {
		return metav1.NamespaceDefault
	}
	return namespace
}

// mayShare says whether objects may be of one namespace. One that is not said in a manifest
// is whichever it is applied to.
func mayShare(a, b string) bool { return a == "" || b == "" || a == b }
