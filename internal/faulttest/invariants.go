package faulttest

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Broken is an invariant that does not hold.
type Broken struct {
	Invariant string
	At        time.Time
	What      string
}

// String says it in a line.
func (b Broken) String() string {
	return fmt.Sprintf("%s: %s: %s", b.At.Format("15:04:05.000"), b.Invariant, b.What)
}

// The invariants.
const (
	BoundOnce   = "a pod is bound once"
	HasRoom     = "a pod is bound to a node that has room for it"
	Admitted    = "a pod is bound to a node that admits it"
	NotRejected = "no node rejects a pod"
	Budgets     = "no budget is broken"
	AtOnce      = "no more pods are gone at once than the limit"
	Quiet       = "no pod is removed after the end"
)

// Limits are what a run must keep.
type Limits struct {
	// Scheduler is the name of the scheduler whose decisions are checked; "" for none.
	Scheduler string
	// Stale says that the scheduler may have decided by an old state of the cluster, so that a
	// node may lack the room, and rejects the pod.
	Stale bool
	// Budgets are checked if all pods that go are evicted.
	Budgets bool
	// AtOnce is the maximum number of pods that may be missing at the same time; 0 for no limit.
	AtOnce int
	// Others is how many pods others may remove, for which the program does not answer.
	Others int
	// End is when the program had ended, so that no more pods are removed, and Until the end of
	// that. They are zero if it does not matter.
	End, Until time.Time
}

// inFlight is how long a request that was sent before the end may take.
const inFlight = time.Second

// Check returns the invariants that the history breaks, each with its first few cases.
func Check(history History, limits Limits) []Broken {
	c := &checker{
		limits: limits, nodes: map[string]*corev1.Node{}, pods: map[types.UID]*corev1.Pod{},
		budgets: map[types.UID]*policyv1.PodDisruptionBudget{}, whole: map[types.UID]bool{}, told: map[string]int{},
	}
	for _, e := range history {
		c.see(e)
	}
	return c.broken
}

// checker replays a history.
type checker struct {
	limits  Limits
	nodes   map[string]*corev1.Node
	pods    map[types.UID]*corev1.Pod
	budgets map[types.UID]*policyv1.PodDisruptionBudget
	// whole are the budgets that have been fulfilled, before which nothing can break them.
	whole  map[types.UID]bool
	most   int // healthy pods
	told   map[string]int
	broken []Broken
}

// mostTold is how many cases of an invariant are told.
const mostTold = 3

func (c *checker) breaks(invariant string, at time.Time, format string, args ...any) {
	if c.told[invariant]++; c.told[invariant] <= mostTold {
		c.broken = append(c.broken, Broken{invariant, at, fmt.Sprintf(format, args...)})
	}
}

func (c *checker) see(e Event) {
	switch {
	case e.Node != nil && e.Gone:
		delete(c.nodes, e.Node.Name)
	case e.Node != nil:
		c.nodes[e.Node.Name] = e.Node
	case e.Budget != nil && e.Gone:
		delete(c.budgets, e.Budget.UID)
	case e.Budget != nil:
		c.budgets[e.Budget.UID] = e.Budget
	case e.Pod != nil:
		c.seePod(e)
	}
	c.checkBudgets(e.At)
}

func (c *checker) seePod(e Event) {
	before, now := c.pods[e.Pod.UID], e.Pod
	if before != nil && before.Spec.NodeName != "" && now.Spec.NodeName != before.Spec.NodeName {
		c.breaks(BoundOnce, e.At, "pod %s was on %s and is on %s", now.Name, before.Spec.NodeName, now.Spec.NodeName)
	}
	leaves := now.DeletionTimestamp != nil || e.Gone
	if leaves && (before == nil || before.DeletionTimestamp == nil) && !c.limits.End.IsZero() &&
		e.At.After(c.limits.End.Add(inFlight)) && e.At.Before(c.limits.Until) {
		c.breaks(Quiet, e.At, "pod %s is removed %s after it", now.Name, e.At.Sub(c.limits.End).Round(time.Millisecond))
	}
	if e.Gone {
		delete(c.pods, now.UID)
	} else {
		c.pods[now.UID] = now
	}
	if !c.limits.Stale && now.Status.Phase == corev1.PodFailed && now.Status.Reason != "" && now.Spec.SchedulerName == c.limits.Scheduler && (before == nil || before.Status.Phase != corev1.PodFailed) {
		c.breaks(NotRejected, e.At, "pod %s on %s: %s", now.Name, now.Spec.NodeName, now.Status.Reason)
	}
	if bound := now.Spec.NodeName != "" && (before == nil || before.Spec.NodeName == ""); bound && now.Spec.SchedulerName == c.limits.Scheduler {
		c.checkNode(e.At, now)
	}
	c.checkMissing(e.At)
}

