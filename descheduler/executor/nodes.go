package executor

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/plan"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// checkNodes stops the run when a node is lost that was ready at some time of it: the
// cluster is in trouble, or the plan is wrong. Nodes that never were ready do not matter,
// since those that join a cluster begin so. Nor do nodes that somebody takes away on
// purpose: those on their way out, and those that the run has emptied, as long as nothing
// is to go there. One whose object is gone was taken away too, since machines that fail leave
// it behind: it matters only with replacements on it or under way to it, for moves to come are
// planned anew. One that has come back as another, under the same name, is gone. The moves are
// those whose replacements are awaited now.
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
	return &stop{plan.NodesNotReady, "during the run these nodes ceased to be Ready or to exist: " + some(lost, ", ")}
}

// used returns the nodes that replacements are on, or that those awaited are to go to.
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

// planned returns the nodes that the moves to come are to go to.
func (r *run) planned() map[string]bool {
	nodes := map[string]bool{}
	for _, moves := range r.queue {
		for i := range moves {
			nodes[moves[i].To] = true
		}
	}
	return nodes
}

// emptied returns the nodes that the run has evicted pods from, and that have none left
// but their own.
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

// stayingOnNode says whether the pod would be lost with its node, and would not be without.
func stayingOnNode(pod *corev1.Pod) bool {
	return pod.Spec.NodeName != "" && cluster.Holds(pod) && pod.DeletionTimestamp == nil && !cluster.BelongsToNode(pod)
}
