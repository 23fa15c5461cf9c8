package loop

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// violations says which pods are where they must not be, those that were there before
// included.
func violations(s *scenario, placed []*corev1.Pod) []string {
	all := slices.Concat(s.before, placed)
	found := overfull(s, all)
	for _, pod := range placed {
		if s.workload.nowhere {
			if pod.Spec.NodeName != "" {
				found = append(found, fmt.Sprintf("%s: is on %s, though none has room", pod.Name, pod.Spec.NodeName))
			}
			continue
		}
		if i := slices.IndexFunc(s.nodes, func(n *corev1.Node) bool { return n.Name == pod.Spec.NodeName }); i < 0 || !s.eligible(s.nodes[i]) {
			found = append(found, fmt.Sprintf("%s: is on %s, which is not for it", pod.Name, pod.Spec.NodeName))
		}
	}
	found = append(found, misplaced(s, all)...)
	byNode, byZone := count(s, all)
	for _, app := range slices.Sorted(maps.Keys(byNode)) {
		if s.workload.onePerNode {
			found = append(found, together(app, byNode[app])...)
		}
		if names := slices.Sorted(maps.Keys(byZone[app])); s.workload.oneZone && len(names) > 1 {
			found = append(found, fmt.Sprintf("%s: replicas are in zones %s", app, strings.Join(names, ", ")))
		}
		if s.workload.Name == "zone-spread" {
			found = append(found, skewed(app, byZone[app])...)
		}
	}
	return found
}

// misplaced says which pods are where their volume is not, and which nodes have too many volumes.
func misplaced(s *scenario, pods []*corev1.Pod) []string {
	var found []string
	volumes := map[string]int{}
	for _, pod := range pods {
		if len(pod.Spec.Volumes) > 0 {
			volumes[pod.Spec.NodeName]++
		}
		var number int
		if _, err := fmt.Sscanf(pod.Name, "arrival-%d", &number); err != nil {
			continue
		}
		i := slices.IndexFunc(s.nodes, func(n *corev1.Node) bool { return n.Name == pod.Spec.NodeName })
		if s.workload.claims == bound && i >= 0 && zone(i) != zone(number) {
			found = append(found, fmt.Sprintf("%s: is in %s, its volume in %s", pod.Name, zone(i), zone(number)))
		}
		if s.workload.named && pod.Spec.NodeName != s.named[number%len(s.named)] {
			found = append(found, fmt.Sprintf("%s: is on %s, and for another node", pod.Name, pod.Spec.NodeName))
		}
	}
	for _, node := range slices.Sorted(maps.Keys(volumes)) {
		if volumes[node] > s.workload.claims.takes() {
			found = append(found, fmt.Sprintf("%s: has %d volumes", node, volumes[node]))
		}
	}
	return found
}

func overfull(s *scenario, pods []*corev1.Pod) []string {
	var found []string
	for i, free := range (&cluster.Snapshot{Nodes: s.nodes, Pods: pods}).Free() {
		for name, amount := range free {
			if amount < 0 {
				found = append(found, fmt.Sprintf("%s: has %d of %s too little", s.nodes[i].Name, -amount, name))
			}
		}
	}
	return found
}

// count returns how many replicas of each app are on which node, and in which zone.
func count(s *scenario, pods []*corev1.Pod) (byNode, byZone map[string]map[string]int) {
	zoneOf := map[string]string{}
	for _, n := range s.nodes {
		zoneOf[n.Name] = n.Labels[corev1.LabelTopologyZone]
	}
	byNode, byZone = map[string]map[string]int{}, map[string]map[string]int{}
	for _, pod := range pods {
		app := pod.Labels[appLabel]
		if byNode[app] == nil {
			byNode[app], byZone[app] = map[string]int{}, map[string]int{}
		}
		byNode[app][pod.Spec.NodeName]++
		byZone[app][zoneOf[pod.Spec.NodeName]]++
	}
	return byNode, byZone
}

func together(app string, byNode map[string]int) []string {
	var found []string
	for _, node := range slices.Sorted(maps.Keys(byNode)) {
		if byNode[node] > 1 {
			found = append(found, fmt.Sprintf("%s: %d replicas are on %s", app, byNode[node], node))
		}
	}
	return found
}

func skewed(app string, byZone map[string]int) []string {
	fewest := 0
	if len(byZone) == zones {
		fewest = slices.Min(slices.Collect(maps.Values(byZone)))
	}
	var found []string
	for _, zone := range slices.Sorted(maps.Keys(byZone)) {
		if byZone[zone] > fewest+1 {
			found = append(found, fmt.Sprintf("%s: %s has %d replicas, another zone %d", app, zone, byZone[zone], fewest))
		}
	}
	return found
}

// lines says each comparison in one line.
func lines(comparisons []Comparison) []string {
	var all []string
	for _, c := range comparisons {
		var names []string
		for _, s := range c.Subjects {
			names = append(names, s.Name)
		}
		line := c.Case.String()
		if c.Packed > 0 {
			line += fmt.Sprintf(", packing %d", c.Packed)
		}
		all = append(all, line+": "+strings.Join(names, " "))
	}
	return all
}
