package simulation

import (
	"context"
	"errors"
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	schedulerframework "k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/helper"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"

	"github.com/stowage-k8s/stowage/internal/podkind"
)

// maxShapes limits how many shapes and images are remembered, and maxSorts how many sorts.
const maxShapes, maxSorts = 256, 1 << 14

// memory is what the engine's plugins have said of the nodes of a snapshot. It is about the
// nodes in the list, which stays the same: they are numbered by their places in it.
type memory struct {
	*Simulation
	nodes  []fwk.NodeInfo
	names  []string
	places map[string]int32 // by name
	// ordered are the places of the nodes in the order of their names, and ranks the reverse. Imaged
	// says whether any node has images.
	ordered, ranks []int32
	imaged         bool
	census         *census
	// changed are the places of nodes that have changed, in order, from the number begin on.
	changed []int32
	begin   int

	shapes map[string]*shape
	sorts  map[string]*sort
	// likes are the sorts of the pods that were asked about last.
	likes  map[*corev1.Pod]*sort
	images map[string][]int32
	spread map[*remembered]*domains
	// asked counts the questions about sorts, and recalled those that were answered.
	asked, recalled int64
	key             []byte
	scratch
}

// sort are pods that no plugin tells apart, except by their images: of one namespace and controller,
// with the same labels, for the same scheduler and of the same shape.
type sort struct {
	*shape
	// shapeKey is the key of the shape.
	shapeKey string
	// concerned says whether pods on nodes demand something of the sort.
	concerned bool
	demanded  int
	// selector selects the pods from which the scheduler's default constraints spread it; nil if
	// there are none. Groups are the groups that it selects.
	selector labels.Selector
	groups   []*group
	grown    int
}

// remember returns the memory of the snapshot as it is now.
func (s *Simulation) remember() (*memory, error) {
	nodes, err := s.snapshot.NodeInfos().List()
	if err != nil || len(nodes) == 0 {
		return nil, err
	}
	m := s.memory
	if m != nil && len(m.nodes) == len(nodes) && &m.nodes[0] == &nodes[0] {
		return m, nil
	}
	m = &memory{
		Simulation: s, nodes: nodes, ranks: make([]int32, len(nodes)), places: make(map[string]int32, len(nodes)), census: newCensus(),
		shapes: map[string]*shape{}, sorts: map[string]*sort{}, likes: map[*corev1.Pod]*sort{}, images: map[string][]int32{}, spread: map[*remembered]*domains{},
		scratch: scratch{totals: make([]int64, len(nodes)), marked: make([]bool, len(nodes))},
	}
	for i, node := range nodes {
		m.names = append(m.names, node.Node().Name)
		m.places[node.Node().Name] = int32(i)
		m.imaged = m.imaged || len(node.GetImageStates()) > 0
		for _, pod := range node.GetPods() {
			if err := m.census.count(pod.GetPod(), 1); err != nil {
				return nil, err
			}
		}
	}
	for _, leaving := range s.late.pods {
		before, err := s.cache.GetPod(leaving)
		if err != nil {
			return nil, err
		}
		if err := errors.Join(m.census.count(before, -1), m.census.count(leaving, 1)); err != nil {
			return nil, err
		}
	}
	for i, name := range slices.Sorted(maps.Keys(m.places)) {
		m.ordered = append(m.ordered, m.places[name])
		m.ranks[m.places[name]] = int32(i)
	}
	s.memory = m
	return m, nil
}

// move tells the memory of a pod that has come to its node, or left it.
func (s *Simulation) move(pod *corev1.Pod, by int64) {
	m := s.memory
	if m == nil {
		return
	}
	place, known := m.places[pod.Spec.NodeName]
	if !known {
		return // it is counted with its node, when that comes
	}
	if err := m.census.count(pod, by); err != nil {
		s.memory = nil
		return
	}
	m.touch(place)
}

// alter tells the memory of a node that was replaced.
func (s *Simulation) alter(before, after *corev1.Node) {
	if s.memory == nil {
		return
	}
	place, known := s.memory.places[after.Name]
	if !known || !maps.Equal(before.Labels, after.Labels) || !apiequality.Semantic.DeepEqual(before.Status.Images, after.Status.Images) {
		s.memory = nil
		return
	}
	s.memory.touch(place)
}

