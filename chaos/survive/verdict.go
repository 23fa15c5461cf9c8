package survive

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/report"
)

// Failure is a workload that does not survive a loss.
type Failure struct {
	Workload string `json:"workload"`
	// Why says it in a phrase for each reason.
	Why []string `json:"why"`
	// Unknown: whether it survives cannot be predicted.
	Unknown bool `json:"unknown,omitempty"`
	// Changes are the smallest changes after which it survives, on top of those for the losses before.
	Changes []Change `json:"changes,omitempty"`
	// Missing says what there would have to be if no change was found.
	Missing string `json:"missing,omitempty"`

	part *assess.Prediction
	// pending are lost pods that find no node, and broken the budgets that the loss breaks.
	pending []assess.PodFate
	broken  []assess.BudgetFate
	// few: too few pods are ready at the worst moment, or none at the end.
	few bool
}

// judge says which workloads a predicted loss is too much for. The thresholds hold for each
// workload by itself. Besides, one that had ready pods must have one in the end.
//
// A pod that is replaced only when it is gone, such as one of a StatefulSet, waits on a dead node
// until somebody deletes the pod or the node. It does not count as pending, since no room and no
// change of the workload would help: its workload survives with its other pods.
type judge struct {
	thresholds assess.Thresholds
	pods       map[types.UID]*corev1.Pod
	budgets    map[types.NamespacedName]labels.Selector
}

// unlimited is a threshold that nothing misses.
var unlimited = intstr.FromString("100%")

func newJudge(picture *target.Picture, thresholds assess.Thresholds) *judge {
	j := &judge{thresholds: thresholds, pods: make(map[types.UID]*corev1.Pod, len(picture.Pods)), budgets: map[types.NamespacedName]labels.Selector{}}
	for _, budget := range picture.Budgets {
		if selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector); err == nil {
			j.budgets[keyOf(budget)] = selector
		}
	}
	for _, pod := range picture.Pods {
		j.pods[pod.UID] = pod
	}
	return j
}

// failures returns the workloads that do not survive, by name.
func (j *judge) failures(p *assess.Prediction) map[string]*Failure {
	parts := map[string]*assess.Prediction{}
	part := func(workload string) *assess.Prediction {
		if parts[workload] == nil {
			parts[workload] = &assess.Prediction{How: p.How}
		}
		return parts[workload]
	}
	byNamespace := map[string][]assess.PodFate{}
	for _, pod := range p.Pods {
		of := part(pod.Workload)
		of.Pods = append(of.Pods, pod)
		byNamespace[pod.Namespace] = append(byNamespace[pod.Namespace], pod)
	}
	for _, workload := range p.Workloads {
		of := part(workload.Workload)
		of.Workloads = append(of.Workloads, workload)
	}
	for _, budget := range p.Budgets {
		name := types.NamespacedName{Namespace: budget.Namespace, Name: budget.Budget}
		for workload := range j.covered(name, byNamespace[budget.Namespace]) {
			of := part(workload)
			of.Budgets = append(of.Budgets, budget)
		}
	}
	failures := map[string]*Failure{}
	for workload, part := range parts {
		if f := j.failure(workload, part); f != nil {
			failures[workload] = f
		}
	}
	return failures
}

// covered returns the workloads of which the budget selects one of the lost pods, which are those of
// its namespace.
func (j *judge) covered(budget types.NamespacedName, lost []assess.PodFate) map[string]bool {
	selector := j.budgets[budget]
	covered := map[string]bool{}
	for _, fate := range lost {
		pod := j.pods[fate.UID]
		if !covered[fate.Workload] && goes(fate) && pod != nil && selector != nil && selector.Matches(labels.Set(pod.Labels)) {
			covered[fate.Workload] = true
		}
	}
	return covered
}

func goes(pod assess.PodFate) bool { return pod.Fate != assess.Stays && pod.Fate != assess.Kept }