// checkNode checks that the node of a pod that was just bound fits the pod.
func (c *checker) checkNode(at time.Time, pod *corev1.Pod) {
	node := c.nodes[pod.Spec.NodeName]
	if node == nil {
		c.breaks(Admitted, at, "pod %s is bound to %s, which does not exist", pod.Name, pod.Spec.NodeName)
		return
	}
	for name, value := range pod.Spec.NodeSelector {
		if node.Labels[name] != value {
			c.breaks(Admitted, at, "pod %s selects %s=%s, and %s has %q", pod.Name, name, value, node.Name, node.Labels[name])
		}
	}
	for _, taint := range node.Spec.Taints {
		// A taint that comes at this moment cannot be known yet.
		if taint.Effect == corev1.TaintEffectNoSchedule && taint.TimeAdded == nil && !tolerates(pod, taint) {
			c.breaks(Admitted, at, "pod %s does not tolerate %s of %s", pod.Name, taint.Key, node.Name)
		}
	}
	if !c.limits.Stale {
		c.checkRoom(at, pod, node)
	}
}

// checkRoom checks that all pods on the node fit together.
func (c *checker) checkRoom(at time.Time, pod *corev1.Pod, node *corev1.Node) {
	used := corev1.ResourceList{}
	pods := 0
	for _, other := range c.pods {
		if other.Spec.NodeName == node.Name && other.Status.Phase != corev1.PodSucceeded && other.Status.Phase != corev1.PodFailed {
			pods++
			for _, container := range other.Spec.Containers {
				for name, quantity := range container.Resources.Requests {
					sum := used[name]
					sum.Add(quantity)
					used[name] = sum
				}
			}
		}
	}
	used[corev1.ResourcePods] = *resource.NewQuantity(int64(pods), resource.DecimalSI)
	for name, quantity := range used {
		if has := node.Status.Allocatable[name]; quantity.Cmp(has) > 0 {
			c.breaks(HasRoom, at, "with pod %s, %s of %s of %s are requested", pod.Name, quantity.String(), has.String()+" "+string(name), node.Name)
		}
	}
}

func tolerates(pod *corev1.Pod, taint corev1.Taint) bool {
	for _, t := range pod.Spec.Tolerations {
		if (t.Key == "" || t.Key == taint.Key) && (t.Effect == "" || t.Effect == taint.Effect) && (t.Operator == corev1.TolerationOpExists || t.Value == taint.Value) {
			return true
		}
	}
	return false
}

// healthy reports whether a pod counts for a budget as the disruption controller counts.
func healthy(pod *corev1.Pod) bool {
	if pod.DeletionTimestamp != nil {
		return false
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// count returns the number of healthy pods that a selector matches.
func (c *checker) count(selector labels.Selector) int {
	n := 0
	for _, pod := range c.pods {
		if healthy(pod) && selector.Matches(labels.Set(pod.Labels)) {
			n++
		}
	}
	return n
}

// checkMissing checks how many of the pods that were once healthy at the same time are missing.
func (c *checker) checkMissing(at time.Time) {
	now := c.count(labels.Everything())
	c.most = max(c.most, now)
	if may := c.limits.AtOnce + c.limits.Others; c.limits.AtOnce > 0 && c.most-now > may {
		c.breaks(AtOnce, at, "%d of %d pods are missing, and %d may be", c.most-now, c.most, may)
	}
}

// checkBudgets checks budgets with a minimum of pods, or a maximum that may be missing.
func (c *checker) checkBudgets(at time.Time) {
	if !c.limits.Budgets {
		return
	}
	for uid, budget := range c.budgets {
		selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
		if err != nil {
			continue
		}
		desired := int(budget.Status.DesiredHealthy)
		if least := budget.Spec.MinAvailable; least != nil && least.Type == intstr.Int {
			desired = least.IntValue()
		}
		desired -= c.limits.Others
		now := c.count(selector)
		switch {
		case now >= desired && desired > 0:
			c.whole[uid] = true
		case c.whole[uid]:
			c.breaks(Budgets, at, "budget %s wants %d healthy pods, and there are %d", budget.Name, desired, now)
		}
	}
}

// Rejected returns the number of pods that nodes have rejected.
func Rejected(history History) int {
	pods := map[types.UID]bool{}
	for _, e := range history {
		if e.Pod != nil && e.Pod.Status.Phase == corev1.PodFailed && e.Pod.Status.Reason != "" {
			pods[e.Pod.UID] = true
		}
	}
	return len(pods)
}
