package survive

import (
	"reflect"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// scope is what a prediction is about, or what a change touches: the nodes that are lost or get
// pods, the workloads with pods among them, and the budgets of these.
type scope struct {
	nodes     map[string]bool
	workloads map[string]bool
	budgets   map[types.NamespacedName]bool
}

func newScope() scope {
	return scope{nodes: map[string]bool{}, workloads: map[string]bool{}, budgets: map[types.NamespacedName]bool{}}
}

// meets says whether the scopes have something in common.
func (s scope) meets(other scope) bool {
	return common(s.nodes, other.nodes) || common(s.workloads, other.workloads) || common(s.budgets, other.budgets)
}

func common[K comparable](a, b map[K]bool) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	for key := range a {
		if b[key] {
			return true
		}
	}
	return false
}

// scopeOf returns the scope of a prediction.
func scopeOf(p *assess.Prediction) scope {
	s := newScope()
	for _, node := range p.Nodes {
		s.nodes[node] = true
	}
	for _, pod := range p.Pods {
		if goes(pod) {
			s.workloads[pod.Workload] = true
		}
		if pod.Node != "" {
			s.nodes[pod.Node] = true
		}
		if pod.PreemptedBy != "" {
			s.nodes[pod.From] = true
		}
	}
	for _, w := range p.Workloads {
		s.workloads[w.Workload] = true
	}
	for _, b := range p.Budgets {
		s.budgets[types.NamespacedName{Namespace: b.Namespace, Name: b.Budget}] = true
	}
	return s
}

// difference is what has changed from one picture to the next.
type difference struct {
	// scope is what the change touches by itself. Room that it takes or leaves on the nodes can make a
	// scheduler choose others for pods of other losses: that is not in it.
	scope
	// any says that something that predictions look at is different.
	any bool
}

// counts are pods that are ready, and those that their controller counts.
type counts struct{ ready, live int }

// controlled are the pods of a controller of a workload.
type controlled struct {
	workload   string
	controller types.UID
}

// tally sums up what has changed of pods.
type tally struct {
	*difference
	budgets map[string][]*policyv1.PodDisruptionBudget // by namespace
	judge   *judge
	// pods and healthy are by how much counts have changed.
	pods    map[controlled]counts
	healthy map[types.NamespacedName]int
}

// compare returns what has changed. The judge is that of the picture that is now.
func compare(was *target.Picture, before *judge, is *target.Picture, now *judge) *difference {
	d := &difference{scope: newScope()}
	d.compareNodes(was.Nodes, is.Nodes)
	d.compareObjects(was.Snapshot, is.Snapshot)
	t := tally{difference: d, budgets: map[string][]*policyv1.PodDisruptionBudget{}, judge: now, pods: map[controlled]counts{}, healthy: map[types.NamespacedName]int{}}
	for _, budget := range is.Budgets {
		t.budgets[budget.Namespace] = append(t.budgets[budget.Namespace], budget)
	}
	for _, pod := range is.Pods {
		if other := before.pods[pod.UID]; other == nil || !cluster.SameVersion(other, pod) {
			if other != nil {
				t.count(was.Owners, other, -1)
			}
			t.count(is.Owners, pod, 1)
		}
	}
	for uid, pod := range before.pods {
		if now.pods[uid] == nil {
			t.count(was.Owners, pod, -1)
		}
	}
	for of, by := range t.pods {
		if by != (counts{}) {
			d.workloads[of.workload] = true
		}
	}
	for name, by := range t.healthy {
		if by != 0 {
			d.scope.budgets[name] = true
		}
	}
	return d
}

// count adds a pod that has come or changed, or takes away what it was.
func (t *tally) count(owners *cluster.Owners, pod *corev1.Pod, by int) {
	t.any = true
	if pod.Spec.NodeName != "" {
		t.nodes[pod.Spec.NodeName] = true
	}
	live := pod.DeletionTimestamp == nil && cluster.Holds(pod)
	if !live {
		return
	}
	of := controlled{target.WorkloadKey(owners.Of(pod), pod), disruption.Controller(pod)}
	sum := t.pods[of]
	sum.live += by
	if disruption.Ready(pod) {
		sum.ready += by
		for _, budget := range t.budgets[pod.Namespace] {
			if selector := t.judge.budgets[keyOf(budget)]; selector != nil && selector.Matches(labels.Set(pod.Labels)) {
				t.healthy[keyOf(budget)] += by
			}
		}
	}
	t.pods[of] = sum
}

func (d *difference) compareNodes(was, is []*corev1.Node) {
	before := make(map[string]*corev1.Node, len(was))
	for _, node := range was {
		before[node.Name] = node
	}
	for _, node := range is {
		if other := before[node.Name]; other == nil || !cluster.SameVersion(other, node) && !nodesAlike(other, node) {
			d.touchNode(node.Name)
		}
		delete(before, node.Name)
	}
	for name := range before {
		d.touchNode(name)
	}
}

