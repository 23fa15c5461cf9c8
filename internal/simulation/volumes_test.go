package simulation

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

const assumed = "StorageClass fast binds volumes immediately: a new volume is assumed to be accessible from all nodes that the class allows"

// class returns a class of volumes that a provisioner makes, or that are made by hand.
func class(mode storagev1.VolumeBindingMode, provisioner string, nodes ...string) *storagev1.StorageClass {
	c := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Provisioner: provisioner, VolumeBindingMode: &mode}
	if len(nodes) > 0 {
		c.AllowedTopologies = []corev1.TopologySelectorTerm{{MatchLabelExpressions: []corev1.TopologySelectorLabelRequirement{{Key: corev1.LabelHostname, Values: nodes}}}}
	}
	return c
}

func asDefault(c *storagev1.StorageClass) *storagev1.StorageClass {
	c.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
	return c
}

// persistentVolume returns a volume of the class that only a node has, and that is free.
func persistentVolume(name, class, onNode string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)},
		Spec: corev1.PersistentVolumeSpec{
			Capacity: corev1.ResourceList{"storage": resource.MustParse("1Gi")}, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: class,
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{onNode}}},
			}}}},
		},
		Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeAvailable},
	}
}

func volumeClaimSpec(class *string) corev1.PersistentVolumeClaimSpec {
	return corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: class,
		Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": resource.MustParse("1Gi")}},
	}
}

// withScratch returns a new pod with an ephemeral volume of the class.
func withScratch(name string, class *string) *corev1.Pod {
	p := pod(name, "", "1", "1Gi")
	p.Spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
		VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: volumeClaimSpec(class)},
	}}}}
	return p
}

// TestNewPodsHaveTheirClaims schedules and places new pods one after another.
func TestNewPodsHaveTheirClaims(t *testing.T) {
	fast := ptr.To("fast")
	scratch := func(p *corev1.Pod, owner metav1.OwnerReference) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: p.Name + "-scratch", OwnerReferences: []metav1.OwnerReference{owner}},
			Spec:       volumeClaimSpec(fast), Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
		}
	}
	ofPod := func(uid types.UID) metav1.OwnerReference {
		return metav1.OwnerReference{APIVersion: "v1", Kind: "Pod", Name: "one", UID: uid, Controller: ptr.To(true)}
	}
	const later, now = storagev1.VolumeBindingWaitForFirstConsumer, storagev1.VolumeBindingImmediate
	for _, tt := range []struct {
		name   string
		stored []runtime.Object
		pods   []*corev1.Pod
		want   []string
	}{{
		name:   "a provisioner makes a volume wherever the pod goes",
		stored: []runtime.Object{class(later, "csi.example.com")},
		pods:   []*corev1.Pod{withScratch("one", fast), withScratch("two", fast)},
		want:   []string{"a", "a"},
	}, {
		name:   "that may be on some nodes only",
		stored: []runtime.Object{class(later, "csi.example.com", "b")},
		pods:   []*corev1.Pod{withScratch("one", fast)},
		want:   []string{"b"},
	}, {
		name: "a driver that asks for it keeps pods off nodes that it is not on",
		stored: []runtime.Object{
			class(later, "csi.example.com"),
			&storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: "csi.example.com"}, Spec: storagev1.CSIDriverSpec{PreventPodSchedulingIfMissing: ptr.To(true)}},
			&storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Spec: storagev1.CSINodeSpec{Drivers: []storagev1.CSINodeDriver{{Name: "csi.example.com", NodeID: "b"}}}},
		},
		pods: []*corev1.Pod{withScratch("one", fast)},
		want: []string{"b"},
	}, {
		name:   "each volume that is made by hand takes one pod",
		stored: []runtime.Object{class(later, "kubernetes.io/no-provisioner"), persistentVolume("v", "fast", "b")},
		pods:   []*corev1.Pod{withScratch("one", fast), withScratch("two", fast)},
		want:   []string{"b", "none: 2 node(s) didn't find available persistent volumes to bind"},
	}, {
		name:   "a volume that is bound at once says where the pod goes",
		stored: []runtime.Object{class(now, "kubernetes.io/no-provisioner"), persistentVolume("v", "fast", "b")},
		pods:   []*corev1.Pod{withScratch("one", fast), withScratch("two", fast)},
		want:   []string{"b", "none: 2 pod has unbound immediate PersistentVolumeClaims"},
	}, {
		name:   "where one is made at once, that it can be reached is assumed",
		stored: []runtime.Object{class(now, "csi.example.com", "b")},
		pods:   []*corev1.Pod{withScratch("one", fast)},
		want:   []string{"b, " + assumed},
	}, {
		name:   "a class that does not say when it binds does so at once",
		stored: []runtime.Object{&storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Provisioner: "csi.example.com"}},
		pods:   []*corev1.Pod{withScratch("one", fast)},
		want:   []string{"a, " + assumed},
	}, {
		name:   "a claim of no class gets the default one",
		stored: []runtime.Object{asDefault(class(later, "csi.example.com", "b"))},
		pods:   []*corev1.Pod{withScratch("one", nil)},
		want:   []string{"b"},
	}, {
		name: "a claim of a class that is not there waits",
		pods: []*corev1.Pod{withScratch("one", fast)},
		want: []string{"none: 2 pod has unbound immediate PersistentVolumeClaims"},
	}, {
		name:   "the claim of an earlier pod of the name is gone with it",
		stored: []runtime.Object{class(later, "csi.example.com"), scratch(pod("one", "", "1", "1Gi"), ofPod("earlier"))},
		pods:   []*corev1.Pod{withScratch("one", fast)},
		want:   []string{"a"},
	}, {
		name:   "a claim that belongs to something else is in the way for ever",
		stored: []runtime.Object{class(later, "csi.example.com"), scratch(pod("one", "", "1", "1Gi"), metav1.OwnerReference{Kind: "Backup", Name: "one", UID: "x", Controller: ptr.To(true)})},
		pods:   []*corev1.Pod{withScratch("one", fast)},
		want:   []string{"none: 2 PVC default/one-scratch was not created for pod default/one (pod is not owner)"},
	}} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSimulation(t, "fullest")
			feed(t, s, []*corev1.Node{node("a", "4", "4Gi"), node("b", "4", "4Gi")}, []*corev1.Pod{pod("other", "a", "1", "1Gi")})
			for _, object := range tt.stored {
				if err := s.Store(object); err != nil {
					t.Fatal(err)
				}
			}
			before := storage(t, s)
			var got []string
			var placed []*corev1.Pod
			for _, p := range tt.pods {
				decision := schedule(t, s, p)
				if decision.Node == "" {
					got = append(got, "none: "+decision.Refusals())
					continue
				}
				said := decision.Node
				if decision.Assumed != "" {
					said += ", " + decision.Assumed
				}
				got = append(got, said)
				on, err := s.Place(p, decision.Node)
				if err != nil {
					t.Fatal(err)
				}
				placed = append(placed, on)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("where the pods go (-want +got):\n%s", diff)
			}
			for _, p := range placed {
				if err := s.RemovePod(p); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(before, storage(t, s)); diff != "" {
				t.Errorf("claims and volumes when the pods are gone (-before +after):\n%s", diff)
			}
		})
	}
}

