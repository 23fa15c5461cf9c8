package config_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/manifests"
	"github.com/stowage-k8s/stowage/internal/simulation"
)

// TestRouteKnowsTheProfiles covers that pods are routed to each profile that is shipped, and to
// no other.
func TestRouteKnowsTheProfiles(t *testing.T) {
	profiles, err := simulation.Profiles(config.Scheduler)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, p := range profiles {
		want = append(want, p.SchedulerName)
	}
	data, err := os.ReadFile("scheduler/route/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	objects, err := manifests.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for _, object := range objects {
		read := func(into any) {
			looked++
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, into, true); err != nil {
				t.Fatal(err)
			}
		}
		switch object.GetKind() {
		case "MutatingAdmissionPolicy":
			var policy admissionregistrationv1.MutatingAdmissionPolicy
			read(&policy)
			if diff := cmp.Diff(want, policy.Spec.MatchConstraints.NamespaceSelector.MatchExpressions[0].Values); diff != "" {
				t.Errorf("pods are routed to (-want +got):\n%s", diff)
			}
		case "ValidatingAdmissionPolicy":
			var policy admissionregistrationv1.ValidatingAdmissionPolicy
			read(&policy)
			if got, want := policy.Spec.Variables[0].Expression, fmt.Sprintf("['%s']", strings.Join(want, "', '")); got != want {
				t.Errorf("namespaces may ask for %s, want %s", got, want)
			}
		}
	}
	if looked != 2 {
		t.Errorf("there are %d policies, want 2", looked)
	}
}
