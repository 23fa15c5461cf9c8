package simulation

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/component-helpers/storage/ephemeral"
)

// missing is a claim by name, or a storage class if it has no namespace. A pod only got its
// node when its claims existed, and they exist as long as it does: if one is missing, the
// snapshot is incomplete.
type missing struct{ namespace, name string }

// String describes what is missing from the snapshot.
func (m missing) String() string {
	if m.namespace == "" {
		return "StorageClass " + m.name
	}
	return "PersistentVolumeClaim " + m.name
}

// miss records objects of an existing pod's volumes that are missing from the snapshot.
func (s *Simulation) miss(pod *corev1.Pod) error {
	for i := range pod.Spec.Volumes {
		switch v := &pod.Spec.Volumes[i]; {
		case v.PersistentVolumeClaim != nil:
			claim, err := s.claim(pod.Namespace, v.PersistentVolumeClaim.ClaimName)
			if err != nil {
				return err
			}
			if claim == nil {
				s.missing.Insert(missing{pod.Namespace, v.PersistentVolumeClaim.ClaimName})
			}
		case v.Ephemeral != nil && v.Ephemeral.VolumeClaimTemplate != nil:
			name := v.Ephemeral.VolumeClaimTemplate.Spec.StorageClassName
			if name == nil || *name == "" {
				continue
			}
			if _, err := s.informers.Storage().V1().StorageClasses().Lister().Get(*name); err != nil {
				s.missing.Insert(missing{name: *name})
			}
		}
	}
	return nil
}

// found removes an object from the missing ones.
func (s *Simulation) found(obj runtime.Object) {
	switch o := obj.(type) {
	case *corev1.PersistentVolumeClaim:
		s.missing.Delete(missing{o.Namespace, o.Name})
	case *storagev1.StorageClass:
		s.missing.Delete(missing{name: o.Name})
	}
}

// volumesKnown returns ErrIncomplete if a claim of the pod is missing from the snapshot, or
// is bound to a volume that is missing and not lost.
func (s *Simulation) volumesKnown(pod *corev1.Pod) error {
	for i := range pod.Spec.Volumes {
		name := claimName(pod, &pod.Spec.Volumes[i])
		if name == "" {
			continue
		}
		claim, err := s.claim(pod.Namespace, name)
		if err != nil {
			return err
		}
		switch which := (missing{pod.Namespace, name}); {
		case claim == nil && s.missing.Has(which):
			return fmt.Errorf("%w: the snapshot has no %s", ErrIncomplete, which)
		case claim == nil || claim.Spec.VolumeName == "" || claim.Status.Phase == corev1.ClaimLost:
			continue
		}
		if _, err := s.informers.Core().V1().PersistentVolumes().Lister().Get(claim.Spec.VolumeName); err != nil {
			return fmt.Errorf("%w: the snapshot has no PersistentVolume %s", ErrIncomplete, claim.Spec.VolumeName)
		}
	}
	return nil
}

// claimName returns the name of the volume's claim, or "" if it has none.
func claimName(pod *corev1.Pod, v *corev1.Volume) string {
	switch {
	case v.Ephemeral != nil:
		return ephemeral.VolumeClaimName(pod, v)
	case v.PersistentVolumeClaim != nil:
		return v.PersistentVolumeClaim.ClaimName
	}
	return ""
}
