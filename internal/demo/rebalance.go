package demo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/playground/pool"
)

const (
	// anew ends the names of the nodes that come back in this act: see again.
	anew = "-anew"
	// sizedFor is the cpu that the workloads of an act are sized for, in millicores: that of
	// the default pool's nodes without taints.
	sizedFor = 470 * 16 * 1000
	// rebalancePolicy is the descheduler's policy, within config.
	rebalancePolicy = "demo/rebalance/descheduler/policy.yaml"
)

// rebalance is the act of the descheduler: all nodes of a zone die and come back, which
// leaves them empty, and the descheduler brings workloads back to them.
func (d *demo) rebalance(ctx context.Context) error {
	zone, ok := lastZone(d.pool)
	if !ok {
		d.live.Println("\nSkipping the descheduler: the pool has a single zone, and this step takes a zone down")
		return nil
	}
	d.live.Println(fmt.Sprintf("\nTaking down %s, and rebalancing with stowage-descheduler when it returns", zone))
	workloads, err := d.prepare(ctx, "rebalance")
	if err != nil {
		return err
	}
	for _, w := range workloads {
		if err := d.applier.Apply(ctx, w.object); err != nil {
			return err
		}
	}
	var scenes []scene
	for _, step := range []struct {
		title string
		do    func(context.Context) error
	}{
		{"placed", func(context.Context) error { return nil }},
		{zone + " gone", func(ctx context.Context) error { return d.loseZone(ctx, zone) }},
		{zone + " back", func(ctx context.Context) error { return d.returnZone(ctx, zone) }},
	} {
		if err := step.do(ctx); err != nil {
			return err
		}
		s, err := d.scene(ctx, step.title, workloads)
		if err != nil {
			return err
		}
		scenes = append(scenes, s)
		d.laps.Lap("%d workloads with disruption budgets: %s", len(workloads), step.title)
	}
	r, err := d.deschedule(ctx, workloads)
	if err != nil {
		return err
	}
	s, err := d.scene(ctx, "rebalanced", workloads)
	if err != nil {
		return err
	}
	r.scenes = append(scenes, s)
	if r.second, err = d.descheduler(ctx, "planning again", "plan", "--cooldown", "0"); err != nil {
		return err
	}
	d.laps.Lap("a second plan")
	d.live.Println(r.summary(workloads))
	d.tell(pageOfRebalancing(r, workloads))
	var left outcome
	if err := d.measure(ctx, workloads, &left); err != nil {
		return err
	}
	return errors.Join(left.verdict(), r.verdict(workloads))
}

// prepare applies what an act needs but for its workloads, which it returns in a size that
// the pool can bear.
func (d *demo) prepare(ctx context.Context, act string) ([]workload, error) {
	if err := d.clear(ctx); err != nil {
		return nil, err
	}
	other, workloads, err := loadWorkloads(act)
	if err != nil {
		return nil, err
	}
	if err := d.applier.Apply(ctx, other...); err != nil {
		return nil, err
	}
	size := float64(untaintedCPU(d.pool.Nodes())) / sizedFor
	for i := range workloads {
		if workloads[i], err = workloads[i].sized(size); err != nil {
			return nil, err
		}
	}
	return workloads, nil
}

// sized returns the workload with so many times the replicas, three at least: one for
// each zone. A single replica stays single.
func (w workload) sized(size float64) (workload, error) {
	if w.pods == 1 {
		return w, nil
	}
	w.object, w.pods = w.object.DeepCopy(), max(3, int(math.Round(size*float64(w.pods))))
	err := unstructured.SetNestedField(w.object.Object, int64(w.pods), "spec", replicaFields[w.object.GetKind()])
	return w, err
}

// untaintedCPU returns the cpu of the nodes that take any pod, in millicores.
func untaintedCPU(nodes []*corev1.Node) int64 {
	var total int64
	for _, node := range nodes {
		if untainted(node) {
			total += cluster.Allocatable(node)[corev1.ResourceCPU]
		}
	}
	return total
}

// untainted says whether a node takes any pod: the act is about those that do.
func untainted(node *corev1.Node) bool {
	return !slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Effect != corev1.TaintEffectPreferNoSchedule })
}

