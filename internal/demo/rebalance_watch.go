package demo

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/playground/follow"
	"github.com/stowage-k8s/stowage/internal/playground/observe"
	"github.com/stowage-k8s/stowage/internal/report"
)

// appLabel is the label that pods are told apart by.
const appLabel = "app"

// health is how a workload fares.
type health struct {
	// ready is how many of its pods are ready, lowest the fewest that were.
	ready, lowest int
	// evicted counts its pods that were evicted, by the API server's word, and moved the stand-ins
	// that have taken the place of a pod.
	evicted, moved int
	// budget is how many are to be ready by its PodDisruptionBudget.
	budget int
}

// availability watches how workloads fare, whoever disrupts them.
type availability struct {
	mu        sync.Mutex
	workloads map[string]*health
}

// watchAvailability watches the workloads' pods from now on, until ctx ends. Each
// workload has a budget of its name.
func watchAvailability(ctx context.Context, client kubernetes.Interface, workloads []workload) (*availability, error) {
	a := &availability{workloads: map[string]*health{}}
	for _, w := range workloads {
		budget, err := budgetOf(ctx, client, w)
		if err != nil {
			return nil, fmt.Errorf("getting the disruption budget of %s: %w", w.app, err)
		}
		a.workloads[w.app] = &health{budget: budget}
	}
	ignore := func(_, _ *corev1.Node) {}
	if err := follow.NodesAndPods(ctx, client, follow.Changes{Node: ignore, Pod: a.change, Trim: trimToHealth}); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, h := range a.workloads {
		h.lowest, h.evicted = h.ready, 0 // from now on
	}
	return a, nil
}

// budgetOf returns how many pods the workload's budget asks for: what the disruption
// controller has worked out, which is what the API server goes by.
func budgetOf(ctx context.Context, client kubernetes.Interface, w workload) (int, error) {
	desired := 0
	err := wait.PollUntilContextTimeout(ctx, refresh, stall, true, func(ctx context.Context) (bool, error) {
		budget, err := client.PolicyV1().PodDisruptionBudgets(namespace).Get(ctx, w.app, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		desired = int(budget.Status.DesiredHealthy)
		return int(budget.Status.ExpectedPods) == w.pods, nil
	})
	return desired, err
}

func (a *availability) change(was, is *corev1.Pod) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.workloads[cmp.Or(is, was).Labels[appLabel]]
	if h == nil {
		return
	}
	if is != nil && observe.Available(is) {
		h.ready++
	}
	if was != nil && observe.Available(was) {
		h.ready--
		h.lowest = min(h.lowest, h.ready)
	}
	if is != nil && observe.Evicted(is) && (was == nil || !observe.Evicted(was)) {
		h.evicted++
	}
	if was != nil && is != nil && cluster.IsStandIn(was) && !cluster.IsStandIn(is) {
		h.moved++
	}
}

// of returns how a workload fares.
func (a *availability) of(app string) health {
	a.mu.Lock()
	defer a.mu.Unlock()
	return *a.workloads[app]
}

// broken returns an error for each workload that fell short of its budget.
func (a *availability) broken(workloads []workload) []error {
	var errs []error
	for _, w := range workloads {
		if h := a.of(w.app); h.lowest < h.budget {
			errs = append(errs, fmt.Errorf("%s had %d ready replicas at one time, but its budget requires %d", w.app, h.lowest, h.budget))
		}
	}
	return errs
}

// table shows how the workloads fare after so long.
func (a *availability) table(workloads []workload, elapsed time.Duration) string {
	rows := [][]string{{"WORKLOAD", "REPLICAS", "EVICTED", "BY STAND-IN", "READY", "LOWEST", "BUDGET ASKS FOR"}}
	for _, w := range workloads {
		h := a.of(w.app)
		rows = append(rows, append([]string{w.app}, figures(w.pods, h.evicted, h.moved, h.ready, h.lowest, h.budget)...))
	}
	return fmt.Sprintf("%s%6.1fs", report.Table(rows), elapsed.Seconds())
}

// figures writes numbers as cells of a table.
func figures(numbers ...int) []string {
	var cells []string
	for _, n := range numbers {
		cells = append(cells, strconv.Itoa(n))
	}
	return cells
}

// trimToHealth keeps of a pod what is counted.
func trimToHealth(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	trimmed := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion, DeletionTimestamp: pod.DeletionTimestamp,
		Labels: map[string]string{appLabel: pod.Labels[appLabel], cluster.StandInLabel: pod.Labels[cluster.StandInLabel]},
	}}
	trimmed.Status.Conditions = pod.Status.Conditions
	return trimmed, nil
}
