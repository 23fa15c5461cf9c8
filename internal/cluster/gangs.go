package cluster

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// Gang is a group of pods that start and work together: if one is lost, the others wait or
// restart.
type Gang struct{ Kind, Namespace, Name string }

func (g Gang) String() string { return fmt.Sprintf("%s %s/%s", g.Kind, g.Namespace, g.Name) }

// gangKeys are the labels and annotations by which pods name their gang.
var gangKeys = []struct {
	kind, key  string
	annotation bool
}{
	{kind: "JobSet", key: "jobset.sigs.k8s.io/jobset-name"},
	{kind: "Kueue pod group", key: "kueue.x-k8s.io/pod-group-name"},
	{kind: "Volcano job", key: "volcano.sh/job-name"},
	{kind: "PodGroup", key: "scheduling.k8s.io/group-name", annotation: true},
	{kind: "PodGroup", key: "scheduling.volcano.sh/group-name", annotation: true},
	{kind: "PodGroup", key: "scheduling.x-k8s.io/pod-group"},
	{kind: "PodGroup", key: "pod-group.scheduling.sigs.k8s.io"},
	{kind: "PodGroup", key: "pod-group.scheduling.sigs.k8s.io/name"},
}

// The labels of a LeaderWorkerSet's pods: each leader and its workers are a gang.
const (
	leaderWorkerSet      = "leaderworkerset.sigs.k8s.io/name"
	leaderWorkerSetGroup = "leaderworkerset.sigs.k8s.io/group-index"
)

// gangsOf returns the gangs of a pod. There may be several: a JobSet may have a scheduling
// group in each of its Jobs.
func gangsOf(pod *corev1.Pod) []Gang {
	var gangs []Gang
	add := func(kind, name string) {
		if name != "" {
			gangs = append(gangs, Gang{kind, pod.Namespace, name})
		}
	}
	if group := pod.Spec.SchedulingGroup; group != nil && group.PodGroupName != nil {
		add("scheduling group", *group.PodGroupName)
	}
	if set := pod.Labels[leaderWorkerSet]; set != "" {
		add("LeaderWorkerSet group", set+"-"+pod.Labels[leaderWorkerSetGroup])
	}
	for _, k := range gangKeys {
		if k.annotation {
			add(k.kind, pod.Annotations[k.key])
		} else {
			add(k.kind, pod.Labels[k.key])
		}
	}
	return gangs
}

// Gangs counts the pods of each gang that have not ended.
type Gangs map[Gang]int

// NewGangs returns the gangs of the pods.
func NewGangs(pods []*corev1.Pod) Gangs {
	gangs := Gangs{}
	for _, pod := range pods {
		if Holds(pod) {
			for _, gang := range gangsOf(pod) {
				gangs[gang]++
			}
		}
	}
	return gangs
}

// Of returns a gang with other pods that would lose the pod. Removing the only pod of a gang
// removes the whole gang, and a pod that has ended does not matter.
func (g Gangs) Of(pod *corev1.Pod) (Gang, bool) {
	if !Holds(pod) {
		return Gang{}, false
	}
	for _, gang := range gangsOf(pod) {
		if g[gang] > 1 {
			return gang, true
		}
	}
	return Gang{}, false
}
