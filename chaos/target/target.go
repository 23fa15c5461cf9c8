// Package target selects what chaos may take away: pods by everything that users select
// by, and nodes.
package target

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Picture is a cluster at one moment, to choose from.
type Picture struct {
	*cluster.Snapshot
	Owners *cluster.Owners
	Now    time.Time
	// Own is the pod that this program runs in; nil where it runs in none, or none is known.
	Own *corev1.Pod
	// Waiting are the workloads of which the run has taken a pod whose replacement is not
	// ready yet, by WorkloadKey, each with the name of such a pod.
	Waiting map[string]string
}

// OwnNode says whether this program runs on the node.
func (p *Picture) OwnNode(name string) bool { return p.Own != nil && p.Own.Spec.NodeName == name }

// IsOwn says whether this program runs in the pod.
func (p *Picture) IsOwn(pod *corev1.Pod) bool { return p.Own != nil && p.Own.UID == pod.UID }

// NodesLeaving names the nodes that somebody takes away.
func (p *Picture) NodesLeaving() map[string]bool {
	leaving := map[string]bool{}
	for _, node := range p.Snapshot.Nodes {
		if cluster.NodeLeaving(node) != "" {
			leaving[node.Name] = true
		}
	}
	return leaving
}

// NewPicture returns the picture of a snapshot.
func NewPicture(s *cluster.Snapshot, now time.Time) *Picture {
	return &Picture{Snapshot: s, Owners: cluster.NewOwners(s), Now: now}
}

// Pod is a pod that may be taken away.
type Pod struct {
	*corev1.Pod
	// Workload is what it belongs to; nil for a bare pod.
	Workload *cluster.Workload
	// Rank is its place among the pods of its workload that have not come to their end, from
	// 0, by age and then by name, first of those that stay; of a StatefulSet's pod, its ordinal.
	// Names change from run to run, ranks do not.
	Rank int
}

// Key names the pod by owner and rank, such as "Deployment default/web #3", for draws that can be replayed.
func (p Pod) Key() string { return fmt.Sprintf("%s #%d", p.WorkloadKey(), p.Rank) }

// WorkloadKey names the workload, such as "Deployment default/web", or a bare pod.
func (p Pod) WorkloadKey() string { return WorkloadKey(p.Workload, p.Pod) }

// WorkloadKey names the pod's workload, or the pod itself where it has none.
func WorkloadKey(w *cluster.Workload, pod *corev1.Pod) string {
	if w == nil {
		return fmt.Sprintf("Pod %s/%s", pod.Namespace, pod.Name)
	}
	return w.String()
}
