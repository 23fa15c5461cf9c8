package indexed_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	schedulercache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/metrics"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/plugins/internal/randomcluster"
)

// world is a random cluster that changes, with what preemption goes by: priorities,
// room on nodes, budgets, and pods that are nominated for a node. It goes through the
// engine's cache, so snapshots are made, and generations given, as in the scheduler.
type world struct {
	*randomcluster.World
	t         testing.TB
	cache     schedulercache.Cache
	snapshot  *schedulercache.Snapshot
	informers informers.SharedInformerFactory
	nodes     map[string]*corev1.Node // as the cache knows them
	nominated map[string][]fwk.PodInfo
	started   time.Time // when the pod that is drawn next starts
}

// newEmptyWorld returns a world without anything in it. The context ends what runs in
// the background.
func newEmptyWorld(ctx context.Context, t testing.TB, r *rand.Rand) *world {
	t.Helper()
	metrics.Register() // the cache cannot do without
	w := &world{
		t: t, cache: schedulercache.New(ctx, nil, false, false), snapshot: schedulercache.NewEmptySnapshot(),
		informers: informers.NewSharedInformerFactory(fake.NewClientset(), 0), // never started: Store fills them
		nodes:     map[string]*corev1.Node{}, started: time.Unix(0, 0),
	}
	w.World = randomcluster.New(t, r, w, randomcluster.Options{Nodes: 15, Pods: 60, Affinity: 0.7, Spread: 0.8, Untidy: true})
	return w
}

// newWorld draws a cluster of 5 to 15 nodes with up to 60 pods.
func newWorld(ctx context.Context, t testing.TB, r *rand.Rand) *world {
	t.Helper()
	w := newEmptyWorld(ctx, t, r)
	w.Fill()
	for i := range w.IntN(3) {
		must(t, w.Store(&policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns0", Name: fmt.Sprintf("budget-%d", i)},
			Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": randomcluster.Pick(w.World, "a", "b", "c")}}},
			Status:     policyv1.PodDisruptionBudgetStatus{DisruptionsAllowed: int32(w.IntN(2))},
		}))
	}
	return w
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) AddNode(node *corev1.Node) {
	if w.Chance(0.2) {
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: "level", Value: randomcluster.Pick(w.World, "3", "7"), Effect: corev1.TaintEffectNoSchedule})
	}
	node.Status.Allocatable = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourcePods: resource.MustParse("20")}
	if before := w.nodes[node.Name]; before != nil {
		w.cache.UpdateNode(klog.Background(), before, node)
	} else {
		w.cache.AddNode(klog.Background(), node)
	}
	w.nodes[node.Name] = node
}

func (w *world) RemoveNode(node *corev1.Node) error {
	delete(w.nodes, node.Name)
	return w.cache.RemoveNode(klog.Background(), node)
}

func (w *world) AddPod(pod *corev1.Pod) error {
	w.rank(pod)
	return w.cache.AddPod(klog.Background(), pod)
}

// rank says how important the pod is. No two pods start at the same time, so what
// preemption chooses is not left to chance.
func (w *world) rank(pod *corev1.Pod) {
	w.started = w.started.Add(time.Second)
	pod.Status.StartTime = &metav1.Time{Time: w.started}
	pod.Spec.Priority = ptr.To(int32(w.IntN(4)))
	pod.Spec.Containers = []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceCPU: randomcluster.Pick(w.World, resource.MustParse("500m"), resource.MustParse("1"), resource.MustParse("3"))},
	}}}
}

func (w *world) UpdatePod(before, after *corev1.Pod) error {
	return w.cache.UpdatePod(klog.Background(), before, after)
}

func (w *world) RemovePod(pod *corev1.Pod) error {
	return w.cache.RemovePod(klog.Background(), pod)
}

func (w *world) Store(obj runtime.Object) error {
	return w.indexer(obj).Update(obj)
}

func (w *world) Forget(obj runtime.Object) error {
	return w.indexer(obj).Delete(obj)
}

