package webhook

import (
	"fmt"
	"net/http"
	"reflect"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/stowage-k8s/stowage/internal/manifests"
	"github.com/stowage-k8s/stowage/internal/preemptible"
)

const (
	policyKind  = "MutatingAdmissionPolicy"
	bindingKind = "MutatingAdmissionPolicyBinding"
)

// NewHandler returns the handler for the policies in a YAML stream, each under its name. They
// must be as printed by `stowage-scheduler admission`, including their bindings.
func NewHandler(data []byte) (*http.ServeMux, error) {
	policies, err := read(data)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for _, policy := range policies {
		compiled, err := Compile(policy)
		if err != nil {
			return nil, err
		}
		mux.Handle("POST "+preemptible.WebhookPath(policy), compiled)
	}
	return mux, nil
}

func read(data []byte) ([]*admissionregistrationv1.MutatingAdmissionPolicy, error) {
	objects, err := manifests.Decode(data)
	if err != nil {
		return nil, err
	}
	var policies []*admissionregistrationv1.MutatingAdmissionPolicy
	bound := map[string]bool{}
	for _, object := range objects {
		into := func(typed any) error {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object.Object, typed, true); err != nil {
				return fmt.Errorf("%s %s: %w", object.GetKind(), object.GetName(), err)
			}
			return nil
		}
		switch object.GroupVersionKind() {
		case admissionregistrationv1.SchemeGroupVersion.WithKind(policyKind):
			policy := &admissionregistrationv1.MutatingAdmissionPolicy{}
			if err := into(policy); err != nil {
				return nil, err
			}
			if field := unknown(&policy.Spec); field != "" {
				return nil, fmt.Errorf("%s %s: spec.%s: must be as printed by `stowage-scheduler admission`", policyKind, policy.Name, field)
			}
			policies = append(policies, policy)
		case admissionregistrationv1.SchemeGroupVersion.WithKind(bindingKind):
			binding := &admissionregistrationv1.MutatingAdmissionPolicyBinding{}
			if err := into(binding); err != nil {
				return nil, err
			}
			if plain := (admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: binding.Spec.PolicyName}); !reflect.DeepEqual(binding.Spec, plain) {
				return nil, fmt.Errorf("%s %s: spec: must have a policyName and nothing else", bindingKind, binding.Name)
			}
			bound[binding.Spec.PolicyName] = true
		default:
			return nil, fmt.Errorf("%s %s: must be a %s or a %s of %s", object.GetKind(), object.GetName(), policyKind, bindingKind, admissionregistrationv1.SchemeGroupVersion)
		}
	}
	seen := map[string]bool{}
	for _, policy := range policies {
		switch {
		case len(validation.NameIsDNSSubdomain(policy.Name, false)) > 0:
			return nil, fmt.Errorf("%s: metadata.name: %q is not a valid object name", policyKind, policy.Name)
		case seen[policy.Name]:
			return nil, fmt.Errorf("%s %s: is duplicated", policyKind, policy.Name)
		case !bound[policy.Name]:
			return nil, fmt.Errorf("%s %s: has no %s, so it would have no effect", policyKind, policy.Name, bindingKind)
		}
		seen[policy.Name] = true
	}
	if len(policies) == 0 {
		return nil, fmt.Errorf("must contain at least one %s", policyKind)
	}
	return policies, nil
}

// unknown returns a field that the webhook, or the configuration that calls it, does not
// support.
func unknown(spec *admissionregistrationv1.MutatingAdmissionPolicySpec) string {
	if spec.ParamKind != nil {
		return "paramKind"
	}
	if spec.FailurePolicy == nil || *spec.FailurePolicy != admissionregistrationv1.Ignore {
		return "failurePolicy"
	}
	if c := spec.MatchConstraints; c == nil || !reflect.DeepEqual(*c, admissionregistrationv1.MatchResources{ResourceRules: c.ResourceRules}) {
		return "matchConstraints"
	}
	return ""
}
