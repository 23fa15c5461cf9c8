package randomcluster

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
)

// Drivers of volumes. The second tracks the capacity of its storage.
const (
	driver         = "disks.example.com"
	trackingDriver = "pools.example.com"
)

// Classes of volumes. Those of local ones have none that are created on demand.
const (
	anywhere  = "anywhere"
	zonal     = "zonal"
	tracked   = "tracked"
	local     = "local"
	immediate = "immediate"
)

// own is how the names of a workload's volumes begin of which each pod has one of its own; others are shared.
const own = "own-"

// noClaim is the name of a claim that does not exist.
const noClaim = "data"

// sharedClaims is how many claims there are for several pods, in each namespace.
const sharedClaims = 2

// storage is what the world has of volumes.
type storage struct {
	csiNodes    map[string]*storagev1.CSINode
	attachments []*storagev1.VolumeAttachment
	volumes     map[string]*corev1.PersistentVolume
	claims      map[string]*corev1.PersistentVolumeClaim // by namespace and name
}

// fillStorage draws classes, drivers, volumes that are free, and claims that pods share.
func (w *World) fillStorage() {
	w.storage = storage{csiNodes: map[string]*storagev1.CSINode{}, volumes: map[string]*corev1.PersistentVolume{}, claims: map[string]*corev1.PersistentVolumeClaim{}}
	for name, provisioner := range map[string]string{anywhere: driver, zonal: driver, tracked: trackingDriver, local: volume.NotSupportedProvisioner, immediate: driver} {
		class := &storagev1.StorageClass{
			ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: provisioner, VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer),
		}
		switch name {
		case immediate:
			class.VolumeBindingMode = ptr.To(storagev1.VolumeBindingImmediate)
		case zonal:
			class.AllowedTopologies = []corev1.TopologySelectorTerm{{MatchLabelExpressions: []corev1.TopologySelectorLabelRequirement{{Key: corev1.LabelTopologyZone, Values: []string{"z1", "z2"}}}}}
		}
		w.store(class)
	}
	if w.Chance(0.7) {
		w.store(&storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: driver}, Spec: storagev1.CSIDriverSpec{PreventPodSchedulingIfMissing: ptr.To(w.Chance(0.5))}})
	}
	w.store(&storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: trackingDriver}, Spec: storagev1.CSIDriverSpec{StorageCapacity: ptr.To(true)}})
	for _, zone := range []string{"z1", "z3"} {
		w.store(&storagev1.CSIStorageCapacity{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: zone}, StorageClassName: tracked, Capacity: ptr.To(resource.MustParse(Pick(w, "1Gi", "20Gi"))),
			NodeTopology: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelTopologyZone: zone}},
		})
	}
	for range max(0, w.IntN(6)-2) {
		w.addFreeVolume()
	}
	for _, namespace := range namespaces {
		for i := range sharedClaims {
			w.putClaim(w.newClaim(namespace, fmt.Sprintf("shared-%d", i), Pick(w, anywhere, zonal)), w.Chance(0.9))
		}
	}
}

// addFreeVolume adds a volume that no claim is bound to.
func (w *World) addFreeVolume() {
	v := w.newVolume(Pick(w, local, local, anywhere), Pick(w, "1Gi", "20Gi"))
	v.Status.Phase = corev1.VolumeAvailable
	w.putVolume(v)
}

