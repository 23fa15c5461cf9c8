package strategies

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// utilizationDrain empties whole nodes: all pods of a node are moved, or none, because a node
// that keeps a pod is still in use.
//
// It starts with the nodes with the fewest pods. It first tries to empty as many of them as the
// others have room for in total, with only the others as destinations. It tries the rest again
// with every node in use as a destination, until it finds nothing more. Pods only move to nodes
// that remain, and a node that they moved to is not emptied by the same plan, so no pod moves
// twice. A second run starts with the last pass, which found nothing.
type utilizationDrain struct {
	session strategy.Session
	view    *utilizationView
	now     time.Time
	// most is the maximum number of nodes to empty, or negative for no limit.
	most int
	// goes says whether a pod must leave for its node to be empty, stays whether it must not be
	// moved.
	goes  func(pod *corev1.Pod) bool
	stays func(pod *corev1.Pod) bool
	// objective returns the objective for the pods of a node. The nodes in leaving are not
	// destinations.
	objective func(node *strategy.Node, leaving map[string]bool) strategy.Objective
	// reason says why a node should be emptied.
	reason func(node *strategy.Node) string

	emptied map[string]bool
	full    bool
	// returns says that a node is not emptied because the scheduler could choose it again.
	returns bool
}

// utilizationVain is how many nodes in a row may be refused before a pass ends: those that
// follow have more pods to find room for.
const utilizationVain = 50

// run empties what it can of the nodes.
func (d *utilizationDrain) run(ctx context.Context, nodes []*strategy.Node) error {
	d.emptied = map[string]bool{}
	first := d.roomFor(d.emptiable(nodes))
	planned := map[string]bool{}
	for _, node := range first {
		planned[node.Name] = true
	}
	// The moves that were kept are asked about again as they are carried out: by then no
	// destination is only one that is emptied indeed.
	defer func() {
		clear(planned)
		maps.Copy(planned, d.emptied)
	}()
	if err := d.pass(ctx, first, planned); err != nil {
		return err
	}
	for before := -1; before < len(d.emptied); {
		before = len(d.emptied)
		if err := d.pass(ctx, d.emptiable(nodes), nil); err != nil {
			return err
		}
	}
	if d.returns && len(d.emptied) == 0 {
		d.session.Idle(d.view.told("no node becomes empty, because pods could return: while they terminate, their node is as good as others. Cordon a node to have it emptied"))
	}
	return nil
}

// emptiable returns the nodes whose pods may all be moved, and that an autoscaler may then
// remove: those with the fewest pods first, then those with the smallest requests.
func (d *utilizationDrain) emptiable(nodes []*strategy.Node) []*strategy.Node {
	type candidate struct {
		*strategy.Node
		pods  int
		share float64
	}
	var all []candidate
	for _, node := range nodes {
		pods := d.pods(node)
		mark := d.mark(node)
		switch {
		case len(pods) == 0:
		case mark != "":
			for _, pod := range pods {
				d.session.Refuse(pod, fmt.Sprintf("no autoscaler would remove node %s: %s", node.Name, mark))
			}
		default:
			all = append(all, candidate{node, len(pods), utilizationShare(node, node.Lasting)})
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.pods, b.pods), cmp.Compare(a.share, b.share), cmp.Compare(a.Name, b.Name))
	})
	var sorted []*strategy.Node
	for _, c := range all {
		sorted = append(sorted, c.Node)
	}
	return sorted
}

// mark says which mark prevents autoscalers from removing the node after it is emptied, if any.
func (d *utilizationDrain) mark(node *strategy.Node) string {
	if mark, marked := cluster.NodeDoNotDisrupt(node.Node); marked {
		return "it has the annotation " + mark.String()
	}
	for _, pod := range node.Pods {
		if d.leaves(pod) {
			continue
		}
		if mark, marked := cluster.KeepsNode(pod, d.now); marked {
			return fmt.Sprintf("pod %s/%s, which stays there, has the annotation %s", pod.Namespace, pod.Name, mark)
		}
	}
	return ""
}

