package upgrade

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/report"
)

// lacking says what is missing until the nodes of a wave are replaced, or, while they are joining,
// until their replacements are there; "" if nothing is. The nodes of the wave are as they were before
// the drain.
//
// A node that was there before is never a replacement: neither itself, nor when its kubelet has only
// registered again. A node that is upgraded in place has to show a change.
func (r *Run) lacking(nodes, wave []*corev1.Node, joining bool) string {
	byName, byUID := map[string]*corev1.Node{}, map[types.UID]bool{}
	for _, node := range nodes {
		byName[node.Name], byUID[node.UID] = node, true
	}
	for _, was := range wave {
		switch {
		case r.InPlace:
			if lacks := r.unchanged(was, byName[was.Name]); lacks != "" {
				return lacks
			}
		case r.Command != "" && !joining && byUID[was.UID]:
			return fmt.Sprintf("node %s is still there", was.Name)
		}
	}
	if r.InPlace {
		return ""
	}
	r.usable = nil
	var others []string
	for _, node := range nodes {
		if !r.belongs(node) || r.known[string(node.UID)] {
			continue
		}
		why := r.unfit(node, false)
		if r.boots[bootOf(NodeOf(node))] {
			why = "has registered again, but was not started again"
		}
		if why == "" {
			r.usable = append(r.usable, node)
		} else {
			others = append(others, fmt.Sprintf("node %s %s", node.Name, why))
		}
	}
	has, want := len(r.usable), len(wave)
	if has >= want {
		return ""
	}
	lacks := fmt.Sprintf("%d of %s", has, report.Count(want, "new Ready node"))
	if r.ReplacedBy != "" {
		lacks += " with label " + r.ReplacedBy
	}
	if len(others) > 0 {
		lacks += ": " + strings.Join(report.FirstOf(others, mostNames), ", ")
	}
	return lacks
}

// belongs says whether the node is one of those that are replaced or replace them.
func (r *Run) belongs(node *corev1.Node) bool {
	if r.label != nil {
		return r.label.Matches(labels.Set(node.Labels))
	}
	return r.Selects(node)
}

// unchanged says what is missing until the node has been upgraded in place.
func (r *Run) unchanged(was, is *corev1.Node) string {
	if is == nil {
		return fmt.Sprintf("node %s is gone", was.Name)
	}
	before, known := r.baselines[string(was.UID)]
	if !known {
		before = NodeOf(was)
	}
	now := is.Status.NodeInfo
	if before.KubeletVersion == now.KubeletVersion && before.BootID == now.BootID {
		return fmt.Sprintf("node %s has neither another kubelet version than %s nor another boot ID", was.Name, before.KubeletVersion)
	}
	if why := r.unfit(is, is.UID == was.UID); why != "" {
		return fmt.Sprintf("node %s %s", was.Name, why)
	}
	return ""
}

// unfit says why a node cannot take pods yet, or why it is not what was asked for. A cordon of the
// run's own does not matter.
func (r *Run) unfit(node *corev1.Node, cordoned bool) string {
	switch {
	case r.KubeletVersion != "" && node.Status.NodeInfo.KubeletVersion != r.KubeletVersion:
		return fmt.Sprintf("has kubelet version %s, not %s", node.Status.NodeInfo.KubeletVersion, r.KubeletVersion)
	case !cluster.NodeReady(node):
		return "is not Ready"
	case node.DeletionTimestamp != nil:
		return "is being deleted"
	case node.Spec.Unschedulable && !cordoned:
		return "is cordoned"
	}
	for _, taint := range node.Spec.Taints {
		own := cordoned && taint.Key == corev1.TaintNodeUnschedulable
		if taint.Effect != corev1.TaintEffectPreferNoSchedule && !own && !slices.Contains(r.Taints, taint.ToString()) {
			return "has the taint " + taint.ToString()
		}
	}
	return ""
}
