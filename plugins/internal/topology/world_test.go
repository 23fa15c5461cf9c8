package topology

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerconfig "k8s.io/kubernetes/pkg/scheduler/apis/config"
	schedulercache "k8s.io/kubernetes/pkg/scheduler/backend/cache"
	"k8s.io/kubernetes/pkg/scheduler/metrics"

	"github.com/stowage-k8s/stowage/plugins/internal/randomcluster"
)

// world is a random cluster that changes. It goes through the engine's cache, so
// snapshots are made, and generations given, as in the scheduler.
type world struct {
	*randomcluster.World
	t         testing.TB
	settings  settings
	maxTerms  int
	cache     schedulercache.Cache
	snapshot  *schedulercache.Snapshot
	informers informers.SharedInformerFactory
	nodes     map[string]*corev1.Node // as the cache knows them
}

// newWorld draws a cluster of 5 to 40 nodes with up to 100 pods, and settings. The
// context ends what runs in the background.
func newWorld(ctx context.Context, t testing.TB, r *rand.Rand) *world {
	t.Helper()
	metrics.Register() // the cache cannot do without
	w := &world{
		t: t, cache: schedulercache.New(ctx, nil, false, false), snapshot: schedulercache.NewEmptySnapshot(),
		informers: newInformers(t), nodes: map[string]*corev1.Node{},
	}
	w.World = randomcluster.New(t, r, w, randomcluster.Options{Nodes: 40, Pods: 100, Affinity: 0.6, Spread: 0.5})
	w.settings = w.newSettings()
	w.maxTerms = randomcluster.Pick(w.World, 1, 3, 8, DefaultMaxTerms)
	w.Fill()
	return w
}

func (w *world) newSettings() settings {
	s := settings{}
	s.affinity.HardPodAffinityWeight = randomcluster.Pick(w.World, int32(0), 1, 10)
	s.affinity.IgnorePreferredTermsOfExistingPods = w.Chance(0.2)
	s.spread.DefaultingType = schedulerconfig.SystemDefaulting
	if w.Chance(0.6) {
		s.spread.DefaultingType = schedulerconfig.ListDefaulting
	}
	if s.spread.DefaultingType == schedulerconfig.ListDefaulting && w.Chance(0.5) {
		for _, kind := range []corev1.UnsatisfiableConstraintAction{corev1.DoNotSchedule, corev1.ScheduleAnyway} {
			for _, key := range []string{corev1.LabelHostname, corev1.LabelTopologyZone} {
				if w.Chance(0.4) {
					c := w.NewConstraint(key, kind)
					c.LabelSelector, c.MatchLabelKeys = nil, nil
					s.spread.DefaultConstraints = append(s.spread.DefaultConstraints, c)
				}
			}
		}
	}
	return s
}

func (w *world) AddNode(node *corev1.Node) {
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
	return w.cache.AddPod(klog.Background(), pod)
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
	}
	panic(fmt.Sprintf("nobody here asks for a %T", obj))
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

// place puts the pod on one of the nodes, as the scheduler would, most of the time.
func (w *world) place(pod *corev1.Pod, feasible []fwk.NodeInfo) {
	w.t.Helper()
	if len(feasible) == 0 || w.Chance(0.3) {
		return
	}
	placed := pod.DeepCopy()
	placed.Spec.NodeName = randomcluster.Pick(w.World, feasible...).Node().Name
	w.must(w.cache.AssumePod(klog.Background(), placed))
	w.look()
	w.must(w.cache.AddPod(klog.Background(), placed))
	w.Placed(placed)
}

// someNodes returns the nodes that other plugins leave.
func (w *world) someNodes(nodes []fwk.NodeInfo) []fwk.NodeInfo {
	if w.Chance(0.5) {
		return nodes
	}
	return slices.DeleteFunc(slices.Clone(nodes), func(fwk.NodeInfo) bool { return w.Chance(0.3) })
}
