package topology

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulercache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
)

// rack is a topology key beside hostname and zone; no node has nowhere.
const (
	rack    = "example.com/rack"
	nowhere = "example.com/nowhere"
	size    = "example.com/size"
)

// namespaces are where pods are. The last is never known to the lister.
var namespaces = []string{"ns0", "ns1", "ns2", "ns3", "unknown"}

// world is a random cluster that changes. It goes through the engine's cache, so
// snapshots are made, and generations given, as in the scheduler.
type world struct {
	*rand.Rand
	t         testing.TB
	settings  settings
	maxTerms  int
	cache     schedulercache.Cache
	snapshot  *schedulercache.Snapshot
	informers informers.SharedInformerFactory
	nodes     map[string]*corev1.Node
	workloads []*corev1.Pod
	pods      []*corev1.Pod
	made      int // pods
}

// newWorld draws a cluster of 5 to 40 nodes with up to 100 pods, and settings. The
// context ends what runs in the background.
func newWorld(ctx context.Context, t testing.TB, r *rand.Rand) *world {
	t.Helper()
	metrics.Register() // the cache cannot do without
	w := &world{
		Rand: r, t: t, cache: schedulercache.New(ctx, nil, false), snapshot: schedulercache.NewEmptySnapshot(),
		informers: newInformers(t), nodes: map[string]*corev1.Node{},
	}
	w.settings = w.newSettings()
	w.maxTerms = pick(r, 1, 3, 8, DefaultMaxTerms)
	for _, name := range namespaces[:4] {
		w.setNamespace(name)
	}
	for _, name := range namespaces {
		w.store(w.informers.Core().V1().Services().Informer(), &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "service"},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": pick(r, "a", "b", "c")}},
		})
	}
	for range 6 {
		w.workloads = append(w.workloads, w.newWorkload())
	}
	for range 5 + r.IntN(36) {
		w.setNode(w.nodeName())
	}
	for range r.IntN(101) {
		w.addPod()
	}
	return w
}

func (w *world) newSettings() settings {
	s := settings{}
	s.affinity.HardPodAffinityWeight = pick(w.Rand, int32(0), 1, 10)
	s.affinity.IgnorePreferredTermsOfExistingPods = w.chance(0.2)
	s.spread.DefaultingType = schedulerconfig.SystemDefaulting
	if w.chance(0.6) {
		s.spread.DefaultingType = schedulerconfig.ListDefaulting
	}
	if s.spread.DefaultingType == schedulerconfig.ListDefaulting && w.chance(0.5) {
		for _, kind := range []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule, corev1.ScheduleAnyway} {
			for _, key := range []string{corev1.LabelHostname, corev1.LabelTopologyZone} {
				if w.chance(0.4) {
					c := w.newConstraint(key, kind)
					c.LabelSelector, c.MatchLabelKeys = nil, nil
					s.spread.DefaultConstraints = append(s.spread.DefaultConstraints, c)
				}
			}
		}
	}
	return s
}

func (w *world) chance(p float64) bool {
	return w.Float64() < p
}

func pick[T any](r *rand.Rand, of ...T) T {
	return of[r.IntN(len(of))]
}

// look takes a snapshot.
func (w *world) look() []fwk.NodeInfo {
	w.t.Helper()
	w.must(w.cache.UpdateSnapshot(klog.Background(), w.snapshot))
	nodes, err := w.snapshot.List()
	w.must(err)
	return nodes
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) store(informer cache.SharedIndexInformer, obj any) {
	w.t.Helper()
	w.must(informer.GetIndexer().Update(obj))
}

// change makes up to four things different.
func (w *world) change() {
	w.t.Helper()
	for range w.IntN(5) {
		switch w.IntN(12) {
		case 0, 1, 2:
			w.addPod()
		case 3, 4:
			w.removePod()
		case 5, 6:
			w.updatePod()
		case 7:
			w.setNode(w.nodeName()) // often one that is there
		case 8:
			w.touchNode()
		case 9:
			w.removeNode()
		case 10:
			w.setNamespace(pick(w.Rand, namespaces[:4]...))
		case 11:
			w.removeNamespace()
		}
	}
}

// place puts the pod on one of the nodes, as the scheduler would, most of the time.
func (w *world) place(pod *corev1.Pod, feasible []fwk.NodeInfo) {
	w.t.Helper()
	if len(feasible) == 0 || w.chance(0.3) {
		return
	}
	placed := pod.DeepCopy()
	placed.Spec.NodeName = pick(w.Rand, feasible...).Node().Name
	w.must(w.cache.AssumePod(klog.Background(), placed))
	w.look()
	w.must(w.cache.AddPod(klog.Background(), placed))
	w.pods = append(w.pods, placed)
}

