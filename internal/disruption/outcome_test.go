package disruption

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestRefusalsByVersion has the answers as the API server of each version makes them.
func TestRefusalsByVersion(t *testing.T) {
	budgets := schema.GroupResource{Group: "policy", Resource: "poddisruptionbudget"}
	because := func(err *apierrors.StatusError, cause string) error {
		err.ErrStatus.Details.Causes = append(err.ErrStatus.Details.Causes, metav1.StatusCause{Type: policyv1.DisruptionBudgetCause, Message: cause})
		return err
	}
	tooMany := func(retryAfter int, cause string) error {
		return because(apierrors.NewTooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", retryAfter), cause)
	}
	forbidden := func(why string) *apierrors.StatusError {
		return apierrors.NewForbidden(budgets, "web", errors.New(why))
	}
	const all, from135, to136, from137 = "1.34 to 1.37", "1.35 to 1.37", "1.34 to 1.36", "1.37"
	refused := Result{Outcome: RefusedByBudget, Budget: "web"}
	tests := []struct {
		versions, name string
		err            error
		want           Result
	}{
		{all, "nothing is to spare", tooMany(0, "The disruption budget web needs 2 healthy pods and has 2 currently"), refused},
		{all, "the budget has not been looked at yet", tooMany(10, "The disruption budget web is still being processed by the server."), Result{Outcome: RefusedByBudget, Budget: "web", RetryAfter: 10 * time.Second}},
		{from135, "the budget cannot be counted", tooMany(0, "The disruption budget web does not allow evicting pods currently because it failed sync: found no controllers for pod"), refused},
		{from135, "a condition says why", tooMany(0, "The disruption budget web does not allow evicting pods currently (InsufficientPods): too few"), refused},
		{from135, "nothing says why", tooMany(0, "The disruption budget web does not allow evicting pods currently"), refused},
		{to136, "less than nothing is to spare", forbidden("pdb disruptions allowed is negative"), refused},
		{from137, "less than nothing is to spare", because(forbidden("pdb disruptions allowed is negative"), "The disruption budget web does not allow evicting pods currently: pdb disruptions allowed is negative"), refused},
		{to136, "too many evictions are under way", forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller"), refused},
		{
			from137, "too many evictions are under way", because(forbidden("DisruptedPods map too big - too many evictions not confirmed by PDB controller"),
				"The disruption budget web does not allow evicting pods currently: too many pending evictions not confirmed by PDB controller"), refused,
		},
		{
			all, "a right is missing", apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "web-1",
				errors.New(`User "someone" cannot create resource "pods/eviction" in API group "" in the namespace "default"`)), Result{Outcome: Forbidden},
		},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.versions, " ", tt.name), func(t *testing.T) {
			got := classify(tt.err, target)
			if !errors.Is(got.Err, tt.err) {
				t.Errorf("error %v, want one that wraps %v", got.Err, tt.err)
			}
			got.Err = nil
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
		})
	}
}