// newVolume draws a volume of the class.
func (w *World) newVolume(class, size string) *corev1.PersistentVolume {
	w.made++
	name := fmt.Sprintf("volume-%d", w.made)
	v := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{}},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)}, StorageClassName: class,
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, corev1.ReadWriteMany},
			VolumeMode:  ptr.To(corev1.PersistentVolumeFilesystem),
		},
	}
	handle := name
	if w.Chance(0.05) {
		handle = "the same"
	}
	switch source := &v.Spec.PersistentVolumeSource; {
	case class == local:
		source.Local = &corev1.LocalVolumeSource{Path: "/" + name}
	case w.Chance(0.04):
		source.GCEPersistentDisk = &corev1.GCEPersistentDiskVolumeSource{PDName: name}
	case w.Chance(0.04):
		source.NFS = &corev1.NFSVolumeSource{Server: "server", Path: "/"}
	default:
		source.CSI = &corev1.CSIPersistentVolumeSource{Driver: Pick(w, driver, driver, driver, trackingDriver), VolumeHandle: handle}
	}
	if v.Spec.GCEPersistentDisk == nil && w.Chance(0.2) { // those of the former have a certain form
		v.Labels[Pick(w, corev1.LabelTopologyZone, corev1.LabelTopologyZone, corev1.LabelFailureDomainBetaZone, corev1.LabelTopologyRegion)] = Pick(w, "z1", "z2", "z1__z3")
	}
	requirement := Pick(w,
		corev1.NodeSelectorRequirement{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{Pick(w, "z1", "z2", "z3")}},
		corev1.NodeSelectorRequirement{Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpNotIn, Values: []string{"z1"}},
		corev1.NodeSelectorRequirement{Key: Rack, Operator: corev1.NodeSelectorOpExists},
	)
	if class == local || w.Chance(0.05) {
		requirement = corev1.NodeSelectorRequirement{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{w.nodeName()}}
	}
	if class == local || w.Chance(0.6) {
		v.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{requirement}}}}}
	}
	return v
}

func (w *World) putVolume(v *corev1.PersistentVolume) {
	w.storage.volumes[v.Name] = v
	w.store(v)
}

// newClaim draws a claim of the class.
func (w *World) newClaim(namespace, name, class string) *corev1.PersistentVolumeClaim {
	w.made++
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(fmt.Sprintf("claim-%d", w.made))},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: ptr.To(class), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, VolumeMode: ptr.To(corev1.PersistentVolumeFilesystem),
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(Pick(w, "1Gi", "10Gi"))}},
		},
		Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
	}
	if w.Chance(0.1) {
		claim.Spec.AccessModes[0] = corev1.ReadWriteOncePod
	}
	return claim
}

// putClaim adds a claim, with a volume that it is bound to or without.
func (w *World) putClaim(claim *corev1.PersistentVolumeClaim, bound bool) {
	if bound || w.options.Bound {
		class := *claim.Spec.StorageClassName
		v := w.newVolume(class, "10Gi")
		v.Spec.ClaimRef = &corev1.ObjectReference{Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID}
		v.Status.Phase = corev1.VolumeBound
		w.putVolume(v)
		w.bind(claim, v)
	} else if w.Chance(0.05) {
		metav1.SetMetaDataAnnotation(&claim.ObjectMeta, volume.AnnSelectedNode, w.nodeName())
	}
	w.storage.claims[claim.Namespace+"/"+claim.Name] = claim
	w.store(claim)
}

func (w *World) bind(claim *corev1.PersistentVolumeClaim, to *corev1.PersistentVolume) {
	metav1.SetMetaDataAnnotation(&claim.ObjectMeta, volume.AnnBindCompleted, "yes")
	claim.Spec.VolumeName, claim.Status.Phase = to.Name, corev1.ClaimBound
}

// addClaims has the pods of a workload ask for volumes.
func (w *World) addClaims(pod *corev1.Pod) {
	if !w.Chance(w.options.Volumes) {
		return
	}
	claimed := func(name, claim string) {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
		}})
	}
	for i := range 1 + w.IntN(2) {
		if !w.options.Bound && w.Chance(0.1) {
			pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: fmt.Sprintf("ephemeral-%d", i), VolumeSource: corev1.VolumeSource{
				Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: w.newClaim("", "", anywhere).Spec}},
			}})
			continue
		}
		if w.Chance(0.15) {
			name := fmt.Sprintf("shared-%d", w.IntN(sharedClaims))
			claimed(fmt.Sprintf("%s-%d", name, i), name)
			continue
		}
		claimed(fmt.Sprintf("%s%d-%s-%s", own, i, Pick(w, "bound", "new"), w.className()), "")
	}
}

// className draws a class. Claims of few wait for what a test does not do.
func (w *World) className() string {
	if w.Chance(0.15) {
		return Pick(w, tracked, local, immediate)
	}
	return Pick(w, anywhere, anywhere, zonal)
}

