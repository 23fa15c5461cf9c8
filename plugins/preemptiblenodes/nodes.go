package preemptiblenodes

import (
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/plugins/internal/changes"
)

// pool is a set of preemptible nodes that are likely to be removed together, because
// platforms reclaim capacity by zone and instance type.
type pool struct {
	zone, instanceType string
}

// nodeFacts are the relevant properties of a node.
type nodeFacts struct {
	preemptible, notified bool
	pool                  pool
	// replicas are the pods on it, by their direct controller.
	replicas map[types.UID]int
}

// tally is the number of replicas of a controller by kind of node and pool.
type tally struct {
	preemptible, onDemand int
	pools                 map[pool]int
}

// nodeIndex tracks the facts of all nodes and the tallies of all controllers in the
// scheduler's snapshot, including assumed pods.
type nodeIndex struct {
	recognizer preemptible.Recognizer

	mu sync.Mutex
	// facts is read without the lock while a pod is scheduled: it does not change then,
	// because the engine schedules one pod at a time.
	facts    map[string]*nodeFacts
	tallies  map[types.UID]*tally
	notified int
}

var _ changes.Subscriber = &nodeIndex{}

// newNodeIndex returns the index of the feed's snapshot. Profiles with the same labels and
// taints share one.
func newNodeIndex(feed *changes.Feed, r preemptible.Recognizer) *nodeIndex {
	return changes.Shared(feed, fmt.Sprint(r), func() *nodeIndex {
		return &nodeIndex{recognizer: r, facts: map[string]*nodeFacts{}, tallies: map[types.UID]*tally{}}
	})
}

// Changed replaces the facts of a node.
func (x *nodeIndex) Changed(_ int, node fwk.NodeInfo) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.set(node.Node().Name, x.factsOf(node))
}

// Gone removes a node.
func (x *nodeIndex) Gone(_ int, name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.set(name, nil)
}

// factsOf returns the facts of a node. Pods that are being deleted do not count, so that
// their replacements fit within the limit.
func (x *nodeIndex) factsOf(node fwk.NodeInfo) *nodeFacts {
	object := node.Node()
	f := &nodeFacts{
		preemptible: x.recognizer.Preemptible(object),
		notified:    x.recognizer.Notified(object),
		replicas:    map[types.UID]int{},
	}
	if f.preemptible {
		f.pool = pool{zone: object.Labels[corev1.LabelTopologyZone], instanceType: object.Labels[corev1.LabelInstanceTypeStable]}
	}
	for _, info := range node.GetPods() {
		if uid := controllerOf(info.GetPod()); uid != "" && counts(info.GetPod()) {
			f.replicas[uid]++
		}
	}
	return f
}

// counts reports whether a pod is a replica that remains.
func counts(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// set replaces the facts of a node; nil deletes them.
func (x *nodeIndex) set(name string, now *nodeFacts) {
	if before, known := x.facts[name]; known {
		x.add(before, -1)
	}
	if now == nil {
		delete(x.facts, name)
		return
	}
	x.facts[name] = now
	x.add(now, 1)
}

func (x *nodeIndex) add(f *nodeFacts, sign int) {
	if f.notified {
		x.notified += sign
	}
	for uid, count := range f.replicas {
		t := x.tallies[uid]
		if t == nil {
			t = &tally{pools: map[pool]int{}}
			x.tallies[uid] = t
		}
		t.add(f, sign*count)
		if t.preemptible == 0 && t.onDemand == 0 {
			delete(x.tallies, uid)
		}
	}
}

// add adds replicas on a node with those facts.
func (t *tally) add(f *nodeFacts, count int) {
	if !f.preemptible {
		t.onDemand += count
		return
	}
	t.preemptible += count
	if t.pools[f.pool] += count; t.pools[f.pool] == 0 {
		delete(t.pools, f.pool)
	}
}

// tallyOf returns how many replicas of the controllers are where.
func (x *nodeIndex) tallyOf(controllers map[types.UID]bool) tally {
	x.mu.Lock()
	defer x.mu.Unlock()
	sum := tally{pools: map[pool]int{}}
	for uid := range controllers {
		if t := x.tallies[uid]; t != nil {
			sum.preemptible += t.preemptible
			sum.onDemand += t.onDemand
			for p, count := range t.pools {
				sum.pools[p] += count
			}
		}
	}
	return sum
}

// recount returns the same as tallyOf, from the pods on the nodes.
func (x *nodeIndex) recount(controllers map[types.UID]bool, nodes []fwk.NodeInfo) tally {
	sum := tally{pools: map[pool]int{}}
	for _, node := range nodes {
		facts := x.factsOf(node)
		for uid, count := range facts.replicas {
			if controllers[uid] {
				sum.add(facts, count)
			}
		}
	}
	return sum
}

func (t tally) clone() tally {
	t.pools = maps.Clone(t.pools)
	return t
}
