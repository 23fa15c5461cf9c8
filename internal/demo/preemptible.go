package demo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/report"
)

// noticeTaint is what an autoscaler puts on nodes that it is about to take away.
var noticeTaint = corev1.Taint{Key: "karpenter.sh/disrupted", Effect: corev1.TaintEffectNoSchedule}

// again ends the names of nodes that have come back: as from any platform, they are
// new ones. KWOK may lose a node that goes and comes under one name.
const again = "-again"

// policies are the limits of the act's workloads, as their manifests and the shipped
// profile have them: the most replicas on preemptible nodes, worked out by hand.
var policies = map[string]struct {
	said string
	most int
}{
	"shop":  {"no policy: the profile's limit, 67% of 60", 40},
	"queue": {"prefers preemptible nodes: at most 50% of 24, and at least 10 on demand", 12},
}

// preempt is the act of the preemptible nodes: a group of them is taken away under
// running workloads, and comes back.
func (d *demo) preempt(ctx context.Context) error {
	d.live.Println("\nRemoving preemptible nodes")
	if err := d.clear(ctx); err != nil {
		return err
	}
	other, workloads, err := loadWorkloads("preemptible")
	if err != nil {
		return err
	}
	if err := d.applier.Apply(ctx, other...); err != nil {
		return err
	}
	for _, w := range workloads {
		if err := d.applier.Apply(ctx, w.object); err != nil {
			return err
		}
	}
	var stages []stage
	for _, step := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"placed", func(context.Context) error { return nil }},
		{"preemptible nodes removed", d.takeAway},
		{"returned, and workloads restarted", func(ctx context.Context) error { return d.giveBack(ctx, workloads) }},
	} {
		if err := step.do(ctx); err != nil {
			return err
		}
		s, err := d.settle(ctx, step.title, workloads)
		if err != nil {
			return err
		}
		stages = append(stages, s)
		d.laps.Lap("two workloads with preemptible replicas: %s", step.title)
	}
	d.live.Println(preemptSummary(workloads, stages))
	d.tell(pageOfPreemption(workloads, stages))
	var errs []error
	for _, s := range stages {
		errs = append(errs, s.verdict(workloads))
	}
	return errors.Join(errs...)
}

// stage is where the replicas of the workloads are at one time.
type stage struct {
	title string
	// at counts them by workload, kind of node and zone.
	at map[string]map[place]int
	// running counts those that run and are not on their way out.
	running map[string]int
}

// place is a kind of node in a zone.
type place struct {
	preemptible bool
	zone        string
}

// settle waits until all replicas run and none is on its way out, and counts them.
func (d *demo) settle(ctx context.Context, title string, workloads []workload) (stage, error) {
	begin := time.Now()
	var s stage
	err := wait.PollUntilContextCancel(ctx, refresh, true, func(ctx context.Context) (bool, error) {
		snapshot, err := cluster.Take(ctx, d.client)
		if err != nil {
			return false, err
		}
		s = d.count(title, snapshot)
		var line []string
		settled := true
		for _, w := range workloads {
			settled = settled && s.running[w.app] == w.pods && s.total(w.app) == w.pods
			line = append(line, fmt.Sprintf("%s %d/%d Running", w.app, s.running[w.app], w.pods))
		}
		d.live.Show(fmt.Sprintf("%s: %s", title, strings.Join(line, "   ")))
		return settled || time.Since(begin) > 2*stall, nil
	})
	return s, err
}

// count counts the replicas by where they are. Those on their way out count for
// nothing but that they are still there.
func (d *demo) count(title string, snapshot *cluster.Snapshot) stage {
	places, preemptible := map[string]place{}, d.preemptible()
	for _, node := range snapshot.Nodes {
		places[node.Name] = place{preemptible: preemptible.Has(strings.TrimSuffix(node.Name, again)), zone: node.Labels[corev1.LabelTopologyZone]}
	}
	s := stage{title: title, at: map[string]map[place]int{}, running: map[string]int{}}
	for _, pod := range snapshot.Pods {
		app := pod.Labels["app"]
		if pod.Namespace != namespace || !cluster.Holds(pod) {
			continue
		}
		if s.at[app] == nil {
			s.at[app] = map[place]int{}
		}
		s.at[app][places[pod.Spec.NodeName]]++
		if pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
			s.running[app]++
		}
	}
	return s
}

func (s stage) total(app string) int {
	n := 0
	for _, count := range s.at[app] {
		n += count
	}
	return n
}

// preemptibleCount returns how many replicas are on preemptible nodes.
func (s stage) preemptibleCount(app string) int {
	n := 0
	for p, count := range s.at[app] {
		if p.preemptible {
			n += count
		}
	}
	return n
}

// verdict returns what is wrong with a stage.
func (s stage) verdict(workloads []workload) error {
	var errs []error
	for _, w := range workloads {
		if s.running[w.app] != w.pods {
			errs = append(errs, fmt.Errorf("%s: %d of %d replicas of %s are running", s.title, s.running[w.app], w.pods, w.app))
		}
		if got, most := s.preemptibleCount(w.app), policies[w.app].most; got > most {
			errs = append(errs, fmt.Errorf("%s: %d replicas of %s are on preemptible nodes, but the limit is %d", s.title, got, w.app, most))
		}
	}
	return errors.Join(errs...)
}

