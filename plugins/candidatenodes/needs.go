package candidatenodes

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	v1helper "k8s.io/kubernetes/pkg/apis/core/v1/helper"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"
	"k8s.io/kubernetes/pkg/scheduler/util"

	"github.com/stowage-k8s/stowage/internal/podkind"
	"github.com/stowage-k8s/stowage/plugins/internal/scan"
)

// needs are what a pod needs of nodes that its kind does not say: host ports and volumes. Where its
// volumes can be reached depends on labels of nodes, and is asked once for all nodes with the same. Whether
// there is a port, or room for another volume, depends on the pods on a node, and is asked of each node.
type needs struct {
	// labels are the keys of the labels that it depends on.
	labels []string
	// affinities are where the pod's volumes are, topologies where new ones may be created: the engine's
	// filter would parse them for each node. OfLabels are filters that are asked by labels.
	affinities []*nodeaffinity.LazyErrorNodeSelector
	topologies []topology
	ofLabels   sets.Set[string]
	// ofNode are the engine's filters that are asked of each node.
	ofNode  sets.Set[string]
	ports   []corev1.ContainerPort
	volumes []string
	drivers []string
	// answers are what these say; nil if there is nothing to ask.
	answers *answers
}

// topology is where a new volume may be created: where one of them matches.
type topology []labels.Selector

func newTopology(terms []corev1.TopologySelectorTerm) topology {
	var t topology
	for _, term := range terms {
		if len(term.MatchLabelExpressions) == 0 {
			continue // as upstream, it matches nothing
		}
		if selector, err := v1helper.TopologySelectorRequirementsAsSelector(term.MatchLabelExpressions); err == nil {
			t = append(t, selector)
		}
	}
	return t
}

func (t topology) matches(node *corev1.Node) bool {
	return slices.ContainsFunc(t, func(selector labels.Selector) bool { return selector.Matches(labels.Set(node.Labels)) })
}

// needsOf returns what the pod needs, and false if that is not known well enough to find its node.
func (pl *CandidateNodes) needsOf(pod *corev1.Pod) (*needs, bool) {
	n := &needs{ports: util.GetHostPorts(pod)}
	if len(n.ports) == 0 && len(pod.Spec.Volumes) == 0 {
		return n, true
	}
	n.ofLabels, n.ofNode = sets.New[string](), sets.New[string]()
	if len(n.ports) > 0 {
		n.ofNode.Insert(names.NodePorts)
	}
	for i := range pod.Spec.Volumes {
		if claim := claimOf(pod, &pod.Spec.Volumes[i]); claim != "" && slices.ContainsFunc(pod.Spec.Volumes[:i], func(v corev1.Volume) bool { return claimOf(pod, &v) == claim }) {
			continue // the same volume once more
		}
		if !pl.addVolume(n, pod, &pod.Spec.Volumes[i]) {
			return nil, false
		}
	}
	if len(n.volumes) > 0 {
		n.ofNode.Insert(names.NodeVolumeLimits)
	}
	if !pl.profile.filters.Has(names.VolumeBinding) {
		n.affinities, n.topologies = nil, nil
	}
	n.ofLabels, n.ofNode = n.ofLabels.Intersection(pl.profile.filters), n.ofNode.Intersection(pl.profile.filters)
	return n, true
}

// key identifies what is asked of each node.
func (n *needs) key() string {
	var key []byte
	for _, port := range n.ports {
		key = podkind.AppendText(key, port.HostIP, string(port.Protocol), strconv.Itoa(int(port.HostPort)))
	}
	slices.Sort(n.volumes)
	return string(podkind.AppendText(append(key, 1), n.volumes...))
}

// filter reports whether there is anything that may rule out a node.
func (n *needs) filter() bool {
	return len(n.ofLabels) > 0 || len(n.affinities) > 0 || len(n.topologies) > 0 || n.answers != nil
}

// verdict returns what the filters said of the node by itself.
func (n *needs) verdict(slot int) verdict {
	if n.answers == nil {
		return notAsked
	}
	return n.answers.verdict(slot)
}

// reaches reports whether all nodes with the labels of the node meet what depends on them.
func (s *search) reaches(node scan.Node) bool {
	for _, affinity := range s.needs.affinities {
		if matches, err := affinity.Match(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: node.Info.Node().Labels}}); err != nil || !matches {
			return false
		}
	}
	for _, topology := range s.needs.topologies {
		if !topology.matches(node.Info.Node()) {
			return false
		}
	}
	if len(s.needs.ofLabels) == 0 {
		return true
	}
	defer s.only(s.needs.ofLabels)()
	status := s.framework.RunFilterPlugins(s.ctx, s.state, s.pod, node.Info)
	if !status.IsSuccess() && !status.IsRejected() {
		s.failed.Store(true) // the engine will report the error
	}
	return status.IsSuccess()
}

// only makes these filters the only ones that run in the pod's cycle, until the function is called that it
// returns.
func (s *search) only(filters sets.Set[string]) (restore func()) {
	before := s.state.GetSkipFilterPlugins()
	s.state.SetSkipFilterPlugins(s.profile.filters.Difference(filters))
	return func() { s.state.SetSkipFilterPlugins(before) }
}
