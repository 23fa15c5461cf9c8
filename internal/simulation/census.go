package simulation

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerframework "k8s.io/kubernetes/pkg/scheduler/framework"

	"github.com/stowage-k8s/stowage/internal/podkind"
)

// census counts the pods on nodes in the ways in which they concern other pods: where those with
// the same labels are, and what they demand of pods around them.
type census struct {
	// groups are by namespace and labels.
	groups map[string]map[string]*group
	// grown counts the groups that each namespace has got so far.
	grown map[string]int
	// demands are by namespace and terms, and demanded counts how often they have become others.
	demands  map[string]*demand
	demanded int
	key      []byte
}

// group are the pods of a namespace with the same labels that are not terminating.
type group struct {
	labels labels.Set
	on     map[string]int64 // by node
}

// demand are the pod affinity and anti-affinity of pods of a namespace.
type demand struct {
	terms fwk.PodInfo
	pods  int
}

func newCensus() *census {
	return &census{groups: map[string]map[string]*group{}, grown: map[string]int{}, demands: map[string]*demand{}}
}

// count adds the pod, or takes it away.
func (c *census) count(pod *corev1.Pod, by int64) error {
	if demanding(pod) {
		if err := c.countDemand(pod, int(by)); err != nil {
			return err
		}
	}
	if pod.DeletionTimestamp != nil {
		return nil
	}
	in := c.groups[pod.Namespace]
	if in == nil {
		in = map[string]*group{}
		c.groups[pod.Namespace] = in
	}
	c.key = appendLabels(c.key[:0], pod.Labels)
	g := in[string(c.key)]
	if g == nil {
		g = &group{labels: pod.Labels, on: map[string]int64{}}
		in[string(c.key)] = g
		c.grown[pod.Namespace]++
	}
	if g.on[pod.Spec.NodeName] += by; g.on[pod.Spec.NodeName] == 0 {
		delete(g.on, pod.Spec.NodeName)
	}
	return nil
}

func appendLabels(key []byte, of map[string]string) []byte {
	if len(of) == 1 {
		for name, value := range of {
			return podkind.AppendText(key, name, value)
		}
	}
	var few [16]string
	names := few[:0]
	for name := range of {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		key = podkind.AppendText(key, name, of[name])
	}
	return key
}

// demanding reports whether the pod has demands of pods around it.
func demanding(pod *corev1.Pod) bool {
	affinity := pod.Spec.Affinity
	return affinity != nil && (affinity.PodAffinity != nil || affinity.PodAntiAffinity != nil)
}

func (c *census) countDemand(pod *corev1.Pod, by int) error {
	key := podkind.AppendText(nil, pod.Namespace)
	text, err := (&corev1.Affinity{PodAffinity: pod.Spec.Affinity.PodAffinity, PodAntiAffinity: pod.Spec.Affinity.PodAntiAffinity}).Marshal()
	if err != nil {
		return err
	}
	key = append(key, text...)
	d := c.demands[string(key)]
	if d == nil {
		terms, err := schedulerframework.NewPodInfo(pod)
		if err != nil {
			return err
		}
		d = &demand{terms: terms}
		c.demands[string(key)] = d
		c.demanded++
	}
	if d.pods += by; d.pods == 0 {
		delete(c.demands, string(key))
		c.demanded++
	}
	return nil
}

// concerns reports whether pods on nodes demand something of the pod.
func (c *census) concerns(pod *corev1.Pod, namespace labels.Set) bool {
	for _, d := range c.demands {
		for _, terms := range [][]fwk.AffinityTerm{d.terms.GetRequiredAffinityTerms(), d.terms.GetRequiredAntiAffinityTerms()} {
			if slices.ContainsFunc(terms, func(t fwk.AffinityTerm) bool { return t.Matches(pod, namespace) }) {
				return true
			}
		}
		for _, terms := range [][]fwk.WeightedAffinityTerm{d.terms.GetPreferredAffinityTerms(), d.terms.GetPreferredAntiAffinityTerms()} {
			if slices.ContainsFunc(terms, func(t fwk.WeightedAffinityTerm) bool { return t.Matches(pod, namespace) }) {
				return true
			}
		}
	}
	return false
}

// selected returns the groups of a namespace that the selector selects.
func (c *census) selected(namespace string, selector labels.Selector) []*group {
	var selected []*group
	for g := range maps.Values(c.groups[namespace]) {
		if selector.Matches(g.labels) {
			selected = append(selected, g)
		}
	}
	return selected
}
