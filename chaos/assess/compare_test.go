package assess

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
)

func TestCompare(t *testing.T) {
	prediction := &Prediction{
		Pods: []PodFate{
			{Namespace: "shop", Pod: "web-0", UID: "0", Workload: "Deployment shop/web", Fate: Fits},
			{Namespace: "shop", Pod: "web-1", UID: "1", Workload: "Deployment shop/web", Fate: Pending},
			{Namespace: "shop", Pod: "web-2", UID: "2", Workload: "Deployment shop/web", Fate: Kept},
			{Namespace: "shop", Pod: "db-0", UID: "3", Workload: "StatefulSet shop/db", Fate: Pending, Late: true},
			{Namespace: "shop", Pod: "agent", UID: "4", Workload: "DaemonSet shop/agent", Fate: Stays},
			{Namespace: "shop", Pod: "web-3", UID: "5", Workload: "Deployment shop/web", Fate: Unreplaced, Leaving: true},
		},
		Workloads: []WorkloadFate{
			{Workload: "Deployment shop/web", Desired: 3, Ready: 3, Floor: 1, After: 2},
			{Workload: "StatefulSet shop/db", Desired: 1, Ready: 1, Floor: 0, After: 0},
		},
	}
	gone := func(uids ...types.UID) map[types.UID]bool {
		set := map[types.UID]bool{}
		for _, uid := range uids {
			set[uid] = true
		}
		return set
	}
	for _, tt := range []struct {
		name    string
		reality Reality
		want    Accuracy
	}{{
		name: "all comes as predicted and the pod of a StatefulSet waits on its dead node",
		reality: Reality{Gone: gone("0", "1"), Workloads: map[string]WorkloadReality{
			"Deployment shop/web": {Floor: 1, Ready: 2, Pending: 1}, "StatefulSet shop/db": {Pending: 1},
		}},
		want: Accuracy{Statements: 9, Right: 9},
	}, {
		name: "a floor above the predicted one is right since that is the worst case",
		reality: Reality{Gone: gone("0", "1"), Workloads: map[string]WorkloadReality{
			"Deployment shop/web": {Floor: 2, Ready: 2, Pending: 1},
		}},
		want: Accuracy{Statements: 6, Right: 6},
	}, {
		name:    "of a workload that was not observed nothing is held against the prediction",
		reality: Reality{Gone: gone("0", "1")},
		want:    Accuracy{Statements: 3, Right: 3},
	}, {
		name: "everything comes otherwise",
		reality: Reality{Gone: gone("2"), Workloads: map[string]WorkloadReality{
			"Deployment shop/web": {Floor: 0, Ready: 3, Pending: 0},
		}},
		want: Accuracy{Statements: 6, Wrong: []string{
			"pod shop/web-0 was predicted to be removed, but is still there",
			"pod shop/web-1 was predicted to be removed, but is still there",
			"pod shop/web-2 was predicted to stay, but was removed",
			"Deployment shop/web: at least 1 ready pod predicted, but 0 at the worst moment",
			"Deployment shop/web: 2 ready pods predicted for the end, but there are 3",
			"Deployment shop/web: 1 pending pod predicted for the end, but there are 0",
		}},
	}} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, Compare(prediction, tt.reality)); diff != "" {
				t.Errorf("accuracy (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAccuracyAddsUpAndSaysNothingOfNothing(t *testing.T) {
	var a Accuracy
	if percent, known := a.Percent(); known {
		t.Errorf("of no statement %v %% are right", percent)
	}
	a.Add(Accuracy{Statements: 3, Right: 3})
	a.Add(Accuracy{Statements: 1, Wrong: []string{"it rained"}})
	if diff := cmp.Diff(Accuracy{Statements: 4, Right: 3, Wrong: []string{"it rained"}}, a); diff != "" {
		t.Errorf("sum (-want +got):\n%s", diff)
	}
	if percent, known := a.Percent(); percent != 75 || !known {
		t.Errorf("got %v %% (%v), want 75 %%", percent, known)
	}
}
