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

// utilizationDrain empties whole nodes: all pods of a node go, or none does, for a node
// that keeps a pod is as much in use as before.
//
// It takes the nodes with the fewest pods first. Of those, as many as the others have
// room for in sum are to be emptied, and at first pods may only go to the others. What
// that leaves is tried again with every node in use as a destination, until nothing more
// is found. As pods only ever go to nodes that stay, and a node they went to is not
// emptied by the same plan, none moves twice; and the last pass, which found nothing, is
// what a second run begins with.
type utilizationDrain struct {
	session strategy.Session
	view    *utilizationView
	now     time.Time
	// most is the most nodes to empty, below 0 where there is no limit.
	most int
	// goes says whether a pod counts among those that have to go, stays whether it must
	// not be moved.
	goes  func(pod *corev1.Pod) bool
	stays func(pod *corev1.Pod) bool
	// objective returns what the move of a node's pods is for. The nodes of leaving are
	// no destinations.
	objective func(node *strategy.Node, leaving map[string]bool) strategy.Objective
	// reason says why a node is to be emptied.
	reason func(node *strategy.Node) string

	emptied map[string]bool
	full    bool
	// returns says that a node stays since the scheduler could choose it again.
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

// emptiable returns the nodes of which every pod that has to go may go, and that an
// autoscaler may take away then: those with the fewest first, and then those that request
// least.
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

// mark says which mark keeps autoscalers from taking the node away, once the pods that have
// to go have gone; nothing where none does.
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

// leaves says whether the pod has to go for its node to be emptied.
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

// pods returns the pods that have to go, largest first: what is hardest to place is
// tried first. There are none if any of them may not go.
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

// utilizationFree returns what of a node no pod requests. What it offers less of than its
// pods hold is no debt to other nodes.
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