// someNodes returns the nodes that other plugins leave.
func (w *world) someNodes(nodes []fwk.NodeInfo) []fwk.NodeInfo {
	if w.chance(0.5) {
		return nodes
	}
	return slices.DeleteFunc(slices.Clone(nodes), func(fwk.NodeInfo) bool { return w.chance(0.3) })
}

func (w *world) nodeName() string {
	return fmt.Sprintf("node-%d", w.IntN(45))
}

// someNode returns the name of a node that is there.
func (w *world) someNode() string {
	return pick(w.Rand, slices.Sorted(maps.Keys(w.nodes))...)
}

// setNode adds a node, or replaces it by one with other labels and taints.
func (w *world) setNode(name string) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	set := func(likely float64, key string, values ...string) {
		if w.chance(likely) {
			node.Labels[key] = pick(w.Rand, values...)
		}
	}
	set(0.95, corev1.LabelHostname, name, name, name, name, name, name, name, w.nodeName())
	set(0.85, corev1.LabelTopologyZone, "z1", "z1", "z2", "z2", "z3", "z4", "")
	set(0.7, rack, "r1", "r2", "r3", "r4", "r5", "r6")
	set(0.8, size, "1", "2", "16", "large")
	if w.chance(0.03) {
		node.Labels = nil
	}
	for _, key := range []string{"dedicated", "broken"} {
		if w.chance(0.15) {
			node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{
				Key: key, Value: pick(w.Rand, "x", "y"),
				Effect: pick(w.Rand, corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute, corev1.TaintEffectPreferNoSchedule),
			})
		}
	}
	if w.chance(0.1) {
		node.Spec.Unschedulable = true
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule})
	}
	w.putNode(node)
}

func (w *world) putNode(node *corev1.Node) {
	if before := w.nodes[node.Name]; before != nil {
		w.cache.UpdateNode(klog.Background(), before, node)
	} else {
		w.cache.AddNode(klog.Background(), node)
	}
	w.nodes[node.Name] = node
}

// touchNode changes a node in a way that no term asks about.
func (w *world) touchNode() {
	node := w.nodes[w.someNode()].DeepCopy()
	node.Annotations = map[string]string{"touched": fmt.Sprint(w.Uint32())}
	w.putNode(node)
}

// removeNode removes a node. Half the time its pods are still there, and come back
// with it.
func (w *world) removeNode() {
	if len(w.nodes) <= 3 {
		return
	}
	name := w.someNode()
	if w.chance(0.5) {
		w.pods = slices.DeleteFunc(w.pods, func(pod *corev1.Pod) bool {
			if pod.Spec.NodeName != name {
				return false
			}
			w.must(w.cache.RemovePod(klog.Background(), pod))
			return true
		})
	}
	w.must(w.cache.RemoveNode(klog.Background(), w.nodes[name]))
	delete(w.nodes, name)
}

// setNamespace adds a namespace, or gives it other labels.
func (w *world) setNamespace(name string) {
	labels := map[string]string{}
	if w.chance(0.7) {
		labels["team"] = pick(w.Rand, "red", "blue")
	}
	if w.chance(0.5) {
		labels["env"] = pick(w.Rand, "test", "live")
	}
	w.store(w.informers.Core().V1().Namespaces().Informer(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}})
}

func (w *world) removeNamespace() {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: pick(w.Rand, namespaces...)}}
	w.must(w.informers.Core().V1().Namespaces().Informer().GetIndexer().Delete(namespace))
}

// addPod adds a pod to a node, whether it may be there or not.
func (w *world) addPod() {
	pod := w.newPod(w.someNode())
	w.must(w.cache.AddPod(klog.Background(), pod))
	w.pods = append(w.pods, pod)
}

func (w *world) removePod() {
	if len(w.pods) == 0 {
		return
	}
	i := w.IntN(len(w.pods))
	w.must(w.cache.RemovePod(klog.Background(), w.pods[i]))
	w.pods = slices.Delete(w.pods, i, i+1)
}

// updatePod gives a pod other labels, or begins to delete it.
func (w *world) updatePod() {
	if len(w.pods) == 0 {
		return
	}
	i := w.IntN(len(w.pods))
	before, after := w.pods[i], w.pods[i].DeepCopy()
	if w.chance(0.4) {
		after.DeletionTimestamp = &metav1.Time{}
	} else {
		after.Labels = w.newLabels()
	}
	w.must(w.cache.UpdatePod(klog.Background(), before, after))
	w.pods[i] = after
}
