package tui

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// board is a picture as lists with their figures. What costs much and is only wanted of
// the rows that are shown, such as the ledger's verdicts, is left to them. Once made it
// does not change.
type board struct {
	ledger *disruption.Ledger
	// rows are those of each tab.
	rows [tabs][]row
	// availability is how many pods of each workload are ready, by target.WorkloadKey, bare
	// pods among them.
	availability map[string]availability
	// requests remembers what pods request: objects are never changed, so a pod that is
	// the same object requests the same.
	requests map[*corev1.Pod]amount
}

// availability is how many pods a workload wants, or -1 where that is not known, and how
// many are ready.
type availability struct{ desired, ready int }

// amount is millicores and bytes.
type amount struct{ cpu, memory int64 }

func (a *amount) add(b amount) { a.cpu += b.cpu; a.memory += b.memory }

// newBoard returns the board of a picture. The one before it, if any, makes it cheaper.
func newBoard(picture *target.Picture, before *board) *board {
	b := &board{
		ledger:       disruption.NewLedger(picture.Budgets, picture.Pods, picture.Nodes),
		availability: map[string]availability{},
		requests:     make(map[*corev1.Pod]amount, len(picture.Pods)),
	}
	l := newLister(picture)
	pods := make([]podRow, len(picture.Pods))
	b.rows[podTab] = make([]row, len(pods))
	for i, pod := range picture.Pods {
		pods[i] = podRow{pod: pod, workload: l.workload(pod)}
		b.rows[podTab][i] = &pods[i]
		if !cluster.Holds(pod) {
			continue
		}
		l.count(&pods[i], b.requested(pod, before))
		if w := pods[i].workload; w == nil {
			b.availability[target.WorkloadKey(nil, pod)] = availability{1, one(ready(pod))}
		}
	}
	l.addUp()
	for _, w := range l.workloads {
		b.availability[w.key()] = availability{w.Desired, w.ready}
	}
	b.rows[namespaceTab] = sorted(l.namespaces, (*namespaceRow).id)
	b.rows[zoneTab] = sorted(l.zones, (*zoneRow).id)
	b.rows[nodeTab] = sorted(l.nodes, (*nodeRow).id)
	b.rows[workloadTab] = sorted(l.workloads, func(w *workloadRow) string { return w.Namespace + "/" + w.Name + " " + w.Kind })
	for _, pdb := range picture.Budgets {
		b.rows[budgetTab] = append(b.rows[budgetTab], newBudgetRow(pdb))
	}
	return b
}

// requested returns what the pod requests.
func (b *board) requested(pod *corev1.Pod, before *board) amount {
	if before != nil {
		if a, known := before.requests[pod]; known {
			b.requests[pod] = a
			return a
		}
	}
	requests := cluster.Requests(pod)
	a := amount{requests[corev1.ResourceCPU], requests[corev1.ResourceMemory]}
	b.requests[pod] = a
	return a
}

// ready says whether the pod counts as available: ready, and not on its way out.
func ready(pod *corev1.Pod) bool {
	return cluster.Holds(pod) && pod.DeletionTimestamp == nil && disruption.Ready(pod)
}

// lister collects what the pods add up to.
type lister struct {
	owners     *cluster.Owners
	workloads  map[*cluster.Workload]*workloadRow
	nodes      map[string]*nodeRow
	zones      map[string]*zoneRow
	namespaces map[string]*namespaceRow
}

func newLister(picture *target.Picture) *lister {
	l := &lister{
		owners:     picture.Owners,
		workloads:  map[*cluster.Workload]*workloadRow{},
		nodes:      make(map[string]*nodeRow, len(picture.Nodes)),
		zones:      map[string]*zoneRow{},
		namespaces: map[string]*namespaceRow{},
	}
	for _, node := range picture.Nodes {
		l.nodes[node.Name] = newNodeRow(node)
	}
	for _, namespace := range picture.Namespaces {
		l.namespace(namespace.Name)
	}
	for _, pdb := range picture.Budgets {
		l.namespace(pdb.Namespace).budgets++
	}
	l.addEmpty(picture)
	return l
}

// addEmpty adds the workloads that want pods, so that one that has lost all of them is
// there to be seen. Their owners are asked for as their pods would ask.
func (l *lister) addEmpty(picture *target.Picture) {
	add := func(kind, namespace, name string, uid types.UID) {
		controller := true
		owner := metav1.OwnerReference{Kind: kind, Name: name, UID: uid, Controller: &controller}
		w := l.owners.Of(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, OwnerReferences: []metav1.OwnerReference{owner}}})
		if w.Desired > 0 {
			l.row(w)
		}
	}
	for _, o := range picture.ReplicaSets {
		add("ReplicaSet", o.Namespace, o.Name, o.UID)
	}
	for _, o := range picture.StatefulSets {
		add("StatefulSet", o.Namespace, o.Name, o.UID)
	}
	for _, o := range picture.ReplicationControllers {
		add("ReplicationController", o.Namespace, o.Name, o.UID)
	}
	for _, o := range picture.Jobs {
		add("Job", o.Namespace, o.Name, o.UID)
	}
}

func (l *lister) namespace(name string) *namespaceRow {
	n, known := l.namespaces[name]
	if !known {
		n = &namespaceRow{name: name}
		l.namespaces[name] = n
	}
	return n
}

// row returns the row of a workload.
func (l *lister) row(w *cluster.Workload) *workloadRow {
	r, known := l.workloads[w]
	if !known {
		r = &workloadRow{Workload: w}
		l.workloads[w] = r
	}
	return r
}

// workload returns the row of the pod's workload; nil where it has none.
func (l *lister) workload(pod *corev1.Pod) *workloadRow {
	if w := l.owners.Of(pod); w != nil {
		return l.row(w)
	}
	return nil
}

// count adds a pod that has not come to its end to all that it belongs to.
func (l *lister) count(p *podRow, requests amount) {
	up := one(ready(p.pod))
	n := l.namespace(p.pod.Namespace)
	n.pods++
	n.ready += up
	if w := p.workload; w != nil {
		w.pods++
		w.ready += up
		if w.sample == nil || w.sample.DeletionTimestamp != nil {
			w.sample = p.pod
		}
	}
	if node := l.nodes[p.pod.Spec.NodeName]; node != nil {
		node.pods++
		node.requested.add(requests)
	}
}

// addUp adds nodes up to zones, and workloads to namespaces.
func (l *lister) addUp() {
	for _, node := range l.nodes {
		z, known := l.zones[node.zone]
		if !known {
			z = &zoneRow{zone: node.zone}
			l.zones[node.zone] = z
		}
		z.nodes++
		z.ready += one(node.ready)
		z.pods += node.pods
		z.requested.add(node.requested)
		z.allocatable.add(node.allocatable)
	}
	for _, w := range l.workloads {
		n := l.namespace(w.Namespace)
		n.workloads++
		n.short += one(w.ready < w.Desired)
	}
}

func sorted[K comparable, R row](rows map[K]R, by func(R) string) []row {
	all := make([]row, 0, len(rows))
	for _, r := range rows {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b row) int { return cmp.Compare(by(a.(R)), by(b.(R))) })
	return all
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}