func (w *world) indexer(obj runtime.Object) cache.Indexer {
	switch obj.(type) {
	case *corev1.Namespace:
		return w.informers.Core().V1().Namespaces().Informer().GetIndexer()
	case *corev1.Service:
		return w.informers.Core().V1().Services().Informer().GetIndexer()
	case *corev1.Pod:
		return w.informers.Core().V1().Pods().Informer().GetIndexer()
	case *policyv1.PodDisruptionBudget:
		return w.informers.Policy().V1().PodDisruptionBudgets().Informer().GetIndexer()
	}
	panic(fmt.Sprintf("nobody here asks for a %T", obj))
}

// look takes a snapshot.
func (w *world) look() []fwk.NodeInfo {
	w.t.Helper()
	must(w.t, w.cache.UpdateSnapshot(klog.Background(), w.snapshot))
	nodes, err := w.snapshot.List()
	must(w.t, err)
	return nodes
}

// newPod draws a pod to be placed. A few ask for what cannot be parsed.
func (w *world) newPod() *corev1.Pod {
	pod := w.NewPod("")
	w.rank(pod)
	pod.Spec.Priority = ptr.To(int32(w.IntN(6)))
	if w.Chance(0.2) {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{Key: "level", Operator: corev1.TolerationOpLt, Value: "5"})
	}
	nonsense := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: "Nonsense"}}}
	if w.Chance(0.02) {
		term := corev1.PodAffinityTerm{TopologyKey: corev1.LabelHostname, LabelSelector: nonsense}
		pod.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term}}}
	}
	if w.Chance(0.02) {
		kind := randomcluster.Pick(w.World, corev1.DoNotSchedule, corev1.ScheduleAnyway)
		pod.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: kind, LabelSelector: nonsense}}
	}
	must(w.t, w.Store(pod)) // preemption looks it up
	return pod
}

// nominate has up to three other pods wait for a node.
func (w *world) nominate(nodes []fwk.NodeInfo) {
	w.t.Helper()
	w.nominated = map[string][]fwk.PodInfo{}
	for range w.IntN(4) {
		name := randomcluster.Pick(w.World, nodes...).Node().Name
		w.nominated[name] = append(w.nominated[name], w.newThought(name))
	}
}

// newThought draws a pod that is on the node only in thought.
func (w *world) newThought(node string) fwk.PodInfo {
	w.t.Helper()
	pod := w.NewPod("")
	w.rank(pod)
	pod.UID = types.UID("thought-" + pod.Name)
	pod.Status.NominatedNodeName = node
	info, err := framework.NewPodInfo(pod)
	must(w.t, err)
	return info
}

// joinGroup makes the pod one of a group, of which another is on a node already, as
// far as the snapshot tells. The function returned undoes the latter.
func (w *world) joinGroup(pod *corev1.Pod, nodes []fwk.NodeInfo) (leave func()) {
	w.t.Helper()
	pod.Spec.SchedulingGroup = &corev1.PodSchedulingGroup{PodGroupName: ptr.To("group")}
	other := w.NewPod(randomcluster.Pick(w.World, nodes...).Node().Name)
	w.rank(other)
	other.DeletionTimestamp = nil
	other.Spec.SchedulingGroup = pod.Spec.SchedulingGroup
	info, err := framework.NewPodInfo(other)
	must(w.t, err)
	must(w.t, w.snapshot.AssumePod(info))
	return func() { must(w.t, w.snapshot.ForgetPod(klog.Background(), other)) }
}

// The world is what the engine asks for nominated pods.
var _ fwk.PodNominator = &world{}

func (w *world) AddNominatedPod(klog.Logger, fwk.PodInfo, *fwk.NominatingInfo) {}
func (w *world) DeleteNominatedPodIfExists(*corev1.Pod)                        {}
func (w *world) UpdateNominatedPod(klog.Logger, *corev1.Pod, fwk.PodInfo)      {}
func (w *world) NominatedPodsForNode(name string) []fwk.PodInfo                { return w.nominated[name] }
