package topology

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// podKind is a set of existing pods that are equal to all terms: in one namespace, with the
// same labels, and all or none of them being deleted.
type podKind struct {
	key string
	// sample is one of them.
	sample *corev1.Pod
	// on is the number of pods per node, by slot.
	on []podsOn
	// counts are the counts that include them.
	counts []*Counts
}

type podsOn struct {
	slot, pods int32
}

// podKinds are all kinds, by namespace and key.
type podKinds map[string]map[string]*podKind

// of returns the pod's kind, which is added if it is new.
func (k podKinds) of(pod *corev1.Pod) (kind *podKind, isNew bool) {
	key := kindKey(pod)
	if kind := k[pod.Namespace][key]; kind != nil {
		return kind, false
	}
	kind = &podKind{key: key, sample: pod}
	if k[pod.Namespace] == nil {
		k[pod.Namespace] = map[string]*podKind{}
	}
	k[pod.Namespace][key] = kind
	return kind, true
}

func kindKey(pod *corev1.Pod) string {
	var key strings.Builder
	if pod.DeletionTimestamp != nil {
		key.WriteByte(1)
	}
	for _, label := range slices.Sorted(maps.Keys(pod.Labels)) {
		writePart(&key, label)
		writePart(&key, pod.Labels[label])
	}
	return key.String()
}

// drop removes the kind if it has no pods.
func (k podKinds) drop(kind *podKind) {
	if len(kind.on) > 0 {
		return
	}
	namespace := kind.sample.Namespace
	delete(k[namespace], kind.key)
	if len(k[namespace]) == 0 {
		delete(k, namespace)
	}
}

// matching calls found for each kind that the term counts.
func (k podKinds) matching(term *Term, found func(*podKind)) {
	match := &term.Match[0]
	ask := func(kinds map[string]*podKind) {
		for _, kind := range kinds {
			if term.counts(kind.sample) {
				found(kind)
			}
		}
	}
	if labels.MatchesNothing(match.NamespaceSelector) {
		for namespace := range match.Namespaces {
			ask(k[namespace])
		}
		return
	}
	for _, kinds := range k {
		ask(kinds)
	}
}

// add adds pods of the kind to the node in the slot, or removes them.
func (k *podKind) add(slot, pods int) {
	for _, counts := range k.counts {
		counts.count(slot, pods)
	}
	i, found := slices.BinarySearchFunc(k.on, int32(slot), func(on podsOn, slot int32) int { return cmp.Compare(on.slot, slot) })
	if !found {
		k.on = slices.Insert(k.on, i, podsOn{slot: int32(slot)})
	}
	if k.on[i].pods += int32(pods); k.on[i].pods == 0 {
		k.on = slices.Delete(k.on, i, i+1)
	}
}

// countIn adds the pods of the kind to the counts.
func (k *podKind) countIn(counts *Counts) {
	k.counts = append(k.counts, counts)
	for _, on := range k.on {
		counts.count(int(on.slot), int(on.pods))
	}
}

// leave removes the pods of the kind from the counts.
func (k *podKind) leave(counts *Counts) {
	k.counts = slices.DeleteFunc(k.counts, func(c *Counts) bool { return c == counts })
}
