package simulation

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

// TestMissingVolumes schedules what replaces a pod that runs with a volume, in a picture
// that leaves out something.
func TestMissingVolumes(t *testing.T) {
	const unknown = "its node cannot be predicted: the snapshot has no "
	claim := func(phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
		return &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "data", UID: "claim", Annotations: map[string]string{"pv.kubernetes.io/bind-completed": "yes"}},
			Spec:       corev1.PersistentVolumeClaimSpec{VolumeName: "local", StorageClassName: ptr.To("fast"), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}},
			Status:     corev1.PersistentVolumeClaimStatus{Phase: phase},
		}
	}
	local := persistentVolume("local", "fast", "b")
	local.Status.Phase, local.Spec.ClaimRef = corev1.VolumeBound, &corev1.ObjectReference{Namespace: "default", Name: "data", UID: "claim"}
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "db", UID: "db"},
		Spec: appsv1.StatefulSetSpec{VolumeClaimTemplates: []corev1.PersistentVolumeClaim{
			{ObjectMeta: metav1.ObjectMeta{Name: "data"}, Spec: volumeClaimSpec(ptr.To("fast"))},
		}},
	}
	claiming := func(name, on string) *corev1.Pod {
		p := pod(name, on, "1", "1Gi")
		p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
		return p
	}
	ofSet := func(p *corev1.Pod) *corev1.Pod {
		p.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "StatefulSet", Name: "db", UID: "db", Controller: ptr.To(true)}}
		return p
	}
	scratchOn := func(node string) *corev1.Pod {
		p := withScratch("old", ptr.To("fast"))
		p.Spec.NodeName = node
		return p
	}
	waiting := class(storagev1.VolumeBindingWaitForFirstConsumer, "csi.example.com")
	for _, tt := range []struct {
		name   string
		stored []runtime.Object
		// before runs, if it is there.
		before, pod *corev1.Pod
		want        string
	}{
		{"all is there", []runtime.Object{waiting, claim(corev1.ClaimBound), local}, claiming("old", "b"), claiming("new", ""), "b"},
		{"no claim that a pod runs with", nil, claiming("old", "b"), claiming("new", ""), unknown + "PersistentVolumeClaim data"},
		{"no claim that no pod runs with", nil, nil, claiming("new", ""), `none: 2 persistentvolumeclaim "data" not found`},
		{"no volume of a claim", []runtime.Object{waiting, claim(corev1.ClaimBound)}, claiming("old", "b"), claiming("new", ""), unknown + "PersistentVolume local"},
		{"a volume that is lost", []runtime.Object{waiting, claim(corev1.ClaimLost)}, claiming("old", "b"), claiming("new", ""), `none: 2 persistentvolumeclaim "data" bound to non-existent persistentvolume "local"`},
		{"no claim that a StatefulSet's pod runs with", []runtime.Object{waiting, set}, ofSet(claiming("db-0", "b")), ofSet(claiming("db-0", "")), unknown + "PersistentVolumeClaim data"},
		{"a StatefulSet's pod that has never run", []runtime.Object{waiting, set}, nil, ofSet(claiming("db-0", "")), "a"},
		{"no class of a volume that a pod runs with", nil, scratchOn("b"), withScratch("new", ptr.To("fast")), unknown + "StorageClass fast"},
		{"a class that needs no object where there are volumes", []runtime.Object{persistentVolume("local", "fast", "b")}, scratchOn("b"), withScratch("new", ptr.To("fast")), "b"},
		{"a class that no pod has volumes of", nil, nil, withScratch("new", ptr.To("fast")), "none: 2 pod has unbound immediate PersistentVolumeClaims"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSimulation(t, "fullest")
			feed(t, s, []*corev1.Node{node("a", "8", "8Gi"), node("b", "4", "4Gi")}, []*corev1.Pod{pod("other", "a", "7", "7Gi")})
			for _, object := range tt.stored {
				store(t, s, object)
			}
			if tt.before != nil {
				feed(t, s, nil, []*corev1.Pod{tt.before})
				if err := s.RemovePod(tt.before); err != nil {
					t.Fatal(err)
				}
			}
			before := storage(t, s)
			decision, err := s.Schedule(t.Context(), tt.pod)
			got := decision.Node
			switch {
			case errors.Is(err, ErrIncomplete):
				got = err.Error()
				on, err := s.Place(tt.pod, "a") // where somebody else has put it
				if err != nil {
					t.Fatal(err)
				}
				if err := s.RemovePod(on); err != nil {
					t.Fatal(err)
				}
			case err != nil:
				t.Fatal(err)
			case got == "":
				got = "none: " + decision.Refusals()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("where it goes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, storage(t, s)); diff != "" {
				t.Errorf("claims and volumes (-before +after):\n%s", diff)
			}
		})
	}
}

// TestMissingVolumesComeLate: a picture may have a pod an instant before its claim.
func TestMissingVolumesComeLate(t *testing.T) {
	s := newSimulation(t, "fullest")
	old := withScratch("old", ptr.To("fast"))
	old.Spec.NodeName = "a"
	feed(t, s, []*corev1.Node{node("a", "4", "4Gi")}, []*corev1.Pod{old})
	late := class(storagev1.VolumeBindingWaitForFirstConsumer, "csi.example.com")
	store(t, s, late)
	if got := schedule(t, s, withScratch("new", ptr.To("fast"))).Node; got != "a" {
		t.Errorf("with its class it goes to %q", got)
	}
	if err := s.Forget(late); err != nil {
		t.Fatal(err)
	}
	if got := schedule(t, s, withScratch("new", ptr.To("fast"))).Node; got != "" {
		t.Errorf("with a class that is gone it goes to %q", got)
	}
}
