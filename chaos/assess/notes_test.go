package assess

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// TestGuessesAreMarked: what a prediction rests on that nobody knows is in the fate and in
// the table.
func TestGuessesAreMarked(t *testing.T) {
	b := new(build).node("a", "4").node("b", "4").pods("Cluster", "db", "1", "a").pods("ReplicaSet", "web", "1", "a").template("web", "1", func(spec *corev1.PodSpec) {
		claim := &corev1.PersistentVolumeClaimTemplate{Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: ptr.To("fast"), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		}}
		spec.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{VolumeClaimTemplate: claim}}}}
	}).pods("ReplicaSet", "known", "1", "a").template("known", "1").pods("Job", "batch", "1", "a")
	b.Jobs = nil
	b.Others = append(b.Others, &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: "fast"}, Provisioner: "csi.example.com", VolumeBindingMode: ptr.To(storagev1.VolumeBindingImmediate),
	})
	p, err := newAssessor(t).Predict(t.Context(), b.picture(), Loss{How: Drain, Nodes: b.nodes("a")})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, fate := range p.Pods {
		got[fate.Pod+" "+string(fate.Fate)] = fate.Note
	}
	want := map[string]string{
		"db-0 fits":    "Cluster.apps is an unknown kind: its replacement is assumed to be identical, and to be created when it is gone",
		"web-0 fits":   "StorageClass fast binds volumes immediately: a new volume is assumed to be accessible from all nodes that the class allows",
		"known-0 fits": "",
		"batch-0 fits": "the snapshot has no Job batch, so it is unknown whether the Job would fail; the template of its Job is not in the snapshot: its replacement is assumed to be identical",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	var table strings.Builder
	if err := WriteTable(&table, p, false); err != nil {
		t.Fatal(err)
	}
	for _, note := range want {
		if !strings.Contains(table.String(), note) {
			t.Errorf("the table does not say %q:\n%s", note, table.String())
		}
	}
}

// TestAnotherEngineIsSaid: schedulers of a cluster of another version are simulated as well
// as this engine can, and the prediction says so.
func TestAnotherEngineIsSaid(t *testing.T) {
	b := new(build).node("a", "4").node("b", "4").pods("ReplicaSet", "web", "1", "a").template("web", "1")
	b.Kubernetes = "v1.20.15"
	p, err := newAssessor(t).Predict(t.Context(), b.picture(), Loss{How: Drain, Nodes: b.nodes("a")})
	if err != nil {
		t.Fatal(err)
	}
	if want := "; the cluster runs 1.20."; !strings.HasSuffix(p.Caveat(), want) {
		t.Errorf("the caveat is %q, want %q at its end", p.Caveat(), want)
	}
}
