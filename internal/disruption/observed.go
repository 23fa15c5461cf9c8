package disruption

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/stowage-k8s/stowage/internal/report"
)

// lookEvery is how often WaitObserved looks. The controller needs milliseconds.
const lookEvery = 100 * time.Millisecond

// WaitObserved waits until the disruption controller has counted the pods of every
// budget in the namespace, or in all of them for metav1.NamespaceAll, by the budget's
// spec as it is, and returns the budgets as they are then. Until then a pod may slip
// past its budget: the API server lets a pod that is not ready go by the numbers of the
// former spec. The error names the budgets that were waited for in vain. The function, which
// may be nil, is told of the same while the wait takes long, and of nil when it is over.
//
// It says nothing about pods that came or changed since: a status is a moment behind.
func WaitObserved(ctx context.Context, client kubernetes.Interface, namespace string, waiting func(error)) ([]*policyv1.PodDisruptionBudget, error) {
	var budgets []*policyv1.PodDisruptionBudget
	var behind []string
	unseen := func(cause error) error {
		slices.Sort(behind)
		return fmt.Errorf("waiting until the disruption controller has seen budgets %s (does kube-controller-manager run?): %w", strings.Join(behind, ", "), cause)
	}
	var reminder report.Reminder
	begin := time.Now()
	err := wait.PollUntilContextCancel(ctx, lookEvery, true, func(ctx context.Context) (bool, error) {
		list, err := client.PolicyV1().PodDisruptionBudgets(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		budgets, behind = nil, nil
		for i := range list.Items {
			pdb := &list.Items[i]
			budgets = append(budgets, pdb)
			// One that cannot be counted allows nothing, and stays behind.
			if _, failed := SyncFailed(pdb); pdb.Status.ObservedGeneration != pdb.Generation && !failed {
				behind = append(behind, klog.KObj(pdb).String())
			}
		}
		if waited := time.Since(begin); len(behind) > 0 && waiting != nil && reminder.Due(waited) {
			waiting(unseen(fmt.Errorf("not done after %s", waited.Round(time.Second))))
		}
		return len(behind) == 0, nil
	})
	switch {
	case err == nil:
		if reminder.Told() {
			waiting(nil)
		}
		return budgets, nil
	case ctx.Err() != nil && len(behind) > 0:
		return nil, unseen(context.Cause(ctx))
	}
	return nil, fmt.Errorf("listing budgets: %w", err)
}
