package topology

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	fwk "k8s.io/kube-scheduler/framework"
)

// heldTerm is a term of existing pods, with weights per domain. It is matched against a pod
// to be placed, so its namespace selector is evaluated each time with the labels of that
// pod's namespace.
type heldTerm struct {
	term fwk.AffinityTerm
	id   string
	// domains are the total weights by value of the topology key. A total of 0 is removed.
	domains map[string]int64
	// holders is the number of pods with the term, in a domain or not.
	holders int
}

// heldTerms are all different terms of one kind of existing pods.
type heldTerms struct {
	byID  map[string]*heldTerm
	byPod termIndex[*heldTerm]
}

// holding is one pod's contribution to a held term.
type holding struct {
	of     *heldTerms
	term   *heldTerm
	weight int64
}

func newHeldTerms() heldTerms {
	return heldTerms{byID: map[string]*heldTerm{}, byPod: newTermIndex[*heldTerm]()}
}

// take returns a pod's contribution to the term, which is added if it is new.
func (h *heldTerms) take(term fwk.AffinityTerm, weight int64) holding {
	var b strings.Builder
	writePart(&b, term.TopologyKey)
	writeMatch(&b, &term)
	id := b.String()
	held := h.byID[id]
	if held == nil {
		held = &heldTerm{term: term, id: id, domains: map[string]int64{}}
		h.byID[id] = held
		h.byPod.add(&held.term, held)
	}
	held.holders++
	return holding{of: h, term: held, weight: weight}
}

// matching calls found for each held term that matches the pod, whose namespace has the
// labels.
func (h *heldTerms) matching(pod *corev1.Pod, namespace labels.Set, found func(*heldTerm)) {
	h.byPod.find(pod, func(held *heldTerm) {
		if held.term.Matches(pod, namespace) {
			found(held)
		}
	})
}

// enter adds the pod's contribution on a node with these labels.
func (h holding) enter(node map[string]string) {
	h.add(node, h.weight)
}

// leave reverts enter.
func (h holding) leave(node map[string]string) {
	h.add(node, -h.weight)
}

func (h holding) add(node map[string]string, weight int64) {
	value, has := node[h.term.term.TopologyKey]
	if !has {
		return
	}
	if h.term.domains[value] += weight; h.term.domains[value] == 0 {
		delete(h.term.domains, value)
	}
}

// release removes the pod's contribution. A term without pods is removed.
func (h holding) release() {
	held := h.term
	held.holders--
	if held.holders > 0 {
		return
	}
	delete(h.of.byID, held.id)
	h.of.byPod.remove(&held.term, held)
}
