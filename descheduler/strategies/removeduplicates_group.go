package strategies

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// duplicates are the pods of a workload with the same images.
type duplicates struct {
	duplicateKey
	workload *strategy.Workload
	// on has how many of them are on each node.
	on map[string]int
	// limit is how many some node must have at least: their number divided by that of eligible
	// nodes, rounded up.
	limit int
}

type duplicateKey struct {
	workload types.UID
	images   string
}

// imagesOf returns the images of the pod's containers as one text.
func imagesOf(pod *corev1.Pod) string {
	if len(pod.Spec.Containers) == 1 {
		return pod.Spec.Containers[0].Image
	}
	var images []string
	for _, c := range pod.Spec.Containers {
		images = append(images, c.Image)
	}
	slices.Sort(images)
	return strings.Join(images, " ")
}

// isOf says whether a pod is one of them. Pods that are leaving are not.
func (k duplicateKey) isOf(state *strategy.State, pod *corev1.Pod) bool {
	if cluster.Leaving(pod) {
		return false
	}
	workload := state.Workload(pod)
	return workload != nil && workload.UID == k.workload && imagesOf(pod) == k.images
}

// fullest returns the node that has most of those of them that can be proposed, if that
// is more than the limit.
func (g *duplicates) fullest(pods map[string][]*corev1.Pod) string {
	fullest := ""
	for node, left := range pods {
		if len(left) == 0 || g.on[node] <= g.limit {
			continue
		}
		if fullest == "" || g.on[node] > g.on[fullest] || g.on[node] == g.on[fullest] && node < fullest {
			fullest = node
		}
	}
	return fullest
}

// fewerDuplicates is the objective of having fewer pods of the workload on the same node.
type fewerDuplicates struct {
	duplicateKey
	// limit is the maximum number on a node.
	limit int
}

// Gain implements strategy.Objective: how many fewer of them are on the node than on the pod's
// own, without the pod itself. A node at the limit is no gain.
func (o fewerDuplicates) Gain(state *strategy.State, pod *corev1.Pod, to string) float64 {
	there := o.count(state, to)
	if there >= o.limit {
		return 0
	}
	return float64(o.count(state, pod.Spec.NodeName) - there)
}

func (o fewerDuplicates) count(state *strategy.State, name string) int {
	n := 0
	if node := state.Node(name); node != nil {
		for _, pod := range node.Pods {
			if o.isOf(state, pod) {
				n++
			}
		}
	}
	return n
}

// Describe implements strategy.Objective.
func (fewerDuplicates) Describe(gain float64) string {
	return fewer(gain, "pod") + " of its workload on the same node"
}
