package karpentertest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/playground/karpenter"
)

// limits are how many replicas of a workload may be on nodes of each kind at any moment, those
// on their way out left out.
type limits struct{ spot, onDemand int }

// watcher follows all nodes and pods. It knows nothing of how limits are kept: it counts what
// is on nodes, by their labels.
type watcher struct {
	mu    sync.Mutex
	nodes map[string]*corev1.Node
	pods  map[types.UID]*corev1.Pod
	// places are those that are looked at, by their namespaces.
	places map[string]*place
}

// place is a namespace and the pool that its pods get nodes of.
type place struct {
	pool   string
	limits limits
	// changed is when a pod or a node was created or deleted last.
	changed time.Time
	broken  []string
}

func newWatcher() *watcher {
	return &watcher{nodes: map[string]*corev1.Node{}, pods: map[types.UID]*corev1.Pod{}, places: map[string]*place{}}
}

// look begins to look at a namespace and a pool. The workload that the limits are of has the
// label app: web.
func (w *watcher) look(namespace, pool string, l limits) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.places[namespace] = &place{pool: pool, limits: l, changed: time.Now()}
}

func (w *watcher) node(was, is *corev1.Node) {
	w.mu.Lock()
	defer w.mu.Unlock()
	node := cmp.Or(is, was)
	if is == nil {
		delete(w.nodes, node.Name)
	} else {
		w.nodes[node.Name] = is
	}
	for namespace, p := range w.places {
		if node.Labels[karpenter.PoolLabel] != p.pool {
			continue
		}
		if was == nil || is == nil {
			p.changed = time.Now()
		}
		w.check(namespace, p)
	}
}

func (w *watcher) pod(was, is *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	pod := cmp.Or(is, was)
	if is == nil {
		delete(w.pods, pod.UID)
	} else {
		w.pods[pod.UID] = is
	}
	if p := w.places[pod.Namespace]; p != nil {
		if was == nil || is == nil {
			p.changed = time.Now()
		}
		w.check(pod.Namespace, p)
	}
}

// check takes note where a limit is broken.
func (w *watcher) check(namespace string, p *place) {
	spot, onDemand := w.count(namespace)
	if spot <= p.limits.spot && onDemand <= p.limits.onDemand {
		return
	}
	broken := fmt.Sprintf("%d replicas on spot nodes and %d on others, of %d and %d at most", spot, onDemand, p.limits.spot, p.limits.onDemand)
	if len(p.broken) == 0 || p.broken[len(p.broken)-1] != broken {
		p.broken = append(p.broken, broken)
	}
}

// count counts the workload's replicas on spot nodes and on others. Those on nodes that have
// not been heard of yet are counted when they are.
func (w *watcher) count(namespace string) (spot, onDemand int) {
	for _, pod := range w.pods {
		node := w.nodes[pod.Spec.NodeName]
		switch {
		case pod.Namespace != namespace || pod.Labels[appLabel] != web || node == nil || pod.DeletionTimestamp != nil:
		case node.Labels[karpenter.CapacityTypeLabel] == karpenter.Spot:
			spot++
		default:
			onDemand++
		}
	}
	return spot, onDemand
}

// view is what a case looks like at a moment.
type view struct {
	// pods is how many there are, running how many of them run and stay.
	pods, running int
	nodes         []string
	// idle is how many nodes have no pods.
	idle           int
	spot, onDemand int
	broken         []string
	// quiet is for how long no pod and no node has been created or deleted.
	quiet time.Duration
	// nodesOf are the nodes of each workload's pods.
	nodesOf map[string][]string
	text    string
}

func (w *watcher) view(namespace string) view {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.places[namespace]
	v := view{broken: slices.Clone(p.broken), quiet: time.Since(p.changed), nodesOf: map[string][]string{}}
	v.spot, v.onDemand = w.count(namespace)
	on := map[string][]string{}
	for _, pod := range w.pods {
		if pod.Namespace != namespace {
			continue
		}
		v.pods++
		app := pod.Labels[appLabel]
		on[pod.Spec.NodeName] = append(on[pod.Spec.NodeName], app+" "+stateOf(pod))
		if pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
			v.running++
			v.nodesOf[app] = append(v.nodesOf[app], pod.Spec.NodeName)
		}
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(w.nodes)) {
		node := w.nodes[name]
		if node.Labels[karpenter.PoolLabel] != p.pool {
			continue
		}
		v.nodes = append(v.nodes, name)
		if len(on[name]) == 0 {
			v.idle++
		}
		lines = append(lines, fmt.Sprintf("%s %s node %s: %s", node.Labels[karpenter.CapacityTypeLabel], node.Labels[corev1.LabelInstanceTypeStable], name, tally(on[name])))
	}
	lines = append(lines, "no node: "+tally(on[""]))
	v.text = fmt.Sprintf("%d of %d pods Running on %d nodes, %d of them without pods, nothing created or deleted for %s\n  %s",
		v.running, v.pods, len(v.nodes), v.idle, v.quiet.Round(time.Second), strings.Join(lines, "\n  "))
	return v
}

// stateOf says how far a pod has come, and why no farther.
func stateOf(pod *corev1.Pod) string {
	state := string(pod.Status.Phase)
	if pod.DeletionTimestamp != nil {
		state = "Terminating"
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			state += " (" + c.Reason + ": " + c.Message + ")"
		}
	}
	return state
}

// tally says how many there are of each.
func tally(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	slices.Sort(list)
	var parts []string
	for i := 0; i < len(list); {
		n := 1
		for i+n < len(list) && list[i+n] == list[i] {
			n++
		}
		parts = append(parts, fmt.Sprintf("%d × %s", n, list[i]))
		i += n
	}
	return strings.Join(parts, ", ")
}

// trim keeps what is looked at.
func trim(obj any) (any, error) {
	if o, is := obj.(metav1.Object); is {
		o.SetManagedFields(nil)
	}
	return obj, nil
}
