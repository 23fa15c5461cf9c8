package faultproxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// seedFor returns a schedule whose first request of a class has a kind of fault.
func seedFor(t *testing.T, r Request, kind Kind) Schedule {
	t.Helper()
	for seed := range uint64(100_000) {
		s := Schedule{Seed: seed, Percent: 100}
		if f, fails := s.Of(r); fails && f.Kind == kind && f.For < 700*time.Millisecond && f.After < 3 {
			return s
		}
	}
	t.Fatalf("no seed has %s first for %s", kind, r.Class())
	return Schedule{}
}

// apiServer is one that knows a pod, and counts what it carries out.
type apiServer struct {
	*httptest.Server
	carriedOut int
}

func newAPIServer(t *testing.T) *apiServer {
	s := &apiServer{}
	pod := &corev1.Pod{TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "a", Namespace: "ns"}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.carriedOut++
		w.Header().Set("Content-Type", "application/json")
		if r.URL.Query().Get("watch") == "" {
			json.NewEncoder(w).Encode(pod)
			return
		}
		for _, kind := range []string{"ADDED", "BOOKMARK", "MODIFIED", "MODIFIED", "MODIFIED"} {
			text, _ := json.Marshal(pod)
			fmt.Fprintf(w, `{"type":%q,"object":%s}`+"\n", kind, text)
			http.NewResponseController(w).Flush()
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// through returns a client that goes through a proxy.
func through(t *testing.T, host string, schedule Schedule) (*Proxy, kubernetes.Interface) {
	t.Helper()
	p, err := Start(&rest.Config{Host: host}, schedule)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	path, err := p.Kubeconfig(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		t.Fatal(err)
	}
	config.ContentType = "application/json"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return p, client
}

func TestFaultsOfRequests(t *testing.T) {
	path := "/api/v1/namespaces/ns/pods/a"
	for _, tt := range []struct {
		kind       Kind
		carriedOut int
		want       func(error) bool
	}{
		{Delay, 1, func(err error) bool { return err == nil }},
		{HangUp, 1, func(err error) bool { return err == nil }},
		{CutBefore, 0, func(err error) bool { return err != nil && apierrors.ReasonForError(err) == metav1.StatusReasonUnknown }},
		{CutAfter, 1, func(err error) bool { return err != nil && apierrors.ReasonForError(err) == metav1.StatusReasonUnknown }},
		{Timeout, 1, apierrors.IsTimeout},
		{Throttled, 0, apierrors.IsTooManyRequests},
		{Conflict, 0, apierrors.IsConflict},
		{Internal, 0, apierrors.IsInternalError},
		{Unavailable, 0, apierrors.IsServiceUnavailable},
		{Truncated, 1, func(err error) bool { return err != nil }},
		{Garbled, 1, func(err error) bool { return err != nil }},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			server := newAPIServer(t)
			p, client := through(t, server.URL, seedFor(t, Request{Method: http.MethodPut, Path: path}, tt.kind))
			p.Break()
			_, err := client.CoreV1().Pods("ns").Update(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.UpdateOptions{})
			if !tt.want(err) || server.carriedOut != tt.carriedOut {
				t.Errorf("error %v, carried out %d times, want %d", err, server.carriedOut, tt.carriedOut)
			}
			if diff := cmp.Diff(map[Kind]int{tt.kind: 1}, p.Injected()); diff != "" {
				t.Errorf("injected (-want +got):\n%s", diff)
			}
			p.Heal()
			if _, err := client.CoreV1().Pods("ns").Update(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.UpdateOptions{}); err != nil {
				t.Errorf("it fails when it is healed: %v", err)
			}
		})
	}
}

func TestFaultsOfWatches(t *testing.T) {
	for _, tt := range []struct {
		kind Kind
		want string
	}{
		{"", "ADDED BOOKMARK MODIFIED MODIFIED MODIFIED"},
		{NoBookmarks, "ADDED MODIFIED MODIFIED MODIFIED"},
		{WatchLags, "ADDED BOOKMARK MODIFIED MODIFIED MODIFIED"},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			schedule := Schedule{}
			if tt.kind != "" {
				schedule = seedFor(t, Request{Method: http.MethodGet, Path: "/api/v1/pods", Watch: true}, tt.kind)
			}
			p, client := through(t, newAPIServer(t).URL, schedule)
			p.Break()
			begin := time.Now()
			w, err := client.CoreV1().Pods("").Watch(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer w.Stop()
			var got []string
			for e := range w.ResultChan() {
				if e.Type == watch.Error {
					t.Fatal(e.Object)
				}
				got = append(got, string(e.Type))
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if tt.kind == WatchLags && time.Since(begin) < 500*time.Millisecond {
				t.Error("they come at once")
			}
		})
	}
}

// TestSchedule has the same seed give the same faults, another one others, and each kind at some time.
func TestSchedule(t *testing.T) {
	draw := func(seed uint64) (all []Fault) {
		for _, r := range []Request{
			{Method: http.MethodGet, Path: "/api/v1/pods", Watch: true, Versioned: true}, {Method: http.MethodGet, Path: "/api/v1/pods"},
			{Method: http.MethodPost, Path: "/api/v1/namespaces/a/pods/b/eviction"}, {Method: http.MethodPatch, Path: "/api/v1/nodes/c"},
		} {
			for r.Number = range 300 {
				if f, fails := (Schedule{Seed: seed, Percent: 20}).Of(r); fails {
					all = append(all, f)
				}
			}
		}
		return all
	}
	one := draw(1)
	if diff := cmp.Diff(one, draw(1)); diff != "" {
		t.Errorf("the same seed (-first +second):\n%s", diff)
	}
	if cmp.Equal(one, draw(2)) {
		t.Error("another seed has the same faults")
	}
	seen := map[Kind]int{}
	for _, f := range one {
		seen[f.Kind]++
	}
	for _, kind := range Kinds {
		if seen[kind] == 0 {
			t.Errorf("no %s among %d faults", kind, len(one))
		}
	}
}

func TestClass(t *testing.T) {
	for path, want := range map[string]string{
		"/api/v1/pods":                                              "GET pods",
		"/api/v1/namespaces/shop/pods/web-0":                        "GET pods",
		"/api/v1/namespaces/shop/pods/web-0/eviction":               "GET pods/eviction",
		"/apis/apps/v1/namespaces/shop/deployments/web/scale":       "GET deployments/scale",
		"/apis/coordination.k8s.io/v1/namespaces/default/leases/id": "GET leases",
		"/api/v1/namespaces/shop":                                   "GET namespaces",
		"/version":                                                  "GET /version",
	} {
		if got := (Request{Method: http.MethodGet, Path: path}).Class(); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}
