package strategy

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// What pictures of clusters are made of, named here so that strategies outside this
// module can.
type (
	Amounts  = cluster.Amounts
	Snapshot = cluster.Snapshot
	Workload = cluster.Workload
)

// Node is a node with what is on it.
type Node struct {
	*corev1.Node
	// Allocatable is what it offers. Requested is what its pods request, including the number
	// of pods, as the scheduler counts it. Lasting is Requested without pods that are leaving.
	Allocatable, Requested, Lasting Amounts
	// Pods are the pods on the node that have not finished, including terminating ones.
	Pods []*corev1.Pod
	// Selected says that the policy selects the node. Strategies move pods off no other.
	Selected bool
}

// State is the cluster after the moves planned so far: the snapshot with all kept moves done.
// Strategies only read it.
type State struct {
	picture *Snapshot
	owners  *cluster.Owners
	nodes   []*Node
	byName  map[string]*Node
	// origins are the pods that replacements stand for.
	origins map[types.UID]*corev1.Pod
	// replicas are the pods on nodes by the UID of their workload.
	replicas map[types.UID][]*corev1.Pod
	// replacements are those that were asked for.
	replacements map[types.UID]*corev1.Pod
}

// NewState returns the state of a picture. The policy looks at the nodes that the
// selector selects.
func NewState(picture *Snapshot, nodeSelector labels.Selector) *State {
	s := &State{
		picture:  picture,
		owners:   cluster.NewOwners(picture),
		byName:   make(map[string]*Node, len(picture.Nodes)),
		origins:  map[types.UID]*corev1.Pod{},
		replicas: map[types.UID][]*corev1.Pod{},

		replacements: map[types.UID]*corev1.Pod{},
	}
	for _, node := range picture.Nodes {
		n := &Node{Node: node, Allocatable: cluster.Allocatable(node), Requested: Amounts{}, Lasting: Amounts{}, Selected: nodeSelector.Matches(labels.Set(node.Labels))}
		s.nodes = append(s.nodes, n)
		s.byName[node.Name] = n
	}
	slices.SortFunc(s.nodes, func(a, b *Node) int { return cmp.Compare(a.Name, b.Name) })
	for _, pod := range picture.Pods {
		s.Add(pod)
	}
	for _, n := range s.nodes {
		slices.SortFunc(n.Pods, func(a, b *corev1.Pod) int {
			return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
		})
	}
	return s
}

// Picture is the original snapshot with all its pods.
func (s *State) Picture() *Snapshot { return s.picture }

// Nodes returns all nodes, by name.
func (s *State) Nodes() []*Node { return s.nodes }

// Node returns the node of that name, or nil.
func (s *State) Node(name string) *Node { return s.byName[name] }

// Workload returns the pod's top-level controller, or nil if it has none.
func (s *State) Workload(pod *corev1.Pod) *Workload { return s.owners.Of(pod) }

// Owners are the controllers of the picture's pods.
func (s *State) Owners() *cluster.Owners { return s.owners }

// Replicas returns the pods of a workload that are on nodes and have not finished, including
// terminating ones.
func (s *State) Replicas(workload *Workload) []*corev1.Pod { return s.replicas[workload.UID] }

// Replacement returns the pod that the controller creates when the pod is gone, from the owner's
// template. It may have other requests than the pod. The destination is chosen for the
// replacement.
func (s *State) Replacement(pod *corev1.Pod) *corev1.Pod {
	replacement, known := s.replacements[pod.UID]
	if !known {
		replacement, _ = s.owners.Replacement(pod)
		s.replacements[pod.UID] = replacement
	}
	return replacement
}

// Origin returns the moved pod for its replacement, and nil for other pods.
func (s *State) Origin(pod *corev1.Pod) *corev1.Pod { return s.origins[pod.UID] }

// Add puts a pod that has a node there.
func (s *State) Add(pod *corev1.Pod) {
	n := s.byName[pod.Spec.NodeName]
	if n == nil || !cluster.Holds(pod) {
		return
	}
	n.Pods = append(n.Pods, pod)
	n.count(pod, 1)
	if workload := s.owners.Of(pod); workload != nil {
		s.replicas[workload.UID] = append(s.replicas[workload.UID], pod)
	}
}

// Remove takes a pod from its node.
func (s *State) Remove(pod *corev1.Pod) {
	n := s.byName[pod.Spec.NodeName]
	if n == nil {
		return
	}
	same := func(p *corev1.Pod) bool { return p.UID == pod.UID }
	i := slices.IndexFunc(n.Pods, same)
	if i < 0 {
		return
	}
	n.count(n.Pods[i], -1) // as it was added: it may have been on its way out
	n.Pods = slices.Delete(n.Pods, i, i+1)
	if workload := s.owners.Of(pod); workload != nil {
		s.replicas[workload.UID] = slices.DeleteFunc(s.replicas[workload.UID], same)
	}
}

// InUse says whether the node has a pod that would be lost with it: one that is not leaving, not
// static, and not of a DaemonSet.
func (n *Node) InUse() bool {
	return slices.ContainsFunc(n.Pods, func(pod *corev1.Pod) bool { return !cluster.BelongsToNode(pod) && !cluster.Leaving(pod) })
}

// count adds what a pod requests, or takes it away.
func (n *Node) count(pod *corev1.Pod, factor int64) {
	requests := cluster.Requests(pod)
	n.Requested.Add(requests, factor)
	if !cluster.Leaving(pod) {
		n.Lasting.Add(requests, factor)
	}
}

// AddReplacement puts the replacement of a pod on its node.
func (s *State) AddReplacement(replacement, origin *corev1.Pod) {
	s.origins[replacement.UID] = origin
	s.Add(replacement)
}

// RemoveReplacement undoes AddReplacement.
func (s *State) RemoveReplacement(replacement *corev1.Pod) {
	s.Remove(replacement)
	delete(s.origins, replacement.UID)
}