// unlearn makes the memory forget what depends on an object that has changed.
func (s *Simulation) unlearn(obj runtime.Object) {
	if s.memory == nil {
		return
	}
	switch obj.(type) {
	case *corev1.Service, *corev1.ReplicationController, *appsv1.ReplicaSet, *appsv1.StatefulSet, *corev1.Namespace:
		clear(s.memory.sorts)
		clear(s.memory.likes)
	case *resourcev1.DeviceClass, *resourcev1.ResourceSlice, *resourcev1.ResourceClaim, *resourcev1.DeviceTaintRule:
		clear(s.memory.shapes)
	}
}

// touch notes that the node in the place has changed.
func (m *memory) touch(place int32) {
	m.changed = append(m.changed, place)
	if len(m.changed) > 4*len(m.nodes)+1024 {
		half := len(m.changed) / 2
		m.changed = append(m.changed[:0], m.changed[half:]...)
		m.begin += half
	}
}

// sortOf returns the sort of the pod; nil if the memory cannot tell where it would go.
func (m *memory) sortOf(ctx context.Context, framework schedulerframework.Framework, pod *corev1.Pod, like *corev1.Pod) *sort {
	profile := m.remembered[framework.ProfileName()]
	if profile == nil || !m.plain(pod) {
		return nil
	}
	of := m.likes[like]
	if of == nil {
		of = m.findSort(framework, profile, pod)
	}
	m.asked++
	if of.demanded != m.census.demanded {
		of.demanded = m.census.demanded
		of.concerned = len(m.census.demands) > 0 && m.census.concerns(pod, interpodaffinity.GetNamespaceLabelsSnapshot(m.logger, pod.Namespace, m.informers.Core().V1().Namespaces().Lister()))
	}
	if of.concerned {
		return nil
	}
	if grown := m.census.grown[pod.Namespace]; of.selector != nil && of.grown != grown {
		of.grown, of.groups = grown, m.census.selected(pod.Namespace, of.selector)
	}
	if of.shape = m.shapes[of.shapeKey]; of.shape == nil {
		podkind.MakeRoom(m.shapes, maxShapes, func(of *shape) int64 { return of.used })
		of.shape = m.newShape(ctx, framework, profile, pod)
		m.shapes[of.shapeKey] = of.shape
	}
	of.shape.used = m.asked
	if of.shape.state == nil {
		return nil
	}
	return of
}

// findSort returns the sort of the pod by what it is.
func (m *memory) findSort(framework schedulerframework.Framework, profile *remembered, pod *corev1.Pod) *sort {
	m.key = podkind.AppendText(m.key[:0], framework.ProfileName())
	m.key = podkind.Append(m.key, pod)
	split := len(m.key)
	m.key = podkind.AppendText(m.key, pod.Namespace)
	m.key = appendLabels(m.key, pod.Labels)
	if owner := metav1.GetControllerOfNoCopy(pod); owner != nil {
		m.key = podkind.AppendText(append(m.key, 0), owner.APIVersion, owner.Kind, owner.Name)
	}
	of := m.sorts[string(m.key)]
	if of == nil {
		if len(m.sorts) >= maxSorts {
			clear(m.sorts)
		}
		of = &sort{shapeKey: string(m.key[:split]), demanded: -1, grown: -1, selector: m.defaultSelector(profile, pod)}
		m.sorts[string(m.key)] = of
	}
	if len(m.likes) >= maxShapes {
		clear(m.likes)
	}
	m.likes[pod] = of
	return of
}

// defaultSelector selects the pods from which the profile's default constraints spread the pod.
func (m *memory) defaultSelector(profile *remembered, pod *corev1.Pod) labels.Selector {
	if len(profile.spread.Constraints) == 0 {
		return nil
	}
	core, apps := m.informers.Core().V1(), m.informers.Apps().V1()
	selector := helper.DefaultSelector(pod, core.Services().Lister(), core.ReplicationControllers().Lister(), apps.ReplicaSets().Lister(), apps.StatefulSets().Lister())
	if selector.Empty() {
		return nil
	}
	return selector
}

// appendImages appends the images of the pod.
func appendImages(key []byte, pod *corev1.Pod) []byte {
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			key = podkind.AppendText(key, containers[i].Image)
		}
		key = append(key, 0)
	}
	for i := range pod.Spec.Volumes {
		if image := pod.Spec.Volumes[i].Image; image != nil {
			key = podkind.AppendText(key, image.Reference)
		}
	}
	return key
}
