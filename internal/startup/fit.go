package startup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	authorizationv1 "k8s.io/api/authorization/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1alpha3 "k8s.io/api/scheduling/v1alpha3"
	schedulingv1beta1 "k8s.io/api/scheduling/v1beta1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes"
	"k8s.io/component-base/featuregate"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/pkg/features"
)

// gatedKind is a kind that the engine waits for only if a feature gate is enabled.
type gatedKind struct {
	gate featuregate.Feature
	kind schema.GroupVersionResource
	// without describes the effect of the disabled gate.
	without string
}

var gated = []gatedKind{
	{features.DRADeviceTaintRules, resourcev1.SchemeGroupVersion.WithResource("devicetaintrules"), "devices are allocated without regard to DeviceTaintRules"},
	{features.GenericWorkload, podGroups, onePodAtATime},
	{features.CompositePodGroup, schedulingv1alpha3.SchemeGroupVersion.WithResource("compositepodgroups"), "pod groups are scheduled as if they belonged to no other group"},
}

var podGroups = schedulingv1beta1.SchemeGroupVersion.WithResource("podgroups")

const onePodAtATime = "pods of a pod group are scheduled one by one"

// Notice is a log message about the start.
type Notice struct {
	Text    string
	Details []any // keys and values
}

// Log writes the message.
func (n Notice) Log(logger klog.Logger) { logger.Info(n.Text, n.Details...) }

// Fit disables the feature gates of kinds that the engine waits for, but that the API server
// does not serve, or does not allow it to list and watch. It returns notices about the
// effects. The error names kinds that the engine requires, and gates that the user has
// enabled.
func Fit(ctx context.Context, client kubernetes.Interface, gates featuregate.MutableVersionedFeatureGate, kinds []schema.GroupVersionResource) ([]Notice, error) {
	lacking := make([]string, len(kinds))
	var asking sync.WaitGroup
	for i, kind := range kinds {
		asking.Go(func() { lacking[i] = lack(ctx, client, kind) })
	}
	asking.Wait()
	var notices []Notice
	var problems []string
	for i, kind := range kinds {
		if lacking[i] == "" {
			continue
		}
		problem := fmt.Sprintf("for %s, which %s", name(kind), lacking[i])
		g := slices.IndexFunc(gated, func(g gatedKind) bool { return g.kind == kind })
		if g < 0 {
			problems = append(problems, problem)
			continue
		}
		off, err := turnOff(gates, gated[g].gate)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", problem, err))
			continue
		}
		notices = append(notices, Notice{"Disabled feature gates: the scheduler would wait forever for a kind that " + lacking[i],
			[]any{"kind", name(kind), "featureGates", off, "meaning", gated[g].without}})
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("the scheduler would wait forever %s", strings.Join(problems, ", and "))
	}
	if served, err := serves(ctx, client, podGroups); err == nil && served && !gates.Enabled(features.GenericWorkload) && !slices.Contains(kinds, podGroups) {
		notices = append(notices, Notice{"The scheduler ignores a kind that the API server serves, because its feature gate is disabled",
			[]any{"kind", name(podGroups), "featureGate", features.GenericWorkload, "meaning", onePodAtATime}})
	}
	return notices, nil
}

// lack returns what prevents the engine from reading the kind, or "" if it can be read or the
// API server does not respond.
func lack(ctx context.Context, client kubernetes.Interface, kind schema.GroupVersionResource) string {
	if served, err := serves(ctx, client, kind); err == nil && !served {
		return "the API server does not serve"
	}
	var refused []string
	for _, verb := range []string{"list", "watch"} {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: kind.Group, Version: kind.Version, Resource: kind.Resource},
		}}
		answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err == nil && !answer.Status.Allowed && answer.Status.EvaluationError == "" {
			refused = append(refused, verb)
		}
	}
	if len(refused) == 0 {
		return ""
	}
	return "the scheduler is not allowed to " + strings.Join(refused, " and ")
}

// serves reports whether the API server has the kind.
func serves(ctx context.Context, client kubernetes.Interface, kind schema.GroupVersionResource) (bool, error) {
	list, err := discovery.ToDiscoveryInterfaceWithContext(client.Discovery()).ServerResourcesForGroupVersionWithContext(ctx, kind.GroupVersion().String())
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, err
	}
	return slices.ContainsFunc(list.APIResources, func(r metav1.APIResource) bool { return r.Name == kind.Resource }), nil
}

// turnOff disables a gate and enabled gates that depend on it, and returns their names. It
// fails if the user has enabled one of them, or one cannot be disabled.
func turnOff(gates featuregate.MutableVersionedFeatureGate, gate featuregate.Feature) ([]string, error) {
	off := map[string]bool{}
	todo := []featuregate.Feature{gate}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		if _, done := off[string(next)]; done || !gates.Enabled(next) {
			continue
		}
		if gates.ExplicitlySet(next) || !gates.GetAll()[next].Default {
			return nil, fmt.Errorf("--feature-gates enables %s, directly or through a group of gates: disable it", next)
		}
		off[string(next)] = false
		for dependent, on := range gates.Dependencies() {
			if slices.Contains(on, next) {
				todo = append(todo, dependent)
			}
		}
	}
	return slices.Sorted(maps.Keys(off)), gates.SetFromMap(off)
}
