package preemptible

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const (
	// LimitGate is the scheduling gate of pods that wait until the scheduler has determined
	// their side of their workload's limit.
	LimitGate = annotationPrefix + "limit"
	// admissionName is the name of the policies, with a number from the second on.
	admissionName = "stowage-limits"
	// ours is the variable of a policy that reports whether the pod belongs to one of its
	// schedulers.
	ours = "ours"
)

// Admission returns the admission policies, with their bindings, that write limits on
// preemptible nodes into the specs of pods, where autoscalers see them. options are the
// options of each scheduler by name.
//   - A pod's own mode that allows only one kind of nodes becomes required node affinity.
//   - A limit, or a preference, becomes a scheduling gate, so that the scheduler determines the
//     side of each replica. If the policies of namespaces are hard, all other pods also get
//     the gate, because only the scheduler knows these.
//
// Pods of DaemonSets and pods with a node are not changed, as in the plugin. If a policy
// fails, the pod is admitted, because the plugin still enforces the limit.
func Admission(options map[string]Options) ([]*admissionv1.MutatingAdmissionPolicy, []*admissionv1.MutatingAdmissionPolicyBinding) {
	// Schedulers with the same options share a policy.
	type kind struct {
		options    Options
		schedulers []string
	}
	kinds := map[string]*kind{}
	for _, scheduler := range slices.Sorted(maps.Keys(options)) {
		o := options[scheduler]
		key := fmt.Sprint(o.Nodes.Labels, o.Default.Hard)
		if kinds[key] == nil {
			kinds[key] = &kind{options: o}
		}
		kinds[key].schedulers = append(kinds[key].schedulers, scheduler)
	}
	var policies []*admissionv1.MutatingAdmissionPolicy
	var bindings []*admissionv1.MutatingAdmissionPolicyBinding
	byFirst := func(a, b *kind) int { return cmp.Compare(a.schedulers[0], b.schedulers[0]) }
	for i, k := range slices.SortedFunc(maps.Values(kinds), byFirst) {
		name := admissionName
		if i > 0 {
			name = fmt.Sprintf("%s-%d", admissionName, i+1)
		}
		policies = append(policies, &admissionv1.MutatingAdmissionPolicy{
			TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "MutatingAdmissionPolicy"},
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       k.options.admission(k.schedulers),
		})
		bindings = append(bindings, &admissionv1.MutatingAdmissionPolicyBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: admissionv1.SchemeGroupVersion.String(), Kind: "MutatingAdmissionPolicyBinding"},
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       admissionv1.MutatingAdmissionPolicyBindingSpec{PolicyName: name},
		})
	}
	return policies, bindings
}

// admission returns the policy for pods of the schedulers.
func (o Options) admission(schedulers []string) admissionv1.MutatingAdmissionPolicySpec {
	limited := fmt.Sprintf("variables.mode == %q || %q in variables.said || %q in variables.said", Prefer, MaxAnnotation, OnDemandMinAnnotation)
	concerned := fmt.Sprintf("has(object.metadata.annotations) && (object.metadata.annotations[?%q].orValue('') in %s || %q in object.metadata.annotations || %q in object.metadata.annotations)",
		ModeAnnotation, quoted([]string{string(Never), string(Require), string(Prefer)}), MaxAnnotation, OnDemandMinAnnotation)
	if o.Default.Hard {
		limited, concerned = "true", "true"
	}
	return admissionv1.MutatingAdmissionPolicySpec{
		MatchConstraints: &admissionv1.MatchResources{ResourceRules: []admissionv1.NamedRuleWithOperations{{RuleWithOperations: admissionv1.RuleWithOperations{
			Operations: []admissionv1.OperationType{admissionv1.Create},
			Rule:       admissionv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
		}}}},
		MatchConditions: []admissionv1.MatchCondition{
			{Name: "says-something", Expression: concerned},
			{Name: "looks-for-a-node", Expression: "object.spec.?nodeName.orValue('') == '' && " +
				"!object.metadata.?ownerReferences.orValue([]).exists(o, o.kind == 'DaemonSet' && o.?controller.orValue(false))"},
		},
		Variables: []admissionv1.Variable{
			// This is not a match condition: a policy that does not match initially is not
			// reevaluated when another policy, such as that in config/scheduler/route, has
			// set the pod's scheduler.
			{Name: ours, Expression: "object.spec.schedulerName in " + quoted(schedulers)},
			{Name: "said", Expression: "object.metadata.?annotations.orValue({})"},
			{Name: "mode", Expression: "variables.said[?" + strconv.Quote(ModeAnnotation) + "].orValue('')"},
			{Name: "terms", Expression: "object.spec.?affinity.?nodeAffinity.?requiredDuringSchedulingIgnoredDuringExecution.?nodeSelectorTerms.orValue([])"},
			{Name: "preemptible", Expression: requirements(o.Nodes.Required())},
			{Name: "others", Expression: requirements(o.Nodes.Excluded())},
		},
		Mutations: []admissionv1.Mutation{
			jsonPatch(confine),
			jsonPatch(fmt.Sprintf(`!variables.ours || variables.mode in [%q, %q] || !(%s) || object.spec.?schedulingGates.orValue([]).exists(g, g.name == %q) ? [] :
has(object.spec.schedulingGates) ?
[JSONPatch{op: "add", path: "/spec/schedulingGates/-", value: {"name": %[4]q}}] :
[JSONPatch{op: "add", path: "/spec/schedulingGates", value: [{"name": %[4]q}]}]`, Never, Require, limited, LimitGate)),
		},
		FailurePolicy:      ptr.To(admissionv1.Ignore),
		ReinvocationPolicy: admissionv1.IfNeededReinvocationPolicy,
	}
}