// lastZone returns the last zone by name of the pool's nodes that take any pod, if they
// are in more than one.
func lastZone(p *pool.Pool) (zone string, ok bool) {
	zones := sets.New[string]()
	for _, node := range p.Nodes() {
		if untainted(node) {
			zones.Insert(node.Labels[corev1.LabelTopologyZone])
			zone = max(zone, node.Labels[corev1.LabelTopologyZone])
		}
	}
	return zone, zones.Len() > 1
}

// loseZone does what becomes of a zone that dies: its nodes are deleted, and then their
// pods, as the pod garbage collector deletes them. No budget is asked.
func (d *demo) loseZone(ctx context.Context, zone string) error {
	ofZone := metav1.ListOptions{LabelSelector: corev1.LabelTopologyZone + "=" + zone}
	nodes, err := d.client.CoreV1().Nodes().List(ctx, ofZone)
	if err != nil {
		return fmt.Errorf("taking down %s: %w", zone, err)
	}
	lost := sets.New[string]()
	for _, node := range nodes.Items {
		lost.Insert(node.Name)
	}
	if err := d.client.CoreV1().Nodes().DeleteCollection(ctx, metav1.DeleteOptions{}, ofZone); err != nil {
		return fmt.Errorf("taking down %s: %w", zone, err)
	}
	pods := d.client.CoreV1().Pods(namespace)
	return wait.PollUntilContextCancel(ctx, refresh, true, func(ctx context.Context) (bool, error) {
		list, err := pods.List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		left := 0
		for _, pod := range list.Items {
			if !lost.Has(pod.Spec.NodeName) {
				continue
			}
			left++
			err := pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0), Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
			if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
				return false, fmt.Errorf("deleting %s with its node: %w", pod.Name, err)
			}
		}
		d.live.Show(fmt.Sprintf("%s is down: %d nodes, and %d pods remain on them", zone, lost.Len(), left))
		return left == 0, nil
	})
}

// returnZone creates the nodes of a zone anew and waits until they are Ready.
func (d *demo) returnZone(ctx context.Context, zone string) error {
	for _, node := range d.pool.Nodes() {
		if node.Labels[corev1.LabelTopologyZone] != zone {
			continue
		}
		node.Name += anew
		node.Labels[corev1.LabelHostname] = node.Name
		if _, err := d.client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("restoring a node: %w", err)
		}
	}
	return wait.PollUntilContextCancel(ctx, refresh, true, func(context.Context) (bool, error) {
		counts := d.observer.Counts()
		d.live.Show(fmt.Sprintf("%s has returned: %d of %d nodes Ready", zone, counts.NodesReady, d.pool.Size()))
		return counts.NodesReady == d.pool.Size(), nil
	})
}

// deschedule has the descheduler show its plan and carry it out, under the eyes of a
// watcher that knows nothing of it.
func (d *demo) deschedule(ctx context.Context, workloads []workload) (rebalancing, error) {
	policy, err := fs.ReadFile(config.Demo, rebalancePolicy)
	if err != nil {
		return rebalancing{}, err
	}
	if err := os.WriteFile(d.besidePlayground(deschedulerProgram+"-policy.yaml"), policy, 0o600); err != nil {
		return rebalancing{}, fmt.Errorf("writing the descheduler's policy: %w", err)
	}
	planned, err := d.descheduler(ctx, "planning", "plan")
	if err != nil {
		return rebalancing{}, err
	}
	d.laps.Lap("stowage-descheduler plan")
	d.live.Println(planned.planned())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := rebalancing{}
	if r.watched, err = watchAvailability(ctx, d.client, workloads); err != nil {
		return r, err
	}
	begin := time.Now()
	show := func() { d.live.Show(r.watched.table(workloads, time.Since(begin))) }
	if r.run, err = d.runDescheduler(ctx, show, "run"); err != nil {
		return r, err
	}
	show()
	d.live.Keep()
	d.laps.Lap("stowage-descheduler run: %s", r.run.Summary.Headline)
	return r, nil
}

// besidePlayground returns the path of a file that goes with the playground.
func (d *demo) besidePlayground(name string) string {
	return filepath.Join(filepath.Dir(d.play.Kubeconfig), name)
}
