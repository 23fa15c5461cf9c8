package assess

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

// TestPredictionsAreThoseOfTheEngineAskedAboutAllNodes holds predictions against those of an
// assessor that remembers nothing, in clusters with affinity, spreading, taints, volumes, devices
// and priorities.
func TestPredictionsAreThoseOfTheEngineAskedAboutAllNodes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, reference, b := newAssessor(t), newAssessor(t), drawCluster(rt)
		defer a.Close()
		defer reference.Close()
		if rapid.Bool().Draw(rt, "every loss is a large one") {
			a.opts.thrift = thrift{from: 1, best: rapid.IntRange(1, 3).Draw(rt, "best"), times: 3}
		}
		reference.opts = a.opts
		reference.opts.forgetful = true
		b.drawPlacement(rt)
		for range rapid.IntRange(1, 4).Draw(rt, "losses") {
			picture, loss := b.picture(), drawLoss(rt, b)
			want, err := reference.Predict(t.Context(), picture, loss)
			if err != nil {
				rt.Fatal(err)
			}
			got, err := a.Predict(t.Context(), picture, loss)
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("prediction (-engine +remembered):\n%s", diff)
			}
			b.drawChange(rt)
		}
	})
}

// drawPlacement gives nodes zones and taints, and pods what places them.
func (b *build) drawPlacement(t *rapid.T) {
	draw := func(what string, most int) int { return rapid.IntRange(0, most).Draw(t, what) }
	for i := range 8 {
		b.node(fmt.Sprint("more", i), fmt.Sprint(1+draw("cpu", 5)))
	}
	for _, node := range b.Nodes {
		node.Labels[corev1.LabelTopologyZone] = fmt.Sprint("zone-", draw("zone", 2))
		switch draw("taint", 5) {
		case 4:
			node.Spec.Taints = []corev1.Taint{{Key: "some", Effect: corev1.TaintEffectNoSchedule}}
		case 5:
			node.Spec.Taints = []corev1.Taint{{Key: "some", Effect: corev1.TaintEffectPreferNoSchedule}}
		}
	}
	b.Others = append(b.Others, &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: "late"}, Provisioner: "example.com/disk", VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer),
	})
	for _, set := range b.ReplicaSets {
		set.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": set.Name}}
		set.Spec.Template.Labels = set.Spec.Selector.MatchLabels
	}
	specs := map[string][]*corev1.PodSpec{}
	for _, pod := range b.Pods {
		specs[pod.Labels["app"]] = append(specs[pod.Labels["app"]], &pod.Spec)
	}
	for _, set := range b.ReplicaSets {
		specs[set.Name] = append(specs[set.Name], &set.Spec.Template.Spec)
	}
	for w := range 5 {
		workload := fmt.Sprint("w", w)
		term := corev1.PodAffinityTerm{TopologyKey: corev1.LabelTopologyZone, LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": fmt.Sprint("w", draw("whom", 4))}}}
		if draw("on nodes", 1) == 1 {
			term.TopologyKey = corev1.LabelHostname
		}
		var change func(*corev1.PodSpec)
		switch draw("placed by", 12) {
		case 8:
			change = func(spec *corev1.PodSpec) {
				spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{term}}}
			}
		case 9:
			change = func(spec *corev1.PodSpec) {
				spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{{Weight: 1, PodAffinityTerm: term}}}}
			}
		case 10:
			change = func(spec *corev1.PodSpec) {
				spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{TopologyKey: term.TopologyKey, MaxSkew: 1, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: term.LabelSelector}}
			}
		case 11:
			change = func(spec *corev1.PodSpec) {
				spec.NodeSelector = map[string]string{corev1.LabelTopologyZone: "zone-1"}
			}
		case 12:
			change = func(spec *corev1.PodSpec) {
				spec.Volumes = []corev1.Volume{{Name: "disk", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
					VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: ptr.To("late")}},
				}}}}
			}
		}
		for _, spec := range specs[workload] {
			if change != nil {
				change(spec)
			}
		}
	}
}
