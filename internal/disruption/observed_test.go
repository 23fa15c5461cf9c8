package disruption

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestWaitObserved(t *testing.T) {
	behind := pdb("web", 1, 1, stale)
	client := fake.NewClientset(behind, pdb("db", 1, 1))
	looks := 0
	client.PrependReactor("list", "poddisruptionbudgets", func(clienttesting.Action) (bool, runtime.Object, error) {
		if looks++; looks == 3 {
			seen := behind.DeepCopy()
			seen.Status.ObservedGeneration = seen.Generation
			return false, nil, client.Tracker().Update(policyv1.SchemeGroupVersion.WithResource("poddisruptionbudgets"), seen, seen.Namespace)
		}
		return false, nil, nil
	})
	budgets, err := WaitObserved(t.Context(), client, metav1.NamespaceAll, nil)
	if err != nil || len(budgets) != 2 || looks != 3 {
		t.Errorf("%d budgets after %d looks, error %v", len(budgets), looks, err)
	}
	for _, b := range budgets {
		if b.Status.ObservedGeneration != b.Generation {
			t.Errorf("budget %s is returned as it was before", b.Name)
		}
	}
}

func TestWaitObservedInVain(t *testing.T) {
	client := fake.NewClientset(pdb("web", 1, 1, stale), pdb("db", 1, 1), pdb("api", 1, 1, stale))
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	looks := 0
	client.PrependReactor("list", "poddisruptionbudgets", func(clienttesting.Action) (bool, runtime.Object, error) {
		if looks++; looks == 2 {
			cancel(cause)
		}
		return false, nil, nil
	})
	_, err := WaitObserved(ctx, client, "default", nil)
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "waiting until the disruption controller has observed budgets default/api, default/web (is kube-controller-manager running?): ") {
		t.Errorf("error %v, want that it names the budgets and the cause", err)
	}
}

func TestWaitObservedWithoutRights(t *testing.T) {
	client := fake.NewClientset()
	denied := errors.New("you may not")
	client.PrependReactor("list", "poddisruptionbudgets", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, denied })
	if _, err := WaitObserved(t.Context(), client, "default", nil); !errors.Is(err, denied) {
		t.Errorf("error %v, want the server's", err)
	}
}

// TestWaitObservedTellsWhatItWaitsFor has a disruption controller that does not run for a while.
func TestWaitObservedTellsWhatItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind := pdb("web", 1, 1, stale)
		client := fake.NewClientset(behind)
		begin := time.Now()
		client.PrependReactor("list", "poddisruptionbudgets", func(clienttesting.Action) (bool, runtime.Object, error) {
			if time.Since(begin) > 45*time.Second {
				seen := behind.DeepCopy()
				seen.Status.ObservedGeneration = seen.Generation
				return true, &policyv1.PodDisruptionBudgetList{Items: []policyv1.PodDisruptionBudget{*seen}}, nil
			}
			return false, nil, nil
		})
		var told []string
		if _, err := WaitObserved(t.Context(), client, "", func(problem error) { told = append(told, fmt.Sprint(problem)) }); err != nil {
			t.Fatal(err)
		}
		want := []string{"waiting until the disruption controller has observed budgets default/web (is kube-controller-manager running?): not done after 30s", "<nil>"}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}
