package ask

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// ChangeKind is what a change is about.
type ChangeKind string

// The kinds of changes.
const (
	Tolerate ChangeKind = "tolerate" // a toleration for the pod
	Request  ChangeKind = "request"  // a lower request of the pod
	Uncordon ChangeKind = "uncordon" // a node is uncordoned
	Label    ChangeKind = "label"    // a label for a node
	Drop     ChangeKind = "drop"     // a rule that the pod does not have any more
	AddNode  ChangeKind = "addNode"  // one node more
)

// Change is one change of the pod or of the nodes.
type Change struct {
	Kind ChangeKind `json:"kind"`
	// Text says it in words, such as "tolerate the taint gpu=true:NoSchedule".
	Text string `json:"text"`
	// Node is the node to uncordon or to label, and Like the kind of nodes to add one of.
	Node string `json:"node,omitempty"`
	Like string `json:"like,omitempty"`

	// cost says which of several changes is smaller: that with the lower one.
	cost float64
	// One of these applies the change.
	pod  func(*corev1.Pod)
	node func(*corev1.Node)
	adds *addition
}

// toleration lets the pod tolerate a taint.
func toleration(taint corev1.Taint) Change {
	added := corev1.Toleration{Key: taint.Key, Operator: corev1.TolerationOpEqual, Value: taint.Value, Effect: taint.Effect}
	if taint.Value == "" {
		added.Operator = corev1.TolerationOpExists
	}
	return Change{
		Kind: Tolerate, Text: "tolerate the taint " + taint.ToString(), cost: 1,
		pod: func(pod *corev1.Pod) { pod.Spec.Tolerations = append(pod.Spec.Tolerations, added) },
	}
}

// uncordon makes a node schedulable again.
func uncordon(node string) Change {
	return Change{
		Kind: Uncordon, Text: "uncordon node " + node, Node: node, cost: 1,
		node: func(n *corev1.Node) {
			n.Spec.Unschedulable = false
			n.Spec.Taints = slices.DeleteFunc(n.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeUnschedulable })
		},
	}
}

// label gives a node a label.
func label(node, key, value string) Change {
	return Change{
		Kind: Label, Text: fmt.Sprintf("label node %s with %s=%s", node, key, value), Node: node, cost: 2,
		node: func(n *corev1.Node) { metav1.SetMetaDataLabel(&n.ObjectMeta, key, value) },
	}
}

// oneMore adds a node like another.
func (w *World) oneMore(like *corev1.Node, name string) Change {
	kind := KindOf(like)
	text := "add a node like " + like.Name + " (" + kind
	if zone := like.Labels[corev1.LabelTopologyZone]; zone != "" {
		text += ", zone " + zone
	}
	return Change{Kind: AddNode, Text: text + ")", Like: kind, cost: 4, adds: w.like(like, name)}
}

// drops returns the changes that each leave out one hard rule of the pod that the filter checks.
func drops(pod *corev1.Pod, filter string) []Change {
	switch strings.TrimPrefix(filter, "Indexed") { // those of Stowage decide the same
	case "NodeAffinity":
		return dropNodeRules(pod)
	case "InterPodAffinity":
		return dropPodRules(pod)
	case "PodTopologySpread":
		return dropSpread(pod)
	case "NodePorts":
		return dropPorts(pod)
	}
	return nil
}

func drop(text string, pod func(*corev1.Pod)) Change {
	return Change{Kind: Drop, Text: text, cost: 3, pod: pod}
}

func dropNodeRules(pod *corev1.Pod) []Change {
	var all []Change
	for key, value := range pod.Spec.NodeSelector { // sorted by the caller
		all = append(all, drop(fmt.Sprintf("drop %s=%s from its node selector", key, value), func(pod *corev1.Pod) { delete(pod.Spec.NodeSelector, key) }))
	}
	required := requiredNodes(pod)
	if required == nil {
		return all
	}
	for i := range required.NodeSelectorTerms {
		for _, rule := range required.NodeSelectorTerms[i].MatchExpressions {
			all = append(all, drop(fmt.Sprintf("drop %q from its required node affinity", expression(rule)), func(pod *corev1.Pod) { dropExpression(pod, i, rule) }))
		}
	}
	return all
}

// requiredNodes returns the required node affinity of the pod; nil if it has none.
func requiredNodes(pod *corev1.Pod) *corev1.NodeSelector {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return nil
	}
	return pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
}

// dropExpression leaves one expression out of a term. A term of nothing matches no node, so the
// last expression takes the whole rule with it.
func dropExpression(pod *corev1.Pod, term int, rule corev1.NodeSelectorRequirement) {
	required := requiredNodes(pod)
	if required == nil {
		return
	}
	t := &required.NodeSelectorTerms[term]
	t.MatchExpressions = slices.DeleteFunc(t.MatchExpressions, func(r corev1.NodeSelectorRequirement) bool { return reflect.DeepEqual(r, rule) })
	if len(t.MatchExpressions)+len(t.MatchFields) == 0 {
		pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution = nil
	}
}

