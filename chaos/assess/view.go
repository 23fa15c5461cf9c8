package assess

import (
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// view is what all predictions for a picture look up in it. It counts a namespace when the first
// loss concerns it: most concern few.
type view struct {
	picture *target.Picture
	// onNodes are the indices of the pods that take up room, by node.
	onNodes map[string][]int
	// pods, budgets and replicaSets are by namespace, of those that are not yet counted.
	pods        map[string][]*corev1.Pod
	budgets     map[string][]*policyv1.PodDisruptionBudget
	replicaSets map[string][]*appsv1.ReplicaSet
	// waiting are pods that wait for a node, the oldest first, and leaving those that are on their
	// way out.
	waiting, leaving []*corev1.Pod
	// lowest is the lowest priority of a pod on a node.
	lowest int32
	// deletedNamespaces are those that are being deleted.
	deletedNamespaces map[string]bool
	jobs              *cluster.Jobs
	// simulated is Prediction.Simulated.
	simulated string

	// The rest is about namespaces that are counted. Ledger has no spending between predictions.
	ledger *disruption.Ledger
	sets   map[types.UID]*appsv1.ReplicaSet
	// workloads are by key, and bare the pods without one.
	workloads map[string]WorkloadFate
	bare      map[types.UID]*corev1.Pod
	// live is how many pods each controller has that are not on their way out.
	live map[types.UID]int
}

func newView(picture *target.Picture) *view {
	v := &view{
		picture: picture, onNodes: map[string][]int{}, pods: map[string][]*corev1.Pod{}, budgets: map[string][]*policyv1.PodDisruptionBudget{},
		replicaSets: map[string][]*appsv1.ReplicaSet{}, lowest: cluster.LowestPriority(picture.Pods), deletedNamespaces: picture.DeletedNamespaces(),
		jobs: cluster.NewJobs(picture.Snapshot), ledger: disruption.NewLedger(nil, nil, picture.Nodes), sets: map[types.UID]*appsv1.ReplicaSet{},
		workloads: map[string]WorkloadFate{}, bare: map[types.UID]*corev1.Pod{}, live: map[types.UID]int{},
	}
	for i, pod := range picture.Pods {
		v.pods[pod.Namespace] = append(v.pods[pod.Namespace], pod)
		if onNode(pod) {
			v.onNodes[pod.Spec.NodeName] = append(v.onNodes[pod.Spec.NodeName], i)
		}
		switch {
		case pod.DeletionTimestamp != nil:
			v.leaving = append(v.leaving, pod)
		case pod.Spec.NodeName == "" && cluster.Holds(pod) && len(pod.Spec.SchedulingGates) == 0:
			v.waiting = append(v.waiting, pod)
		}
	}
	slices.SortStableFunc(v.waiting, func(a, b *corev1.Pod) int {
		return a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
	})
	for _, budget := range picture.Budgets {
		v.budgets[budget.Namespace] = append(v.budgets[budget.Namespace], budget)
	}
	for _, set := range picture.ReplicaSets {
		v.replicaSets[set.Namespace] = append(v.replicaSets[set.Namespace], set)
	}
	return v
}

// podsOn returns the pods that take up room on the nodes, in the order of the picture.
func (v *view) podsOn(nodes map[string]bool) []*corev1.Pod {
	var indices []int
	for name := range nodes {
		indices = append(indices, v.onNodes[name]...)
	}
	slices.Sort(indices)
	pods := make([]*corev1.Pod, len(indices))
	for i, index := range indices {
		pods[i] = v.picture.Pods[index]
	}
	return pods
}

// countAll counts all namespaces.
func (v *view) countAll() {
	for _, namespace := range slices.Collect(maps.Keys(v.pods)) {
		v.count(namespace)
	}
}

// count counts the pods of a namespace. Neither budgets nor workloads reach farther. Preemption
// does.
func (v *view) count(namespace string) {
	pods, left := v.pods[namespace]
	if !left {
		return
	}
	delete(v.pods, namespace)
	v.ledger.Include(v.budgets[namespace], pods)
	for _, set := range v.replicaSets[namespace] {
		v.sets[set.UID] = set
	}
	for _, pod := range pods {
		w := v.picture.Owners.Of(pod)
		if w == nil {
			v.bare[pod.UID] = pod
			continue
		}
		if alive(pod) {
			v.live[disruption.Controller(pod)]++
		}
		key := target.WorkloadKey(w, pod)
		fate, known := v.workloads[key]
		if !known {
			fate = WorkloadFate{Workload: key, Desired: w.Desired}
		}
		if v.ready(pod) {
			fate.Ready++
		}
		v.workloads[key] = fate
	}
}

// ready says whether the pod counts as ready for its workload.
func (v *view) ready(pod *corev1.Pod) bool {
	return available(pod) && !v.deletedNamespaces[pod.Namespace]
}
