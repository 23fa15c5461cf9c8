package ask

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// shown returns the answer as people see it, without the pod's name.
func shown(t *testing.T, picture *cluster.Snapshot, pod *corev1.Pod, wide bool) string {
	t.Helper()
	picture.Pods = append(picture.Pods, pod)
	why, err := newWorld(t, picture).Why(t.Context(), pod)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := WriteWhy(&out, why, wide); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(out.String(), "\n")
	return rest
}

func TestWhyPending(t *testing.T) {
	withGPU := func(s *cluster.Snapshot) *cluster.Snapshot {
		s.Nodes = append(s.Nodes, tainted(newNode("gpu-0", "cpu=8 memory=16Gi", "node.kubernetes.io/instance-type=large"), "gpu", "true"))
		return s
	}
	cordoned := fullOf(1, "node")
	cordoned.Nodes = append(cordoned.Nodes, newNode("node-9", "cpu=4 memory=8Gi"))
	cordoned.Nodes[1].Spec.Unschedulable = true
	labelled := &cluster.Snapshot{Nodes: []*corev1.Node{newNode("node-0", "cpu=4 memory=8Gi")}}
	small := &cluster.Snapshot{Nodes: []*corev1.Node{newNode("node-0", "cpu=2 memory=2Gi")}}
	urgent := func(pod *corev1.Pod) { pod.Spec.Priority = ptr.To[int32](100) }
	for _, tt := range []struct {
		name    string
		picture *cluster.Snapshot
		pod     *corev1.Pod
		want    string
	}{
		{"each group of nodes has the smallest change, and a toleration is the smallest of all", withGPU(fullOf(3, "node")), newPod("web-1", "", "cpu=1 memory=1Gi"), `None of the 4 nodes fits.

3 nodes: standard
  3 rejected by NodeResourcesFit: Insufficient cpu
  fits after: request 500m less cpu (500m instead of 1)
          or: add a node like node-0 (standard)

1 node: large, taint gpu=true:NoSchedule
  1 rejected by TaintToleration: the pod does not tolerate gpu=true:NoSchedule
  fits after: tolerate the taint gpu=true:NoSchedule

Smallest change: tolerate the taint gpu=true:NoSchedule
`},
		{"a node that is cordoned", cordoned, newPod("web-1", "", "cpu=1"), `None of the 2 nodes fits.

2 nodes: standard
  1 rejected by NodeResourcesFit: Insufficient cpu
  1 rejected by NodeUnschedulable: node(s) were unschedulable
  fits after: uncordon node node-9
          or: add a node like node-0 (standard)

Smallest change: uncordon node node-9
`},
		{"a label that no node has", labelled, newPod("web-1", "", "cpu=1", selecting("disk", "ssd")), `The only node does not fit.

1 node: standard
  1 rejected by NodeAffinity: node(s) didn't match Pod's node affinity/selector
  fits after: label node node-0 with disk=ssd

Smallest change: label node node-0 with disk=ssd
`},
		{"a label that tells what a node is cannot be given to it", labelled, newPod("web-1", "", "cpu=1", selecting(corev1.LabelTopologyZone, "a")), `The only node does not fit.

1 node: standard
  1 rejected by NodeAffinity: node(s) didn't match Pod's node affinity/selector
  fits after: drop topology.kubernetes.io/zone=a from its node selector

Smallest change: drop topology.kubernetes.io/zone=a from its node selector
`},
		{"anti-affinity leaves the pod a new node, or none", fullOf(2, "node"), newPod("web-1", "", "cpu=100m", apart("other")), `None of the 2 nodes fits.

2 nodes: standard
  2 rejected by InterPodAffinity: node(s) didn't match pod anti-affinity rules
  fits after: drop the required pod anti-affinity to "app=other" by kubernetes.io/hostname
          or: add a node like node-0 (standard)

Smallest change: drop the required pod anti-affinity to "app=other" by kubernetes.io/hostname
`},
		{"two changes that only help together", withGPU(&cluster.Snapshot{}), newPod("web-1", "", "cpu=10 memory=1Gi"), `The only node does not fit.

1 node: large, taint gpu=true:NoSchedule
  1 rejected by TaintToleration: the pod does not tolerate gpu=true:NoSchedule
  fits after: tolerate the taint gpu=true:NoSchedule, and request 2 less cpu (8 instead of 10)

Smallest change: tolerate the taint gpu=true:NoSchedule, and request 2 less cpu (8 instead of 10)
`},
		{"both cpu and memory are short", small, newPod("web-1", "", "cpu=3 memory=3Gi"), `The only node does not fit.

1 node: standard
  1 rejected by NodeResourcesFit: Insufficient cpu, Insufficient memory
  fits after: request 1 less cpu (2 instead of 3), and request 1Gi less memory (2Gi instead of 3Gi)

Smallest change: request 1 less cpu (2 instead of 3), and request 1Gi less memory (2Gi instead of 3Gi)
`},
		{"a volume that is not there is nothing that a change of the pod's rules would help", fullOf(1, "node"), newPod("web-1", "", "cpu=100m", func(pod *corev1.Pod) {
			pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "gone"}}}}
		}), `The only node does not fit.

1 node: standard
  1 rejected by VolumeRestrictions: persistentvolumeclaim "gone" not found
  no change that was tried makes it fit
`},
		{"what would be evicted", fullOf(1, "node"), newPod("web-1", "", "cpu=1 memory=1Gi", urgent), `The only node does not fit.

1 node: standard
  1 rejected by NodeResourcesFit: Insufficient cpu
  fits after: request 500m less cpu (500m instead of 1)
          or: add a node like node-0 (standard)

Smallest change: request 500m less cpu (500m instead of 1)

The scheduler would evict 1 less urgent pod from node node-0 to make room: shop/other-node-0
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, shown(t, tt.picture, tt.pod, false)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhyNoSchedulerDecides(t *testing.T) {
	for _, tt := range []struct {
		name string
		pod  *corev1.Pod
		want string
	}{
		{"a scheduler that nobody knows", newPod("web-1", "", "cpu=1", byScheduler("pakcing")),
			"No profile is known for schedulerName \"pakcing\" (did you mean \"packing\"?). The pod waits for a scheduler of that name, and stays Pending if none runs. " +
				"Known are default-scheduler, packing. If the scheduler runs in the cluster, pass its configuration with --scheduler-config.\n"},
		{"gates", newPod("web-1", "", "cpu=1", func(pod *corev1.Pod) {
			pod.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/quota"}}
		}),
			"No scheduler looks at the pod before its scheduling gates are removed: example.com/quota.\n"},
		{"a pod that has ended", newPod("web-1", "node-0", "cpu=1", func(pod *corev1.Pod) { pod.Status.Phase = corev1.PodSucceeded }),
			"The pod is finished (Succeeded): it needs no node.\n"},
		{"a pod of a DaemonSet", newPod("web-1", "node-0", "cpu=1", func(pod *corev1.Pod) {
			pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "DaemonSet", Name: "agent", Controller: ptr.To(true)}}
		}), "Its DaemonSet runs one pod on each node, and this one is for node node-0.\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, shown(t, fullOf(1, "node"), tt.pod, false)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatAnAnswerLeavesOutIsNoted(t *testing.T) {
	ofGroup := func(pod *corev1.Pod) { pod.Labels["scheduling.x-k8s.io/pod-group"] = "train" }
	picture := fullOf(1, "node")
	picture.Pods = append(picture.Pods, newPod("web-2", "", "cpu=100m", ofGroup))
	pod := newPod("web-1", "", "cpu=100m", ofGroup, func(pod *corev1.Pod) { pod.Status.NominatedNodeName = "node-0" })
	want := `1 of 1 nodes fits: node-0. If the pod stays Pending, check that default-scheduler runs, and read its log and the events of the pod.

Note: the pod belongs to PodGroup shop/train, whose other pods were not considered: a scheduler of groups may wait until all of them fit.

Note: the scheduler has nominated the pod to node node-0, and waits until there is room.
`
	if diff := cmp.Diff(want, shown(t, picture, pod, false)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhyPlaced(t *testing.T) {
	// Of these nodes the packing scheduler prefers the fuller one.
	picture := func() *cluster.Snapshot {
		return &cluster.Snapshot{
			Nodes: []*corev1.Node{newNode("empty", "cpu=4 memory=8Gi"), newNode("half", "cpu=4 memory=8Gi"), newNode("full", "cpu=4 memory=8Gi")},
			Pods:  []*corev1.Pod{newPod("other-1", "half", "cpu=2"), newPod("other-2", "full", "cpu=4")},
		}
	}
	only := picture()
	only.Nodes = only.Nodes[1:]
	moved := picture()
	tainted(moved.Nodes[0], "gpu", "true")
	even := &cluster.Snapshot{Nodes: []*corev1.Node{newNode("a", "cpu=4"), newNode("b", "cpu=4")}}
	for _, tt := range []struct {
		name    string
		picture *cluster.Snapshot
		node    string
		want    string
	}{
		{"on the best node", picture(), "half", `Node half has the best score of the 2 nodes that fit.

  node         total  NodeResourcesFit
  half (here)     75                75
  empty           25                25
Plugins that score these nodes alike are left out: -o wide shows all.

Nodes that do not fit: 1 Insufficient cpu
`},
		{"on another than the best", picture(), "empty", `The pod is on node empty. Placed now, it would go to half, which scores 75 instead of 25. A scheduler does not move running pods.

  node          total  NodeResourcesFit
  half             75                75
  empty (here)     25                25
Plugins that score these nodes alike are left out: -o wide shows all.

Nodes that do not fit: 1 Insufficient cpu
`},
		{"on the only one that fits", only, "half", "Node half is the only one that fits.\n\nNodes that do not fit: 1 Insufficient cpu\n"},
		{"on one that does not fit any more", moved, "empty",
			"The pod is on node empty, which would not fit now (TaintToleration: the pod does not tolerate gpu=true:NoSchedule). A scheduler does not move running pods.\n\n" +
				"Nodes that do not fit: 1 Insufficient cpu, 1 node(s) had untolerated taint(s)\n"},
		{"on one of several that are as good", even, "a", "Node a is one of 2 with the best score: the scheduler picks one of them at random.\n\n  node      total\n  a (here)     25\n  b            25\n"},
		{"on a node that is gone", picture(), "gone", "The pod is on node gone, which is not in the cluster any more.\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, shown(t, tt.picture, newPod("web-1", tt.node, "cpu=1", byScheduler("packing")), false)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
