package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// reluctant has a webhook refuse the first change to each kind by a program of ours, in the words
// of the API server for what somebody else has just changed. It always refuses a dry run, which
// says that the API server has heard of it.
func reluctant(t *testing.T, ns string, dryRun func(ctx context.Context) error, groups, resources []string) {
	t.Helper()
	var mu sync.Mutex
	seen := map[string]bool{}
	refuses := func(r *admissionv1.AdmissionRequest) bool {
		if ptr.Deref(r.DryRun, false) {
			return true
		}
		mu.Lock()
		defer mu.Unlock()
		kind := r.Resource.Resource + "/" + r.SubResource
		changes := r.Operation == admissionv1.Update || r.SubResource != ""
		first := !seen[kind] && changes && strings.HasPrefix(r.UserInfo.Username, "system:serviceaccount:"+systemNamespace+":")
		seen[kind] = seen[kind] || first
		return first
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			t.Error(err)
			return
		}
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: !refuses(review.Request)}
		if !review.Response.Allowed {
			review.Response.Result = &metav1.Status{Code: http.StatusConflict, Reason: metav1.StatusReasonConflict, Message: "not the first time"}
		}
		review.Request = nil
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(review); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	create(t, &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "reluctant-" + ns},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "reluctant.example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNoneOnDryRun),
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL: &server.URL, CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update},
				Rule:       admissionregistrationv1.Rule{APIGroups: groups, APIVersions: []string{"v1"}, Resources: resources},
			}},
		}},
	}, client.AdmissionregistrationV1().ValidatingWebhookConfigurations())
	eventually(t, "the API server asks the webhook", func(ctx context.Context) (bool, string) {
		err := dryRun(ctx)
		return apierrors.IsConflict(err), fmt.Sprint(err)
	})
}