func expression(rule corev1.NodeSelectorRequirement) string {
	if len(rule.Values) == 0 {
		return fmt.Sprintf("%s %s", rule.Key, rule.Operator)
	}
	return fmt.Sprintf("%s %s %s", rule.Key, rule.Operator, strings.Join(rule.Values, ","))
}

func dropPodRules(pod *corev1.Pod) []Change {
	if pod.Spec.Affinity == nil {
		return nil
	}
	var all []Change
	if pod.Spec.Affinity.PodAffinity != nil {
		for _, term := range pod.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
			all = append(all, drop("drop the required pod affinity to "+selected(term), func(pod *corev1.Pod) {
				rules := &pod.Spec.Affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution
				*rules = leaveOut(*rules, term)
			}))
		}
	}
	if pod.Spec.Affinity.PodAntiAffinity != nil {
		for _, term := range pod.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution {
			all = append(all, drop("drop the required pod anti-affinity to "+selected(term), func(pod *corev1.Pod) {
				rules := &pod.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
				*rules = leaveOut(*rules, term)
			}))
		}
	}
	return all
}

func leaveOut(terms []corev1.PodAffinityTerm, term corev1.PodAffinityTerm) []corev1.PodAffinityTerm {
	return slices.DeleteFunc(terms, func(t corev1.PodAffinityTerm) bool { return reflect.DeepEqual(t, term) })
}

func selected(term corev1.PodAffinityTerm) string {
	return fmt.Sprintf("%q by %s", metav1.FormatLabelSelector(term.LabelSelector), term.TopologyKey)
}

func dropSpread(pod *corev1.Pod) []Change {
	var all []Change
	for _, constraint := range pod.Spec.TopologySpreadConstraints {
		if constraint.WhenUnsatisfiable != corev1.DoNotSchedule {
			continue
		}
		all = append(all, drop(fmt.Sprintf("make its topology spread constraint on %s soft (whenUnsatisfiable: ScheduleAnyway)", constraint.TopologyKey), func(pod *corev1.Pod) {
			for i := range pod.Spec.TopologySpreadConstraints {
				if c := &pod.Spec.TopologySpreadConstraints[i]; reflect.DeepEqual(*c, constraint) {
					c.WhenUnsatisfiable = corev1.ScheduleAnyway
				}
			}
		}))
	}
	return all
}

func dropPorts(pod *corev1.Pod) []Change {
	var all []Change
	for _, container := range pod.Spec.Containers {
		for _, port := range container.Ports {
			if port.HostPort == 0 {
				continue
			}
			all = append(all, drop(fmt.Sprintf("drop the host port %d of container %s", port.HostPort, container.Name), func(pod *corev1.Pod) {
				for i := range pod.Spec.Containers {
					if c := &pod.Spec.Containers[i]; c.Name == container.Name {
						c.Ports = slices.DeleteFunc(c.Ports, func(p corev1.ContainerPort) bool { return reflect.DeepEqual(p, port) })
					}
				}
			}))
		}
	}
	return all
}

// wantedLabels returns the labels that the pod asks its node for and that the node lacks: those
// that an operator sets, not those that tell what a node is.
func wantedLabels(pod *corev1.Pod, node *corev1.Node) map[string]string {
	wanted := map[string]string{}
	want := func(key, value string) {
		if node.Labels[key] != value && !tellsWhatItIs(key) {
			wanted[key] = value
		}
	}
	for key, value := range pod.Spec.NodeSelector {
		want(key, value)
	}
	if required := requiredNodes(pod); required != nil && len(required.NodeSelectorTerms) == 1 {
		for _, rule := range required.NodeSelectorTerms[0].MatchExpressions {
			if rule.Operator == corev1.NodeSelectorOpIn && !slices.Contains(rule.Values, node.Labels[rule.Key]) {
				want(rule.Key, rule.Values[0])
			}
		}
	}
	return wanted
}

// tellsWhatItIs says whether a kubelet, a platform or an autoscaler sets the label, and not an
// operator.
func tellsWhatItIs(key string) bool {
	domain, _, prefixed := strings.Cut(key, "/")
	return prefixed && slices.ContainsFunc([]string{"kubernetes.io", "k8s.io", "karpenter.sh", "cloud.google.com", "amazonaws.com", "azure.com"}, func(of string) bool {
		return domain == of || strings.HasSuffix(domain, "."+of)
	}) || slices.Contains(cluster.PoolLabels(), key)
}
