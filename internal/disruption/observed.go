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

// WaitObserved waits until the disruption controller has observed the current spec of every
// budget in the namespace, or in all namespaces for metav1.NamespaceAll, and then returns the
// budgets. Before that, the API server may evict a pod that is not ready by the numbers of the
// previous spec. The error names the budgets that were not observed. If the wait takes long,
// waiting (if not nil) is called with the same error, and with nil when the wait is over.
//
// It does not consider pods that were created or changed since: a status always lags behind.
func WaitObserved(ctx context.Context, client kubernetes.Interface, namespace string, waiting func(error)) ([]*policyv1.PodDisruptionBudget, error) {
	var budgets []*policyv1.PodDisruptionBudget
	var behind []string
	unseen := func(cause error) error {
		slices.Sort(behind)
		return fmt.Errorf("waiting until the disruption controller has observed budgets %s (is kube-controller-manager running?): %w", strings.Join(behind, ", "), cause)
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
