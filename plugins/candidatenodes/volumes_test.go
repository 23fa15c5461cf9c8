package candidatenodes_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
)

const csiDriver = "disks.example.com"

// disk is a volume of the driver.
var disk = corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: csiDriver, VolumeHandle: "disk"}}

// putVolume adds a volume, and a claim of the same name that is bound to it.
func (e *engine) putVolume(name string, source corev1.PersistentVolumeSource, label, value string, mode corev1.PersistentVolumeAccessMode) {
	if source.CSI != nil {
		source.CSI = &corev1.CSIPersistentVolumeSource{Driver: source.CSI.Driver, VolumeHandle: name}
	}
	v := &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}, AccessModes: []corev1.PersistentVolumeAccessMode{mode},
			ClaimRef: &corev1.ObjectReference{Namespace: "default", Name: name, UID: types.UID(name)}, PersistentVolumeSource: source,
		},
		Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeBound},
	}
	if label != "" {
		v.Spec.NodeAffinity = &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{Key: label, Operator: corev1.NodeSelectorOpIn, Values: []string{value}}},
		}}}}
	}
	e.put(v)
	e.put(&corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Annotations: map[string]string{volume.AnnBindCompleted: "yes"}},
		Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: name, AccessModes: []corev1.PersistentVolumeAccessMode{mode}},
		Status:     corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound},
	})
}

// putVolumes adds claims that are bound, or wait for their first consumer.
func putVolumes(e *engine) {
	e.putVolume("anywhere", disk, "", "", corev1.ReadWriteOnce)
	e.putVolume("local", corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: "/"}}, corev1.LabelHostname, "b", corev1.ReadWriteOnce)
	e.putVolume("in-tree", corev1.PersistentVolumeSource{GCEPersistentDisk: &corev1.GCEPersistentDiskVolumeSource{PDName: "disk"}}, "", "", corev1.ReadWriteOnce)
	for name, provisioner := range map[string]string{"waiting": csiDriver, "waiting-for-zone": csiDriver, "waiting-for-room": "pools.example.com", "waiting-for-any": csiDriver, "selected": csiDriver} {
		class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: provisioner, VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer)}
		claim := &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
			Spec: corev1.PersistentVolumeClaimSpec{
				StorageClassName: &name, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
			},
			Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
		}
		switch name {
		case "waiting-for-zone":
			class.AllowedTopologies = []corev1.TopologySelectorTerm{{MatchLabelExpressions: []corev1.TopologySelectorLabelRequirement{{Key: corev1.LabelTopologyZone, Values: []string{"z1"}}}}}
		case "selected":
			claim.Annotations = map[string]string{volume.AnnSelectedNode: "b"}
		}
		e.put(class)
		e.put(claim)
	}
	e.put(&corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: "free", UID: "free"},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			StorageClassName: "waiting-for-any", PersistentVolumeSource: disk,
		},
		Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeAvailable},
	})
	e.put(&storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: "pools.example.com"}, Spec: storagev1.CSIDriverSpec{StorageCapacity: ptr.To(true)}})
	e.put(&storagev1.CSIStorageCapacity{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "room"}, StorageClassName: "waiting-for-room", Capacity: ptr.To(resource.MustParse("5Gi")), NodeTopology: &metav1.LabelSelector{},
	})
}

// withClaimsOf returns a pod with the claims.
func withClaimsOf(name, node string, claims ...string) *corev1.Pod {
	pod := newPod(name, node, "1", 0)
	for _, claim := range claims {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: claim, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
		}})
	}
	return pod
}

// limit sets how many volumes of the driver a node takes.
func (e *engine) limit(node string, volumes int32) {
	e.put(&storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: node}, Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{
		{Name: csiDriver, NodeID: node, Allocatable: &storagev1.VolumeNodeResources{Count: &volumes}},
	}}})
}

// TestVolumes covers that where there is room for another volume is known after each change, and that all are told
// of a claim that only one pod may use.
func TestVolumes(t *testing.T) {
	e, _ := newEngines(t, false)
	e.addFour()
	for _, name := range []string{"one", "two", "three", "four"} {
		e.putVolume(name, disk, "", "", corev1.ReadWriteOnce)
	}
	e.putVolume("only", disk, "", "", corev1.ReadWriteOncePod)
	attachment := &storagev1.VolumeAttachment{ObjectMeta: metav1.ObjectMeta{Name: "attachment"}, Spec: storagev1.VolumeAttachmentSpec{
		Attacher: csiDriver, NodeName: "c", Source: storagev1.VolumeAttachmentSource{PersistentVolumeName: ptr.To("two")},
	}}
	user := withClaimsOf("user", "b", "one")
	steps := []struct {
		name string
		do   func()
		want string
	}{
		{"no limits", func() {}, "b"},
		{"a limit that is reached", func() {
			e.limit("b", 1)
			if err := e.AddPod(user); err != nil {
				t.Fatal(err)
			}
		}, "c"},
		{"another limit", func() { e.limit("c", 1) }, "c"},
		{"that is reached by a volume that is attached", func() { e.put(attachment) }, "d"},
		{"until it is not", func() { e.remove(attachment) }, "c"},
		{"and again", func() { e.put(attachment) }, "d"},
		{"a volume that is gone", func() { e.remove(&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "two"}}) }, "c"},
		{"a higher limit", func() { e.limit("b", 2) }, "b"},
	}
	for _, step := range steps {
		step.do()
		e.settle()
		e.within(step.name+": node "+step.want+" is chosen", func() bool { return e.chooses(withClaimsOf("new", "", "three")) == step.want })
	}
	e.limit("b", 1)
	e.settle()
	e.within("node b is chosen for a pod with a volume that is there already", func() bool { return e.chooses(withClaimsOf("new", "", "one")) == "b" })
	if got := e.chooses(withClaimsOf("new", "", "one", "three")); got == "b" {
		t.Error("node b is chosen for a pod with another volume beside one that is there already")
	}
	if got := e.chooses(withClaimsOf("new", "", "only")); got != "c" {
		t.Errorf("node %q is chosen for a pod with a claim that only one pod may use, want c", got)
	}
	if err := e.AddPod(withClaimsOf("the only one", "d", "only")); err != nil {
		t.Fatal(err)
	}
	pod := withClaimsOf("another", "", "only")
	e.submit(pod)
	e.settle()
	if e.chooses(pod) == "" {
		t.Error("all nodes are looked at for a pod with a claim that another has")
	}
	const want = "FailedScheduling: 0/4 nodes are available: 4 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod. preemption: 0/4 nodes are available: 4 No preemption victims found for incoming pod."
	if diff := cmp.Diff(want, e.schedule(pod).Event); diff != "" {
		t.Errorf("event of a pod with a claim that another has (-want +got):\n%s", diff)
	}
}
