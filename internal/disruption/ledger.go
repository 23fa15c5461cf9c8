// Package disruption decides what may be disrupted, and is the only code that evicts. A Ledger
// says which evictions the PodDisruptionBudgets allow, without making requests. An Evictor
// requests one eviction at a time from the API server.
package disruption

import (
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
)

// Ledger knows what every PodDisruptionBudget allows in a snapshot of the cluster, minus what
// this run has evicted since. It makes no requests, and its results depend only on its inputs.
// It is not safe for concurrent use.
type Ledger struct {
	budgets     map[types.NamespacedName]*budget
	byNamespace map[string][]*budget
	pods        map[types.UID]*entry
	nodes       map[string]*corev1.Node
	spent       map[types.UID]*spending
}

// entry is a pod of the snapshot with the budgets that select it.
type entry struct {
	pod      *corev1.Pod
	covering []*budget
}

// spending is an eviction of this run.
type spending struct {
	name string
	// charged are the budgets that it takes one disruption from and whose status may
	// not show that yet, with the resourceVersion that they had before.
	charged map[types.NamespacedName]string
}

// NewLedger returns the ledger of a picture, with all of its nodes: they tell pods that are
// starting from those that never will. Budgets that were just written should have been
// waited for, see WaitObserved: they allow nothing until then.
func NewLedger(budgets []*policyv1.PodDisruptionBudget, pods []*corev1.Pod, nodes []*corev1.Node) *Ledger {
	l := &Ledger{spent: map[types.UID]*spending{}}
	l.Update(budgets, pods, nodes)
	return l
}

// Update replaces the picture. Evictions of this run stay spent until the new picture
// shows them: until the pod is gone or terminating, and the budget has been written
// since. The objects are not changed, and must not be.
func (l *Ledger) Update(budgets []*policyv1.PodDisruptionBudget, pods []*corev1.Pod, nodes []*corev1.Node) {
	l.nodes = make(map[string]*corev1.Node, len(nodes))
	for _, node := range nodes {
		l.nodes[node.Name] = node
	}
	l.budgets = map[types.NamespacedName]*budget{}
	l.byNamespace = map[string][]*budget{}
	l.pods = make(map[types.UID]*entry, len(pods))
	l.Include(budgets, pods)
	for uid, s := range l.spent {
		if l.settle(uid, s) {
			delete(l.spent, uid)
		}
	}
}

// Include adds namespaces to the picture: all of their budgets and pods.
func (l *Ledger) Include(budgets []*policyv1.PodDisruptionBudget, pods []*corev1.Pod) {
	for _, pdb := range budgets {
		if b := newBudget(pdb); b != nil {
			l.budgets[b.key()] = b
			l.byNamespace[pdb.Namespace] = append(l.byNamespace[pdb.Namespace], b)
		}
	}
	for _, pod := range pods {
		e := &entry{pod: pod, covering: l.covering(pod)}
		l.pods[pod.UID] = e
		if _, gone := l.spent[pod.UID]; !gone {
			e.count(1)
		}
	}
}

// settle takes a spent eviction from the budgets that do not show it, and says
// whether the picture shows it everywhere.
func (l *Ledger) settle(uid types.UID, s *spending) bool {
	e := l.pods[uid]
	leaving := e == nil || e.pod.DeletionTimestamp != nil
	for key, version := range s.charged {
		b := l.budgets[key]
		if b == nil {
			delete(s.charged, key)
			continue
		}
		// The name alone proves nothing: the pod may have taken it over from one that
		// was evicted before. Nor does absence: pods and budgets are read at different
		// times. An eviction writes the budget first, so an unwritten one is older.
		_, listed := b.Status.DisruptedPods[s.name]
		switch {
		case b.ResourceVersion == version || !leaving && !listed:
			b.uncounted++
		case leaving:
			delete(s.charged, key)
		}
	}
	return leaving && len(s.charged) == 0
}

// Allowed returns how many more disruptions the budget allows now: the least of what
// its status says and what its spec and the readiness of the pods say, less what this
// run has spent and they do not show yet. A budget that the ledger does not know, or
// whose status is older than its spec, allows none.
func (l *Ledger) Allowed(name types.NamespacedName) int {
	b := l.budgets[name]
	if b == nil {
		return 0
	}
	return b.allowed()
}

// Spend records that the pod was evicted, or may have been: see Outcome.Spends.
func (l *Ledger) Spend(pod *corev1.Pod) {
	if _, known := l.spent[pod.UID]; known {
		return
	}
	s := &spending{name: pod.Name, charged: map[types.NamespacedName]string{}}
	if !l.May(pod).Rule.free() {
		for _, b := range l.covering(pod) {
			b.uncounted++
			s.charged[b.key()] = b.ResourceVersion
		}
	}
	if e := l.pods[pod.UID]; e != nil {
		e.count(-1)
	}
	l.spent[pod.UID] = s
}

// TakeBack takes back all that was spent since the picture, as if it had only been tried.
func (l *Ledger) TakeBack() {
	for uid, s := range l.spent {
		for key := range s.charged {
			if b := l.budgets[key]; b != nil {
				b.uncounted--
			}
		}
		if e := l.pods[uid]; e != nil {
			e.count(1)
		}
	}
	clear(l.spent)
}

// covering returns the budgets that select the pod.
func (l *Ledger) covering(pod *corev1.Pod) []*budget {
	var covering []*budget
	for _, b := range l.byNamespace[pod.Namespace] {
		if b.selector.Matches(labels.Set(pod.Labels)) {
			covering = append(covering, b)
		}
	}
	return covering
}

// count adds the pod to the healthy ones of its budgets, or takes it from them.
func (e *entry) count(by int) {
	for _, b := range e.covering {
		if b.countsAsHealthy(e.pod) {
			b.healthy += by
		}
	}
}
