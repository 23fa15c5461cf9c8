package strategies

import (
	"fmt"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/report"
)

// utilizationNode is a node with its utilization without pods that are leaving.
type utilizationNode struct {
	*strategy.Node
	heat points
}

// utilizationView is what the utilization strategies consider: the ready nodes that the policy
// selects.
type utilizationView struct {
	scale *utilizationScale
	// known are those that the scale judges, with how full they are; unknown are the names of
	// those for which that is not known.
	known   []utilizationNode
	unknown []string
	// alone are the reasons why nodes are skipped, without counts those that offer no resource
	// with a threshold.
	alone   []string
	without int
	// all and selected count the nodes of the cluster, and those that the policy selects.
	all, selected int
}

func newUtilizationView(state *strategy.State, scale *utilizationScale) *utilizationView {
	v := &utilizationView{scale: scale, all: len(state.Nodes())}
	for _, node := range state.Nodes() {
		if !node.Selected {
			continue
		}
		v.selected++
		if !utilizationReady(node) {
			continue
		}
		if why := scale.unsettled(node); why != "" {
			v.alone = append(v.alone, why)
		} else if !scale.measures(node) {
			v.without++
		} else if heat, is := scale.heat(state, node); is {
			v.known = append(v.known, utilizationNode{node, heat})
		} else {
			v.unknown = append(v.unknown, node.Name)
		}
	}
	return v
}

// none says that there is no node to judge.
func (v *utilizationView) none() string {
	switch {
	case v.all == 0:
		return "the cluster has no nodes"
	case v.selected == 0:
		return "the policy's nodeSelector selects none of " + report.Count(v.all, "node")
	}
	return v.told("no ready node can be classified by " + v.scale.nameList("or"))
}

// no says that none of the nodes that can be classified is something.
func (v *utilizationView) no(what string) string {
	if v.without == 0 {
		return "no node is " + what
	}
	return fmt.Sprintf("no node that offers %s is %s", v.scale.nameList("or"), what)
}

// every says that all nodes that can be classified are something.
func (v *utilizationView) every(what string) string {
	subject := "every node"
	if v.without > 0 {
		subject += " that offers " + v.scale.nameList("or")
	}
	return fmt.Sprintf("%s is %s, %d of %d", subject, what, len(v.known), len(v.known))
}

// few says that too few nodes are underutilized. Cordoned ones do not count.
func (v *utilizationView) few(under, cordoned int, atMost uint) string {
	few := v.no("underutilized")
	if under > 0 {
		few = fmt.Sprintf("too few nodes are underutilized: %d, and numberOfNodes requires more than %d", under, atMost)
	}
	if cordoned > 0 {
		few += fmt.Sprintf(", not counting %d cordoned", cordoned)
	}
	return few
}

// told adds to a reason which nodes are skipped.
func (v *utilizationView) told(reason string) string {
	if aside := v.aside(); aside != "" {
		return reason + "; " + aside
	}
	return reason
}

// aside says which nodes are skipped, if any.
func (v *utilizationView) aside() string {
	switch len(v.alone) {
	case 0:
		return ""
	case 1:
		return "1 node is skipped: " + v.alone[0]
	}
	return fmt.Sprintf("%d nodes are skipped, the first because %s", len(v.alone), v.alone[0])
}

// begin reports skipped nodes before the strategy proposes anything.
func (v *utilizationView) begin(session strategy.Session) {
	if aside := v.aside(); aside != "" {
		session.Idle(aside)
	}
}
