package simulation

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// late are pods that the engine's cache still has as they were before they were on their way out. To
// tell it means that it adds up the requests of the pod once more, and no plugin whose answers are
// remembered looks at it.
type late struct {
	pods map[types.UID]*corev1.Pod
	// order is that in which they came. It may have pods that are no longer late.
	order []types.UID
}

// Terminate is UpdatePod for a pod that differs only by being on its way out.
func (s *Simulation) Terminate(before, leaving *corev1.Pod) error {
	if s.late.pods[before.UID] != nil {
		return s.UpdatePod(before, leaving)
	}
	s.devices.learn(leaving)
	if _, err := s.cache.GetPod(before); err != nil {
		return err
	}
	s.late.pods[before.UID] = leaving
	s.late.order = append(s.late.order, before.UID)
	s.move(before, -1)
	s.move(leaving, 1)
	return nil
}

// Revive takes Terminate back.
func (s *Simulation) Revive(leaving, before *corev1.Pod) error {
	if s.late.pods[before.UID] == nil {
		return s.UpdatePod(leaving, before)
	}
	s.devices.learn(before)
	s.late.drop(before.UID)
	s.move(leaving, -1)
	s.move(before, 1)
	return nil
}

// drop forgets a pod, which need not be late.
func (l *late) drop(uid types.UID) {
	delete(l.pods, uid)
	if len(l.pods) == 0 {
		l.order = l.order[:0]
	}
}

// tellAll tells the engine's cache what it has not heard yet.
func (s *Simulation) tellAll() error {
	for _, uid := range s.late.order {
		leaving := s.late.pods[uid]
		if leaving == nil {
			continue
		}
		delete(s.late.pods, uid)
		before, err := s.cache.GetPod(leaving)
		if err != nil {
			return err
		}
		if err := s.cache.UpdatePod(s.logger, before, leaving); err != nil {
			return err
		}
	}
	s.late.order = s.late.order[:0]
	return nil
}

// update updates the snapshot, for plugins that look at everything.
func (s *Simulation) update() error {
	if err := s.tellAll(); err != nil {
		return err
	}
	return s.cache.UpdateSnapshot(s.logger, s.snapshot)
}
