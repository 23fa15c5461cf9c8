// Package webhook applies MutatingAdmissionPolicies to pods for API servers that do not
// support them. It evaluates the policies with the API server's own code.
package webhook

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/cel-go/cel"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	plugincel "k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating/patch"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/client-go/kubernetes/scheme"
)

// Policy is a compiled policy. It is safe for concurrent use.
type Policy struct {
	name     string
	compiler *plugincel.CompositedCompiler
	matcher  matchconditions.Matcher
	patchers []patch.Patcher
}

// Compile compiles the policy. Features that a webhook cannot support, such as parameters,
// are errors.
func Compile(policy *admissionregistrationv1.MutatingAdmissionPolicy) (*Policy, error) {
	compiler, err := plugincel.NewCompositedCompiler(environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()))
	if err != nil {
		return nil, err
	}
	p := &Policy{name: policy.Name, compiler: compiler}
	spec, path := &policy.Spec, "policy "+policy.Name+": spec."
	var declared plugincel.OptionalVariableDeclarations
	var errs []error
	for i, v := range spec.Variables {
		if result := compiler.CompileAndStoreVariable(variable(v), declared, environment.StoredExpressions); result.Error != nil {
			errs = append(errs, fmt.Errorf("%svariables[%d].expression: %w", path, i, result.Error))
		}
	}
	var conditions []plugincel.ExpressionAccessor
	for _, condition := range spec.MatchConditions {
		conditions = append(conditions, (*matchconditions.MatchCondition)(&condition))
	}
	evaluator := compiler.CompileCondition(conditions, declared, environment.StoredExpressions)
	for _, err := range evaluator.CompilationErrors() {
		errs = append(errs, fmt.Errorf("%smatchConditions: %w", path, err))
	}
	p.matcher = matchconditions.NewMatcher(evaluator, spec.FailurePolicy, "policy", "webhook", policy.Name)
	declared.HasPatchTypes = true
	for i, mutation := range spec.Mutations {
		if mutation.JSONPatch == nil {
			errs = append(errs, fmt.Errorf("%smutations[%d].patchType: %q is not supported: must be %s", path, i, mutation.PatchType, admissionregistrationv1.PatchTypeJSONPatch))
			continue
		}
		evaluator := compiler.CompileMutatingEvaluator(&patch.JSONPatchCondition{Expression: mutation.JSONPatch.Expression}, declared, environment.StoredExpressions)
		for _, err := range evaluator.CompilationErrors() {
			errs = append(errs, fmt.Errorf("%smutations[%d].jsonPatch.expression: %w", path, i, err))
		}
		p.patchers = append(p.patchers, patch.NewJSONPatcher(evaluator))
	}
	return p, errors.Join(errs...)
}

// variable is a variable of a policy.
type variable admissionregistrationv1.Variable

func (v variable) GetName() string          { return v.Name }
func (v variable) GetExpression() string    { return v.Expression }
func (v variable) ReturnTypes() []*cel.Type { return []*cel.Type{cel.AnyType, cel.DynType} }

// interfaces creates objects of the kinds that clients know.
var interfaces = admission.NewObjectInterfacesFromScheme(scheme.Scheme)

// Mutate returns the pod of a request with the policy's changes. The error is about mutations
// that could not be evaluated: as in the API server, the others apply.
func (p *Policy) Mutate(ctx context.Context, request *admissionv1.AdmissionRequest, pod *corev1.Pod) (*corev1.Pod, error) {
	resource := schema.GroupVersionResource(request.Resource)
	attributes, err := admission.NewVersionedAttributes(admission.NewAttributesRecord(pod, nil, podKind, request.Namespace, request.Name,
		resource, request.SubResource, admission.Operation(request.Operation), &metav1.CreateOptions{}, false, &user.DefaultInfo{Name: request.UserInfo.Username}), podKind, interfaces)
	if err != nil {
		return nil, err
	}
	ctx = p.compiler.CreateContext(ctx)
	if result := p.matcher.Match(ctx, attributes, nil, nil); result.Error != nil || !result.Matches {
		return pod, result.Error
	}
	var errs []error
	for _, patcher := range p.patchers {
		changed, err := patcher.Patch(ctx, patch.Request{MatchedResource: resource, VersionedAttributes: attributes, ObjectInterfaces: interfaces}, celconfig.RuntimeCELCostBudget)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		attributes.UpdateObject(changed)
	}
	return attributes.VersionedObject.Object().(*corev1.Pod), errors.Join(errs...)
}
