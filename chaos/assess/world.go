package assess

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// world is a cluster in memory. It follows pictures, and takes back what a prediction has
// changed.
type world struct {
	sim    *simulation.Simulation
	stop   context.CancelFunc
	thrift thrift

	nodes  map[string]*corev1.Node
	pods   map[types.UID]*standing // those on nodes
	others map[otherKey]runtime.Object
	// pictures counts those that were followed.
	pictures uint64
	// undo takes back what was changed since the picture, last first.
	undo []func() error
}

// standing is a pod on a node, and the last picture that has it.
type standing struct {
	*corev1.Pod
	seen uint64
}

type otherKey struct {
	kind            reflect.Type
	namespace, name string
}

func newWorld(ctx context.Context, opts Options) (*world, error) {
	// It outlives the prediction that it is made for.
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	sim, err := simulation.New(ctx, simulation.Options{Profiles: opts.Profiles, Registry: opts.Registry, Forgetful: opts.forgetful})
	if err != nil {
		stop()
		return nil, err
	}
	return &world{
		sim: sim, stop: stop, thrift: opts.thrift,
		nodes: map[string]*corev1.Node{}, pods: map[types.UID]*standing{}, others: map[otherKey]runtime.Object{},
	}, nil
}

// follow makes the world the picture's, by what is different.
func (w *world) follow(picture *cluster.Snapshot) error {
	gone, err := w.followNodes(picture)
	if err != nil {
		return err
	}
	if err := w.followOthers(picture); err != nil {
		return err
	}
	if err := w.followPods(picture); err != nil {
		return err
	}
	// A node goes last, since the engine keeps one that has pods.
	for _, node := range gone {
		if err := w.sim.RemoveNode(node); err != nil {
			return err
		}
	}
	return nil
}

// followNodes adds and updates nodes, and returns those that are no more.
func (w *world) followNodes(picture *cluster.Snapshot) ([]*corev1.Node, error) {
	nodes := make(map[string]*corev1.Node, len(picture.Nodes))
	var changed []*corev1.Node
	for _, node := range picture.Nodes {
		nodes[node.Name] = node
		if before, known := w.nodes[node.Name]; !known || !cluster.SameVersion(before, node) {
			changed = append(changed, node)
		}
	}
	// The engine looks at nodes in the order in which it has heard of them.
	slices.SortStableFunc(changed, func(a, b *corev1.Node) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for _, node := range changed {
		w.sim.AddNode(node)
	}
	var gone []*corev1.Node
	for name, node := range w.nodes {
		if nodes[name] == nil {
			gone = append(gone, node)
		}
	}
	w.nodes = nodes
	return gone, nil
}

func (w *world) followOthers(picture *cluster.Snapshot) error {
	others := make(map[otherKey]runtime.Object, len(w.others))
	for obj := range picture.BesidesPods() {
		named, is := obj.(metav1.Object)
		if !is {
			return fmt.Errorf("a %T has no name", obj)
		}
		key := otherKey{reflect.TypeOf(obj), named.GetNamespace(), named.GetName()}
		others[key] = obj
		if before, known := w.others[key]; known && cluster.SameVersion(before.(metav1.Object), named) {
			continue
		}
		if err := w.sim.Store(obj); err != nil {
			return err
		}
	}
	for key, obj := range w.others {
		if others[key] == nil {
			if err := w.sim.Forget(obj); err != nil {
				return err
			}
		}
	}
	w.others = others
	return nil
}

// followPods changes the pods in place: of very many, few are different.
func (w *world) followPods(picture *cluster.Snapshot) error {
	w.pictures++
	here := 0
	for _, pod := range picture.Pods {
		if !onNode(pod) {
			continue
		}
		here++
		if err := w.followPod(pod); err != nil {
			return fmt.Errorf("pod %s/%s: %w", pod.Namespace, pod.Name, err)
		}
	}
	if here == len(w.pods) {
		return nil
	}
	for uid, pod := range w.pods {
		if pod.seen == w.pictures {
			continue
		}
		if err := w.sim.ForgetPod(pod.Pod); err != nil {
			return err
		}
		delete(w.pods, uid)
	}
	return nil
}

func (w *world) followPod(pod *corev1.Pod) error {
	before, known := w.pods[pod.UID]
	if !known {
		w.pods[pod.UID] = &standing{pod, w.pictures}
		return w.sim.AddPod(pod)
	}
	before.seen = w.pictures
	was := before.Pod
	if cluster.SameVersion(was, pod) {
		return nil
	}
	before.Pod = pod
	if was.Spec.NodeName == pod.Spec.NodeName {
		return w.sim.UpdatePod(was, pod)
	}
	if err := w.sim.ForgetPod(was); err != nil {
		return err
	}
	return w.sim.AddPod(pod)
}

// onNode says whether the pod takes up room on a node.
func onNode(pod *corev1.Pod) bool { return pod.Spec.NodeName != "" && cluster.Holds(pod) }

// change replaces a node.
func (w *world) change(before, after *corev1.Node) {
	w.sim.AddNode(after)
	w.undo = append(w.undo, func() error {
		w.sim.AddNode(before)
		return nil
	})
}

// terminate lets a pod be on its way out, and returns it as it is then. It may not have a node.
func (w *world) terminate(pod *corev1.Pod) (*corev1.Pod, error) {
	known := w.pods[pod.UID]
	if known == nil {
		return pod, nil
	}
	before := known.Pod
	leaving := *before
	leaving.DeletionTimestamp = &metav1.Time{Time: before.CreationTimestamp.Time}
	if err := w.sim.Terminate(before, &leaving); err != nil {
		return nil, err
	}
	w.undo = append(w.undo, func() error { return w.sim.Revive(&leaving, before) })
	return &leaving, nil
}

// remove takes away a pod that was terminated.
func (w *world) remove(pod *corev1.Pod) error {
	if _, known := w.pods[pod.UID]; !known {
		return nil
	}
	remove := w.sim.RemovePod
	if cluster.BelongsToNode(pod) {
		remove = w.sim.ForgetPod // its replacement, which is on the node already, gets its devices
	}
	if err := remove(pod); err != nil {
		return err
	}
	w.undo = append(w.undo, func() error { return w.sim.AddPod(pod) })
	return nil
}

// place puts a replacement on a node.
func (w *world) place(replacement *corev1.Pod, node string) error {
	placed, err := w.sim.Place(replacement, node)
	if err != nil {
		return err
	}
	w.undo = append(w.undo, func() error { return w.sim.RemovePod(placed) })
	return nil
}

// revert makes the world that of the picture again.
func (w *world) revert() error {
	var errs []error
	for _, undo := range slices.Backward(w.undo) {
		errs = append(errs, undo())
	}
	w.undo = nil
	return errors.Join(errs...)
}