func (d *difference) touchNode(name string) {
	d.any = true
	d.nodes[name] = true
}

// nodesAlike says whether a node is as before except for its heartbeat, its images and the like.
func nodesAlike(a, b *corev1.Node) bool {
	return a.UID == b.UID && equality.Semantic.DeepEqual(a.Spec, b.Spec) && equality.Semantic.DeepEqual(a.Labels, b.Labels) &&
		equality.Semantic.DeepEqual(a.Annotations, b.Annotations) && equality.Semantic.DeepEqual(a.Status.Allocatable, b.Status.Allocatable) &&
		slices.Equal(a.Status.DeclaredFeatures, b.Status.DeclaredFeatures) &&
		cluster.NodeReady(a) == cluster.NodeReady(b) && cluster.NodeLeaving(a) == cluster.NodeLeaving(b)
}

// objectKey identifies an object.
type objectKey struct {
	kind            reflect.Type
	namespace, name string
}

func keyOfObject(obj runtime.Object) objectKey {
	object := obj.(metav1.Object)
	return objectKey{reflect.TypeOf(obj), object.GetNamespace(), object.GetName()}
}

// compareObjects compares what is neither a node nor a pod. Budgets and the controllers of pods have a
// scope. What the others change is not known.
func (d *difference) compareObjects(was, is *cluster.Snapshot) {
	before := map[objectKey]runtime.Object{}
	for obj := range was.BesidesPods() {
		before[keyOfObject(obj)] = obj
	}
	for obj := range is.BesidesPods() {
		key := keyOfObject(obj)
		if other := before[key]; other == nil || !cluster.SameVersion(other.(metav1.Object), obj.(metav1.Object)) && !objectsAlike(other, obj) {
			d.touchObject(obj)
		}
		delete(before, key)
	}
	for _, obj := range before {
		d.touchObject(obj)
	}
}

func (d *difference) touchObject(obj runtime.Object) {
	d.any = true
	object := obj.(metav1.Object)
	var kind schema.GroupKind
	switch obj := obj.(type) {
	case *policyv1.PodDisruptionBudget:
		d.budgets[keyOf(obj)] = true
		return
	case *appsv1.Deployment:
		kind = cluster.DeploymentKind
	case *appsv1.ReplicaSet:
		kind = cluster.ReplicaSetKind
	case *appsv1.StatefulSet:
		kind = cluster.StatefulSetKind
	case *corev1.ReplicationController:
		kind = cluster.ReplicationControllerKind
	case *batchv1.Job:
		kind = cluster.JobKind
	default:
		return
	}
	d.touchWorkload(kind, object.GetNamespace(), object.GetName())
	if owner := metav1.GetControllerOfNoCopy(object); owner != nil {
		d.touchWorkload(cluster.OwnerKind(owner), object.GetNamespace(), owner.Name)
	}
}

func (d *difference) touchWorkload(kind schema.GroupKind, namespace, name string) {
	w := cluster.Workload{Kind: kind.Kind, Group: kind.Group, Namespace: namespace, Name: name}
	d.workloads[w.String()] = true
}

// objectsAlike says whether an object is as before except for counts of pods, which are compared by
// themselves.
func objectsAlike(a, b runtime.Object) bool {
	return a.(metav1.Object).GetUID() == b.(metav1.Object).GetUID() && equality.Semantic.DeepEqual(essence(a), essence(b))
}

// essence is what predictions look at of an object.
func essence(obj runtime.Object) any {
	type controller struct {
		Spec, Status any
		Leaving      bool
		Owner        *metav1.OwnerReference
	}
	of := func(object metav1.Object, spec, status any) any {
		return controller{spec, status, object.GetDeletionTimestamp() != nil, metav1.GetControllerOfNoCopy(object)}
	}
	// Conditions say why no pods can be made.
	var conditions [][4]string
	switch obj := obj.(type) {
	case *appsv1.Deployment:
		for _, c := range obj.Status.Conditions {
			conditions = append(conditions, [4]string{string(c.Type), string(c.Status), c.Reason, c.Message})
		}
		return of(obj, obj.Spec, conditions)
	case *appsv1.ReplicaSet:
		for _, c := range obj.Status.Conditions {
			conditions = append(conditions, [4]string{string(c.Type), string(c.Status), c.Reason, c.Message})
		}
		return of(obj, obj.Spec, conditions)
	case *appsv1.StatefulSet:
		return of(obj, obj.Spec, [2]string{obj.Status.CurrentRevision, obj.Status.UpdateRevision})
	case *policyv1.PodDisruptionBudget:
		status := obj.Status
		return of(obj, obj.Spec, [4]int32{status.DisruptionsAllowed, status.CurrentHealthy, status.DesiredHealthy, status.ExpectedPods})
	}
	return obj
}
