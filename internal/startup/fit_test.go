package startup

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/component-base/featuregate"
	"k8s.io/kubernetes/pkg/features"
)

var (
	drivers = schema.GroupVersionResource{Group: "storage.k8s.io", Version: "v1", Resource: "csidrivers"}
	rules   = schema.GroupVersionResource{Group: "resource.k8s.io", Version: "v1", Resource: "devicetaintrules"}
	claims  = schema.GroupVersionResource{Group: "resource.k8s.io", Version: "v1", Resource: "resourceclaims"}
)

// apiServer is one that serves kinds, and refuses verbs for some, as "list csidrivers".
type apiServer struct {
	serves  []schema.GroupVersionResource
	refuses string
	// mute: it does not say what it serves, nor what may be done.
	mute bool
}

func (s apiServer) client() *fake.Clientset {
	client := fake.NewClientset()
	for _, kind := range s.serves {
		client.Resources = append(client.Resources, &metav1.APIResourceList{GroupVersion: kind.GroupVersion().String(), APIResources: []metav1.APIResource{{Name: kind.Resource}}})
	}
	if s.mute {
		client.PrependReactor("*", "*", func(clienttesting.Action) (bool, runtime.Object, error) { return true, nil, errors.New("overloaded") })
		return client
	}
	client.PrependReactor("create", "selfsubjectaccessreviews", func(action clienttesting.Action) (bool, runtime.Object, error) {
		review := action.(clienttesting.CreateAction).GetObject().(*authorizationv1.SelfSubjectAccessReview).DeepCopy()
		asked := review.Spec.ResourceAttributes
		review.Status.Allowed = !strings.Contains(s.refuses, asked.Verb+" "+asked.Resource)
		return true, review, nil
	})
	return client
}

// lockedRules are feature gates of a Kubernetes in which one cannot be turned off any more.
func lockedRules(t *testing.T) featuregate.MutableVersionedFeatureGate {
	gates := featuregate.NewFeatureGate()
	for gate, spec := range map[featuregate.Feature]featuregate.FeatureSpec{
		features.DRADeviceTaintRules: {Default: true, LockToDefault: true},
		features.GenericWorkload:     {PreRelease: featuregate.Beta},
	} {
		if err := gates.Add(map[featuregate.Feature]featuregate.FeatureSpec{gate: spec}); err != nil {
			t.Fatal(err)
		}
	}
	return gates
}

func TestFit(t *testing.T) {
	usual := []schema.GroupVersionResource{rules, drivers}
	for _, tt := range []struct {
		name   string
		server apiServer
		flag   string // of feature gates
		gates  func(*testing.T) featuregate.MutableVersionedFeatureGate
		waits  []schema.GroupVersionResource
		// off are the gates that are off afterwards, of those that are on before; said and err is
		// what is said.
		off, said []string
		err       string
	}{
		{name: "a cluster that has all", server: apiServer{serves: usual}, waits: usual},
		{
			name: "a kind that is not served is done without", server: apiServer{serves: []schema.GroupVersionResource{drivers}}, waits: usual,
			off:  []string{"DRADeviceTaintRules"},
			said: []string{"a kind that the API server does not serve, kind devicetaintrules.v1.resource.k8s.io, featureGates [DRADeviceTaintRules], meaning devices are allocated without regard to DeviceTaintRules"},
		},
		{
			name: "as is one of a version that has others", server: apiServer{serves: []schema.GroupVersionResource{drivers, claims}}, waits: usual,
			off:  []string{"DRADeviceTaintRules"},
			said: []string{"a kind that the API server does not serve, kind devicetaintrules.v1.resource.k8s.io"},
		},
		{
			name: "and one that may not be read", server: apiServer{serves: usual, refuses: "list devicetaintrules, watch devicetaintrules"}, waits: usual,
			off:  []string{"DRADeviceTaintRules"},
			said: []string{"a kind that the scheduler is not allowed to list and watch, kind devicetaintrules.v1.resource.k8s.io"},
		},
		{
			name: "what the user wants is not overridden", server: apiServer{serves: []schema.GroupVersionResource{drivers}}, flag: "DRADeviceTaintRules=true", waits: usual,
			err: "the scheduler would wait forever for devicetaintrules.v1.resource.k8s.io, which the API server does not serve: --feature-gates enables DRADeviceTaintRules, directly or through a group of gates: disable it",
		},
		{
			name: "nor what the user wants with all of its kind", server: apiServer{serves: usual}, flag: "AllBeta=true", waits: []schema.GroupVersionResource{podGroups},
			err: "for podgroups.v1beta1.scheduling.k8s.io, which the API server does not serve: --feature-gates enables GenericWorkload",
		},
		{
			name: "a gate that cannot be turned off", server: apiServer{serves: []schema.GroupVersionResource{drivers}}, gates: lockedRules, waits: usual,
			err: "for devicetaintrules.v1.resource.k8s.io, which the API server does not serve: cannot set feature gate DRADeviceTaintRules to false, feature is locked to true",
		},
		{
			name: "all that cannot be done without", server: apiServer{serves: []schema.GroupVersionResource{rules, drivers}, refuses: "watch csidrivers"},
			waits: []schema.GroupVersionResource{claims, rules, drivers},
			err:   "the scheduler would wait forever for resourceclaims.v1.resource.k8s.io, which the API server does not serve, and for csidrivers.v1.storage.k8s.io, which the scheduler is not allowed to watch",
		},
		{name: "an API server that does not answer is no reason not to start", server: apiServer{mute: true}, waits: usual},
		{
			name: "groups of pods that the cluster has and the engine does not go by", server: apiServer{serves: append(usual, podGroups)}, waits: usual,
			said: []string{"The scheduler ignores a kind that the API server serves, because its feature gate is disabled, kind podgroups.v1beta1.scheduling.k8s.io, featureGate GenericWorkload, meaning pods of a pod group are scheduled one by one"},
		},
		{
			name: "groups of pods that the engine goes by", server: apiServer{serves: append(usual, podGroups)}, flag: "GenericWorkload=true",
			waits: []schema.GroupVersionResource{rules, podGroups, drivers},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			gates := utilfeature.DefaultFeatureGate.DeepCopy()
			if tt.gates != nil {
				gates = tt.gates(t)
			}
			if err := gates.Set(tt.flag); err != nil {
				t.Fatal(err)
			}
			before := on(gates)
			notices, err := Fit(t.Context(), tt.server.client(), gates, tt.waits)
			if (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want one with %q", err, tt.err)
			}
			var off []string
			for _, gate := range before {
				if !gates.Enabled(gate) {
					off = append(off, string(gate))
				}
			}
			if diff := cmp.Diff(tt.off, off); diff != "" {
				t.Errorf("gates turned off (-want +got):\n%s", diff)
			}
			if len(notices) != len(tt.said) {
				t.Fatalf("said %v, want %v", notices, tt.said)
			}
			for i, notice := range notices {
				if got := text(notice); !strings.Contains(got, tt.said[i]) {
					t.Errorf("said %q, want %q", got, tt.said[i])
				}
			}
		})
	}
}

// on returns the gates that are on, as far as the engine waits for anything by them.
func on(gates featuregate.FeatureGate) []featuregate.Feature {
	var all []featuregate.Feature
	for _, feature := range []featuregate.Feature{features.DRADeviceTaintRules, features.GenericWorkload} {
		if gates.Enabled(feature) {
			all = append(all, feature)
		}
	}
	return all
}
