package cluster

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
	apipod "k8s.io/kubernetes/pkg/api/v1/pod"
	schedulerutil "k8s.io/kubernetes/pkg/scheduler/util"
)

func TestSchedulerTransform(t *testing.T) {
	unmanaged := func(pod *corev1.Pod) *corev1.Pod { pod.ManagedFields = nil; return pod }
	node, deferred := filled(func(*corev1.Node) {}), filled(func(pod *corev1.Pod) {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodResizePending, Reason: corev1.PodReasonDeferred}}
	})
	for _, tt := range []struct {
		name      string
		obj, want any
	}{
		{"a pod that waits is whole", filled(onNode("")), unmanaged(filled(onNode("")))},
		{"a pod on a node is trimmed", filled(onNode("a")), trimmed(filled(onNode("a")))},
		{"a pod on a node that waits to be resized, and is queued, is trimmed", deferred, trimmed(deferred)},
		{"a node is trimmed", node, trimmed(node)},
		{"what was deleted unseen has been here before", cache.DeletedFinalStateUnknown{Key: "a"}, cache.DeletedFinalStateUnknown{Key: "a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			transform := SchedulerTransform()
			for _, when := range []string{"first", "second"} {
				got, err := transform(tt.obj)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("transformed for the %s time (-want +got):\n%s", when, diff)
				}
				tt.obj = got
			}
		})
	}
}

// TestStatusPatchesLoseNothing has the engine write what it writes to pods that have a node, as
// victims and pods to be resized do: the patch has to be that of the whole pod.
func TestStatusPatchesLoseNothing(t *testing.T) {
	whole := filled(onNode("a"))
	patches := map[string]string{}
	for which, pod := range map[string]*corev1.Pod{"whole": whole, "trimmed": trimmed(whole).(*corev1.Pod)} {
		client := fake.NewClientset()
		client.PrependReactor("patch", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
			patches[which] = string(action.(clienttesting.PatchAction).GetPatch())
			return true, pod, nil
		})
		status := pod.Status.DeepCopy()
		for _, kind := range []corev1.PodConditionType{corev1.DisruptionTarget, corev1.PodScheduled, pod.Status.Conditions[0].Type} {
			apipod.UpdatePodCondition(status, &corev1.PodCondition{
				Type: kind, Status: corev1.ConditionTrue, Reason: corev1.PodReasonPreemptionByScheduler, LastTransitionTime: metav1.Unix(2, 0),
				ObservedGeneration: apipod.CalculatePodConditionObservedGeneration(&pod.Status, pod.Generation, kind),
			})
		}
		status.NominatedNodeName = "b"
		if err := schedulerutil.PatchPodStatus(t.Context(), client, pod.Name, pod.Namespace, &pod.Status, status); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(patches["whole"], patches["trimmed"]); diff != "" || patches["whole"] == "" {
		t.Errorf("patch %s, from the trimmed pod (-whole +trimmed):\n%s", patches["whole"], diff)
	}
}
