package ask

import (
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// After a suggested change the pod fits: in a simulation that is loaded with the changed cluster,
// apart from the one that the change was tried in. Without any one of several changes it does
// not. And what is asked leaves the world as it was.
func TestSuggestedChangesMakeThePodFit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		picture := drawCluster(rt)
		pod := drawPod(rt)
		picture.Pods = append(picture.Pods, pod)
		w := newWorld(t, picture)
		before := fittingNodes(t, w.sim, pod)
		why, err := w.Why(t.Context(), pod)
		if err != nil {
			rt.Fatal(err)
		}
		if after := fittingNodes(t, w.sim, pod); !slices.Equal(before, after) {
			rt.Errorf("before the question it fits %v, and then %v", before, after)
		}
		if (why.State == Fits) != (len(before) > 0) {
			rt.Errorf("state %s, and it fits %v", why.State, before)
		}
		for _, group := range why.Groups {
			for _, fix := range group.Fixes {
				if nodes := fittingNodes(t, afterwards(t, picture, fix.Changes), changedPod(pod, fix.Changes)); !slices.Contains(nodes, fix.Node) {
					rt.Errorf("after %q it fits %v, not %s", fix, nodes, fix.Node)
				}
				for i := range fix.Changes {
					fewer := slices.Delete(slices.Clone(fix.Changes), i, i+1)
					if nodes := fittingNodes(t, afterwards(t, picture, fewer), changedPod(pod, fewer)); slices.Contains(nodes, fix.Node) {
						rt.Errorf("%q: it also fits without %q", fix, fix.Changes[i].Text)
					}
				}
			}
		}
	})
}

// fittingNodes returns the nodes that fit the pod.
func fittingNodes(t *testing.T, sim *simulation.Simulation, pod *corev1.Pod) (nodes []string) {
	t.Helper()
	verdicts, err := sim.Verdicts(t.Context(), unplaced(pod))
	if err != nil {
		t.Fatal(err)
	}
	for _, verdict := range verdicts {
		if verdict.Fits {
			nodes = append(nodes, verdict.Node)
		}
	}
	return nodes
}

func changedPod(pod *corev1.Pod, changes []Change) *corev1.Pod {
	pod = pod.DeepCopy()
	for _, change := range changes {
		if change.pod != nil {
			change.pod(pod)
		}
	}
	return pod
}

// afterwards loads a simulation with the cluster as it is after the changes.
func afterwards(t *testing.T, picture *cluster.Snapshot, changes []Change) *simulation.Simulation {
	t.Helper()
	changed := *picture
	changed.Nodes = slices.Clone(picture.Nodes)
	changed.Pods = slices.Clone(picture.Pods)
	for _, change := range changes {
		for i, node := range changed.Nodes {
			if change.node != nil && node.Name == change.Node {
				changed.Nodes[i] = node.DeepCopy()
				change.node(changed.Nodes[i])
			}
		}
		if change.adds != nil {
			changed.Nodes = append(changed.Nodes, change.adds.node)
			changed.Pods = append(changed.Pods, change.adds.pods...)
		}
	}
	return newWorld(t, &changed).sim
}

func drawCluster(t *rapid.T) *cluster.Snapshot {
	s := &cluster.Snapshot{}
	for i := range rapid.IntRange(1, 5).Draw(t, "nodes") {
		name := fmt.Sprint("node-", i)
		offers := fmt.Sprintf("cpu=%d memory=%dGi", rapid.IntRange(1, 4).Draw(t, "cpu"), rapid.IntRange(1, 4).Draw(t, "memory"))
		node := newNode(name, offers, corev1.LabelTopologyZone+"="+rapid.SampledFrom([]string{"a", "b"}).Draw(t, "zone"))
		if rapid.Bool().Draw(t, "large") {
			node.Labels[corev1.LabelInstanceTypeStable] = "large"
		}
		if rapid.Bool().Draw(t, "disk") {
			node.Labels["disk"] = "ssd"
		}
		for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"gpu", "spot"}), 0, 2, rapid.ID).Draw(t, "taints") {
			tainted(node, key, "true")
		}
		node.Spec.Unschedulable = rapid.IntRange(0, 3).Draw(t, "cordoned") == 0
		s.Nodes = append(s.Nodes, node)
		for j := range rapid.IntRange(0, 2).Draw(t, "pods") {
			app := rapid.SampledFrom([]string{"web", "db"}).Draw(t, "app")
			pod := newPod(fmt.Sprintf("%s-%d-%d", app, i, j), name, fmt.Sprintf("cpu=%dm memory=%dMi", rapid.IntRange(1, 20).Draw(t, "cpu")*100, rapid.IntRange(1, 20).Draw(t, "memory")*100))
			if rapid.IntRange(0, 3).Draw(t, "daemon") == 0 {
				pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "DaemonSet", Name: "agent", UID: "agent", Controller: ptr.To(true)}}
			}
			s.Pods = append(s.Pods, pod)
		}
	}
	return s
}

func drawPod(t *rapid.T) *corev1.Pod {
	requests := fmt.Sprintf("cpu=%dm memory=%dMi", rapid.IntRange(1, 50).Draw(t, "cpu")*100, rapid.IntRange(1, 50).Draw(t, "memory")*100)
	pod := newPod("web-new", "", requests)
	if rapid.Bool().Draw(t, "second container") {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "side", Resources: corev1.ResourceRequirements{Requests: list("cpu=300m memory=100Mi")}})
	}
	if rapid.Bool().Draw(t, "init container") {
		pod.Spec.InitContainers = []corev1.Container{{Name: "init", Resources: corev1.ResourceRequirements{Requests: list("cpu=2 memory=1Gi")}}}
	}
	if rapid.Bool().Draw(t, "selects") {
		selecting(rapid.SampledFrom([]string{"disk", "tier", corev1.LabelTopologyZone}).Draw(t, "by"), rapid.SampledFrom([]string{"ssd", "a"}).Draw(t, "value"))(pod)
	}
	if rapid.Bool().Draw(t, "apart") {
		apart(rapid.SampledFrom([]string{"web", "db"}).Draw(t, "from"))(pod)
	}
	if rapid.Bool().Draw(t, "spread") {
		pod.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		}}
	}
	return pod
}
