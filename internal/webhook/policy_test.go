package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/stowage-k8s/stowage/internal/preemptible"
	"github.com/stowage-k8s/stowage/internal/webhook/webhooktest"
)

const shipped = "../../config/scheduler/autoscaler/webhook/policies.yaml"

// small are the policies of two profiles that know two labels, and of one where all is hard.
func small(t *testing.T) []byte {
	t.Helper()
	nodes := preemptible.Recognizer{Labels: []preemptible.NodeLabel{{Key: "capacity", Values: []string{"spot"}}, {Key: "preemptible", Values: []string{""}}}}
	policies, bindings := preemptible.Admission(map[string]preemptible.Options{
		"stowage": {Nodes: nodes}, "stowage-spread": {Nodes: nodes},
		"strict": {Nodes: nodes, Default: preemptible.Statement{Hard: true}},
	})
	var all [][]byte
	for i := range policies {
		for _, object := range []any{policies[i], bindings[i]} {
			data, err := yaml.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, data)
		}
	}
	return bytes.Join(all, []byte("---\n"))
}

// ask has the webhook answer the request of a pod.
func ask(t require, handler http.Handler, path string, pod []byte) *admissionv1.AdmissionResponse {
	t.Helper()
	body, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "u", Kind: metav1.GroupVersionKind(podKind), Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
			Namespace: "shop", Operation: admissionv1.Create, Object: runtime.RawExtension{Raw: pod},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)))
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(answer.Body.Bytes(), &review); err != nil || answer.Code != http.StatusOK {
		t.Fatalf("the answer is %d %s", answer.Code, answer.Body)
	}
	if review.Response == nil || review.Response.UID != "u" || !review.Response.Allowed {
		t.Fatalf("the response is %+v", review.Response)
	}
	return review.Response
}

