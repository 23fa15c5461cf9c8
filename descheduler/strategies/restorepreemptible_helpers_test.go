package strategies

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/stowage-k8s/stowage/descheduler/strategy"
	"github.com/stowage-k8s/stowage/internal/cluster"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// restoreCluster is a cluster in short: what its nodes and workloads are, and which
// replica is where.
type restoreCluster struct {
	nodes     []restoreNode
	workloads []*restoreSet
}

type restoreNode struct {
	name           string
	spot, notified bool
	// room is how many pods it holds.
	room int
}

// restoreSet is a StatefulSet in a namespace of its own name.
type restoreSet struct {
	name string
	// mode and max are its policy: a max below 0 is none.
	mode preemptible.Mode
	max  int
	// soft has the namespace say it in place of the pods.
	soft    bool
	desired int
	// on are the nodes of its replicas, ending those of replicas on their way out.
	on, ending []string
	// stubborn has the scheduler care for other things than the policy's wishes.
	stubborn bool
}

const restoreScheduler = "stowage"

var restoreOptions = map[string]preemptible.Options{restoreScheduler: {Nodes: preemptible.Recognizer{
	Labels: []preemptible.NodeLabel{{Key: "spot", Values: []string{"yes"}}}, Notices: []string{"going"},
}}}

func (c *restoreCluster) picture() *cluster.Snapshot {
	picture := &cluster.Snapshot{}
	for _, n := range c.nodes {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.name, Labels: map[string]string{}}}
		node.Status.Allocatable = corev1.ResourceList{corev1.ResourcePods: *resource.NewQuantity(int64(n.room), resource.DecimalSI)}
		if n.spot {
			node.Labels["spot"] = "yes"
		}
		if n.notified {
			node.Spec.Taints = []corev1.Taint{{Key: "going", Effect: corev1.TaintEffectNoSchedule}}
		}
		picture.Nodes = append(picture.Nodes, node)
	}
	for _, w := range c.workloads {
		w.add(picture)
	}
	return picture
}

func (w *restoreSet) annotations() map[string]string {
	says := map[string]string{}
	if w.mode != "" {
		says[preemptible.ModeAnnotation] = string(w.mode)
	}
	if w.max >= 0 {
		says[preemptible.MaxAnnotation] = strconv.Itoa(w.max)
	}
	return says
}

func (w *restoreSet) add(picture *cluster.Snapshot) {
	desired := int32(w.desired)
	meta := metav1.ObjectMeta{Namespace: w.name, Name: w.name, UID: types.UID(w.name)}
	picture.StatefulSets = append(picture.StatefulSets, &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Replicas: &desired}})
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: w.name}}
	if w.soft {
		namespace.Annotations = w.annotations()
	}
	picture.Namespaces = append(picture.Namespaces, namespace)
	for i, node := range slices.Concat(w.on, w.ending) {
		pod := w.pod(i, node)
		if i >= len(w.on) {
			pod.DeletionTimestamp = &metav1.Time{}
		}
		picture.Pods = append(picture.Pods, pod)
	}
}

func (w *restoreSet) pod(i int, node string) *corev1.Pod {
	controls := true
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: w.name, Name: fmt.Sprintf("%s-%d", w.name, i)}}
	pod.UID = types.UID(pod.Name)
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: w.name, UID: types.UID(w.name), Controller: &controls}}
	pod.Spec.NodeName, pod.Spec.SchedulerName = node, restoreScheduler
	if !w.soft {
		pod.Annotations = w.annotations()
	}
	return pod
}

func (c *restoreCluster) node(name string) restoreNode {
	return c.nodes[slices.IndexFunc(c.nodes, func(n restoreNode) bool { return n.name == name })]
}

func (c *restoreCluster) workload(name string) *restoreSet {
	return c.workloads[slices.IndexFunc(c.workloads, func(w *restoreSet) bool { return w.name == name })]
}

// cap is the most replicas that may be on spot nodes.
func (w *restoreSet) cap() int {
	if w.mode == preemptible.Never {
		return 0
	}
	if w.max < 0 {
		return 1000
	}
	return w.max
}

// schedule stands for the scheduler with PreemptibleNodes: the first node that has room
// and is allowed, of those of the kind that is preferred if there is one.
func (c *restoreCluster) schedule(state *strategy.State, pod *corev1.Pod) string {
	w := c.workload(pod.Namespace)
	onSpot := 0
	for _, node := range state.Nodes() {
		for _, other := range node.Pods {
			if other.Namespace == pod.Namespace && other.DeletionTimestamp == nil && c.node(node.Name).spot {
				onSpot++
			}
		}
	}
	first := ""
	for _, n := range c.nodes {
		full := len(state.Node(n.name).Pods) >= n.room
		ruledOut := n.spot && onSpot >= w.cap() || !n.spot && w.mode == preemptible.Require
		if n.notified || full || ruledOut && !w.soft {
			continue
		}
		unloved := ruledOut || !n.spot && w.mode == preemptible.Prefer && onSpot < w.cap()
		if !unloved || w.stubborn {
			return n.name
		}
		if first == "" {
			first = n.name
		}
	}
	return first
}

// places are where replicas are, by pod, and those that are on their way out left out.
type restorePlaces map[string]string

func (c *restoreCluster) places() restorePlaces {
	places := restorePlaces{}
	for _, w := range c.workloads {
		for i, node := range w.on {
			places[fmt.Sprintf("%s-%d", w.name, i)] = node
		}
	}
	return places
}

// faults counts, plainly, what is wrong with each replica's place.
func (c *restoreCluster) faults(places restorePlaces) map[string]int {
	faults := map[string]int{}
	for _, pod := range slices.Sorted(maps.Keys(places)) {
		name, _, _ := strings.Cut(pod, "-")
		w, node, others := c.workload(name), c.node(places[pod]), 0
		for other, place := range places {
			if other != pod && strings.HasPrefix(other, name+"-") && c.node(place).spot {
				others++
			}
		}
		if node.notified {
			faults[pod] += 4
		}
		if node.spot && others+1 > w.cap() || !node.spot && w.mode == preemptible.Require {
			faults[pod] += 2
		}
		if !node.spot && w.mode == preemptible.Prefer && others+1 <= w.cap() {
			faults[pod]++
		}
	}
	return faults
}