// storage says which claims and volumes there are.
func storage(t *testing.T, s *Simulation) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, o := range s.informers.Core().V1().PersistentVolumeClaims().Informer().GetIndexer().List() {
		claim := o.(*corev1.PersistentVolumeClaim)
		all[claim.Name] = fmt.Sprint(claim.UID, claim.OwnerReferences, claim.Spec.VolumeName)
	}
	for _, o := range s.informers.Core().V1().PersistentVolumes().Informer().GetIndexer().List() {
		volume := o.(*corev1.PersistentVolume)
		all[volume.Name] = fmt.Sprint(volume.Status.Phase, volume.Spec.ClaimRef)
	}
	return all
}

// TestStatefulSetsMakeMissingClaims: a claim stays when its pod goes, unless it was deleted too.
func TestStatefulSetsMakeMissingClaims(t *testing.T) {
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db", UID: "db"},
		Spec: appsv1.StatefulSetSpec{VolumeClaimTemplates: []corev1.PersistentVolumeClaim{
			{ObjectMeta: metav1.ObjectMeta{Name: "data"}, Spec: volumeClaimSpec(ptr.To("fast"))},
		}},
	}
	claim := func(deleted *metav1.Time) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "data-db-0", UID: "claim", DeletionTimestamp: deleted, Annotations: map[string]string{"pv.kubernetes.io/bind-completed": "yes"}},
			Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: "local", StorageClassName: ptr.To("fast"), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}},
			Status:     corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound},
		}
	}
	local := persistentVolume("local", "fast", "b")
	local.Status.Phase, local.Spec.ClaimRef = corev1.VolumeBound, &corev1.ObjectReference{Namespace: "default", Name: "data-db-0", UID: "claim"}
	for _, tt := range []struct {
		name  string
		claim *corev1.PersistentVolumeClaim
		want  string
	}{
		{"a claim that is there keeps the pod on the node of its volume", claim(nil), "b"},
		{"one that is deleted goes with the pod, and another is made", claim(&metav1.Time{}), "a"},
		{"one that is gone is made", nil, "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSimulation(t, "fullest")
			feed(t, s, []*corev1.Node{node("a", "4", "4Gi"), node("b", "4", "4Gi")}, []*corev1.Pod{pod("other", "a", "1", "1Gi")})
			for _, object := range []runtime.Object{set, local, class(storagev1.VolumeBindingWaitForFirstConsumer, "csi.example.com")} {
				if err := s.Store(object); err != nil {
					t.Fatal(err)
				}
			}
			if tt.claim != nil {
				if err := s.Store(tt.claim); err != nil {
					t.Fatal(err)
				}
			}
			p := pod("db-0", "", "1", "1Gi")
			p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "db", UID: "db", Controller: ptr.To(true)}}
			p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-db-0"}}}}
			if got := schedule(t, s, p); got.Node != tt.want {
				t.Errorf("on %q, want %s: %s", got.Node, tt.want, got.Refusals())
			}
		})
	}
}

func TestClassWithoutBindingMode(t *testing.T) {
	s := newSimulation(t, "fullest")
	feed(t, s, []*corev1.Node{node("a", "4", "4Gi")}, nil)
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "data"}, Spec: volumeClaimSpec(ptr.To("fast"))}
	for _, object := range []runtime.Object{claim, &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Provisioner: "csi.example.com"}} {
		if err := s.Store(object); err != nil {
			t.Fatal(err)
		}
	}
	p := pod("web", "", "1", "1Gi")
	p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
	if diff := cmp.Diff("1 pod has unbound immediate PersistentVolumeClaims", schedule(t, s, p).Refusals()); diff != "" {
		t.Errorf("refusals (-want, +got):\n%s", diff)
	}
}
