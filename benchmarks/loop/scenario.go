package loop

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	nodeMilliCPU = 32_000
	nodeMemory   = "256Gi"
	nodePods     = "110"
	zones        = 10

	podMilliCPU = 500
	podMemory   = "1Gi"
	// nowhereMilliCPU is more than any node has left where all have pods, and less than it has.
	nowhereMilliCPU = 30_000

	// podsBefore is how many pods are on a node that is not empty. On a full one they
	// share all of its cpu.
	podsBefore   = 10
	fullMilliCPU = nodeMilliCPU / podsBefore
	// replicasBefore is how many replicas an app has that was there before.
	replicasBefore = 100

	namespace = "loop"

	// variedSizes is how many sizes pods have where they are of many, and variedBefore how
	// many of these are on a node before. Those ask for variedMemoryStep more bytes of
	// memory each than those of the node before theirs, which 100,000 nodes have room for.
	variedSizes      = 24
	variedBefore     = 5
	variedMemoryStep = 256 << 10
)

// scenario is what all subjects start from. They share it, so nobody changes it.
type scenario struct {
	workload Workload
	nodes    []*corev1.Node
	// before are the pods that have a node already.
	before []*corev1.Pod
	// replicas is how many of the arriving pods are of one app. Unless all are, that many
	// fill a node just so. Whatever apps have filled of a zone, then, the next finds there either
	// no room at all, or enough for all of its replicas.
	replicas int
	// room is how many pods may arrive: half of those that fit. With more it would be
	// up to the order of placements whether all find a place.
	room int
	// named are the nodes that pods name in turn.
	named []string
	// attached are the nodes that have as many volumes as they take.
	attached map[string]bool
}

// newScenario returns the scenario of the case, always the same for the same seed.
func newScenario(c Case, seed uint64) *scenario {
	source := rand.New(rand.NewPCG(seed, 0))
	s := &scenario{workload: c.Workload, attached: map[string]bool{}}
	for i, place := range source.Perm(c.Nodes) {
		s.nodes = append(s.nodes, newNode(i, c.Workload, float64(place)/float64(c.Nodes)))
	}
	full := chooseFull(source, c)
	s.populate(full)
	s.limit(full)
	return s
}

// newNode returns the node of that number. Its place in a random order of all nodes,
// from 0 to 1, says what is special about it.
func newNode(i int, w Workload, place float64) *corev1.Node {
	name := fmt.Sprintf("node-%05d", i)
	size := corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(nodeMilliCPU, resource.DecimalSI),
		corev1.ResourceMemory: resource.MustParse(nodeMemory),
		corev1.ResourcePods:   resource.MustParse(nodePods),
	}
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{
			corev1.LabelHostname:           name,
			corev1.LabelTopologyRegion:     "region-0",
			corev1.LabelTopologyZone:       zone(i),
			corev1.LabelInstanceTypeStable: "standard-32",
		}},
		Status: corev1.NodeStatus{Capacity: size, Allocatable: size},
	}
	if place < 0.5 {
		node.Labels[poolLabel] = poolName
	}
	switch {
	case !w.tainted || place >= 0.6:
	case place < 0.1:
		node.Spec.Taints = []corev1.Taint{untolerated}
	default:
		node.Spec.Taints = []corev1.Taint{tolerated}
	}
	return node
}

// chooseFull says for each node whether it is full: at random, with the same number
// in each zone.
func chooseFull(source *rand.Rand, c Case) []bool {
	full := make([]bool, c.Nodes)
	for zone := range zones {
		var members []int
		for i := zone; i < c.Nodes; i += zones {
			members = append(members, i)
		}
		source.Shuffle(len(members), func(a, b int) { members[a], members[b] = members[b], members[a] })
		for _, i := range members[:len(members)*c.Fill/100] {
			full[i] = true
		}
	}
	return full
}

// populate puts pods on the full nodes, and, if they matter, on the others.
func (s *scenario) populate(full []bool) {
	templates := map[string]*corev1.Pod{}
	others := 0
	for i, node := range s.nodes {
		milliCPU := int64(podMilliCPU)
		switch {
		case full[i]:
			milliCPU = fullMilliCPU
		case s.workload.varied:
			s.vary(i, node.Name)
			continue
		case s.workload.claims == limited:
			if others++; others%2 == 0 {
				s.attach(i, node.Name)
			}
			continue
		case !s.workload.social:
			continue
		}
		for slot := range podsBefore {
			app := s.appBefore(i, slot)
			key := fmt.Sprintf("%s/%d", app, milliCPU)
			if templates[key] == nil {
				templates[key] = newPod(s.workload, app, milliCPU)
			}
			pod := named(templates[key], fmt.Sprintf("before-%d-%d", i, slot))
			pod.Spec.NodeName = node.Name
			s.before = append(s.before, pod)
		}
	}
}

