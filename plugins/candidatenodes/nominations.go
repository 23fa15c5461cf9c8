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

// nominations knows which nodes pods are nominated for: room is kept there for them,
// after preemption has made it, which the table does not tell.
type nominations struct {
	nominator fwk.PodNominator

	mu sync.Mutex
	// byPod are the nodes that the API server says pods without a node are nominated for,
	// byNode how many of these pods there are for a node.
	byPod  map[types.UID]string
	byNode map[string]int
	// expected are pods that the engine may have nominated since all nodes were looked at,
	// of which the API server has not said so yet.
	expected sets.Set[types.UID]
	// found are the nodes that may have nominated pods though the API server says none.
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

// set notes which node a pod is nominated for; nothing, if it is not for any.
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
	}
}

// expect says that the engine may nominate the pod in this cycle.
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
			// Where the API server says that there are some, there is no need to look: the
			// nominator would copy them.
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

// yields says whether the pod has to leave room on the node for nominated pods.
func (n *nominations) yields(pod *corev1.Pod, node string) bool {
	for _, other := range n.nominator.NominatedPodsForNode(node) {
		if v1helper.PodPriority(other.GetPod()) >= v1helper.PodPriority(pod) && other.GetPod().UID != pod.UID {
			return true
		}
	}
	return false
}
