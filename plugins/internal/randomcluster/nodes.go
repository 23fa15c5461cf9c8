package randomcluster

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// setNode adds a node, or replaces it by one with other labels and taints.
func (w *World) setNode(name string) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	set := func(likely float64, key string, values ...string) {
		if w.Chance(likely) {
			node.Labels[key] = Pick(w, values...)
		}
	}
	set(0.95, corev1.LabelHostname, name, name, name, name, name, name, name, w.nodeName())
	set(0.85, corev1.LabelTopologyZone, "z1", "z1", "z2", "z2", "z3", "z4", "")
	set(0.7, Rack, "r1", "r2", "r3", "r4", "r5", "r6")
	set(0.8, Size, "1", "2", "16", "large")
	if w.Chance(0.03) {
		node.Labels = nil
	}
	for _, key := range []string{"dedicated", "broken"} {
		if w.Chance(0.15) {
			node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{
				Key: key, Value: Pick(w, "x", "y"),
				Effect: Pick(w, corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute, corev1.TaintEffectPreferNoSchedule),
			})
		}
	}
	if w.Chance(0.1) {
		setUnschedulable(node, true)
	}
	if w.options.Everything {
		w.equip(node)
	}
	w.putNode(node)
	if w.options.Volumes > 0 {
		w.setCSINode(name)
	}
}

// setUnschedulable cordons a node, or ends that, as kubectl and the node controller do.
func setUnschedulable(node *corev1.Node, yes bool) {
	node.Spec.Unschedulable = yes
	node.Spec.Taints = slices.DeleteFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeUnschedulable })
	if yes {
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule})
	}
}

func (w *World) putNode(node *corev1.Node) {
	w.cluster.AddNode(node)
	w.nodes[node.Name] = node
}

// touchNode changes a node in a way that no term asks about.
func (w *World) touchNode() {
	node := w.nodes[w.someNode()].DeepCopy()
	node.Annotations = map[string]string{"touched": fmt.Sprint(w.Uint32())}
	w.putNode(node)
}

// removeNode removes a node. Half the time its pods are still there, and come back
// with it.
func (w *World) removeNode() {
	if len(w.nodes) <= 3 {
		return
	}
	name := w.someNode()
	if w.Chance(0.5) {
		w.pods = slices.DeleteFunc(w.pods, func(pod *corev1.Pod) bool {
			if pod.Spec.NodeName != name {
				return false
			}
			w.must(w.cluster.RemovePod(pod))
			return true
		})
	}
	w.must(w.cluster.RemoveNode(w.nodes[name]))
	delete(w.nodes, name)
}
