package target

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/chaos/draw"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// All returns all pods of the picture that have not completed, in order, with workload and rank.
func All(p *Picture) []Pod {
	var all []Pod
	type key struct{ kind, namespace, name string }
	workloads := map[key][]int{}
	for _, pod := range p.Snapshot.Pods {
		if !cluster.Holds(pod) {
			continue
		}
		w := p.Owners.Of(pod)
		if w != nil {
			// By name, not by UID: a workload that was deleted and made anew has the same key.
			k := key{w.Kind, w.Namespace, w.Name}
			workloads[k] = append(workloads[k], len(all))
		}
		all = append(all, Pod{Pod: pod, Workload: w})
	}
	for k, members := range workloads {
		if k.kind == "StatefulSet" && rankByOrdinal(all, members, k.name) {
			continue
		}
		slices.SortFunc(members, func(a, b int) int { return before(all[a].Pod, all[b].Pod) })
		for rank, i := range members {
			all[i].Rank = rank
		}
	}
	return all
}

// before orders pods by age. Those on their way out come last: how long they take to go must not
// decide what rank the others have.
func before(a, b *corev1.Pod) int {
	if leaves := cluster.Leaving(a); leaves != cluster.Leaving(b) {
		if leaves {
			return 1
		}
		return -1
	}
	return cmp.Or(a.CreationTimestamp.Time.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
}

// rankByOrdinal ranks the pods of a StatefulSet by the ordinals that end their names, and
// says whether all have one.
func rankByOrdinal(all []Pod, members []int, set string) bool {
	for _, i := range members {
		ordinal, err := strconv.Atoi(strings.TrimPrefix(all[i].Name, set+"-"))
		if err != nil || all[i].Name != fmt.Sprintf("%s-%d", set, ordinal) {
			return false
		}
		all[i].Rank = ordinal
	}
	return true
}

// Draw draws at most this number of candidates, at most one per workload. Bare pods count as a
// workload each. All pods are equally likely to be first. The draw depends only on keys: it does
// not change when pods that are not drawn are added or removed.
func Draw(seed draw.Seed, pods []Pod, most int) []Pod {
	pods = slices.Clone(pods)
	draw.Sort(seed, pods, Pod.Key)
	var drawn []Pod
	taken := map[string]bool{}
	for _, pod := range pods {
		if len(drawn) >= most {
			break
		}
		if key := pod.WorkloadKey(); !taken[key] {
			taken[key] = true
			drawn = append(drawn, pod)
		}
	}
	return drawn
}
