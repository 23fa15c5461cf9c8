package upgrade

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/chaos/assess"
	"github.com/stowage-k8s/stowage/chaos/target"
	"github.com/stowage-k8s/stowage/internal/cluster"
)

// trial is the drain of some nodes in a simulation.
type trial struct {
	nodes []*corev1.Node
	// picture is the cluster before the drain, with the new nodes if they come first.
	picture    *target.Picture
	new        []cluster.NewNode
	prediction *assess.Prediction
}

func (t *trial) names() []string { return namesOf(t.nodes) }

func namesOf(nodes []*corev1.Node) []string {
	var names []string
	for _, node := range nodes {
		names = append(names, node.Name)
	}
	return names
}

// try drains the nodes in a simulation.
func (p *planner) try(ctx context.Context, nodes []*corev1.Node, surge bool) (*trial, error) {
	t := &trial{nodes: nodes, picture: p.picture}
	for _, node := range nodes {
		t.new = append(t.new, p.picture.NewNode(node, node.Name+"-new"))
	}
	if surge {
		t.picture = with(p.picture, t.new)
	}
	var err error
	t.prediction, err = p.assessor.Predict(ctx, t.picture, assess.Loss{How: assess.Drain, Nodes: nodes, IncludeDoNotDisrupt: p.IncludeDoNotDisrupt, MakeBeforeBreak: p.MakeBeforeBreak})
	if err != nil {
		return nil, fmt.Errorf("simulating the drain of %s: %w", strings.Join(t.names(), ", "), err)
	}
	return t, nil
}

// with returns the picture with more nodes.
func with(picture *target.Picture, nodes []cluster.NewNode) *target.Picture {
	is := *picture
	is.Snapshot = picture.With(nodes...)
	return &is
}

// after returns the cluster when the nodes are gone and their pods and themselves are replaced. It
// has the new nodes already if they came first.
func (t *trial) after(surge bool) *target.Picture {
	gone := map[string]bool{}
	for _, node := range t.nodes {
		gone[node.Name] = true
	}
	fates := map[types.UID]assess.PodFate{}
	for _, fate := range t.prediction.Pods {
		fates[fate.UID] = fate
	}
	s := *t.picture.Snapshot
	s.Nodes = slices.DeleteFunc(slices.Clone(s.Nodes), func(node *corev1.Node) bool { return gone[node.Name] })
	s.Others = slices.DeleteFunc(slices.Clone(s.Others), func(other runtime.Object) bool {
		storage, is := other.(*storagev1.CSINode)
		return is && gone[storage.Name]
	})
	s.Pods = nil
	for _, pod := range t.picture.Pods {
		switch fate := fates[pod.UID]; {
		case fate.Fate == assess.Fits && !cluster.BelongsToNode(pod):
			s.Pods = append(s.Pods, t.replaced(pod, fate.Node))
		case fate.Fate == assess.Unreplaced, gone[pod.Spec.NodeName]:
		default:
			s.Pods = append(s.Pods, pod)
		}
	}
	is := *t.picture
	is.Snapshot = &s
	t.countFailures(&is, fates)
	if surge {
		return &is
	}
	return with(&is, t.new)
}

// countFailures counts the evicted pods as failures of their Jobs, as the Job controller does.
func (t *trial) countFailures(picture *target.Picture, fates map[types.UID]assess.PodFate) {
	jobs, failed := cluster.NewJobs(t.picture.Snapshot), map[types.UID]int32{}
	for _, pod := range t.picture.Pods {
		if fates[pod.UID].Wave == 0 {
			continue
		}
		if harm, _ := jobs.Lose(pod, cluster.Disrupted); harm == cluster.Counted && jobs.Of(pod) != nil {
			failed[jobs.Of(pod).UID]++
		}
	}
	if len(failed) == 0 {
		return
	}
	picture.Jobs = slices.Clone(picture.Jobs)
	for i, job := range picture.Jobs {
		if failed[job.UID] > 0 {
			picture.Jobs[i] = job.DeepCopy()
			picture.Jobs[i].Status.Failed += failed[job.UID]
			picture.Jobs[i].ResourceVersion = "" // it is not the one that a simulation knows
		}
	}
	picture.Owners = cluster.NewOwners(picture.Snapshot)
}

// replaced returns the replacement of a pod when it is ready. It keeps the pod's name, so that a
// reader recognizes it when it is moved again.
func (t *trial) replaced(pod *corev1.Pod, node string) *corev1.Pod {
	is, _ := t.picture.Owners.Replacement(pod)
	is.Name, is.Spec.NodeName = pod.Name, node
	started := metav1.NewTime(t.picture.Now)
	is.Status = corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &started, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
	return is
}

// moves says whether a drain evicts the pod.
func moves(pod *corev1.Pod) bool { return cluster.Holds(pod) && !cluster.BelongsToNode(pod) }
