package config_test

import (
	"slices"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/featuregate"
	featuregatetesting "k8s.io/component-base/featuregate/testing"

	"github.com/stowage-k8s/stowage/config"
	"github.com/stowage-k8s/stowage/internal/manifests"
	"github.com/stowage-k8s/stowage/internal/startup"
	"github.com/stowage-k8s/stowage/plugins"
)

// TestSchedulerMayReadWhatItWaitsFor asks the engine what it waits for, with all features that it
// may have.
func TestSchedulerMayReadWhatItWaitsFor(t *testing.T) {
	var role rbacv1.ClusterRole
	objects, err := manifests.Decode(config.SchedulerRBAC)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		if object.GetKind() == "ClusterRole" {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, &role, true); err != nil {
				t.Fatal(err)
			}
		}
	}
	may := func(verb string, kind schema.GroupVersionResource) bool {
		return slices.ContainsFunc(role.Rules, func(r rbacv1.PolicyRule) bool {
			return slices.Contains(r.Verbs, verb) && slices.Contains(r.APIGroups, kind.Group) && slices.Contains(r.Resources, kind.Resource)
		})
	}
	featuregatetesting.SetFeatureGatesDuringTest(t, utilfeature.DefaultFeatureGate, map[featuregate.Feature]bool{"AllAlpha": true, "AllBeta": true})
	kinds, err := startup.Waits(t.Context(), config.Scheduler, plugins.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	if len(kinds) < 20 {
		t.Fatalf("the engine waits for %v alone: this test has lost its subject", kinds)
	}
	for _, kind := range kinds {
		for _, verb := range []string{"list", "watch"} {
			if !may(verb, kind) {
				t.Errorf("config/scheduler/rbac.yaml gives no right to %s %s", verb, kind)
			}
		}
	}
}
