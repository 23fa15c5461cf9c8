package candidatenodes

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/component-helpers/storage/ephemeral"
	"k8s.io/component-helpers/storage/volume"
	v1helper "k8s.io/kubernetes/pkg/apis/core/v1/helper"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/names"

	"github.com/stowage-k8s/stowage/internal/podkind"
)

// volumeIndex is the name of the index of PersistentVolumes by what they could be used for.
const volumeIndex = "stowage.dev/use"

// zoneLabels are the labels that VolumeZone compares.
var zoneLabels = []string{corev1.LabelFailureDomainBetaZone, corev1.LabelFailureDomainBetaRegion, corev1.LabelTopologyZone, corev1.LabelTopologyRegion}

// storage is what is known of claims and volumes.
type storage struct {
	claims  corelisters.PersistentVolumeClaimLister
	volumes corelisters.PersistentVolumeLister
	uses    toolscache.Indexer // of PersistentVolumes
	classes storagelisters.StorageClassLister
	drivers storagelisters.CSIDriverLister
	changes *volumeEvents
}

func newStorage(factory informers.SharedInformerFactory) (*storage, error) {
	core, kinds := factory.Core().V1(), factory.Storage().V1()
	informer := core.PersistentVolumes().Informer()
	if err := addIndex(informer, volumeIndex, usesOf); err != nil {
		return nil, err
	}
	changes, err := watchVolumes(factory)
	if err != nil {
		return nil, err
	}
	return &storage{
		claims: core.PersistentVolumeClaims().Lister(), volumes: core.PersistentVolumes().Lister(), uses: informer.GetIndexer(),
		classes: kinds.StorageClasses().Lister(), drivers: kinds.CSIDrivers().Lister(), changes: changes,
	}, nil
}

// usesOf returns what a volume could be used for: claims of a class, or one claim. Volumes of a driver
// are also found by their handle, which some have in common.
func usesOf(obj any) ([]string, error) {
	v, ok := obj.(*corev1.PersistentVolume)
	if !ok {
		return nil, nil
	}
	var uses []string
	if ref := v.Spec.ClaimRef; ref == nil {
		uses = append(uses, forClass(volume.GetPersistentVolumeClass(v)))
	} else {
		uses = append(uses, forClaim(ref.Namespace, ref.Name))
	}
	if csi := v.Spec.CSI; csi != nil {
		uses = append(uses, withHandle(csi))
	}
	return uses, nil
}

func forClass(name string) string            { return "class/" + name }
func forClaim(namespace, name string) string { return "claim/" + namespace + "/" + name }
func withHandle(csi *corev1.CSIPersistentVolumeSource) string {
	return "handle/" + csi.Driver + "/" + csi.VolumeHandle
}

// count returns how many volumes have the use.
func (st *storage) count(use string) int {
	keys, err := st.uses.IndexKeys(volumeIndex, use)
	if err != nil {
		return 0
	}
	return len(keys)
}

// claimOf returns the name of the volume's claim; "" if it has none.
func claimOf(pod *corev1.Pod, v *corev1.Volume) string {
	switch {
	case v.PersistentVolumeClaim != nil:
		return v.PersistentVolumeClaim.ClaimName
	case v.Ephemeral != nil:
		return ephemeral.VolumeClaimName(pod, v)
	}
	return ""
}

// addVolume adds what one of the pod's volumes needs. It returns false if that is not known.
func (pl *CandidateNodes) addVolume(n *needs, pod *corev1.Pod, v *corev1.Volume) bool {
	name := claimOf(pod, v)
	if name == "" {
		return !bindsToNodes(v)
	}
	claim, err := pl.storage.claims.PersistentVolumeClaims(pod.Namespace).Get(name)
	if err != nil {
		return false
	}
	used := pl.framework.SnapshotSharedLister().StorageInfos().IsPVCUsedByPods(pod.Namespace + "/" + name)
	if _, bound := claim.Annotations[volume.AnnBindCompleted]; bound && claim.Spec.VolumeName != "" {
		if used && v.PersistentVolumeClaim != nil && v1helper.ContainsAccessMode(claim.Spec.AccessModes, corev1.ReadWriteOncePod) {
			n.ofLabels.Insert(names.VolumeRestrictions)
		}
		return pl.storage.addBound(n, claim, used)
	}
	// Where another pod waits for the claim as well, it may have a node already.
	return !used && pl.storage.addWaiting(n, claim)
}

// bindsToNodes reports whether a volume without a claim may determine where the pod can go, other than
// by how many volumes of its driver a node has room for.
func bindsToNodes(v *corev1.Volume) bool { return v.CSI == nil && podkind.BindsToNodes(v) }

// addBound adds the need to reach the claim's volume.
func (st *storage) addBound(n *needs, claim *corev1.PersistentVolumeClaim, used bool) bool {
	v, err := st.volumes.Get(claim.Spec.VolumeName)
	if err != nil {
		return false
	}
	switch source := v.Spec.PersistentVolumeSource; {
	case source.CSI != nil:
		id := source.CSI.Driver
		if used || st.count(withHandle(source.CSI)) > 1 { // it may be on a node already, which then needs no more room
			id = withHandle(source.CSI)
		}
		n.volumes, n.drivers = append(n.volumes, id), append(n.drivers, source.CSI.Driver)
	case source.Local == nil && source.HostPath == nil && source.NFS == nil:
		return false // it may be in the hands of a CSI driver on some nodes
	}
	if slices.ContainsFunc(zoneLabels, func(key string) bool { _, has := v.Labels[key]; return has }) {
		n.ofLabels.Insert(names.VolumeZone)
		n.labels = append(n.labels, zoneLabels...)
	}
	if v.Spec.NodeAffinity != nil && v.Spec.NodeAffinity.Required != nil {
		n.affinities = append(n.affinities, nodeaffinity.NewLazyErrorNodeSelector(v.Spec.NodeAffinity.Required))
		for _, term := range v.Spec.NodeAffinity.Required.NodeSelectorTerms {
			for _, expression := range term.MatchExpressions {
				n.labels = append(n.labels, expression.Key)
			}
		}
	}
	return true
}

// addWaiting adds the need to create a volume for a claim that waits for its first consumer. It returns
// false where an existing volume could be bound instead, or where free capacity counts: nodes then have
// different scores, too.
func (st *storage) addWaiting(n *needs, claim *corev1.PersistentVolumeClaim) bool {
	name := volume.GetPersistentVolumeClaimClass(claim)
	class, err := st.classes.Get(name)
	if err != nil || class.VolumeBindingMode == nil || *class.VolumeBindingMode != storagev1.VolumeBindingWaitForFirstConsumer {
		return false
	}
	if class.Provisioner == "" || class.Provisioner == volume.NotSupportedProvisioner || claim.Spec.VolumeName != "" || volume.IsDelayBindingProvisioning(claim) {
		return false
	}
	if driver, err := st.drivers.Get(class.Provisioner); err == nil && driver.Spec.StorageCapacity != nil && *driver.Spec.StorageCapacity {
		return false
	}
	if st.count(forClass(name)) > 0 || st.count(forClaim(claim.Namespace, claim.Name)) > 0 {
		return false
	}
	n.volumes, n.drivers = append(n.volumes, class.Provisioner), append(n.drivers, class.Provisioner)
	if len(class.AllowedTopologies) > 0 {
		n.topologies = append(n.topologies, newTopology(class.AllowedTopologies))
		for _, term := range class.AllowedTopologies {
			for _, expression := range term.MatchLabelExpressions {
				n.labels = append(n.labels, expression.Key)
			}
		}
	}
	return true
}
