package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/stowage-k8s/stowage/internal/fuzztest"
)

// FuzzReview shows that no request makes the webhook panic: it is refused as a bad one, or the
// pod is admitted, with changes that can be applied to it.
func FuzzReview(f *testing.F) {
	policies, err := os.ReadFile(shipped)
	if err != nil {
		f.Fatal(err)
	}
	all, err := read(policies)
	if err != nil {
		f.Fatal(err)
	}
	policy, err := Compile(all[0])
	if err != nil {
		f.Fatal(err)
	}
	review := func(pod string) []byte {
		return []byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","kind":{"version":"v1","kind":"Pod"},"resource":{"version":"v1","resource":"pods"},"namespace":"shop","operation":"CREATE","object":` + pod + `}}`)
	}
	const spec = `"spec":{"schedulerName":"stowage","containers":[{"name":"a"}]`
	for _, pod := range []string{
		`{"metadata":{"annotations":{"stowage.dev/preemptible":"never"}},` + spec + `}}`, `{"metadata":{"annotations":{"stowage.dev/preemptible":"require"}},` + spec + `,"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"a","operator":"In","values":["b"]}]},{}]}}}}}`,
		`{"metadata":{"annotations":{"stowage.dev/preemptible-max":"50%"}},` + spec + `,"schedulingGates":[{"name":"a"}]}}`, `{}`, `null`, `1`, `{"metadata":{"annotations":{"a/b~c":"\ud800"}}}`,
	} {
		f.Add(review(pod))
	}
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		answer := httptest.NewRecorder()
		policy.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
		if answer.Code == http.StatusBadRequest {
			return
		}
		var asked, answered admissionv1.AdmissionReview
		if err := json.Unmarshal(answer.Body.Bytes(), &answered); err != nil || answer.Code != http.StatusOK {
			t.Fatalf("the answer is %d %s", answer.Code, answer.Body)
		}
		if err := json.NewDecoder(bytes.NewReader(body)).Decode(&asked); err != nil {
			t.Fatal(err)
		}
		if answered.Response == nil || !answered.Response.Allowed || answered.Response.UID != asked.Request.UID {
			t.Fatalf("the response is %+v", answered.Response)
		}
		if len(answered.Response.Patch) == 0 {
			return
		}
		// The API server applies the patch to the object in the form that it has encoded itself.
		pod := &corev1.Pod{}
		if err := json.Unmarshal(asked.Request.Object.Raw, pod); err != nil {
			t.Fatal(err)
		}
		encoded, err := json.Marshal(pod)
		if err != nil {
			t.Fatal(err)
		}
		patch, err := jsonpatch.DecodePatch(answered.Response.Patch)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := patch.Apply(encoded); err != nil {
			t.Errorf("the patch does not apply: %v\n%s\n%s", err, answered.Response.Patch, encoded)
		}
	})
}

// FuzzPolicies shows that no file makes the reader panic, and that the handler of what it accepts
// answers.
func FuzzPolicies(f *testing.F) {
	fuzztest.AddFiles(f, shipped)
	const head = "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingAdmissionPolicy"
	for _, text := range []string{
		head + "\nmetadata: {name: a}\nspec:\n  failurePolicy: Ignore\n  matchConstraints: {resourceRules: []}\n  matchConditions: [{name: a, expression: 'true'}]\n  variables: [{name: b, expression: '1'}]\n" +
			"  mutations: [{patchType: JSONPatch, jsonPatch: {expression: '[]'}}, {patchType: ApplyConfiguration}]\n---\n" + head + "Binding\nmetadata: {name: a}\nspec: {policyName: a}\n",
		head + "\nspec: {paramKind: {}}\n", head + "Binding\nspec: {policyName: a, paramRef: {}}\n", "kind: Pod\napiVersion: v1\n",
		head + "\nmetadata: {name: '{x}'}\nspec: {failurePolicy: Ignore, matchConstraints: {}}\n---\n" + head + "Binding\nspec: {policyName: '{x}'}\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		mux, err := NewHandler(data)
		if (mux == nil) == (err == nil) {
			t.Fatalf("handler %v, error %v", mux, err)
		}
	})
}
