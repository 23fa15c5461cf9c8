package randomcluster

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// GPU and FPGA are extended resources of some nodes.
const (
	GPU  corev1.ResourceName = "nvidia.com/gpu"
	FPGA corev1.ResourceName = "example.com/fpga"
)

// preemptible are the labels of preemptible nodes that PreemptibleNodes knows, and
// one with another value.
var preemptible = [][2]string{
	{"karpenter.sh/capacity-type", "spot"}, {"karpenter.sh/capacity-type", "spot"}, {"karpenter.sh/capacity-type", "on-demand"},
	{"cloud.google.com/gke-spot", "true"}, {"eks.amazonaws.com/capacityType", "SPOT"},
}

// images are large enough for the engine to prefer nodes that have them.
var images = []string{"example.com/small:1", "example.com/large:1", "example.com/huge:1"}

// nodeKind is what nodes of a kind have.
type nodeKind struct {
	cpu, memory, gpu string
	pods             int
}

var nodeKinds = []nodeKind{
	{"2", "4Gi", "", 8}, {"4", "16Gi", "", 20}, {"4", "16Gi", "0", 20}, {"16", "64Gi", "", 30}, {"32", "96Gi", "", 60}, {"8", "32Gi", "4", 20}, {"8", "32Gi", "8", 12},
}

// equip gives a node what it has beside labels and taints that affinity and spread
// look at.
func (w *World) equip(node *corev1.Node) {
	w.made++
	node.UID = types.UID(fmt.Sprint(node.Name, "-", w.made))
	if node.Labels == nil {
		node.Labels = map[string]string{}
	}
	if !w.options.Untidy {
		node.Labels[corev1.LabelHostname] = node.Name
		if w.options.Alike || node.Labels[corev1.LabelTopologyZone] == "" {
			node.Labels[corev1.LabelTopologyZone] = Pick(w, "z1", "z2", "z3")
		}
	}
	kind := Pick(w, nodeKinds...)
	if w.options.Alike {
		kind = Pick(w, nodeKinds[1], nodeKinds[3])
		delete(node.Labels, Rack)
		node.Labels[Size] = kind.cpu
		node.Spec = corev1.NodeSpec{}
		if w.Chance(0.4) {
			node.Spec.Taints = []corev1.Taint{{Key: "dedicated", Value: Pick(w, "x", "y"), Effect: corev1.TaintEffectNoSchedule}}
			if w.Chance(0.2) {
				node.Spec.Taints[0].Effect = Pick(w, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)
			}
		}
		node.Spec.Unschedulable = w.Chance(0.1) // the taint is yet to come
	}
	if w.Chance(0.5) {
		label := Pick(w, preemptible...)
		node.Labels[label[0]] = label[1]
	}
	node.Labels[corev1.LabelInstanceTypeStable] = "type-" + kind.cpu
	node.Status.Allocatable = corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse(kind.cpu), corev1.ResourceMemory: resource.MustParse(kind.memory),
		corev1.ResourcePods: *resource.NewQuantity(int64(kind.pods), resource.DecimalSI),
	}
	if kind.gpu != "" {
		node.Status.Allocatable[GPU] = resource.MustParse(kind.gpu)
		if w.Chance(0.4) {
			node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: string(GPU), Effect: corev1.TaintEffectNoSchedule})
		}
	}
	if w.options.Alike {
		return
	}
	if w.Chance(0.1) {
		node.Status.Allocatable[FPGA] = resource.MustParse(Pick(w, "1", "2"))
	}
	if w.Chance(0.5) {
		node.Status.Allocatable[corev1.ResourceEphemeralStorage] = resource.MustParse("100Gi")
	}
	if w.Chance(0.1) {
		node.Status.Allocatable["hugepages-2Mi"] = resource.MustParse("256Mi")
	}
	if w.Chance(0.2) {
		node.Status.Allocatable[corev1.ResourceCPU] = *resource.NewMilliQuantity(int64(1000+w.IntN(9000)), resource.DecimalSI)
	}
	for _, image := range images {
		if w.Chance(0.15) {
			node.Status.Images = append(node.Status.Images, corev1.ContainerImage{Names: []string{image}, SizeBytes: int64(Pick(w, 50, 500, 2000)) << 20})
		}
	}
	if w.Chance(0.1) {
		node.Spec.Taints = append(node.Spec.Taints, w.stateTaint())
	}
	if w.options.ManyLabels {
		for range w.IntN(50) {
			node.Labels[w.groupLabel()] = ""
		}
	}
}

// stateTaint draws a taint that says what state a node is in, or that its end is near.
func (w *World) stateTaint() corev1.Taint {
	return Pick(w,
		corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoExecute},
		corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute},
		corev1.Taint{Key: corev1.TaintNodeMemoryPressure, Effect: corev1.TaintEffectNoSchedule},
		corev1.Taint{Key: "ToBeDeletedByClusterAutoscaler", Effect: corev1.TaintEffectNoSchedule},
		corev1.Taint{Key: "aws-node-termination-handler/spot-itn", Effect: corev1.TaintEffectNoSchedule},
		corev1.Taint{Key: "karpenter.sh/disrupted", Effect: corev1.TaintEffectPreferNoSchedule},
		corev1.Taint{Key: "example.com/retiring", Effect: corev1.TaintEffectPreferNoSchedule},
	)
}

// alterNode changes one thing about a node.
func (w *World) alterNode() {
	node := w.nodes[w.someNode()].DeepCopy()
	switch w.IntN(7) {
	case 0:
		setUnschedulable(node, !node.Spec.Unschedulable && w.Chance(0.5))
		if w.Chance(0.3) {
			node.Spec.Unschedulable = !node.Spec.Unschedulable // what comes of it is yet to come
		}
	case 1, 2:
		if len(node.Spec.Taints) > 0 && w.Chance(0.6) {
			i := w.IntN(len(node.Spec.Taints))
			node.Spec.Taints = slices.Delete(node.Spec.Taints, i, i+1)
		} else {
			node.Spec.Taints = append(node.Spec.Taints, w.stateTaint())
		}
	case 3:
		node.Status.Allocatable[corev1.ResourceCPU] = resource.MustParse(Pick(w, "0", "2", "4", "16"))
	case 4:
		node.Status.Allocatable[GPU] = resource.MustParse(Pick(w, "0", "1", "8"))
	case 5:
		node.Status.Allocatable[corev1.ResourcePods] = *resource.NewQuantity(int64(w.IntN(30)), resource.DecimalSI)
	case 6:
		label := Pick(w, preemptible...)
		if _, has := node.Labels[label[0]]; has {
			delete(node.Labels, label[0])
		} else {
			node.Labels[label[0]] = label[1]
		}
	}
	if w.Chance(0.1) { // goes, and comes as another under the same name
		w.must(w.cluster.RemoveNode(w.nodes[node.Name]))
		w.made++
		node.UID = types.UID(fmt.Sprint(node.Name, "-", w.made))
		node.CreationTimestamp = metav1.Time{}
	}
	w.putNode(node)
}
