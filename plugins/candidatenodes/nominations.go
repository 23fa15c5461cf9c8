package candidatenodes

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	toolscache "k8s.io/client-go/tools/cache"
	v1helper "k8s.io/component-helpers/scheduling/corev1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/stowage-k8s/stowage/plugins/internal/changes"
)

// nominations tracks the nodes for which pods are nominated. Preemption reserves room for
// them, which the table does not contain.
type nominations struct {
	nominator fwk.PodNominator

	mu sync.Mutex
	// byPod are the nodes for which, according to the API server, pods without a node are
	// nominated. byNode is the number of these pods per node.
	byPod  map[types.UID]string
	byNode map[string]int
	// expected are pods that the engine may have nominated since all nodes were considered,
	// without confirmation from the API server yet.
	expected sets.Set[types.UID]
	// found are the nodes that may have nominated pods although the API server reports none.
	found sets.Set[string]
}

func newNominations(handle fwk.Handle) (*nominations, error) {
	n := &nominations{nominator: handle, byPod: map[types.UID]string{}, byNode: map[string]int{}, expected: sets.New[types.UID](), found: sets.New[string]()}
	_, err := handle.SharedInformerFactory().Core().V1().Pods().Informer().AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    n.note,
		UpdateFunc: func(_, now any) { n.note(now) },
		DeleteFunc: n.forget,
	})
	if err != nil {
		return nil, fmt.Errorf("watching pods: %w", err)
	}
	return n, nil
}

func (n *nominations) note(obj any) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return
	}
	node := ""
	if pod.Spec.NodeName == "" {
		node = pod.Status.NominatedNodeName
	}
	n.set(pod.UID, node)
}

// set notes the node for which a pod is nominated; "" for none.
func (n *nominations) set(uid types.UID, node string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before := n.byPod[uid]
	if before == node {
		return
	}
	if before != "" {
		delete(n.byPod, uid)
		if n.byNode[before]--; n.byNode[before] == 0 {
			delete(n.byNode, before)
			n.found.Insert(before) // if for others, nobody has looked
		}
	}
	if node != "" {
		n.expected.Delete(uid)
		n.byPod[uid] = node
		n.byNode[node]++
	}
}

func (n *nominations) forget(obj any) {
	if unknown, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
		obj = unknown.Obj
	}
	if pod, ok := obj.(*corev1.Pod); ok {
		n.set(pod.UID, "")
		n.mu.Lock()
		defer n.mu.Unlock()
		n.expected.Delete(pod.UID)
	}
}

// expect notes that the engine may nominate the pod in this cycle.
func (n *nominations) expect(uid types.UID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.expected.Insert(uid)
}

// nodes returns the nodes that may have nominated pods.
func (n *nominations) nodes(feed *changes.Feed) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.expected.Len() > 0 {
		n.expected.Clear()
		n.found.Clear()
		feed.EachName(func(name string) {
			// If the API server reports some, there is no need to ask the nominator, which
			// would copy them.
			if n.byNode[name] == 0 && len(n.nominator.NominatedPodsForNode(name)) > 0 {
				n.found.Insert(name)
			}
		})
	}
	names := slices.Collect(maps.Keys(n.byNode))
	for name := range n.found {
		if n.byNode[name] > 0 || len(n.nominator.NominatedPodsForNode(name)) == 0 {
			n.found.Delete(name)
		} else {
			names = append(names, name)
		}
	}
	return names
}

// yields reports whether the pod must leave room on the node for nominated pods.
func (n *nominations) yields(pod *corev1.Pod, node string) bool {
	for _, other := range n.nominator.NominatedPodsForNode(node) {
		if v1helper.PodPriority(other.GetPod()) >= v1helper.PodPriority(pod) && other.GetPod().UID != pod.UID {
			return true
		}
	}
	return false
}