// require is what tests and random ones have in common.
type require interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func TestWhatPodsGet(t *testing.T) {
	handler, err := NewHandler(small(t))
	if err != nil {
		t.Fatal(err)
	}
	const (
		others = `[{"key":"capacity","operator":"NotIn","values":["spot"]},{"key":"preemptible","operator":"NotIn","values":[""]}]`
		gate   = `[{"op":"add","path":"/spec/schedulingGates","value":[{"name":"stowage.dev/limit"}]}]`
		terms  = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution"
	)
	for _, tt := range []struct{ name, path, pod, want string }{
		{"a pod that says nothing is left alone", "/stowage-limits", `"spec":{"schedulerName":"stowage"}`, ""},
		{"allow asks for nothing", "/stowage-limits", `"metadata":{"annotations":{"stowage.dev/preemptible":"allow"}},"spec":{"schedulerName":"stowage"}`, ""},
		{"another scheduler's pod is left alone", "/stowage-limits", `"metadata":{"annotations":{"stowage.dev/preemptible":"never"}},"spec":{"schedulerName":"other"}`, ""},
		{"a limit becomes a gate", "/stowage-limits", `"metadata":{"annotations":{"stowage.dev/preemptible-max":"1"}},"spec":{"schedulerName":"stowage-spread"}`, gate},
		{"a gate is added to others", "/stowage-limits",
			`"metadata":{"annotations":{"stowage.dev/on-demand-min":"1"}},"spec":{"schedulerName":"stowage","schedulingGates":[{"name":"a"}]}`,
			`[{"op":"add","path":"/spec/schedulingGates","value":[{"name":"a"},{"name":"stowage.dev/limit"}]}]`},
		{"a gate that is there stays alone", "/stowage-limits",
			`"metadata":{"annotations":{"stowage.dev/preemptible":"prefer"}},"spec":{"schedulerName":"stowage","schedulingGates":[{"name":"stowage.dev/limit"}]}`, ""},
		{"never rules out each label", "/stowage-limits",
			`"metadata":{"annotations":{"stowage.dev/preemptible":"never"}},"spec":{"schedulerName":"stowage"}`,
			`[{"op":"add","path":"/spec/affinity","value":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":` + others + `}]}}}}]`},
		{"what the pod says besides is not in the patch", "/stowage-limits",
			`"metadata":{"annotations":{"stowage.dev/preemptible":"never"}},"spec":{"schedulerName":"stowage","affinity":{"podAffinity":{"newer":1},"nodeAffinity":{}}}`,
			`[{"op":"add","path":"` + terms + `","value":{"nodeSelectorTerms":[{"matchExpressions":` + others + `}]}}]`},
		{"require takes a term for each label", "/stowage-limits",
			`"metadata":{"annotations":{"stowage.dev/preemptible":"require"}},"spec":{"schedulerName":"stowage","affinity":{"nodeAffinity":{}}}`,
			`[{"op":"add","path":"` + terms + `","value":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"capacity","operator":"In","values":["spot"]}]},{"matchExpressions":[{"key":"preemptible","operator":"In","values":[""]}]}]}}]`},
		{"where all is hard, each pod gets a gate", "/stowage-limits-2", `"spec":{"schedulerName":"strict"}`, gate},
		{"each path has a policy of its own", "/stowage-limits", `"spec":{"schedulerName":"strict"}`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			response := ask(t, handler, tt.path, []byte(`{"apiVersion":"v1","kind":"Pod",`+tt.pod+`}`))
			if len(response.Warnings) > 0 {
				t.Errorf("warnings %v", response.Warnings)
			}
			if diff := cmp.Diff(tt.want, string(response.Patch)); diff != "" {
				t.Errorf("the patch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPatches asks for random pods with the policies that are shipped: the patch makes of the pod what the
// policy does, and a second pass adds nothing.
func TestPatches(t *testing.T) {
	data, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	policies, err := read(data)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := Compile(policies[0])
	if err != nil {
		t.Fatal(err)
	}
	changes := 0
	rapid.Check(t, func(t *rapid.T) {
		pod := webhooktest.Pods.Draw(t, "pod")
		pod.SetGroupVersionKind(podKind)
		request := &admissionv1.AdmissionRequest{Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"}, Operation: admissionv1.Create}
		want, err := policy.Mutate(t.Context(), request, pod.DeepCopy())
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(pod)
		if err != nil {
			t.Fatal(err)
		}
		response := ask(t, policy, "/", raw)
		if len(response.Patch) > 0 {
			changes++
			decoded, err := jsonpatch.DecodePatch(response.Patch)
			if err != nil {
				t.Fatal(err)
			}
			if raw, err = decoded.Apply(raw); err != nil {
				t.Fatal(err)
			}
		}
		got := &corev1.Pod{}
		if err := json.Unmarshal(raw, got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("the patched pod (-want +got):\n%s", diff)
		}
		if again := ask(t, policy, "/", raw); len(again.Patch) > 0 {
			t.Fatalf("a second pass changes it again: %s", again.Patch)
		}
	})
	if changes == 0 {
		t.Error("no pod was changed")
	}
}

func TestPoliciesThatAreRefused(t *testing.T) {
	good := string(small(t))
	for name, tt := range map[string]struct{ data, want string }{
		"no policy":                    {"", "must contain at least one MutatingAdmissionPolicy"},
		"another kind":                 {"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", "Pod a: must be a MutatingAdmissionPolicy or a MutatingAdmissionPolicyBinding of admissionregistration.k8s.io/v1"},
		"an older version":             {strings.Replace(good, "k8s.io/v1", "k8s.io/v1beta1", 1), "MutatingAdmissionPolicy stowage-limits: must be"},
		"a slip in a field":            {strings.Replace(good, "matchConditions", "matchCondition", 1), `MutatingAdmissionPolicy stowage-limits: strict decoding error: unknown field "spec.matchCondition"`},
		"a namespace selector":         {strings.Replace(good, "resourceRules:", "namespaceSelector: {matchLabels: {a: b}}\n    resourceRules:", 1), "MutatingAdmissionPolicy stowage-limits: spec.matchConstraints: must be as printed by `stowage-scheduler admission`"},
		"a failure policy":             {strings.Replace(good, "failurePolicy: Ignore", "failurePolicy: Fail", 1), "spec.failurePolicy: must be as"},
		"parameters":                   {strings.Replace(good, "  mutations:", "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  mutations:", 1), "spec.paramKind: must be as"},
		"a policy without its binding": {strings.Replace(good, "policyName: stowage-limits\n", "policyName: other\n", 1), "MutatingAdmissionPolicy stowage-limits: has no MutatingAdmissionPolicyBinding"},
		"a binding for some":           {strings.Replace(good, "policyName: stowage-limits\n", "policyName: stowage-limits\n  matchResources: {}\n", 1), "MutatingAdmissionPolicyBinding stowage-limits: spec: must have a policyName and nothing else"},
		"the same policy twice":        {good + "---\n" + good, "MutatingAdmissionPolicy stowage-limits: is duplicated"},
		"a condition that makes no sense": {strings.Replace(good, "object.spec.?nodeName", "objekt.spec.?nodeName", 1),
			"policy stowage-limits: spec.matchConditions: "},
		"a variable that makes no sense": {strings.Replace(good, "object.metadata.?annotations.orValue({})", "params.x", 1),
			"policy stowage-limits: spec.variables[1].expression: "},
		"a mutation that makes no sense": {strings.Replace(good, "!variables.ours", "!variables.hours", 1),
			"policy stowage-limits: spec.mutations[0].jsonPatch.expression: "},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.data == good {
				t.Fatal("nothing is wrong here")
			}
			if _, err := NewHandler([]byte(tt.data)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	handler, err := NewHandler(small(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		method, path, body string
		code               int
	}{
		"no JSON":            {http.MethodPost, "/stowage-limits", "{", http.StatusBadRequest},
		"no request":         {http.MethodPost, "/stowage-limits", `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}`, http.StatusBadRequest},
		"not of a pod":       {http.MethodPost, "/stowage-limits", `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","kind":{"version":"v1","kind":"Node"}}}`, http.StatusBadRequest},
		"no pod":             {http.MethodPost, "/stowage-limits", `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","kind":{"version":"v1","kind":"Pod"}}}`, http.StatusBadRequest},
		"more than is read":  {http.MethodPost, "/stowage-limits", `"` + strings.Repeat("x", maxReview), http.StatusBadRequest},
		"an unknown policy":  {http.MethodPost, "/other", "{}", http.StatusNotFound},
		"a look at a policy": {http.MethodGet, "/stowage-limits", "", http.StatusMethodNotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, httptest.NewRequest(tt.method, tt.path, strings.NewReader(tt.body)))
			if answer.Code != tt.code {
				t.Errorf("the answer is %d %s, want %d", answer.Code, answer.Body, tt.code)
			}
		})
	}
}

// TestWhatCannotBeEvaluated: the pod is let through, as with the policy, and who creates it is told.
func TestWhatCannotBeEvaluated(t *testing.T) {
	broken := strings.Replace(string(small(t)), `variables.said[?"stowage.dev/preemptible"].orValue('')`, `variables.said["absent"]`, 1)
	handler, err := NewHandler([]byte(broken))
	if err != nil {
		t.Fatal(err)
	}
	response := ask(t, handler, "/stowage-limits", []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"annotations":{"stowage.dev/preemptible":"never"}},"spec":{"schedulerName":"stowage"}}`))
	if len(response.Patch) > 0 || len(response.Warnings) != 1 || !strings.Contains(response.Warnings[0], "Stowage failed to evaluate policy stowage-limits") {
		t.Errorf("patch %s, warnings %q", response.Patch, response.Warnings)
	}
}