// leaves says whether the pod must be moved for its node to be emptied.
func (d *utilizationDrain) leaves(pod *corev1.Pod) bool {
	return !cluster.BelongsToNode(pod) && !cluster.Leaving(pod) && d.goes(pod)
}

// utilizationShare returns the largest share that the amounts are of a node's cpu or memory.
func utilizationShare(node *strategy.Node, amounts strategy.Amounts) float64 {
	share := 0.0
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if whole := node.Allocatable[name]; whole > 0 {
			share = max(share, float64(amounts[name])/float64(whole))
		}
	}
	return share
}

// pods returns the pods that must be moved, largest first, because these are hardest to place.
// It returns none if any of them may not be moved.
func (d *utilizationDrain) pods(node *strategy.Node) []*corev1.Pod {
	type sized struct {
		pod   *corev1.Pod
		share float64
	}
	var going []sized
	for _, pod := range node.Pods {
		if !d.leaves(pod) {
			continue
		}
		if d.stays(pod) || !d.session.Evictable(pod) {
			return nil
		}
		going = append(going, sized{pod, utilizationShare(node, cluster.Requests(pod))})
	}
	slices.SortStableFunc(going, func(a, b sized) int { return cmp.Compare(b.share, a.share) })
	var pods []*corev1.Pod
	for _, s := range going {
		pods = append(pods, s.pod)
	}
	return pods
}

// roomFor returns as many of the nodes, from the front, as the other nodes in use have
// room for in sum: no plan can empty more of them without using an empty one.
func (d *utilizationDrain) roomFor(nodes []*strategy.Node) []*strategy.Node {
	free, needed := strategy.Amounts{}, strategy.Amounts{}
	for _, node := range d.session.State().Nodes() {
		if utilizationTakes(node) && node.InUse() {
			free.Add(utilizationFree(node), 1)
		}
	}
	for i, node := range nodes {
		if d.most >= 0 && i >= d.most {
			return nodes[:i]
		}
		if utilizationTakes(node) {
			free.Add(utilizationFree(node), -1)
		}
		for _, pod := range d.pods(node) {
			needed.Add(cluster.Requests(d.session.State().Replacement(pod)), 1)
		}
		if _, exceeds := needed.Exceeding(free); exceeds {
			return nodes[:i]
		}
	}
	return nodes
}

// utilizationFree returns what is not requested on a node. It is never negative, even if the node
// offers less than its pods hold.
func utilizationFree(node *strategy.Node) strategy.Amounts {
	free := strategy.Amounts{}
	for name, whole := range node.Allocatable {
		free[name] = max(0, whole-node.Requested[name])
	}
	return free
}

// utilizationTakes says whether the scheduler may put pods on the node.
func utilizationTakes(node *strategy.Node) bool {
	return !node.Spec.Unschedulable && utilizationReady(node)
}

// pass tries the nodes one by one. No pod goes to nodes that the plan empties: those of
// planned, or, where that is nil, the node itself and those that were emptied so far.
func (d *utilizationDrain) pass(ctx context.Context, nodes []*strategy.Node, planned map[string]bool) error {
	vain := 0
	for _, node := range nodes {
		if d.full || d.most >= 0 && len(d.emptied) >= d.most || vain >= utilizationVain {
			return nil
		}
		pods := d.pods(node)
		if len(pods) == 0 {
			continue // an earlier node's went there
		}
		leaving := planned
		if leaving == nil {
			leaving = d.emptied
		}
		known := leaving[node.Name]
		leaving[node.Name] = true
		objective, reason := d.objective(node, leaving), d.reason(node)
		var proposals []strategy.Proposal
		for _, pod := range pods {
			proposals = append(proposals, strategy.Proposal{Pod: pod, Reason: reason, Objective: objective})
		}
		outcome, err := d.session.Propose(ctx, proposals...)
		if err != nil {
			return err
		}
		d.full = outcome.Full
		d.returns = d.returns || outcome.Rule == strategy.WouldReturn
		if vain++; outcome.Kept {
			vain = 0
			d.emptied[node.Name] = true
		} else if !known {
			delete(leaving, node.Name)
		}
	}
	return nil
}
