package executor

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// checkNodes stops the run if a node is lost that was ready at some time during the run: the
// cluster has a problem, or the plan is wrong. Nodes that were never ready do not count, because
// new nodes start that way. Neither do nodes that are removed on purpose: nodes that are being
// removed, and nodes that the run has emptied, unless a replacement is expected there. A node
// whose object is deleted was removed, too, because a failed machine leaves its object behind.
// It counts only if replacements are on it or expected there; later moves are planned again
// anyway. A node with a new UID under the same name is a new node, and the old one is gone.
// awaited are the evictions whose replacements are expected now.
func (r *run) checkNodes(picture *cluster.Snapshot, awaited []*eviction) error {
	there := map[string]bool{}
	var silent, gone []string
	for _, node := range picture.Nodes {
		there[node.Name] = true
		uid, wasReady := r.wereReady[node.Name]
		if wasReady && uid != node.UID {
			gone, wasReady = append(gone, node.Name), false
			delete(r.wereReady, node.Name)
		}
		switch {
		case cluster.NodeLeaving(node) != "":
			delete(r.wereReady, node.Name) // whatever becomes of it
		case cluster.NodeReady(node):
			r.wereReady[node.Name] = node.UID
		case wasReady:
			silent = append(silent, node.Name)
		}
	}
	for name := range r.wereReady {
		if !there[name] {
			gone = append(gone, name)
		}
	}
	if len(silent)+len(gone) == 0 {
		return nil
	}
	used, planned, emptied := r.used(picture, awaited), r.planned(), r.emptied(picture)
	lost := slices.DeleteFunc(silent, func(name string) bool { return emptied[name] && !used[name] && !planned[name] })
	for _, name := range gone {
		if used[name] {
			lost = append(lost, name)
		} else if !there[name] {
			delete(r.wereReady, name)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	slices.Sort(lost)
	return &stop{plan.NodesNotReady, "these nodes became NotReady or were deleted during the run: " + some(lost, ", ")}
}

// used returns the nodes that replacements are on, or expected on.
func (r *run) used(picture *cluster.Snapshot, awaited []*eviction) map[string]bool {
	nodes := map[string]bool{}
	for _, e := range awaited {
		nodes[e.move.To] = true
	}
	for _, pod := range picture.Pods {
		if r.done.Replacements[pod.UID] && stayingOnNode(pod) {
			nodes[pod.Spec.NodeName] = true
		}
	}
	return nodes
}

// planned returns the destinations of the remaining moves.
func (r *run) planned() map[string]bool {
	nodes := map[string]bool{}
	for _, moves := range r.queue {
		for i := range moves {
			nodes[moves[i].To] = true
		}
	}
	return nodes
}

// emptied returns the nodes that the run has evicted pods from, and that have only their own
// pods left.
func (r *run) emptied(picture *cluster.Snapshot) map[string]bool {
	nodes := map[string]bool{}
	for i := range r.done.Moves {
		nodes[r.done.Moves[i].From] = true
	}
	for _, pod := range picture.Pods {
		if stayingOnNode(pod) {
			delete(nodes, pod.Spec.NodeName)
		}
	}
	return nodes
}

// stayingOnNode says whether the pod would be lost only with its node.
func stayingOnNode(pod *corev1.Pod) bool {
	return pod.Spec.NodeName != "" && cluster.Holds(pod) && pod.DeletionTimestamp == nil && !cluster.BelongsToNode(pod)
}