// vary puts pods on the node that leave it like no other.
func (s *scenario) vary(i int, node string) {
	for slot := range variedBefore {
		pod := named(newPod(s.workload, fmt.Sprintf("before-%d", slot), int64(100+(i*37+slot*411)%2000)), fmt.Sprintf("before-%d-%d", i, slot))
		pod.Spec.Containers[0].Resources.Requests[corev1.ResourceMemory] = *resource.NewQuantity(int64(1+i)*variedMemoryStep, resource.BinarySI)
		pod.Spec.NodeName = node
		s.before = append(s.before, pod)
	}
}

// attach puts pods on the node that have as many volumes as it takes.
func (s *scenario) attach(i int, node string) {
	for slot := range fewVolumes {
		pod := named(newPod(s.workload, fmt.Sprintf("before-%d", slot), podMilliCPU), fmt.Sprintf("before-%d-%d", i, slot))
		s.workload.claims.ask(pod)
		pod.Spec.NodeName = node
		s.before = append(s.before, pod)
	}
	s.attached[node] = true
}

// appBefore returns the app of the pod in a node's slot: apps take as many nodes that
// follow each other as they have replicas, or, if they are in one zone, as many that
// follow each other in that.
func (s *scenario) appBefore(node, slot int) string {
	if s.workload.oneZone {
		return fmt.Sprintf("before-%d-%d-%d", slot, node%zones, node/zones/replicasBefore)
	}
	return fmt.Sprintf("before-%d-%d", slot, node/replicasBefore)
}

// limit finds how many pods may arrive.
func (s *scenario) limit(full []bool) {
	free := 0
	for i, node := range s.nodes {
		if !full[i] && s.eligible(node) {
			free++
			s.named = append(s.named, node.Name)
		}
	}
	perNode := nodeMilliCPU / podMilliCPU
	if s.workload.social {
		perNode -= podsBefore
	}
	if s.workload.varied {
		perNode /= 2
	}
	s.replicas = perNode
	s.room = free * perNode / 2
	switch {
	case s.workload.claims == limited:
		s.room = free * fewVolumes // in whatever order
	case s.workload.onePerNode:
		s.replicas = min(perNode, free)
	case s.workload.oneApp:
		s.replicas = s.room
	case s.workload.nowhere:
		s.room = math.MaxInt
	}
}

// eligible says whether the node takes the workload's pods if it has room.
func (s *scenario) eligible(node *corev1.Node) bool {
	if len(node.Spec.Taints) > 0 && node.Spec.Taints[0] == untolerated {
		return false
	}
	switch s.workload.claims {
	case waiting:
		return slices.Contains(allowedZones(), node.Labels[corev1.LabelTopologyZone])
	case limited:
		return !s.attached[node.Name]
	}
	selector := newPod(s.workload, "", podMilliCPU).Spec.NodeSelector
	return selector == nil || node.Labels[poolLabel] == selector[poolLabel]
}

// arrival returns the pod of that number that arrives for the scheduler of that name.
func (s *scenario) arrival(i int, schedulerName string) *corev1.Pod {
	milliCPU := int64(podMilliCPU)
	switch {
	case s.workload.varied:
		milliCPU = int64(50 * (1 + i%variedSizes))
	case s.workload.nowhere:
		milliCPU = nowhereMilliCPU
	}
	pod := named(newPod(s.workload, fmt.Sprintf("arrived-%d", i/s.replicas), milliCPU), fmt.Sprintf("arrival-%d", i))
	pod.Spec.SchedulerName = schedulerName
	s.workload.claims.ask(pod)
	if s.workload.named {
		pod.Spec.Affinity = forNode(s.named[i%len(s.named)])
	}
	return pod
}

// forNode returns what the controller of DaemonSets asks for.
func forNode(name string) *corev1.Affinity {
	return &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchFields: []corev1.NodeSelectorRequirement{
			{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{name}},
		}}},
	}}}
}

// newPod returns a pod of the app.
func newPod(w Workload, app string, milliCPU int64) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Labels: map[string]string{appLabel: app}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "main", Image: "app", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU:    *resource.NewMilliQuantity(milliCPU, resource.DecimalSI),
				corev1.ResourceMemory: resource.MustParse(podMemory),
			}},
		}}},
	}
	w.constrain(&pod.Spec, app)
	return pod
}

// named returns a pod like the template, with which it shares what is below its
// fields.
func named(template *corev1.Pod, name string) *corev1.Pod {
	pod := *template
	pod.Name, pod.UID = name, types.UID(name)
	return &pod
}
