package chaos

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// prefix begins all labels, annotations and taints that the tool may leave.
const prefix = "chaos.stowage.dev/"

// nodes returns what the tool may change of each node, as text, from the API server.
func (b *bench) nodes() (map[string]string, error) {
	list, err := b.client.CoreV1().Nodes().List(b.ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for i := range list.Items {
		all[list.Items[i].Name] = describe(&list.Items[i])
	}
	return all, nil
}

// describe tells what somebody may have changed of a node: not the control plane's own
// taints and annotations, which come and go with the node's heartbeat.
func describe(node *corev1.Node) string {
	var parts []string
	if node.Spec.Unschedulable {
		parts = append(parts, "cordoned")
	}
	for _, taint := range node.Spec.Taints {
		if !strings.HasPrefix(taint.Key, "node.kubernetes.io/") {
			parts = append(parts, "taint "+taint.ToString())
		}
	}
	for _, key := range slices.Sorted(maps.Keys(node.Labels)) {
		parts = append(parts, fmt.Sprintf("label %s=%s", key, node.Labels[key]))
	}
	for _, key := range slices.Sorted(maps.Keys(node.Annotations)) {
		if domain, _, _ := strings.Cut(key, "/"); !strings.HasSuffix("."+domain, ".kubernetes.io") {
			parts = append(parts, fmt.Sprintf("annotation %s=%s", key, node.Annotations[key]))
		}
	}
	return strings.Join(parts, ", ")
}

// leftovers names the nodes that are not as they were, and every object that still bears a
// mark of the tool.
func (b *bench) leftovers(before map[string]string) ([]string, error) {
	after, err := b.nodes()
	if err != nil {
		return nil, err
	}
	var left []string
	for _, name := range changedNodes(before, after) {
		left = append(left, fmt.Sprintf("node %s was [%s] and is [%s]", name, before[name], after[name]))
	}
	marked, err := b.marked()
	return append(left, marked...), err
}

// marked names the objects, other than nodes, with a mark of the tool.
func (b *bench) marked() ([]string, error) {
	all := metav1.ListOptions{}
	core, apps := b.client.CoreV1(), b.client.AppsV1()
	lists := []struct {
		kind string
		list func() (runtime.Object, error)
	}{
		{"Pod", func() (runtime.Object, error) { return core.Pods("").List(b.ctx, all) }},
		{"ConfigMap", func() (runtime.Object, error) { return core.ConfigMaps("").List(b.ctx, all) }},
		{"Namespace", func() (runtime.Object, error) { return core.Namespaces().List(b.ctx, all) }},
		{"Deployment", func() (runtime.Object, error) { return apps.Deployments("").List(b.ctx, all) }},
		{"ReplicaSet", func() (runtime.Object, error) { return apps.ReplicaSets("").List(b.ctx, all) }},
		{"StatefulSet", func() (runtime.Object, error) { return apps.StatefulSets("").List(b.ctx, all) }},
		{"DaemonSet", func() (runtime.Object, error) { return apps.DaemonSets("").List(b.ctx, all) }},
	}
	var left []string
	for _, l := range lists {
		list, err := l.list()
		if err != nil {
			return nil, fmt.Errorf("listing objects of kind %s: %w", l.kind, err)
		}
		err = meta.EachListItem(list, func(object runtime.Object) error {
			accessor, err := meta.Accessor(object)
			if err == nil {
				left = append(left, marksOf(l.kind, accessor)...)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return left, nil
}

// marksOf names an object, where it has a mark.
func marksOf(kind string, object metav1.Object) []string {
	for _, set := range []map[string]string{object.GetLabels(), object.GetAnnotations()} {
		for key := range set {
			if strings.HasPrefix(key, prefix) {
				return []string{fmt.Sprintf("%s %s/%s has %s", kind, object.GetNamespace(), object.GetName(), key)}
			}
		}
	}
	return nil
}
