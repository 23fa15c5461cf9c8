// Package target selects the pods and nodes that chaos may remove.
package target

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// Picture is the state of a cluster at one moment.
type Picture struct {
	*cluster.Snapshot
	Owners *cluster.Owners
	Now    time.Time
	// Own is the pod that this program runs in; nil if it runs in none, or if the pod is unknown.
	Own *corev1.Pod
	// Waiting are the workloads that wait for a replacement of a pod that the run has removed, by
	// WorkloadKey, each with the name of such a pod.
	Waiting map[string]string
}

// OwnNode says whether this program runs on the node.
func (p *Picture) OwnNode(name string) bool { return p.Own != nil && p.Own.Spec.NodeName == name }

// IsOwn says whether this program runs in the pod.
func (p *Picture) IsOwn(pod *corev1.Pod) bool { return p.Own != nil && p.Own.UID == pod.UID }

// NodesLeaving returns the names of nodes that are being removed.
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

// Pod is a pod that may be removed.
type Pod struct {
	*corev1.Pod
	// Workload is the workload of the pod; nil for a bare pod.
	Workload *cluster.Workload
	// Rank is the position among the pods of its workload that have not completed, from 0: by age
	// and name, with terminating pods last. For a StatefulSet it is the ordinal. Pod names change
	// with every replacement, ranks do not.
	Rank int
}

// Key identifies the pod by workload and rank, such as "Deployment default/web #3", so that draws
// can be replayed.
func (p Pod) Key() string { return fmt.Sprintf("%s #%d", p.WorkloadKey(), p.Rank) }

// WorkloadKey identifies the workload, such as "Deployment default/web", or the bare pod.
func (p Pod) WorkloadKey() string { return WorkloadKey(p.Workload, p.Pod) }

// WorkloadKey identifies the workload of the pod, or the pod itself if it has none.
func WorkloadKey(w *cluster.Workload, pod *corev1.Pod) string {
	if w == nil {
		return fmt.Sprintf("Pod %s/%s", pod.Namespace, pod.Name)
	}
	return w.String()
}
