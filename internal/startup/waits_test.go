package startup

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/version"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/component-base/featuregate"
	featuregatetesting "k8s.io/component-base/featuregate/testing"
)

// stock is the configuration of a scheduler that was left as it is.
const stock = `{"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration"}`

func waits(t *testing.T, configuration string) []schema.GroupVersionResource {
	t.Helper()
	kinds, err := Waits(t.Context(), []byte(configuration), nil)
	if err != nil {
		t.Fatal(err)
	}
	return kinds
}

func names(kinds []schema.GroupVersionResource) []string {
	var all []string
	for _, kind := range kinds {
		all = append(all, name(kind))
	}
	return all
}

// TestWaits has the engine's kinds by name. When it moves on and waits for another, that may
// depend on a feature gate, and is for gated, for the ClusterRole and for the guide.
func TestWaits(t *testing.T) {
	want := []string{
		"namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "pods", "replicationcontrollers", "services",
		"replicasets.v1.apps", "statefulsets.v1.apps",
		"poddisruptionbudgets.v1.policy",
		"deviceclasses.v1.resource.k8s.io", "devicetaintrules.v1.resource.k8s.io", "resourceclaims.v1.resource.k8s.io", "resourceslices.v1.resource.k8s.io",
		"csidrivers.v1.storage.k8s.io", "csinodes.v1.storage.k8s.io", "csistoragecapacities.v1.storage.k8s.io", "storageclasses.v1.storage.k8s.io", "volumeattachments.v1.storage.k8s.io",
	}
	kinds := waits(t, stock)
	if diff := cmp.Diff(want, names(kinds)); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	factory := informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	for _, kind := range kinds {
		if _, err := factory.ForResource(kind); err != nil {
			t.Errorf("%s is no resource: %v", name(kind), err)
		}
	}
}

func TestWaitsGoByTheConfiguration(t *testing.T) {
	without := waits(t, `{"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
		"profiles": [{"plugins": {"multiPoint": {"disabled": [{"name": "VolumeBinding"}]}}}]}`)
	if got := names(without); slices.Contains(got, "csistoragecapacities.v1.storage.k8s.io") || !slices.Contains(got, "csidrivers.v1.storage.k8s.io") {
		t.Errorf("without VolumeBinding, which reads capacities, it waits for %v", got)
	}
	for configuration, want := range map[string]string{
		`{"apiVersion": "v1", "kind": "Pod"}`: `no kind "Pod" is registered`,
		`{"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration", "parallelism": -1}`: "parallelism: Invalid value: -1",
	} {
		if _, err := Waits(t.Context(), []byte(configuration), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %s", configuration, err, want)
		}
	}
}

// TestGatedKinds compares the table with the engine: beside what it always waits for, there is what
// the table has for the gates that are on, and nothing else if all are.
func TestGatedKinds(t *testing.T) {
	off := map[featuregate.Feature]bool{}
	for _, g := range gated {
		off[g.gate] = false
	}
	featuregatetesting.SetFeatureGatesDuringTest(t, utilfeature.DefaultFeatureGate, off)
	always := waits(t, stock)
	compare := func(t *testing.T, on map[featuregate.Feature]bool, isOn func(featuregate.Feature) bool) {
		t.Helper()
		featuregatetesting.SetFeatureGatesDuringTest(t, utilfeature.DefaultFeatureGate, on)
		want, got := map[schema.GroupVersionResource]bool{}, map[schema.GroupVersionResource]bool{}
		for _, g := range gated {
			if isOn(g.gate) {
				want[g.kind] = true
			}
		}
		for _, kind := range waits(t, stock) {
			if !slices.Contains(always, kind) {
				got[kind] = true
			}
		}
		if diff := cmp.Diff(slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(got)), cmpopts.SortSlices(less)); diff != "" {
			t.Errorf("kinds that features bring (-table +engine):\n%s", diff)
		}
	}
	for _, g := range gated {
		t.Run(string(g.gate), func(t *testing.T) {
			on := map[featuregate.Feature]bool{}
			need(on, g.gate)
			compare(t, on, func(f featuregate.Feature) bool { return on[f] })
		})
	}
	t.Run("all", func(t *testing.T) {
		on := map[featuregate.Feature]bool{"AllAlpha": true, "AllBeta": true}
		for _, g := range gated {
			on[g.gate] = true
		}
		compare(t, on, func(featuregate.Feature) bool { return true })
	})
}

// TestOlderVersions has the engine emulate what it may meet: it waits for no kind that came later.
func TestOlderVersions(t *testing.T) {
	for _, older := range []string{"1.34", "1.35", "1.36"} {
		t.Run(older, func(t *testing.T) {
			featuregatetesting.SetFeatureGateEmulationVersionDuringTest(t, utilfeature.DefaultFeatureGate, version.MustParse(older))
			for _, kind := range waits(t, stock) {
				if slices.ContainsFunc(gated, func(g gatedKind) bool { return g.kind == kind }) {
					t.Errorf("it waits for %s", name(kind))
				}
			}
		})
	}
}

// need adds a gate and those that it depends on.
func need(on map[featuregate.Feature]bool, gate featuregate.Feature) {
	on[gate] = true
	for _, other := range utilfeature.DefaultFeatureGate.Dependencies()[gate] {
		need(on, other)
	}
}

func less(a, b schema.GroupVersionResource) bool { return name(a) < name(b) }
