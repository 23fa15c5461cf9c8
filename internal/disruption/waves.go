package disruption

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Limits limit one wave, in addition to the budgets. Zero values set no limit.
type Limits struct {
	// Total is the maximum number of pods in a wave.
	Total int
	// PerNode and PerNamespace are the maximum numbers of pods of one node and of one
	// namespace. A pod without a node does not count for PerNode.
	PerNode, PerNamespace int
	// OnePer returns the group of a pod, such as Controller. A wave has at most one pod of each.
	OnePer func(*corev1.Pod) types.UID
	// Beside says whether the pod is moved by a stand-in: see Ledger.MayBeside.
	Beside func(*corev1.Pod) bool
}

// Controller returns the UID of the pod's controller, or the pod's own if it has none.
// During a rollout, the pods of a Deployment have several controllers.
func Controller(pod *corev1.Pod) types.UID {
	if owner := metav1.GetControllerOfNoCopy(pod); owner != nil {
		return owner.UID
	}
	return pod.UID
}

// OneWithoutBudget returns a function for Limits.OnePer that limits a wave to one pod of each
// workload without a budget, so that a wave alone does not take it down. The argument returns
// the workload of a pod, or nothing.
func (l *Ledger) OneWithoutBudget(workload func(*corev1.Pod) types.UID) func(*corev1.Pod) types.UID {
	return func(pod *corev1.Pod) types.UID {
		if uid := workload(pod); uid != "" && l.May(pod).Rule == NoBudget {
			return uid
		}
		return pod.UID
	}
}

// Lanes groups pods by budget, and returns their indices in the list. Pods of different lanes
// may be evicted in parallel; two concurrent requests for the same budget would conflict. A pod
// without a budget has its own lane.
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
	// Waves contain pods that may all be evicted at once, if those of the previous waves have
	// been replaced.
	Waves [][]*corev1.Pod
	// Kept are the pods that cannot be evicted, in the order of the list.
	Kept []Kept
}

// Kept is a pod that cannot be evicted, with the reason.
type Kept struct {
	Pod     *corev1.Pod
	Verdict Verdict
}

// Waves cuts a list of evictions into waves. Each wave takes, in the order of the list, every
// pod that is allowed together with those before it. Each wave may use what the budgets allow
// now, because the pods of earlier waves have been replaced by then, except those without a
// controller. Before each wave, call Update and check with May again. Waves itself takes
// nothing from the budgets.
func (l *Ledger) Waves(pods []*corev1.Pod, limits Limits) Plan {
	var plan Plan
	kept := map[int]Verdict{}
	var waiting []candidate
	listed := map[types.UID]bool{}
	for i, pod := range pods {
		verdict := l.May(pod)
		if limits.Beside != nil && limits.Beside(pod) {
			verdict = l.MayBeside(pod)
		}
		switch {
		case listed[pod.UID]:
			kept[i] = Verdict{Rule: AlreadyEvicted, Reason: "the list contains it twice"}
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
				kept[c.index] = Verdict{Rule: BudgetSpent, Budget: b.key(), Reason: b.why() + "; earlier waves use them up for pods without a controller"}
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

// candidate is a pod that may be evicted, with its index in the list.
type candidate struct {
	index   int
	pod     *corev1.Pod
	verdict Verdict
}

// wave is a wave that is being filled.
type wave struct {
	ledger *Ledger
	limits Limits
	// lost counts, for each budget, the pods without a controller in all waves.
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

// fill takes the waiting pods that are allowed, and returns the others in their order. It
// does not move those after the last one that it looks at: a long list has many small waves.
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
