package indexed_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
	"k8s.io/kubernetes/pkg/features"
	"k8s.io/kubernetes/pkg/scheduler/framework"
	"k8s.io/kubernetes/pkg/scheduler/framework/plugins/interpodaffinity"
)

// TestNamespaceChangesMeanwhile has a namespace change so that, by the time that
// preemption asks, the engine's plugin has nothing to say about the pod any more. The
// verdict of the cycle stands.
func TestNamespaceChangesMeanwhile(t *testing.T) {
	w := newEmptyWorld(t.Context(), t, rand.New(rand.NewPCG(1, 0)))
	s := newScheduler(t.Context(), w, indexed(fmt.Sprintf(configuration, everywhere, "{}", "{}")))
	team := func(name string) {
		must(t, w.Store(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns0", Labels: map[string]string{"team": name}}}))
	}
	team("red")
	w.AddNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node", Labels: map[string]string{corev1.LabelHostname: "node"}}})
	recluse := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns1", Name: "recluse", UID: "recluse"}, Spec: corev1.PodSpec{
		NodeName: "node",
		Affinity: &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{}, NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "red"}},
		}}}},
	}}
	must(t, w.AddPod(recluse))
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns0", Name: "pod", UID: "pod"}}
	node := w.look()[0]
	state, _, _ := s.preFilter(t.Context(), pod)

	team("blue")
	info, err := framework.NewPodInfo(recluse)
	must(t, err)
	if status := s.RunPreFilterExtensionRemovePod(t.Context(), state, pod, info, node); !status.IsSuccess() {
		t.Error(status)
	}
	want := "Unschedulable by InterPodAffinity: " + interpodaffinity.ErrReasonExistingAntiAffinityRulesNotMatch
	if got := explain(s.RunFilterPlugins(t.Context(), state, pod, node)); got != want {
		t.Errorf("verdict %q, want %q", got, want)
	}
}

// TestResizeThatIsPutOff has the engine look for room for the resize of a pod that must
// keep off others like it: it may stay where it is.
func TestResizeThatIsPutOff(t *testing.T) {
	featuregatetesting.SetFeatureGateDuringTest(t, utilfeature.DefaultFeatureGate, features.InPlacePodVerticalScalingSchedulerPreemption, true)
	w := newEmptyWorld(t.Context(), t, rand.New(rand.NewPCG(1, 0)))
	s := newScheduler(t.Context(), w, indexed(fmt.Sprintf(configuration, everywhere, "{}", "{}")))
	w.AddNode(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node", Labels: map[string]string{corev1.LabelHostname: "node"}}, Status: corev1.NodeStatus{
		Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourcePods: resource.MustParse("8")},
	}})
	own := map[string]string{"app": "a"}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns0", Name: "pod", UID: "pod", Labels: own},
		Spec: corev1.PodSpec{
			NodeName: "node",
			Affinity: &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
				TopologyKey: corev1.LabelHostname, LabelSelector: &metav1.LabelSelector{MatchLabels: own},
			}}}},
			TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: corev1.LabelTopologyZone, WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: &metav1.LabelSelector{MatchLabels: own}}},
		},
		Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodResizePending, Status: corev1.ConditionTrue, Reason: corev1.PodReasonDeferred}}},
	}
	must(t, w.AddPod(pod))
	node := w.look()[0]
	state, refused, _ := s.preFilter(t.Context(), pod)
	if got := explain(s.RunFilterPlugins(t.Context(), state, pod, node)); refused != "" || got != "" {
		t.Errorf("verdict %q %q", refused, got)
	}
}

// TestWithoutArguments has the engine fill in the arguments of plugins that are only
// enabled.
func TestWithoutArguments(t *testing.T) {
	w := newEmptyWorld(t.Context(), t, rand.New(rand.NewPCG(1, 0)))
	text, _, _ := strings.Cut(configuration, "  pluginConfig:")
	newScheduler(t.Context(), w, indexed(fmt.Sprintf(text, everywhere)))
}
