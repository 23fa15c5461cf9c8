package ask

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	v1helper "k8s.io/component-helpers/scheduling/corev1"

	"github.com/stowage-k8s/stowage/internal/simulation"
)

// Group is nodes that are alike, and what the pod's scheduler says of them.
type Group struct {
	// Name describes them: pool, instance type or size, taints.
	Name  string `json:"name"`
	Nodes int    `json:"nodes"`
	// Rejections say which filters reject the pod, on how many nodes.
	Rejections []Rejection `json:"rejections"`
	// Fixes are the smallest changes that were found after which the pod fits one of them: at most
	// one without a new node, and one with it.
	Fixes []Fix `json:"fixes,omitempty"`

	members []*corev1.Node
}

// Rejection is why a filter rejects the pod.
type Rejection struct {
	Filter string `json:"filter"`
	Reason string `json:"reason"`
	Nodes  int    `json:"nodes"`
}

// groups returns the nodes that the verdicts reject, the largest group first.
func (w *World) groups(pod *corev1.Pod, verdicts []simulation.Verdict) []Group {
	type key struct{ kind, filter, reason string }
	counts, byKind := map[key]int{}, map[string]*Group{}
	for _, verdict := range verdicts {
		node := w.nodes[verdict.Node]
		if verdict.Fits || node == nil {
			continue
		}
		kind := KindOf(node)
		if byKind[kind] == nil {
			byKind[kind] = &Group{Name: kind}
		}
		byKind[kind].Nodes++
		byKind[kind].members = append(byKind[kind].members, node)
		counts[key{kind, verdict.Plugin, reason(pod, node, verdict)}]++
	}
	for key, nodes := range counts {
		group := byKind[key.kind]
		group.Rejections = append(group.Rejections, Rejection{key.filter, key.reason, nodes})
	}
	var groups []Group
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		group := byKind[kind]
		slices.SortFunc(group.Rejections, func(a, b Rejection) int {
			return cmp.Or(cmp.Compare(b.Nodes, a.Nodes), cmp.Compare(a.Filter, b.Filter), cmp.Compare(a.Reason, b.Reason))
		})
		groups = append(groups, *group)
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return cmp.Compare(b.Nodes, a.Nodes) })
	return groups
}

// reason is that of the filter, with the taint, which the filter does not name.
func reason(pod *corev1.Pod, node *corev1.Node, verdict simulation.Verdict) string {
	if verdict.Plugin != "TaintToleration" {
		return strings.Join(verdict.Reasons, ", ")
	}
	var taints []string
	for _, taint := range untolerated(pod, node) {
		taints = append(taints, taint.ToString())
	}
	return "the pod does not tolerate " + strings.Join(taints, ", ")
}

// untolerated returns the taints of the node that keep the pod away.
func untolerated(pod *corev1.Pod, node *corev1.Node) []corev1.Taint {
	var taints []corev1.Taint
	for _, taint := range node.Spec.Taints {
		if taint.Effect != corev1.TaintEffectPreferNoSchedule && !v1helper.TolerationsTolerateTaint(logr.Discard(), pod.Spec.Tolerations, &taint, true) {
			taints = append(taints, taint)
		}
	}
	return taints
}

// explain returns why no node fits the pod, with fixes, and the smallest of these.
func (w *World) explain(ctx context.Context, pod *corev1.Pod, verdicts []simulation.Verdict) (groups []Group, smallest *Fix, err error) {
	groups = w.groups(pod, verdicts)
	search := w.search(pod)
	if _, err := search.after(ctx, nil); err != nil {
		return nil, nil, err
	}
	for i := range groups {
		w.progress("trying changes for %s: %d of %d groups of nodes", groups[i].Name, i+1, len(groups))
		if groups[i].Fixes, err = search.fixes(ctx, &groups[i]); err != nil {
			return nil, nil, err
		}
		for j := range groups[i].Fixes {
			if fix := &groups[i].Fixes[j]; smallest == nil || smaller(*fix, *smallest) < 0 {
				smallest = fix
			}
		}
	}
	return groups, smallest, nil
}
