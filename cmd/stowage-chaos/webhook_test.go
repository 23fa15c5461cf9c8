package main

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/stowage-k8s/stowage/chaos/journal"
	"github.com/stowage-k8s/stowage/internal/disruption"
)

// mover is an operator that moves pods itself: its webhook denies their evictions with a 429,
// and it deletes them a moment later.
type mover struct {
	*testing.T
	mu    sync.Mutex
	asked map[string]int // by pod
}

func (m *mover) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		m.Error(err)
		return
	}
	request := review.Request
	m.mu.Lock()
	dry := request.DryRun != nil && *request.DryRun
	if !dry {
		m.asked[request.Name]++
	}
	first := !dry && m.asked[request.Name] == 1
	m.mu.Unlock()
	if first {
		time.AfterFunc(time.Second, func() {
			if err := client.CoreV1().Pods(request.Namespace).Delete(context.Background(), request.Name, metav1.DeleteOptions{}); err != nil {
				m.Error(err)
			}
		})
	}
	review.Request, review.Response = nil, &admissionv1.AdmissionResponse{UID: request.UID, Result: &metav1.Status{
		Code: http.StatusTooManyRequests, Message: "it is moved, and leaves when that is done",
	}}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		m.Error(err)
	}
}

// newMover has an operator move the pods of the namespace.
func newMover(t *testing.T, namespace string) *mover {
	t.Helper()
	m := &mover{T: t, asked: map[string]int{}}
	server := httptest.NewTLSServer(m)
	t.Cleanup(server.Close)
	hooks := client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err := hooks.Create(t.Context(), &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: namespace},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "evictions.example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNoneOnDryRun),
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL: &server.URL, CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods/eviction"}},
			}},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hooks.Delete(context.Background(), namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return m
}

// await waits until the API server has heard of the operator's webhook: it asks it what
// it would say, which changes nothing.
func (m *mover) await(t *testing.T, namespace string) {
	t.Helper()
	evictor := disruption.NewEvictor(client, disruption.Options{Mode: disruption.ServerDryRun})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		list, err := client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if evictor.Evict(ctx, disruption.TargetOf(&list.Items[0])).Outcome == disruption.Deferred {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the API server does not ask the webhook")
}

// TestDrainThatAnOperatorDoes drains a node whose pods an operator moves itself, when their
// evictions are asked for and denied: the pods are taken, and nobody is asked all the time.
func TestDrainThatAnOperatorDoes(t *testing.T) {
	s := newShop(t, "node-00001", "node-00005")
	m := newMover(t, s.namespace)
	m.await(t, s.namespace)
	there := s.on(t, []string{"node-00001"})
	path := filepath.Join(t.TempDir(), "run.jsonl")
	e := run(t, append([]string{"node", "--nodes=node-00001"}, forReal(path)...)...)
	e.want(t, 0)
	e.shows(t, "held: ", "Deployment "+s.namespace+"/web")
	of, err := journal.OpenRun(path)
	if err != nil {
		t.Fatal(err)
	}
	if left := s.on(t, []string{"node-00001"}); there == 0 || left > 0 || len(of.Recovered) != there {
		t.Errorf("of %d pods %d have stayed and %d were replaced", there, left, len(of.Recovered))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.asked) != there {
		t.Errorf("%d pods were asked for, not the %d on the node", len(m.asked), there)
	}
	for pod, n := range m.asked {
		if n > 2 { // one that is moved within a second
			t.Errorf("pod %s was asked for %d times", pod, n)
		}
	}
}
