package loop

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
)

// claims is what the pods of a workload ask of volumes: each has a claim of its own.
type claims string

const (
	// bound claims have a volume in one zone, waiting ones have one created in one of half of the zones.
	bound   claims = "bound"
	waiting claims = "waiting"
	// limited claims have a volume anywhere. Half of the nodes have as many as they take.
	limited claims = "limited"
)

const (
	driver   = "disks.example.com"
	diskSize = "10Gi"
	// manyVolumes is how many volumes a node takes where that does not matter, fewVolumes where it does.
	manyVolumes = 128
	fewVolumes  = 24
)

// takes returns how many volumes a node takes.
func (c claims) takes() int {
	if c == limited {
		return fewVolumes
	}
	return manyVolumes
}

// zone returns the name of the zone of a volume or node of that number.
func zone(i int) string {
	return fmt.Sprintf("zone-%d", i%zones)
}

// storage returns what there is of volumes before a pod arrives.
func (s *scenario) storage() []runtime.Object {
	c := s.workload.claims
	if c == "" {
		return nil
	}
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: string(c)}, Provisioner: driver, VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer)}
	if c == waiting {
		class.AllowedTopologies = []corev1.TopologySelectorTerm{{MatchLabelExpressions: []corev1.TopologySelectorLabelRequirement{
			{Key: corev1.LabelTopologyZone, Values: allowedZones()},
		}}}
	}
	objects := []runtime.Object{class, &storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: driver}}}
	for _, node := range s.nodes {
		objects = append(objects, &storagev1.CSINode{
			ObjectMeta: metav1.ObjectMeta{Name: node.Name},
			Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{
				{Name: driver, NodeID: node.Name, Allocatable: &storagev1.VolumeNodeResources{Count: ptr.To(int32(c.takes()))}},
			}},
		})
	}
	for i, pod := range s.before {
		objects = append(objects, c.of(pod, i)...)
	}
	return objects
}

// allowedZones are the zones in which volumes are created.
func allowedZones() []string {
	var allowed []string
	for i := range zones / 2 {
		allowed = append(allowed, zone(i))
	}
	return allowed
}

// ask has the pod ask for a claim of its own, of the same name.
func (c claims) ask(pod *corev1.Pod) {
	if c != "" {
		pod.Spec.Volumes = []corev1.Volume{{Name: "disk", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: pod.Name},
		}}}
	}
}

// of returns the claim of the pod of that number, and its volume if it has one. Where it is bound to matters to
// pods without a node.
func (c claims) of(pod *corev1.Pod, i int) []runtime.Object {
	if len(pod.Spec.Volumes) == 0 {
		return nil
	}
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(diskSize)}
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: types.UID(pod.Name)},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: ptr.To(string(c)), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: size},
		},
		Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
	}
	if c == waiting {
		return []runtime.Object{claim}
	}
	name := "volume-of-" + pod.Name
	disk := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: size, AccessModes: claim.Spec.AccessModes, StorageClassName: string(c),
			ClaimRef:               &corev1.ObjectReference{Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID},
			PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: name}},
		},
		Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeBound},
	}
	if c == bound {
		disk.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{zone(i)}}},
		}}}}
	}
	claim.Annotations = map[string]string{volume.AnnBindCompleted: "yes"}
	claim.Spec.VolumeName, claim.Status.Phase = name, corev1.ClaimBound
	return []runtime.Object{claim, disk}
}