// preemptible returns the names of the pool's preemptible nodes.
func (d *demo) preemptible() sets.Set[string] {
	names := sets.New[string]()
	for _, node := range d.pool.PreemptibleNodes() {
		names.Insert(node.Name)
	}
	return names
}

// takeAway does what a platform does with preemptible nodes that it wants back: it
// gives notice, has their pods evicted, and deletes them.
func (d *demo) takeAway(ctx context.Context) error {
	names := d.preemptible()
	nodes := d.client.CoreV1().Nodes()
	for name := range names {
		node, err := nodes.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("adding the termination notice: %w", err)
		}
		node.Spec.Taints = append(node.Spec.Taints, noticeTaint)
		if _, err := nodes.Update(ctx, node, metav1.UpdateOptions{}); err != nil {
			return fmt.Errorf("adding the termination notice: %w", err)
		}
	}
	if err := d.evictFrom(ctx, names); err != nil {
		return err
	}
	for name := range names {
		if err := nodes.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			return fmt.Errorf("removing a node: %w", err)
		}
	}
	return nil
}

// evictFrom evicts all pods from the nodes, and waits until they are gone.
func (d *demo) evictFrom(ctx context.Context, names sets.Set[string]) error {
	return wait.PollUntilContextCancel(ctx, refresh, true, func(ctx context.Context) (bool, error) {
		pods, err := d.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		left := 0
		for _, pod := range pods.Items {
			if !names.Has(pod.Spec.NodeName) {
				continue
			}
			left++
			if pod.DeletionTimestamp != nil {
				continue
			}
			eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace}, DeleteOptions: metav1.NewDeleteOptions(1)}
			if err := d.client.CoreV1().Pods(namespace).EvictV1(ctx, eviction); err != nil && !apierrors.IsNotFound(err) {
				return false, fmt.Errorf("evicting %s: %w", pod.Name, err)
			}
		}
		d.live.Show(fmt.Sprintf("%d preemptible nodes have a termination notice: %d pods remain on them", names.Len(), left))
		return left == 0, nil
	})
}

// giveBack creates the preemptible nodes anew, and rolls the workloads out so that
// they may use them.
func (d *demo) giveBack(ctx context.Context, workloads []workload) error {
	for _, node := range d.pool.PreemptibleNodes() {
		node.Name += again
		node.Labels[corev1.LabelHostname] = node.Name
		if _, err := d.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("restoring a node: %w", err)
		}
	}
	for _, w := range workloads {
		renewed := w.object.DeepCopy()
		if err := unstructured.SetNestedField(renewed.Object, "2", "spec", "template", "metadata", "labels", "revision"); err != nil {
			return err
		}
		if err := d.applier.Apply(ctx, renewed); err != nil {
			return err
		}
	}
	return d.rolledOut(ctx, workloads)
}

// rolledOut waits until every pod is of the second revision.
func (d *demo) rolledOut(ctx context.Context, workloads []workload) error {
	all := 0
	for _, w := range workloads {
		all += w.pods
	}
	return wait.PollUntilContextCancel(ctx, refresh, true, func(ctx context.Context) (bool, error) {
		pods, err := d.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "revision=2"})
		if err != nil {
			return false, err
		}
		d.live.Show(fmt.Sprintf("the nodes have returned, restarting workloads: %d/%d pods replaced", len(pods.Items), all))
		return len(pods.Items) >= all, nil
	})
}

// preemptSummary shows the stages of each workload.
func preemptSummary(workloads []workload, stages []stage) string {
	var b strings.Builder
	for _, w := range workloads {
		fmt.Fprintf(&b, "\nReplicas of %s (%s)\n%s", w.app, policies[w.app].said, report.Table(preemptRows(w, stages)))
	}
	b.WriteString("\nzone-…  replicas on on-demand + preemptible nodes in that zone\n")
	return b.String()
}

// preemptRows has a row for each stage of a workload.
func preemptRows(w workload, stages []stage) [][]string {
	zones := sets.New[string]()
	for _, s := range stages {
		for _, at := range s.at {
			for p := range at {
				zones.Insert(p.zone)
			}
		}
	}
	sorted := sets.List(zones)
	header := []string{"", "Running", "on demand", "at least", "preemptible", "at most"}
	rows := [][]string{append(header, sorted...)}
	for _, s := range stages {
		preemptible, most := s.preemptibleCount(w.app), policies[w.app].most
		row := []string{s.title, strconv.Itoa(s.running[w.app]), strconv.Itoa(s.total(w.app) - preemptible), strconv.Itoa(w.pods - most), strconv.Itoa(preemptible), strconv.Itoa(most)}
		for _, zone := range sorted {
			row = append(row, fmt.Sprintf("%d + %d", s.at[w.app][place{false, zone}], s.at[w.app][place{true, zone}]))
		}
		rows = append(rows, row)
	}
	return rows
}
