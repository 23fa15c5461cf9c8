// Package randomcluster draws clusters that change, and pods to place in them, for tests that
// compare two ways to decide.
package randomcluster

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Rack is a topology key in addition to hostname and zone; no node has the key Nowhere.
const (
	Rack    = "example.com/rack"
	Nowhere = "example.com/nowhere"
	Size    = "example.com/size"
)

// namespaces are the namespaces of pods. The last one never exists.
var namespaces = []string{"ns0", "ns1", "ns2", "ns3", "unknown"}

// Cluster receives the objects and their changes. A simulation implements it.
type Cluster interface {
	// AddNode adds a node, or replaces it.
	AddNode(node *corev1.Node)
	// RemoveNode removes a node. Its pods are kept until they are removed.
	RemoveNode(node *corev1.Node) error
	AddPod(pod *corev1.Pod) error
	UpdatePod(before, after *corev1.Pod) error
	RemovePod(pod *corev1.Pod) error
	// Store adds or replaces an object other than a node or a pod.
	Store(obj runtime.Object) error
	Forget(obj runtime.Object) error
}

// Options describe a world.
type Options struct {
	// Nodes and Pods are the maximum initial numbers. There are at least five nodes.
	Nodes, Pods int
	// Affinity and Spread are the fractions of pods with inter-pod affinity and with spread
	// constraints.
	Affinity, Spread float64
	// Everything also draws properties that affinity and spread constraints do not use:
	// resources, workloads, policies for preemptible nodes, images, ports.
	Everything bool
	// Policies is the fraction of workloads and namespaces with a policy for preemptible
	// nodes. This and the following options require Everything.
	Policies float64
	// Volumes is the fraction of workloads with PersistentVolumeClaims, HostPorts that of those with
	// host ports.
	Volumes, HostPorts float64
	// Bound has all claims have their volumes already.
	Bound bool
	// Preferences is the fraction of pods that prefer nodes by label.
	Preferences float64
	// Untidy draws nodes without a hostname or a zone, or with that of another node.
	Untidy bool
	// ManyLabels draws pods that select nodes by many different labels.
	ManyLabels bool
	// FewRequests draws pods with few different requests, so that many nodes have the same
	// requested resources.
	FewRequests bool
	// Alike draws nodes with few sizes, labels and taints.
	Alike bool
}

// World is a random cluster that changes.
type World struct {
	*rand.Rand
	t         testing.TB
	options   Options
	cluster   Cluster
	nodes     map[string]*corev1.Node
	workloads []*corev1.Pod
	pods      []*corev1.Pod
	owners    []runtime.Object
	storage   storage
	made      int // pods, owners and volumes
}

// New returns an empty world.
func New(t testing.TB, r *rand.Rand, cluster Cluster, options Options) *World {
	return &World{Rand: r, t: t, options: options, cluster: cluster, nodes: map[string]*corev1.Node{}}
}

// Fill draws namespaces, nodes and pods.
func (w *World) Fill() {
	w.t.Helper()
	for _, name := range namespaces[:4] {
		w.setNamespace(name)
	}
	for _, name := range namespaces {
		w.store(&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "service"},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": Pick(w, "a", "b", "c")}},
		})
	}
	if w.options.Volumes > 0 {
		w.fillStorage()
	}
	for range 6 {
		w.workloads = append(w.workloads, w.newOwnedWorkload())
	}
	for range 5 + w.IntN(w.options.Nodes-4) {
		w.setNode(w.nodeName())
	}
	for range w.IntN(w.options.Pods + 1) {
		w.addPod()
	}
}

// Chance returns true with the probability.
func (w *World) Chance(p float64) bool {
	return w.Float64() < p
}

// Pick returns one of the values.
func Pick[T any](w *World, of ...T) T {
	return of[w.IntN(len(of))]
}

func (w *World) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *World) store(obj runtime.Object) {
	w.t.Helper()
	w.must(w.cluster.Store(obj))
}

// Change makes up to four changes.
func (w *World) Change() {
	w.t.Helper()
	kinds := 12
	if w.options.Everything {
		kinds = 15
	}
	if w.options.Volumes > 0 {
		kinds = 17
	}
	for range w.IntN(5) {
		switch w.IntN(kinds) {
		case 0, 1, 2:
			w.addPod()
		case 3, 4:
			w.removePod()
		case 5, 6:
			w.updatePod()
		case 7:
			w.setNode(w.nodeName()) // often an existing one
		case 8:
			w.touchNode()
		case 9:
			w.removeNode()
		case 10:
			w.setNamespace(Pick(w, namespaces[:4]...))
		case 11:
			w.removeNamespace()
		case 12:
			w.scale()
		case 13, 14:
			w.alterNode()
		case 15, 16:
			w.changeStorage()
		}
	}
}

// Placed records that the pod was placed on a node, which the cluster already knows.
func (w *World) Placed(pod *corev1.Pod) {
	w.pods = append(w.pods, pod)
	w.settleClaims(pod)
}

// setNamespace adds a namespace, or changes its labels.
func (w *World) setNamespace(name string) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	if w.Chance(0.7) {
		namespace.Labels["team"] = Pick(w, "red", "blue")
	}
	if w.Chance(0.5) {
		namespace.Labels["env"] = Pick(w, "test", "live")
	}
	if w.options.Everything {
		namespace.Annotations = w.newPolicyAnnotations(w.options.Policies / 2)
	}
	w.store(namespace)
}

func (w *World) removeNamespace() {
	w.must(w.cluster.Forget(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: Pick(w, namespaces...)}}))
}

// addPod adds a pod to a node, whether or not it fits there. If nodes have resources, it
// usually does.
func (w *World) addPod() {
	pod := w.NewPod(w.someNode())
	for range 4 {
		if !w.options.Everything || w.hasRoom(pod) || w.Chance(0.02) {
			w.must(w.cluster.AddPod(pod))
			w.Placed(pod)
			return
		}
		pod.Spec.NodeName = w.someNode()
	}
}

func (w *World) removePod() {
	if len(w.pods) == 0 {
		return
	}
	i := w.IntN(len(w.pods))
	w.must(w.cluster.RemovePod(w.pods[i]))
	w.pods = slices.Delete(w.pods, i, i+1)
}

// updatePod changes a pod's labels, or starts its deletion.
func (w *World) updatePod() {
	if len(w.pods) == 0 {
		return
	}
	i := w.IntN(len(w.pods))
	before, after := w.pods[i], w.pods[i].DeepCopy()
	if w.Chance(0.4) {
		after.DeletionTimestamp = &metav1.Time{}
	} else {
		after.Labels = w.newLabels()
	}
	if w.options.Everything && w.Chance(0.3) {
		w.resize(after)
	}
	w.must(w.cluster.UpdatePod(before, after))
	w.pods[i] = after
}

// someNode returns the name of an existing node.
func (w *World) someNode() string {
	return Pick(w, slices.Sorted(maps.Keys(w.nodes))...)
}

// nodeName returns the name of a node that may exist.
func (w *World) nodeName() string {
	return fmt.Sprintf("node-%d", w.IntN(w.options.Nodes+5))
}
