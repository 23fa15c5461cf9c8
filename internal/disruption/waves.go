package disruption

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Limits bound one wave, beside the budgets. Zero values set no limit.
type Limits struct {
	// Total is the most pods in a wave.
	Total int
	// PerNode and PerNamespace are the most pods of one node and of one namespace. A
	// pod without a node counts for none.
	PerNode, PerNamespace int
	// OnePer tells what at most one pod of a wave may belong to, such as Controller.
	OnePer func(*corev1.Pod) types.UID
}

// Controller returns the UID of the pod's controller, or its own where it has none.
// The pods of a Deployment that is being rolled out have several.
func Controller(pod *corev1.Pod) types.UID {
	if owner := metav1.GetControllerOfNoCopy(pod); owner != nil {
		return owner.UID
	}
	return pod.UID
}

// OneWithoutBudget returns what lets a wave have one pod of a workload that no budget
// covers, for Limits.OnePer: a wave alone does not take it down. The argument tells the
// workload of a pod; nothing where it has none.
func (l *Ledger) OneWithoutBudget(workload func(*corev1.Pod) types.UID) func(*corev1.Pod) types.UID {
	return func(pod *corev1.Pod) types.UID {
		if uid := workload(pod); uid != "" && l.May(pod).Rule == NoBudget {
			return uid
		}
		return pod.UID
	}
}

// Lanes sorts pods by budget, and returns their places in the list: those of different lanes
// may be evicted side by side, but two requests at once would get in each other's way at the
// same budget. A pod that no budget covers has a lane of its own.
func (l *Ledger) Lanes(pods []*corev1.Pod) [][]int {
	var lanes [][]int
	byBudget := map[types.NamespacedName]int{}
	for i, pod := range pods {
		budget := l.May(pod).Budget
		lane, known := byBudget[budget]
		if !known || budget.Name == "" {
			lane = len(lanes)
			lanes = append(lanes, nil)
			byBudget[budget] = lane
		}
		lanes[lane] = append(lanes[lane], i)
	}
	return lanes
}

// Plan is a list of evictions cut into waves.
type Plan struct {
	// Waves hold pods that may all be gone at once, if those of the waves before
	// have been replaced.
	Waves [][]*corev1.Pod
	// Kept are the pods that cannot go, in the order of the list.
	Kept []Kept
}

// Kept is a pod that cannot go, and why.
type Kept struct {
	Pod     *corev1.Pod
	Verdict Verdict
}

// Waves cuts a list of evictions into waves. Each wave takes, in the order of the
// list, every pod that fits beside those taken before it: a pod is overtaken only
// where it does not fit. A wave gets what the budgets allow now: all that earlier
// waves took has been given back by replacements by then, but for pods without a
// controller, which nothing replaces. Before each wave, Update the ledger and ask May
// again. Waves spends nothing.
func (l *Ledger) Waves(pods []*corev1.Pod, limits Limits) Plan {
	var plan Plan
	kept := map[int]Verdict{}
	var waiting []candidate
	listed := map[types.UID]bool{}
	for i, pod := range pods {
		verdict := l.May(pod)
		switch {
		case listed[pod.UID]:
			kept[i] = Verdict{Rule: AlreadyEvicted, Reason: "it is in the list twice"}
		case !verdict.Allowed:
			kept[i] = verdict
		default:
			waiting = append(waiting, candidate{index: i, pod: pod, verdict: verdict})
		}
		listed[pod.UID] = true
	}
	lost := map[types.NamespacedName]int{}
	for len(waiting) > 0 {
		w := l.newWave(limits, lost)
		waiting = w.fill(waiting)
		if len(w.pods) == 0 {
			for _, c := range waiting {
				b := l.budgets[c.verdict.Budget]
				kept[c.index] = Verdict{Rule: BudgetSpent, Budget: b.key(), Reason: b.why() + "; earlier waves use them up for pods that nothing replaces"}
			}
			break
		}
		plan.Waves = append(plan.Waves, w.pods)
	}
	for i, pod := range pods {
		if verdict, is := kept[i]; is {
			plan.Kept = append(plan.Kept, Kept{Pod: pod, Verdict: verdict})
		}
	}
	return plan
}

// candidate is a pod that may go, at its place in the list.
type candidate struct {
	index   int
	pod     *corev1.Pod
	verdict Verdict
}

// wave is a wave that is being filled.
type wave struct {
	ledger *Ledger
	limits Limits
	// lost is what each budget has lost to pods that nothing replaces, in all waves.
	lost        map[types.NamespacedName]int
	pods        []*corev1.Pod
	left        map[types.NamespacedName]int
	onNode      map[string]int
	inNamespace map[string]int
	taken       map[types.UID]bool
}

func (l *Ledger) newWave(limits Limits, lost map[types.NamespacedName]int) *wave {
	return &wave{
		ledger: l, limits: limits, lost: lost,
		left: map[types.NamespacedName]int{}, onNode: map[string]int{}, inNamespace: map[string]int{}, taken: map[types.UID]bool{},
	}
}

func (w *wave) full() bool { return w.limits.Total > 0 && len(w.pods) >= w.limits.Total }

// fill takes what fits of those that wait, and returns the others in their order. It
// moves none of those that it does not come to: a long list has many small waves.
func (w *wave) fill(waiting []candidate) []candidate {
	seen, passed := 0, waiting[:0]
	for ; seen < len(waiting) && !w.full(); seen++ {
		if c := waiting[seen]; !w.take(c) {
			passed = append(passed, c)
		}
	}
	begin := seen - len(passed)
	copy(waiting[begin:seen], passed)
	return waiting[begin:]
}

// take adds the pod if it fits.
func (w *wave) take(c candidate) bool {
	node, namespace := c.pod.Spec.NodeName, c.pod.Namespace
	if node != "" && w.limits.PerNode > 0 && w.onNode[node] >= w.limits.PerNode {
		return false
	}
	if w.limits.PerNamespace > 0 && w.inNamespace[namespace] >= w.limits.PerNamespace {
		return false
	}
	var group types.UID
	if w.limits.OnePer != nil {
		if group = w.limits.OnePer(c.pod); w.taken[group] {
			return false
		}
	}
	if c.verdict.Rule == WithinBudget && !w.charge(c) {
		return false
	}
	w.onNode[node]++
	w.inNamespace[namespace]++
	w.taken[group] = true
	w.pods = append(w.pods, c.pod)
	return true
}

// charge takes one disruption from the pod's budget, if there is one left.
func (w *wave) charge(c candidate) bool {
	name := c.verdict.Budget
	if _, begun := w.left[name]; !begun {
		w.left[name] = w.ledger.Allowed(name) - w.lost[name]
	}
	if w.left[name] <= 0 {
		return false
	}
	w.left[name]--
	if metav1.GetControllerOfNoCopy(c.pod) == nil {
		w.lost[name]++
	}
	return true
}
