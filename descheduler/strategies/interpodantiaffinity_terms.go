package strategies

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
)

// antiTerm is a term of required anti-affinity: no pod that it selects may be in the
// same domain. The API server has merged matchLabelKeys into the selector.
type antiTerm struct {
	id         string
	key        string
	namespaces sets.Set[string]
	// byLabels selects further namespaces.
	byLabels labels.Selector
	selector labels.Selector
}

// readAntiTerms returns the terms of a pod. Those that cannot be read are left out.
func readAntiTerms(pod *corev1.Pod) []antiTerm {
	var terms []antiTerm
	for _, raw := range rawAntiTerms(pod) {
		selector, err := metav1.LabelSelectorAsSelector(raw.LabelSelector)
		if err != nil {
			continue
		}
		byLabels, err := metav1.LabelSelectorAsSelector(raw.NamespaceSelector)
		if err != nil {
			continue
		}
		namespaces := sets.New(raw.Namespaces...)
		if len(namespaces) == 0 && raw.NamespaceSelector == nil {
			namespaces.Insert(pod.Namespace)
		}
		// Selectors of nothing and of everything are written alike.
		id := fmt.Sprintf("%s|%v|%v %s|%v %s", raw.TopologyKey, sets.List(namespaces),
			raw.NamespaceSelector == nil, byLabels, raw.LabelSelector == nil, selector)
		terms = append(terms, antiTerm{id: id, key: raw.TopologyKey, namespaces: namespaces, byLabels: byLabels, selector: selector})
	}
	return terms
}

func rawAntiTerms(pod *corev1.Pod) []corev1.PodAffinityTerm {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.PodAntiAffinity == nil {
		return nil
	}
	return pod.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
}

// antiTerms answers which pods of a state are in conflict. It has what does not change
// in a state: the nodes of each domain, and the labels of namespaces.
type antiTerms struct {
	state *strategy.State
	// of are the terms of pods by UID, where they have been read before.
	of map[types.UID][]antiTerm
	// domains are the nodes by label and value, of the labels that terms name.
	domains    map[string]map[string][]*strategy.Node
	namespaces map[string]labels.Set
}

func newAntiTerms(state *strategy.State) *antiTerms {
	t := &antiTerms{state: state, of: map[types.UID][]antiTerm{}, domains: map[string]map[string][]*strategy.Node{}, namespaces: map[string]labels.Set{}}
	for _, namespace := range state.Picture().Namespaces {
		t.namespaces[namespace.Name] = namespace.Labels
	}
	for _, node := range state.Nodes() {
		for _, pod := range node.Pods {
			for _, raw := range rawAntiTerms(pod) {
				t.addKey(raw.TopologyKey)
			}
		}
	}
	return t
}

// addKey finds the nodes of the label's domains.
func (t *antiTerms) addKey(key string) {
	if t.domains[key] != nil {
		return
	}
	t.domains[key] = map[string][]*strategy.Node{}
	for _, node := range t.state.Nodes() {
		if value, has := node.Labels[key]; has {
			t.domains[key][value] = append(t.domains[key][value], node)
		}
	}
}

// readAll reads the terms of all pods once. It is for those who ask often.
func (t *antiTerms) readAll() {
	for _, node := range t.state.Nodes() {
		for _, pod := range node.Pods {
			if len(rawAntiTerms(pod)) > 0 {
				t.of[pod.UID] = readAntiTerms(pod)
			}
		}
	}
}

// terms returns the pod's terms.
func (t *antiTerms) terms(pod *corev1.Pod) []antiTerm {
	if terms, known := t.of[pod.UID]; known {
		return terms
	}
	return readAntiTerms(pod)
}

// selects says whether the term keeps the pod away.
func (t *antiTerms) selects(term *antiTerm, pod *corev1.Pod) bool {
	return t.inNamespace(term, pod.Namespace) && term.selector.Matches(labels.Set(pod.Labels))
}

func (t *antiTerms) inNamespace(term *antiTerm, namespace string) bool {
	return term.namespaces.Has(namespace) || term.byLabels.Matches(t.namespaces[namespace])
}

// fewerConflicts is the objective of having fewer conflicts.
type fewerConflicts struct{ terms *antiTerms }

// Gain implements strategy.Objective: how many fewer pods are in conflict with the pod.
func (o fewerConflicts) Gain(state *strategy.State, pod *corev1.Pod, to string) float64 {
	terms := o.terms
	if terms.state != state {
		terms = newAntiTerms(state)
		for _, raw := range rawAntiTerms(pod) {
			terms.addKey(raw.TopologyKey) // the state has the pod nowhere
		}
	}
	from, there := state.Node(pod.Spec.NodeName), state.Node(to)
	if from == nil || there == nil {
		return 0
	}
	return float64(terms.conflicts(pod, from) - terms.conflicts(state.Replacement(pod), there))
}

// conflicts returns how many other pods the pod conflicts with on the node, in either direction.
func (t *antiTerms) conflicts(pod *corev1.Pod, node *strategy.Node) int {
	inConflict := sets.New[types.UID]()
	own := readAntiTerms(pod)
	for key, domains := range t.domains {
		value, has := node.Labels[key]
		if !has {
			continue
		}
		for _, neighbour := range domains[value] {
			for _, other := range neighbour.Pods {
				if other.UID != pod.UID && other.DeletionTimestamp == nil && (t.clash(key, own, other) || mayClash(key, other, pod) && t.clash(key, t.terms(other), pod)) {
					inConflict.Insert(other.UID)
				}
			}
		}
	}
	return inConflict.Len()
}

// mayClash spares the reading of terms that are of no concern to the pod: those over
// another label, or for another namespace.
func mayClash(key string, owner, pod *corev1.Pod) bool {
	for _, raw := range rawAntiTerms(owner) {
		if raw.TopologyKey == key && (owner.Namespace == pod.Namespace || len(raw.Namespaces) > 0 || raw.NamespaceSelector != nil) {
			return true
		}
	}
	return false
}

// clash says whether one of the terms over the label keeps the pod away.
func (t *antiTerms) clash(key string, terms []antiTerm, pod *corev1.Pod) bool {
	for i := range terms {
		if terms[i].key == key && t.selects(&terms[i], pod) {
			return true
		}
	}
	return false
}

// Describe implements strategy.Objective.
func (fewerConflicts) Describe(gain float64) string {
	return fewer(gain, "anti-affinity conflict")
}
