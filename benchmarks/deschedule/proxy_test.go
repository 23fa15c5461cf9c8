package deschedule

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// TestProxy asks an API server that refuses every eviction, as a subject does.
func TestProxy(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/api/v1/namespaces/default/pods/web/eviction":
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = w.Write([]byte(`{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "TooManyRequests", "code": 429}`))
		case "/api/v1/namespaces/default/pods":
			_, _ = w.Write([]byte(`{"kind": "PodList", "apiVersion": "v1", "items": [{"metadata": {"name": "web"}}]}`))
		default:
			t.Errorf("the API server is asked for %s", r.URL.Path)
		}
	}))
	defer server.Close()
	p, err := startProxy(&rest.Config{Host: server.URL}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	cfg, err := clientcmd.BuildConfigFromFlags("", p.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(cfg)
	for range 2 {
		p.begin()
		if pods, err := client.CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{}); err != nil || len(pods.Items) != 1 {
			t.Fatalf("pods %v, error %v, want one", pods, err)
		}
		if got := p.result(); got != (calls{total: 1}) {
			t.Errorf("calls %+v, want one, no eviction", got)
		}
		eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}}
		if err := evict(t.Context(), client, eviction); !apierrors.IsTooManyRequests(err) {
			t.Fatalf("error %v, want too many requests", err)
		}
		first := p.result()
		if first.total != 2 || first.rejected != 1 || first.firstEviction == nil {
			t.Errorf("calls %+v, want two, one of them an eviction that is rejected", first)
		}
		_ = evict(t.Context(), client, eviction)
		if got := p.result(); got.rejected != 2 || *got.firstEviction != *first.firstEviction {
			t.Errorf("calls %+v, want two rejected, and the first when it was", got)
		}
	}
	// Nobody gets in who does not know the path.
	base := cfg.Host[:strings.LastIndex(cfg.Host, "/")]
	answer, err := http.Get(base + "/api/v1/namespaces/default/pods")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusNotFound {
		t.Errorf("without the path the answer is %s, want 404", answer.Status)
	}
}

func evict(ctx context.Context, client kubernetes.Interface, eviction *policyv1.Eviction) error {
	return client.CoreV1().Pods(eviction.Namespace).EvictV1(ctx, eviction)
}