// IsBound reports whether the volume of a pod without a node has a claim of its own that is bound.
func IsBound(v corev1.Volume) bool {
	return strings.HasPrefix(v.Name, own) && strings.Contains(v.Name, "-bound-")
}

// IsNew reports whether the volume of a pod without a node is created for it once it has one, wherever that is.
func IsNew(v corev1.Volume) bool {
	return strings.HasPrefix(v.Name, own) && (strings.HasSuffix(v.Name, "-new-"+anywhere) || strings.HasSuffix(v.Name, "-new-"+zonal))
}

// makeClaims creates the claims that only this pod has. Those of a pod on a node are bound.
func (w *World) makeClaims(pod *corev1.Pod) {
	pod.Spec.Volumes = slices.Clone(pod.Spec.Volumes)
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if !strings.HasPrefix(v.Name, own) {
			continue
		}
		parts := strings.Split(v.Name, "-")
		name := fmt.Sprintf("%s-%s", pod.Name, v.Name)
		v.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}
		w.putClaim(w.newClaim(pod.Namespace, name, parts[3]), parts[2] == "bound" || pod.Spec.NodeName != "")
	}
}

// settleClaims does what is done about the volumes of a pod that has a node: those that waited are created,
// and all are attached.
func (w *World) settleClaims(pod *corev1.Pod) {
	for i := range pod.Spec.Volumes {
		source := pod.Spec.Volumes[i].PersistentVolumeClaim
		if source == nil || w.Chance(0.1) { // yet to come
			continue
		}
		claim := w.storage.claims[pod.Namespace+"/"+source.ClaimName]
		if claim == nil {
			continue
		}
		if claim.Spec.VolumeName == "" {
			claim = claim.DeepCopy()
			if w.Chance(0.2) {
				metav1.SetMetaDataAnnotation(&claim.ObjectMeta, volume.AnnSelectedNode, pod.Spec.NodeName)
				w.putClaim(claim, false)
				continue
			}
			w.putClaim(claim, true)
		}
		v := w.storage.volumes[claim.Spec.VolumeName]
		if csi := v.Spec.CSI; csi != nil && w.Chance(0.6) {
			w.made++
			attachment := &storagev1.VolumeAttachment{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("attachment-%d", w.made)},
				Spec:       storagev1.VolumeAttachmentSpec{Attacher: csi.Driver, NodeName: pod.Spec.NodeName, Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: &v.Name}},
			}
			w.storage.attachments = append(w.storage.attachments, attachment)
			w.store(attachment)
		}
	}
}

// setCSINode draws which drivers a node has, and for how many volumes.
func (w *World) setCSINode(name string) {
	if w.Chance(0.2) {
		if before := w.storage.csiNodes[name]; before != nil {
			w.must(w.cluster.Forget(before))
			delete(w.storage.csiNodes, name)
		}
		return
	}
	node := &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: name}}
	for _, installed := range []string{driver, trackingDriver} {
		if w.Chance(0.2) {
			continue
		}
		d := storagev1.CSINodeDriver{Name: installed, NodeID: name}
		if w.Chance(0.8) {
			d.Allocatable = &storagev1.VolumeNodeResources{Count: ptr.To(int32(Pick(w, 0, 1, 3, 6, 12)))}
		}
		node.Spec.Drivers = append(node.Spec.Drivers, d)
	}
	if w.Chance(0.1) {
		node.Annotations = map[string]string{corev1.MigratedPluginsAnnotationKey: "kubernetes.io/gce-pd"}
	}
	w.storage.csiNodes[name] = node
	w.store(node)
}

// changeStorage changes one thing about volumes.
func (w *World) changeStorage() {
	switch w.IntN(4) {
	case 0, 1:
		w.setCSINode(w.someNode())
	case 2:
		if len(w.storage.attachments) > 0 {
			i := w.IntN(len(w.storage.attachments))
			w.must(w.cluster.Forget(w.storage.attachments[i]))
			w.storage.attachments = slices.Delete(w.storage.attachments, i, i+1)
		}
	case 3:
		if w.Chance(0.1) {
			w.addFreeVolume()
		}
	}
}
