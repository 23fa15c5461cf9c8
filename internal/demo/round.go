package demo

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/playground/kubelet"
	"github.com/stowage-k8s/stowage/internal/playground/observe"
	"github.com/stowage-k8s/stowage/internal/report"
)

const (
	// refresh is how often the live table changes.
	refresh = 200 * time.Millisecond
	// stall is how long nothing may change before a round counts as over.
	stall = time.Minute
)

// outcome is what came of a round.
type outcome struct {
	// bound and running are when the last pod had got a node and was Running; 0
	// means never.
	bound, running time.Duration
	// missing counts the pods that no controller has created.
	missing int
	// byScheduler counts the pods with a node by their spec.schedulerName.
	byScheduler map[string]int
	// packing is about the pods of the workloads that ask for stowage in config/demo,
	// whoever placed them, all about every pod.
	packing, all cluster.Packing
	// notRunning and overlooked count pods that are not Running and those of them
	// that have no node though there is room.
	notRunning, overlooked int
	// refused counts the pods that their node had no room for, as it happens when
	// two schedulers choose it at the same moment; their controllers replaced them.
	refused int
	// used is how much cpu is requested of each node, in percent.
	used []float64
}

// round applies the workloads and waits until all pods run, or until nothing
// changes any more. Those that do not ask for stowage come first, as in a cluster
// into which it is introduced.
func (d *demo) round(ctx context.Context, workloads []workload) (outcome, error) {
	o := outcome{}
	begin := time.Now()
	watch := func(done func(observe.Counts) bool) (bool, error) { return d.watch(ctx, begin, workloads, done) }
	pods := 0
	for _, asking := range []bool{false, true} {
		for _, w := range workloads {
			if w.stowage != asking {
				continue
			}
			pods += w.pods
			if err := d.applier.Apply(ctx, w.object); err != nil {
				return o, err
			}
		}
		allBound, err := watch(func(c observe.Counts) bool { return c.InState(observe.Scheduled)+c.InState(observe.Running) >= pods })
		if err != nil {
			return o, err
		}
		if allBound && asking {
			o.bound = time.Since(begin)
		}
	}
	allRun, err := watch(func(c observe.Counts) bool { return c.InState(observe.Running) >= pods })
	if err != nil {
		return o, err
	}
	if allRun {
		o.running = time.Since(begin)
	}
	d.live.Keep()
	return o, d.measure(ctx, workloads, &o)
}

// watch shows how far the workloads have come until done says so, which is what it
// returns, or nothing changes any more.
func (d *demo) watch(ctx context.Context, begin time.Time, workloads []workload, done func(observe.Counts) bool) (bool, error) {
	changed, last, isDone := time.Now(), "", false
	err := wait.PollUntilContextCancel(ctx, refresh, true, func(context.Context) (bool, error) {
		counts := d.observer.Counts()
		if state := fmt.Sprint(counts.Pods); state != last {
			changed, last = time.Now(), state
		}
		d.live.Show(progressTable(workloads, counts, time.Since(begin)))
		isDone = done(counts)
		return isDone || time.Since(changed) > stall, nil
	})
	return isDone, err
}

// measure fills in the figures that take a look at the whole cluster.
func (d *demo) measure(ctx context.Context, workloads []workload, o *outcome) error {
	snapshot, err := cluster.Take(ctx, d.client)
	if err != nil {
		return err
	}
	stowage := map[string]bool{}
	for _, w := range workloads {
		stowage[w.app] = w.stowage
	}
	o.byScheduler = map[string]int{}
	for _, w := range workloads {
		o.missing += w.pods
	}
	for _, pod := range snapshot.Pods {
		if !cluster.Holds(pod) {
			if strings.HasPrefix(pod.Status.Reason, kubelet.ReasonPrefix) {
				o.refused++
			}
			continue
		}
		o.missing--
		if pod.Spec.NodeName != "" {
			o.byScheduler[pod.Spec.SchedulerName]++
		}
		if pod.Status.Phase != corev1.PodRunning {
			o.notRunning++
		}
	}
	o.used = utilisation(snapshot, func(*corev1.Node) bool { return true })
	o.overlooked = len(snapshot.Overlooked())
	o.packing = snapshot.Packing(func(pod *corev1.Pod) bool { return stowage[pod.Labels["app"]] })
	o.all = snapshot.Packing(func(*corev1.Pod) bool { return true })
	return nil
}

// verdict returns an error unless every pod that fits is Running.
func (o outcome) verdict() error {
	pending := o.all.Pods - o.all.Placed
	switch {
	case o.missing > 0:
		return fmt.Errorf("%d pods were never created", o.missing)
	case o.overlooked > 0:
		return fmt.Errorf("%d pods have no node although there is room for them", o.overlooked)
	case o.notRunning > pending:
		return fmt.Errorf("%d pods have a node but are not Running", o.notRunning-pending)
	default:
		return nil
	}
}

// progressTable shows how far the pods of each workload have come.
func progressTable(workloads []workload, counts observe.Counts, elapsed time.Duration) string {
	rows := [][]string{{"WORKLOAD", "SCHEDULER", "PODS", "PENDING", "SCHEDULED", "RUNNING"}}
	for _, w := range workloads {
		row := []string{strings.ToLower(w.object.GetKind()) + "/" + w.app, w.scheduler, strconv.Itoa(w.pods)}
		for _, state := range []observe.State{observe.Pending, observe.Scheduled, observe.Running} {
			row = append(row, strconv.Itoa(counts.Pods[observe.Group{App: w.app, Scheduler: w.scheduler, State: state}]))
		}
		rows = append(rows, row)
	}
	return fmt.Sprintf("%s%6.1fs", report.Table(rows), elapsed.Seconds())
}
