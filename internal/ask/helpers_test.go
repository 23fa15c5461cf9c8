package ask

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// configuration has a scheduler that packs by CPU, beside the one that every cluster has.
const configuration = `apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- schedulerName: packing
  plugins:
    score:
      disabled: [{name: "*"}]
      enabled: [{name: NodeResourcesFit}]
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}}
`

func newWorld(t testing.TB, picture *cluster.Snapshot) *World {
	t.Helper()
	profiles, err := simulation.Load(simulation.Configurations{BuiltIn: [][]byte{[]byte(configuration)}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(t.Context(), picture, Options{Profiles: profiles})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// list returns amounts of resources, such as "cpu=4 memory=8Gi".
func list(amounts string) corev1.ResourceList {
	all := corev1.ResourceList{}
	for _, one := range strings.Fields(amounts) {
		name, amount, _ := strings.Cut(one, "=")
		all[corev1.ResourceName(name)] = resource.MustParse(amount)
	}
	return all
}

// newNode returns a Ready node with labels such as "pool=a".
func newNode(name, offers string, labels ...string) *corev1.Node {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, corev1.LabelInstanceTypeStable: "standard"}},
		Status: corev1.NodeStatus{
			Allocatable: list("pods=10 " + offers),
			Conditions:  []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}},
		},
	}
	for _, label := range labels {
		key, value, _ := strings.Cut(label, "=")
		node.Labels[key] = value
	}
	return node
}

// tainted returns the node with a taint of effect NoSchedule.
func tainted(node *corev1.Node, key, value string) *corev1.Node {
	node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffectNoSchedule})
	return node
}

// newPod returns a pod of the app that its name begins with, on a node or without one.
func newPod(name, node, requests string, change ...func(*corev1.Pod)) *corev1.Pod {
	app, _, _ := strings.Cut(name, "-")
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID(name), Labels: map[string]string{"app": app}},
		Spec: corev1.PodSpec{
			SchedulerName: corev1.DefaultSchedulerName, NodeName: node, Priority: ptr.To[int32](0),
			Containers: []corev1.Container{{Name: "main", Resources: corev1.ResourceRequirements{Requests: list(requests)}}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
	if node != "" {
		pod.Status.Phase = corev1.PodRunning
	}
	for _, do := range change {
		do(pod)
	}
	return pod
}

func byScheduler(name string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.SchedulerName = name }
}

func selecting(key, value string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.NodeSelector = map[string]string{key: value} }
}

// apart keeps pods of an app on different nodes.
func apart(app string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		pod.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}}, TopologyKey: corev1.LabelHostname,
		}}}}
	}
}

// fullOf returns nodes of 4 CPU and 8Gi, with pods that leave them 500m each.
func fullOf(n int, prefix string, labels ...string) *cluster.Snapshot {
	s := &cluster.Snapshot{}
	for i := range n {
		name := fmt.Sprintf("%s-%d", prefix, i)
		s.Nodes = append(s.Nodes, newNode(name, "cpu=4 memory=8Gi", labels...))
		s.Pods = append(s.Pods, newPod("other-"+name, name, "cpu=3500m memory=1Gi"))
	}
	return s
}