// confine returns the patch that restricts a pod to the kind of nodes that its mode allows,
// according to the variables. Existing terms get additional requirements, or are copied until
// there is one for each label of preemptible nodes. Terms without any requirement match
// nothing and are not changed. Existing requirements, for example of another pass, are not
// added again. From Kubernetes 1.37 on, a patch cannot contain parts of the pod, so terms are
// changed in place.
var confine = strings.NewReplacer(
	"NEVER", strconv.Quote(string(Never)), "REQUIRE", strconv.Quote(string(Require)),
	"AT", "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution",
	"EXPRESSIONS", "t.?matchExpressions.orValue([])",
	"EMPTY", "size(t.?matchExpressions.orValue([])) + size(t.?matchFields.orValue([])) == 0",
).Replace(`!variables.ours || !(variables.mode in [NEVER, REQUIRE]) ? [] :
size(variables.terms) == 0 ?
[variables.mode == NEVER ? [{"matchExpressions": variables.others}] : variables.preemptible.map(p, {"matchExpressions": [p]})].map(terms,
 !has(object.spec.affinity) ?
 JSONPatch{op: "add", path: "/spec/affinity", value: {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}} :
 !has(object.spec.affinity.nodeAffinity) ?
 JSONPatch{op: "add", path: "/spec/affinity/nodeAffinity", value: {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}} :
 JSONPatch{op: "add", path: "AT", value: {"nodeSelectorTerms": terms}}) :
variables.mode == NEVER ?
variables.terms.transformList(i, t, EMPTY ? [] :
 size(EXPRESSIONS) == 0 ? [JSONPatch{op: "add", path: "AT/nodeSelectorTerms/" + string(i) + "/matchExpressions", value: variables.others}] :
 variables.others.filter(o, !EXPRESSIONS.exists(e, e.key == o.key && e.operator == o.operator)).map(o,
  JSONPatch{op: "add", path: "AT/nodeSelectorTerms/" + string(i) + "/matchExpressions/-", value: o})).flatten() :
variables.terms.all(t, EMPTY || EXPRESSIONS.exists(e, e.operator == "In" && variables.preemptible.exists(p, p.key == e.key))) ? [] :
variables.preemptible.transformList(n, p, n > 0, variables.terms.transformList(i, t,
 JSONPatch{op: "copy", from: "AT/nodeSelectorTerms/" + string(i), path: "AT/nodeSelectorTerms/-"})).flatten() +
variables.preemptible.transformList(n, p, variables.terms.transformList(i, t, !(EMPTY), size(EXPRESSIONS) == 0 ?
 JSONPatch{op: "add", path: "AT/nodeSelectorTerms/" + string(n * size(variables.terms) + i) + "/matchExpressions", value: [p]} :
 JSONPatch{op: "add", path: "AT/nodeSelectorTerms/" + string(n * size(variables.terms) + i) + "/matchExpressions/-", value: p})).flatten()`)

func jsonPatch(expression string) admissionv1.Mutation {
	return admissionv1.Mutation{PatchType: admissionv1.PatchTypeJSONPatch, JSONPatch: &admissionv1.JSONPatch{Expression: expression}}
}

// requirements returns requirements in CEL.
func requirements(all []corev1.NodeSelectorRequirement) string {
	var written []string
	for _, r := range all {
		written = append(written, fmt.Sprintf(`{"key": dyn(%q), "operator": dyn(%q), "values": dyn(%s)}`, r.Key, r.Operator, quoted(r.Values)))
	}
	return "[" + strings.Join(written, ",\n") + "]"
}

// quoted returns strings in CEL.
func quoted(all []string) string {
	var written []string
	for _, s := range all {
		written = append(written, strconv.Quote(s))
	}
	return "[" + strings.Join(written, ", ") + "]"
}
