package preemptiblenodes

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"

	"github.com/stowage-k8s/stowage/internal/preemptible"
)

// siblings counts the replicas of controllers, and those that may use preemptible nodes. It
// reads all pods of a controller once, and then only changed ones: reading all of them for
// each pod takes seconds if thousands have gates.
type siblings struct {
	pods        cache.Indexer // by controllerIndex
	controllers map[types.UID]*sideCounts
	// told are the sides of pods whose gate is still in the cache.
	told map[types.UID]side
}

// sideCounts are the pods of a controller that count.
type sideCounts struct {
	// nodes recognizes preemptible nodes.
	nodes preemptible.Recognizer
	// mayBe reports for each pod whether it may use preemptible nodes.
	mayBe map[types.UID]bool
	free  int // how many may
}

func newSiblings(pods cache.Indexer) *siblings {
	return &siblings{pods: pods, controllers: map[types.UID]*sideCounts{}, told: map[types.UID]side{}}
}

// of returns the number of pods of the controllers, and how many of them may use preemptible
// nodes, excluding the pod itself.
func (s *siblings) of(controllers map[types.UID]bool, nodes preemptible.Recognizer, pod types.UID) (all, free int, err error) {
	for uid := range controllers {
		counted, known := s.controllers[uid]
		if !known {
			if counted, err = s.count(uid, nodes); err != nil {
				return 0, 0, err
			}
		}
		all, free = all+len(counted.mayBe), free+counted.free
		if mayBe, counts := counted.mayBe[pod]; counts {
			all--
			if mayBe {
				free--
			}
		}
	}
	return all, free, nil
}

// count reads all pods of a controller.
func (s *siblings) count(controller types.UID, nodes preemptible.Recognizer) (*sideCounts, error) {
	pods, err := s.pods.ByIndex(controllerIndex, string(controller))
	if err != nil {
		return nil, err
	}
	counted := &sideCounts{nodes: nodes, mayBe: map[types.UID]bool{}}
	if len(pods) > 0 { // otherwise nothing would remove it
		s.controllers[controller] = counted
	}
	for _, obj := range pods {
		s.set(counted, obj.(*corev1.Pod))
	}
	return counted, nil
}

// look counts a changed pod from the cache, because the state that a handler receives may be
// older.
func (s *siblings) look(pod *corev1.Pod) {
	controller := controllerOf(pod)
	counted, known := s.controllers[controller]
	if !known {
		return
	}
	obj, exists, err := s.pods.GetByKey(cache.MetaObjectToName(pod).String())
	if now, is := obj.(*corev1.Pod); err == nil && exists && is && now.UID == pod.UID {
		s.set(counted, now)
		return
	}
	counted.remove(pod.UID)
	if len(counted.mayBe) == 0 {
		delete(s.controllers, controller)
	}
}

// tell notes the side that a pod gets.
func (s *siblings) tell(pod *corev1.Pod, to side) {
	s.told[pod.UID] = to
	s.look(pod)
}

// forget reverts that, or takes the side from the pod itself.
func (s *siblings) forget(pod *corev1.Pod) {
	delete(s.told, pod.UID)
	s.look(pod)
}

// set counts a pod. While its side is not determined, it may not use preemptible nodes.
func (s *siblings) set(counted *sideCounts, pod *corev1.Pod) {
	counted.remove(pod.UID)
	if !counts(pod) {
		return
	}
	to, known := s.told[pod.UID]
	mayBe := known && to != onDemandOnly || !known && !gated(pod) && !counted.nodes.KeepsOff(&pod.Spec)
	counted.mayBe[pod.UID] = mayBe
	if mayBe {
		counted.free++
	}
}

func (r *sideCounts) remove(pod types.UID) {
	if r.mayBe[pod] {
		r.free--
	}
	delete(r.mayBe, pod)
}
