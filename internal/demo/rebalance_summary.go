package demo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/playground/observe"
	"github.com/stowage-k8s/stowage/internal/report"
)

// rebalancing is what came of the act.
type rebalancing struct {
	// scenes are the cluster before and after: the last two are before and after the
	// descheduler's run.
	scenes      []scene
	run, second descheduling
	watched     *availability
}

// scene is the cluster at one time.
type scene struct {
	title string
	skew  skew
	// used is how much cpu is requested of each node without taints, in percent.
	used []float64
	// running counts the replicas that run and are not on their way out.
	running int
	// at counts the replicas by workload and zone.
	at map[string]map[string]int
}

// skew says how unevenly cpu is requested over the nodes that take any pod.
type skew struct {
	nodes, empty int
	// mean, deviation and fullest are in percent of what a node has; the deviation is
	// the standard one.
	mean, deviation, fullest float64
}

// scene waits until all replicas run, or nothing changes any more, and looks at the
// cluster.
func (d *demo) scene(ctx context.Context, title string, workloads []workload) (scene, error) {
	pods, begin := 0, time.Now()
	for _, w := range workloads {
		pods += w.pods
	}
	for {
		allRun, err := d.watch(ctx, begin, workloads, func(c observe.Counts) bool { return c.InState(observe.Running) == pods && c.Total() == pods })
		if err != nil {
			return scene{}, err
		}
		snapshot, err := cluster.Take(ctx, d.client)
		if err != nil {
			return scene{}, err
		}
		s := d.sceneOf(title, snapshot)
		// The observer may be behind, and count pods that are gone already.
		if !allRun || s.running == pods {
			return s, nil
		}
	}
}

func (d *demo) sceneOf(title string, snapshot *cluster.Snapshot) scene {
	counted := d.count(title, snapshot)
	s := scene{title: title, skew: skewOf(snapshot), used: utilisation(snapshot, untainted), at: map[string]map[string]int{}}
	for app, places := range counted.at {
		s.at[app] = map[string]int{}
		for p, n := range places {
			s.at[app][p.zone] += n
		}
		s.running += counted.running[app]
	}
	return s
}

func skewOf(snapshot *cluster.Snapshot) skew {
	var used []float64
	s := skew{}
	sum := 0.0
	for i, free := range snapshot.Free() {
		node := snapshot.Nodes[i]
		has := cluster.Allocatable(node)[corev1.ResourceCPU]
		if !untainted(node) || has == 0 {
			continue
		}
		requested := has - free[corev1.ResourceCPU]
		percentage := 100 * float64(requested) / float64(has)
		used = append(used, percentage)
		sum += percentage
		s.fullest = max(s.fullest, percentage)
		if requested == 0 {
			s.empty++
		}
	}
	if s.nodes = len(used); s.nodes == 0 {
		return s
	}
	s.mean = sum / float64(s.nodes)
	squares := 0.0
	for _, percentage := range used {
		squares += (percentage - s.mean) * (percentage - s.mean)
	}
	s.deviation = math.Sqrt(squares / float64(s.nodes))
	return s
}

// beforeAndAfter returns the scenes before and after the descheduler's run.
func (r rebalancing) beforeAndAfter() (before, after scene) {
	return r.scenes[len(r.scenes)-2], r.scenes[len(r.scenes)-1]
}

// verdict returns what is wrong with the outcome.
func (r rebalancing) verdict(workloads []workload) error {
	errs := r.watched.broken(workloads)
	if before, after := r.beforeAndAfter(); after.skew.deviation >= before.skew.deviation {
		errs = append(errs, fmt.Errorf("the standard deviation of requested cpu did not fall: %.1f points before, %.1f after", before.skew.deviation, after.skew.deviation))
	}
	return errors.Join(errs...)
}

// summary shows the result.
func (r rebalancing) summary(workloads []workload) string {
	return fmt.Sprintf("\nCPU requests on nodes without taints, in percent of allocatable\n%s"+
		"\nReplicas during the run of stowage-descheduler, and by zone\n%s\n%s", report.Table(r.skewRows()), report.Table(r.workloadRows(workloads)), r.carried())
}

func (r rebalancing) skewRows() [][]string {
	rows := [][]string{{"", "nodes", "empty", "mean", "standard deviation", "fullest"}}
	for _, s := range r.scenes {
		rows = append(rows, []string{s.title, strconv.Itoa(s.skew.nodes), strconv.Itoa(s.skew.empty),
			fmt.Sprintf("%.1f %%", s.skew.mean), fmt.Sprintf("%.1f points", s.skew.deviation), fmt.Sprintf("%.1f %%", s.skew.fullest)})
	}
	return rows
}

// carried says how many evictions there were, and what a second plan says.
func (r rebalancing) carried() string {
	var b strings.Builder
	carried := r.run.Summary.Carried
	fmt.Fprintf(&b, "%s in %s, %d of them by a stand-in that is ready before the pod goes: %s no better than before, %d back on the old node\n",
		report.Count(carried.Evicted, "move"), report.Count(r.run.Result.Waves, "wave"), carried.ByStandIn, report.Count(carried.Useless, "replacement"), carried.Returned)
	if second := r.second.Summary; second.Moves == 0 {
		fmt.Fprintf(&b, "A second plan has nothing to do: %s not moved\n", report.Count(second.Staying, "candidate"))
	} else {
		fmt.Fprintf(&b, "A second plan: %s\n", second.Headline)
	}
	return b.String()
}

func (r rebalancing) workloadRows(workloads []workload) [][]string {
	before, after := r.beforeAndAfter()
	zones := sets.New[string]()
	for _, w := range workloads {
		zones = zones.Union(sets.KeySet(before.at[w.app])).Union(sets.KeySet(after.at[w.app]))
	}
	sorted := sets.List(zones)
	rows := [][]string{append([]string{"", "replicas", "evicted", "by stand-in", "lowest ready", "budget requires"}, sorted...)}
	for _, w := range workloads {
		h := r.watched.of(w.app)
		row := append([]string{w.app}, figures(w.pods, h.evicted, h.moved, h.lowest, h.budget)...)
		for _, zone := range sorted {
			row = append(row, fmt.Sprintf("%d → %d", before.at[w.app][zone], after.at[w.app][zone]))
		}
		rows = append(rows, row)
	}
	return rows
}