// failure returns why the workload does not survive; nil if it does.
func (j *judge) failure(workload string, part *assess.Prediction) *Failure {
	f := &Failure{Workload: workload, part: part}
	counted := *part
	counted.Pods = slices.DeleteFunc(slices.Clone(part.Pods), func(pod assess.PodFate) bool { return pod.Late })
	for _, pod := range counted.Pods {
		if pod.Fate == assess.Pending {
			f.pending = append(f.pending, pod)
		}
	}
	for _, budget := range part.Budgets {
		if budget.Broken {
			f.broken = append(f.broken, budget)
		}
	}
	missed := j.thresholds.Missed(&counted)
	var fate assess.WorkloadFate
	if len(part.Workloads) > 0 {
		fate = part.Workloads[0]
	}
	none := fate.Ready > 0 && fate.After == 0
	short := j.thresholds
	short.MaxPending, short.MaxBrokenBudgets = unlimited, unlimited
	f.few = none || len(short.Missed(&counted)) > 0
	switch unknown := counted.Count(assess.Unknown); {
	case len(missed) == 0 && unknown > 0 && (none || j.pendingWouldMiss(&counted)):
		f.Unknown, f.Why = true, []string{"the node of a replacement cannot be predicted: " + mostFrequent(counted.Pods, assess.Unknown)}
		return f
	case len(missed) == 0 && !none:
		return nil
	}
	f.Why = f.why(fate, none)
	return f
}

// pendingWouldMiss says whether a threshold is missed if the replacements whose node is unknown
// find none.
func (j *judge) pendingWouldMiss(part *assess.Prediction) bool {
	worst := *part
	worst.Pods = slices.Clone(part.Pods)
	for i := range worst.Pods {
		if worst.Pods[i].Fate == assess.Unknown {
			worst.Pods[i].Fate = assess.Pending
		}
	}
	return len(j.thresholds.Missed(&worst)) > 0
}

// why says it in phrases.
func (f *Failure) why(fate assess.WorkloadFate, none bool) []string {
	var why []string
	lost := f.part.Going()
	each := fmt.Sprintf("%d pods are", lost)
	switch {
	case lost == 1:
		each = "1 pod is"
	case fate.Floor == 0 && fate.Ready > 1:
		each = fmt.Sprintf("all %d pods are", lost)
	}
	for _, budget := range f.broken {
		allows := "no disruption"
		if budget.Allowed > 0 {
			allows = report.Count(budget.Allowed, "disruption")
		}
		why = append(why, fmt.Sprintf("budget %s/%s allows %s, and %s lost at once", budget.Namespace, budget.Budget, allows, each))
	}
	if len(f.pending) > 0 {
		stay := "stay"
		if len(f.pending) == 1 {
			stay = "stays"
		}
		why = append(why, fmt.Sprintf("%d of %s %s pending: %s", len(f.pending), report.Count(lost, "lost pod"), stay, mostFrequent(f.pending, assess.Pending)))
	}
	if none && len(f.pending) == 0 {
		back := "none comes back"
		if reason := cmp.Or(mostFrequent(f.part.Pods, assess.Unreplaced), mostFrequent(f.part.Pods, assess.Pending)); reason != "" {
			back += ": " + reason
		}
		why = append(why, fmt.Sprintf("%s lost, and %s", each, back))
	}
	if f.few && !none {
		why = append(why, fmt.Sprintf("%d of %s ready at the worst moment", fate.Floor, report.Count(fate.Ready, "pod")))
	}
	return why
}

// mostFrequent returns the reason that most pods of the fate have.
func mostFrequent(pods []assess.PodFate, fate assess.Fate) string {
	counts := map[string]int{}
	for _, pod := range pods {
		if pod.Fate == fate && pod.Reason != "" {
			counts[pod.Reason]++
		}
	}
	if len(counts) == 0 {
		return ""
	}
	return slices.MinFunc(slices.Collect(maps.Keys(counts)), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}
