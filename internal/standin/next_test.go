package standin

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/internal/cluster"
)

// TestNext decides on what stands on the objects. What it decides at other moments, and that it
// comes to an end, is tested on a control plane.
func TestNext(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	ready := func(v *view) {
		v.standIn.Status = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-10 * time.Second)),
		}}}
	}
	marked := func(v *view) {
		v.old.Labels = map[string]string{cluster.StandInLabel: cluster.OfReplaced}
		v.old.Annotations = map[string]string{corev1.PodDeletionCost: lowestCost}
	}
	tied := func(v *view) { v.standIn.Labels[tie] = "h1" }
	adopted := func(v *view) {
		tied(v)
		v.standIn.OwnerReferences = owned("", "apps/v1", "ReplicaSet", "web-h1").OwnerReferences
	}
	nowhere := func(v *view) {
		v.standIn.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "0/3 nodes are available",
		}}}
	}
	oldGone := func(v *view) { v.old = nil }
	// n counts the pods of the ReplicaSet that stay, of which so many are ready.
	n := func(pods, ready int) func(*view) {
		return func(v *view) { v.counted = &counted{pods: pods, ready: ready} }
	}
	late := func(v *view) { v.Until = metav1.NewTime(now.Add(-time.Second)) }
	newTemplate := func(v *view) { v.deployment.Spec.Template.Annotations = map[string]string{"restarted": "now"} }
	all := func(changes ...func(*view)) []func(*view) { return changes }
	for _, tt := range []struct {
		name    string
		changes []func(*view)
		want    action
		outcome Outcome
		reason  string
		inVain  bool
	}{
		{name: "a stand-in that is not ready is waited for", want: wait, reason: "not scheduled"},
		{name: "when it is ready, the ReplicaSet has its pods counted", changes: all(ready), want: count},
		{name: "then it has the old pod marked first", changes: all(ready, n(1, 1)), want: mark},
		{name: "before it is handed over, they are counted again", changes: all(ready, marked), want: count},
		{name: "then it is handed over", changes: all(ready, marked, n(1, 1)), want: handOver},
		{
			name: "unless the ReplicaSet would delete another pod, which is not ready", want: remove,
			changes: all(ready, func(v *view) { v.counted = &counted{pods: 2, ready: 1, unready: "web-h1-b"} }),
		},
		{
			name: "or that has become so when the old pod was marked", want: unmark,
			changes: all(ready, marked, func(v *view) { v.counted = &counted{pods: 2, ready: 1, unready: "web-h1-b"} }),
		},
		{
			name: "what was given up before is not begun again", want: remove,
			changes: all(ready, n(1, 1), func(v *view) { v.why = "somebody else has set its deletion cost" }),
		},
		{
			name: "or the old pod has another cost by now", want: unmark,
			changes: all(ready, marked, n(1, 1), func(v *view) { v.old.Annotations[corev1.PodDeletionCost] = "5" }),
		},
		{
			name: "it must be ready for as long as its ReplicaSet says", want: wait, reason: "minReadySeconds",
			changes: all(ready, func(v *view) { v.minReady, v.standIn.Spec.NodeName = 30, "b" }),
		},
		{name: "and no longer", changes: all(ready, n(1, 1), func(v *view) { v.minReady = 10 }), want: mark},
		{
			name: "one for any node is removed when the scheduler finds none", want: remove,
			changes: all(func(v *view) { v.unbound = true }, nowhere),
		},
		{name: "one for a certain node waits for its room", want: wait, reason: "0/3 nodes", changes: all(nowhere)},
		{name: "one that is not ready in time is removed", changes: all(late), want: remove, inVain: true},
		{name: "after the old pod was restored", changes: all(late, marked), want: unmark, inVain: true},
		{name: "one that is ready when its run has ended is not handed over", changes: all(ready, late), want: remove},
		{name: "a rollout that has begun makes it useless", changes: all(ready, newTemplate), want: remove},
		{name: "even if the old pod is gone", changes: all(ready, newTemplate, oldGone), want: remove},
		{name: "so does the end of its ReplicaSet", changes: all(ready, func(v *view) { v.set, v.deployment = nil, nil }), want: remove},
		{name: "and another ReplicaSet of the same name", changes: all(ready, func(v *view) { v.set.UID = "other" }), want: remove},
		{name: "and a workload that was scaled to nothing", changes: all(ready, func(v *view) { v.set.Spec.Replicas = ptr.To[int32](0) }), want: remove},
		{
			name: "and a template that names the label which the stand-in lacks", want: remove,
			changes: all(ready, func(v *view) {
				v.set.Spec.Template.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MatchLabelKeys: []string{tie}}}
				v.deployment.Spec.Template.Spec = v.set.Spec.Template.Spec
			}),
		},
		{
			name: "and a controller that has adopted it first", want: remove,
			changes: all(ready, func(v *view) { v.standIn.OwnerReferences = owned("", "apps/v1", "DaemonSet", "all").OwnerReferences }),
		},
		{name: "without the old pod, one that is not ready is not needed", changes: all(oldGone), want: remove},
		{name: "one that is ready may be: the pods are counted", changes: all(ready, oldGone), want: count},
		{name: "it may be the only one", changes: all(ready, oldGone, n(0, 0)), want: handOver},
		{name: "or its ReplicaSet's new pod is not ready", changes: all(ready, oldGone, n(1, 0)), want: handOver},
		{name: "but it is not needed if the ReplicaSet was scaled down, or has a new pod that is ready", changes: all(ready, oldGone, n(1, 1)), want: remove},
		{name: "it may be the only one even if its time is over", changes: all(ready, oldGone, late, n(0, 0)), want: handOver},
		{name: "an old pod that is on its way out is gone", changes: all(ready, n(0, 0), func(v *view) { v.old.DeletionTimestamp = &metav1.Time{} }), want: handOver},
		{name: "a stand-in that has failed is removed", changes: all(func(v *view) { v.standIn.Status.Phase = corev1.PodFailed }), want: remove, inVain: true},
		{name: "of one that is gone, the old pod's mark is left", changes: all(marked, func(v *view) { v.standIn = nil }), want: unmark},
		{name: "or nothing", changes: all(func(v *view) { v.standIn = nil }), want: end, outcome: NotMoved, reason: "its stand-in is gone"},
		{name: "one that was handed over is to be adopted", changes: all(ready, marked, tied), want: wait, reason: "adopt"},
		{name: "whether its time is over or not", changes: all(ready, marked, tied, late), want: wait, reason: "adopt"},
		{name: "unless there is no ReplicaSet", changes: all(ready, marked, tied, func(v *view) { v.set = nil }), want: unmark},
		{name: "then the ReplicaSet has its pods counted", changes: all(ready, marked, adopted), want: count},
		{name: "it is to delete the old pod", changes: all(ready, marked, adopted, n(2, 2)), want: wait, reason: "delete"},
		{name: "if it has deleted another one, the old pod is a pod like any other", changes: all(ready, marked, adopted, n(1, 1)), want: unmark},
		{name: "and so is the stand-in", changes: all(ready, adopted, n(1, 1)), want: release},
		{
			name: "which is no move", want: end, outcome: Kept, reason: "scaled",
			changes: all(ready, adopted, n(1, 1), func(v *view) { delete(v.standIn.Labels, cluster.StandInLabel) }),
		},
		{name: "when the old pod is gone, the stand-in is a pod like any other", changes: all(ready, adopted, oldGone), want: release},
		{
			name: "which ends the move", want: end, outcome: Moved,
			changes: all(ready, adopted, oldGone, func(v *view) { delete(v.standIn.Labels, cluster.StandInLabel) }),
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, pod := shop()
			deployment, set := s.Deployments[0], s.ReplicaSets[0]
			deployment.Spec.Template = *set.Spec.Template.DeepCopy()
			delete(deployment.Spec.Template.Labels, tie)
			mv := &Move{Namespace: "shop", note: note{
				Pod: pod.Name, UID: pod.UID, ReplicaSet: set.Name, ReplicaSetUID: set.UID, Tie: "h1", Until: metav1.NewTime(now.Add(time.Minute)),
			}}
			standIn, err := mv.make(set, "b")
			if err != nil {
				t.Fatal(err)
			}
			v := &view{note: mv.note, standIn: standIn, old: pod, set: set, deployment: deployment}
			for _, change := range tt.changes {
				change(v)
			}
			got, result := v.next(now)
			if v.inVain != tt.inVain {
				t.Errorf("it is in vain: %t, want %t", v.inVain, tt.inVain)
			}
			if got != tt.want || result.Outcome != tt.outcome || !strings.Contains(result.Reason, tt.reason) {
				t.Errorf("next is %d, %+v, want %d, %s and %q", got, result, tt.want, tt.outcome, tt.reason)
			}
		})
	}
}
